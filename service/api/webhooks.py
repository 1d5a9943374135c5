"""Webhooks: who is told that an alert changed; thin messages by Standard Webhooks 1.0, which say nothing of it."""

from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from typing import Annotated, Literal

from fastapi import APIRouter, Path
from pydantic import AfterValidator, BaseModel, Field, WithJsonSchema
from starlette.responses import Response

from service.api.answers import READING, WRITING, answer
from service.api.documents import Document
from service.api.errors import Problem, Told, accepted, invalid
from service.api.fields import Body, Id, PersonId, shown_time
from service.api.keyed import KeyedRequest, KeyedRoute, needs, there
from service.api.paging import Cursor, Limit, Page, page_of, place_of
from service.db.subscriptions import subscription_by_id, subscription_page
from service.domain.errors import Fault
from service.domain.model import Severity
from service.domain.rules import rules
from service.domain.subscription import Filters, StateReason, Subscription, SubscriptionState
from service.egress import LONGEST_ADDRESS, Egress, Refused, Unresolved
from service.encrypting import NoKeys, Unreadable
from service.subscribing import Actor, Subscribed, Wanted, put, remove, rotate

router = APIRouter(route_class=KeyedRoute, tags=["webhooks"])

CHANNEL = "webhook"
MOST = 200  # entries of a filter

REFUSED = {
    "bad-address": "A full https address of a host by its name is needed, without a user or a fragment.",
    "not-https": "Messages go by https alone.",
    "not-public": "This leads to no public address, and nothing is sent there.",
    "port-refused": "Port 443, or one from 1024 on, is needed.",
}


def _known(code: str) -> str:
    if code not in rules():
        raise Told("unknown-value", "This is none of the values that are known.")
    return code


WebhookId = Annotated[Id, Path(description="chosen by whoever makes it")]
RuleCode = Annotated[str, AfterValidator(_known), WithJsonSchema({"type": "string"})]
EventCode = Literal["alert.opened", "alert.changed", "alert.handled", "alert.escalated"]
Few = Field(min_length=1, max_length=MOST)


class WebhookUpdate(Body):
    """Where messages go, and about what: what is in each list; a list left out, or null, is all."""

    url: Annotated[str, Field(max_length=LONGEST_ADDRESS)]
    rules: Annotated[list[RuleCode], Few] | None = None
    severities: Annotated[list[Severity], Few] | None = None
    therapists: Annotated[list[PersonId], Few] | None = None
    cases: Annotated[list[Id], Few] | None = None
    events: Annotated[list[EventCode], Few] | None = None


class WebhookPublic(BaseModel):
    """A webhook. `secret` is there once, in the answer that made it; `former_secret_until` while two are valid."""

    webhook_id: str
    url: str | None
    rules: list[str] | None
    severities: list[str] | None
    therapists: list[str] | None
    cases: list[str] | None
    events: list[str] | None
    state: SubscriptionState
    state_reason: StateReason | None
    failing_since: str | None
    secret: str | None
    former_secret_until: str | None
    created_at: str
    changed_at: str


@router.put(
    "/v1/webhooks/{webhook_id}",
    response_model=WebhookPublic,
    responses={201: {"model": WebhookPublic, "description": "New; the secret is shown once"}, **WRITING},
    openapi_extra=needs("admin"),
)
async def put_webhook(request: KeyedRequest, webhook_id: WebhookId, body: WebhookUpdate) -> Response:
    """Make a webhook, or replace where it goes and what it is told; one that was disabled is active again."""
    await check_reachable(request, body.url, "/url")
    filters = Filters(
        rules=_chosen(body.rules),
        severities=_chosen(body.severities),
        therapists=_chosen(body.therapists),
        cases=_chosen(body.cases),
        events=_chosen(body.events),
    )
    wanted = Wanted(subscription_id=webhook_id, channel=CHANNEL, address=body.url, filters=filters)
    with secret_keys():
        return _answered(await put(request.service.engine, actor(request), wanted))


