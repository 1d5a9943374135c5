"""Deliveries: what was sent to a webhook and how often, a test, and sending again."""

from collections.abc import Iterable
from typing import Annotated
from uuid import UUID

from fastapi import APIRouter, Query
from pydantic import BaseModel, Field, model_validator
from starlette.responses import Response

from service.api.answers import READING, WRITING, answer
from service.api.documents import Document
from service.api.errors import Told, accepted
from service.api.fields import Body, Time, shown_time
from service.api.keyed import KeyedRequest, KeyedRoute, needs, there
from service.api.paging import Cursor, Limit, Page, page_of, place_of
from service.api.webhooks import WebhookId, actor, of_kind
from service.db.deliveries import delivery_page
from service.db.subscriptions import subscription_by_id
from service.domain.delivery import Delivery, DeliveryState, Event
from service.domain.facts import time_of
from service.subscribing import replay, send_test

router = APIRouter(route_class=KeyedRoute, tags=["webhooks"])

MOST = 200  # deliveries that are named at once
REASONS = (
    "why it waits beyond its turn: quiet-hours, digest (nothing comes at once by that channel), budget (the day "
    "has had its messages); was withheld: safety-hold, walls, handled, over, handed-over; or failed: exhausted, gone, "
    "disabled, deleted"
)


class AttemptPublic(BaseModel):
    """One try: the status that was answered, or what went wrong before there was one."""

    at: str
    milliseconds: int
    status: int | None
    error: str | None


class DeliveryPublic(BaseModel):
    """One message; `due_at` is when it is tried next while it is waiting."""

    delivery_id: str = Field(description="names it here, and in the message as webhook-id: msg_ and its digits")
    webhook_id: str = Field(description="the webhook, or a person's subscription")
    event: Event
    occurred_at: str
    alert_id: str | None
    case_id: str | None
    severity: str | None
    revision: int | None
    state: DeliveryState
    state_reason: str | None = Field(description=REASONS)
    merged_into: str | None = Field(description="the delivery that a person was sent in its place")
    due_at: str | None
    attempts: list[AttemptPublic]


class Replay(Body):
    """What to send again: some deliveries by their ids, or all that failed since a time."""

    delivery_ids: Annotated[list[UUID], Field(min_length=1, max_length=MOST)] | None = None
    since: Time | None = None

    @model_validator(mode="after")
    def _one(self) -> "Replay":
        if (self.delivery_ids is None) == (self.since is None):
            raise Told("ids-or-since", "Either delivery_ids or since is needed, not both.")
        return self


class ReplayedPublic(BaseModel):
    """How many deliveries wait again."""

    replayed: int


@router.get(
    "/v1/webhooks/{webhook_id}/deliveries",
    response_model=Page[DeliveryPublic],
    responses=READING,
    openapi_extra=needs("admin"),
)
async def list_deliveries(
    request: KeyedRequest,
    webhook_id: WebhookId,
    state: Annotated[list[DeliveryState] | None, Query()] = None,
    limit: Limit = 50,
    cursor: Cursor = None,
) -> Response:
    """Return what was, or is to be, sent to a webhook, the latest first, each with its attempts."""
    return await deliveries_to(request, webhook_id, limit, cursor, state or ())


@router.post(
    "/v1/webhooks/{webhook_id}/test", response_model=DeliveryPublic, responses=WRITING, openapi_extra=needs("admin")
)
async def test_webhook(request: KeyedRequest, webhook_id: WebhookId) -> Response:
    """Send a message of type `webhook.test` by the way of all others; its delivery says how it went."""
    done = accepted(await send_test(request.service.engine, actor(request), webhook_id))
    return answer(delivery_document(there(done.delivery)))


@router.post(
    "/v1/webhooks/{webhook_id}/replay", response_model=ReplayedPublic, responses=WRITING, openapi_extra=needs("admin")
)
async def replay_deliveries(request: KeyedRequest, webhook_id: WebhookId, body: Replay) -> Response:
    """Send messages again under the ids that they had, so that a receiver knows which it has already."""
    ids = body.delivery_ids or ()
    done = await replay(request.service.engine, actor(request), webhook_id, body.since, ids)
    return answer({"replayed": accepted(done).replayed})


async def deliveries_to(
    request: KeyedRequest,
    subscription_id: str,
    limit: int,
    cursor: str | None,
    state: Iterable[DeliveryState] = (),
    of_people: bool = False,
) -> Response:
    """Return a page of what is or was sent to a webhook, or to a person; raises the 404 of one that is not there."""
    place = place_of(request, cursor, UUID)
    async with request.reading() as db:
        there(of_kind(await subscription_by_id(db, subscription_id), of_people))
        found = await delivery_page(db, subscription_id, list(state), place[0] if place else None, limit + 1)
    return page_of(request, limit, [(delivery_document(item), [item.event_id]) for item in found])


def delivery_document(delivery: Delivery) -> Document:
    """Return a delivery as it goes out."""
    waits = delivery.state is DeliveryState.waiting
    return {
        "delivery_id": delivery.event_id,
        "webhook_id": delivery.subscription_id,
        "event": delivery.event.value,
        "occurred_at": shown_time(delivery.occurred_at),
        "alert_id": delivery.alert_id,
        "case_id": delivery.case_id,
        "severity": delivery.severity.value if delivery.severity else None,
        "revision": delivery.revision,
        "state": delivery.state.value,
        "state_reason": delivery.state_reason,
        "merged_into": delivery.merged_into,
        "due_at": shown_time(delivery.due_at) if waits else None,
        "attempts": [{**item, "at": shown_time(time_of(item["at"]))} for item in delivery.attempts],
    }