@router.get("/v1/webhooks", response_model=Page[WebhookPublic], responses=READING, openapi_extra=needs("admin"))
async def list_webhooks(request: KeyedRequest, limit: Limit = 50, cursor: Cursor = None) -> Response:
    """Return the webhooks in the order of their ids, those too that were disabled."""
    place = place_of(request, cursor, str)
    async with request.reading() as db:
        found = await subscription_page(db, place[0] if place else None, limit + 1)
    return page_of(request, limit, [(webhook_document(item), [item.subscription_id]) for item in found])


@router.get("/v1/webhooks/{webhook_id}", response_model=WebhookPublic, responses=READING, openapi_extra=needs("admin"))
async def get_webhook(request: KeyedRequest, webhook_id: WebhookId) -> Response:
    """Return a webhook, one that was deleted too."""
    async with request.reading() as db:
        return answer(webhook_document(there(of_kind(await subscription_by_id(db, webhook_id)))))


@router.delete(
    "/v1/webhooks/{webhook_id}", response_model=WebhookPublic, responses=WRITING, openapi_extra=needs("admin")
)
async def delete_webhook(request: KeyedRequest, webhook_id: WebhookId) -> Response:
    """Tell a webhook nothing any more, what waits for it included; what was delivered can still be read."""
    return _answered(await remove(request.service.engine, actor(request), webhook_id))


@router.post(
    "/v1/webhooks/{webhook_id}/rotate", response_model=WebhookPublic, responses=WRITING, openapi_extra=needs("admin")
)
async def rotate_webhook(request: KeyedRequest, webhook_id: WebhookId) -> Response:
    """Make a new secret; for a day messages are signed with both, so that the receiver can change over."""
    with secret_keys():
        return _answered(await rotate(request.service.engine, actor(request), webhook_id))


def actor(request: KeyedRequest) -> Actor:
    """Return who asks, with the keys of this service."""
    return Actor(request.caller, request.now, request.service.settings.keys)


@contextmanager
def secret_keys() -> Iterator[None]:
    """Raise the 409 of a service that has no keys by which a secret can be kept or read."""
    try:
        yield
    except (NoKeys, Unreadable):
        raise Problem("no-secret-keys") from None


def of_kind(found: Subscription | None, of_people: bool = False) -> Subscription | None:
    """Return a subscription of a system, which a webhook is, or of a person; neither is found as the other."""
    return found if found is not None and found.of_person is of_people else None


def _chosen(values: Iterable[str] | None) -> tuple[str, ...] | None:
    """Return a filter as it is kept: in no order, nothing twice."""
    return None if values is None else tuple(sorted({str(value) for value in values}))


async def check_reachable(request: KeyedRequest, address: str, pointer: str) -> None:
    """Raise the 422 of an address, at a place in the body, to which nothing is sent.

    A name that leads nowhere yet is taken: it may be asked for before it is set up, and each message looks anew.
    """
    egress = Egress(request.service.settings.webhook_allow_loopback)
    try:
        await egress.addresses(egress.target(address))
    except Refused as why:
        raise invalid(Fault(pointer, why.code, REFUSED[why.code])) from None
    except Unresolved:
        return


def _answered(done: Subscribed) -> Response:
    subscription = there(accepted(done).subscription)
    return written(done, webhook_document(subscription, done.secret), f"/v1/webhooks/{subscription.subscription_id}")


def written(done: Subscribed, document: Document, address: str) -> Response:
    """Return the answer to a subscription that was written, with its address where it is new."""
    return answer(document, 201, {"Location": address}) if done.created else answer(document)


def webhook_document(subscription: Subscription, secret: str | None = None) -> Document:
    """Return a webhook as it goes out, its secret only where it was made."""
    filters = subscription.filters
    return {
        "webhook_id": subscription.subscription_id,
        "url": subscription.address or None,
        **{name: getattr(filters, name) for name in Filters.__dataclass_fields__},
        "state": subscription.state.value,
        "state_reason": subscription.state_reason.value if subscription.state_reason else None,
        "failing_since": shown_time(subscription.failing_since),
        "secret": secret,
        "former_secret_until": shown_time(subscription.former_until),
        "created_at": shown_time(subscription.created_at),
        "changed_at": shown_time(subscription.changed_at),
    }
