"""Subscriptions of people: who is told, and how, that something is new for them; never of whom, or what it is."""

from dataclasses import replace
from typing import Annotated, Literal

from fastapi import APIRouter, Path
from pydantic import AfterValidator, BaseModel, Field, WithJsonSchema, model_validator
from starlette.responses import Response

from service.api.answers import READING, WRITING, answer
from service.api.deliveries import DeliveryPublic, deliveries_to, delivery_document
from service.api.documents import Document
from service.api.errors import Problem, Told, accepted
from service.api.fields import ID, Body, PersonId, check_caseload, shown_time
from service.api.keyed import KeyedRequest, KeyedRoute, needs, there
from service.api.paging import Cursor, Limit, Page, page_of, place_of
from service.api.webhooks import actor, of_kind, secret_keys, written
from service.db.subscriptions import subscription_by_id, subscription_page
from service.domain.model import Severity
from service.domain.subscription import Filters, Role, StateReason, Subscription, SubscriptionState
from service.languages import NAMES
from service.settings import MAILBOX
from service.subscribing import Actor, Subscribed, Wanted, put, remove, send_test

router = APIRouter(route_class=KeyedRoute, tags=["subscriptions"])

USUAL = (Severity.critical.value, Severity.warning.value)  # what only informs waits in the list for whoever looks

SubscriptionId = Annotated[
    str, Path(pattern=rf"^{ID}(:{ID})?$", description="chosen by whoever makes it; of a device its person and its id")
]


def _spoken(code: str) -> str:
    if code not in NAMES:
        raise Told("unknown-value", "This is none of the languages that are spoken here.")
    return code


def _mailbox(address: str) -> str:
    if not MAILBOX.fullmatch(address):
        raise Told("bad-address", "A plain address of mail is needed.")
    return address


LanguageCode = Annotated[str, AfterValidator(_spoken), WithJsonSchema({"type": "string", "enum": list(NAMES)})]
Severities = Annotated[list[Severity], Field(min_length=1, description="warning and critical if left out")]


class SubscriptionUpdate(Body):
    """Whom to tell by mail; a supervisor names those whose unanswered alerts they are told of."""

    channel: Literal["email"]
    address: Annotated[str, Field(max_length=320), AfterValidator(_mailbox)]
    person: PersonId
    role: Role = Role.therapist
    therapists: Annotated[list[PersonId], Field(min_length=1, max_length=200)] | None = None
    severities: Severities | None = None
    language: LanguageCode | None = None

    @model_validator(mode="after")
    def _whose_cases(self) -> "SubscriptionUpdate":
        check_caseload(self.role, self.therapists)
        return self


class SubscriptionPublic(BaseModel):
    """A subscription of a person; of `address` only a part is shown."""

    subscription_id: str
    channel: str
    address: str | None
    person: str
    role: Role
    therapists: list[str]
    severities: list[str]
    language: str | None
    state: SubscriptionState
    state_reason: StateReason | None
    failing_since: str | None
    created_at: str
    changed_at: str


@router.put(
    "/v1/subscriptions/{subscription_id}",
    response_model=SubscriptionPublic,
    responses={201: {"model": SubscriptionPublic, "description": "New"}, **WRITING},
    openapi_extra=needs("admin"),
)
async def put_subscription(
    request: KeyedRequest, subscription_id: SubscriptionId, body: SubscriptionUpdate
) -> Response:
    """Tell a person by mail that something is new, or change how; one that was disabled is active again."""
    if request.service.settings.mail is None:
        raise Problem("no-mail-server")
    local, _, domain = body.address.rpartition("@")
    wanted = Wanted(
        subscription_id=subscription_id,
        channel=body.channel,
        address=f"{local[0]}…@{domain}",
        reached_at=body.address,
        filters=filters_of(body.therapists or [body.person], body.severities),
        person=body.person,
        role=body.role,
        language=body.language,
    )
    return await subscribed(request, wanted)


@router.get(
    "/v1/subscriptions", response_model=Page[SubscriptionPublic], responses=READING, openapi_extra=needs("admin")
)
async def list_subscriptions(request: KeyedRequest, limit: Limit = 50, cursor: Cursor = None) -> Response:
    """Return the subscriptions of all people in the order of their ids, those too that were disabled."""
    place = place_of(request, cursor, str)
    async with request.reading() as db:
        found = await subscription_page(db, place[0] if place else None, limit + 1, of_people=True)
    return page_of(request, limit, [(subscription_document(item), [item.subscription_id]) for item in found])


@router.get(
    "/v1/subscriptions/{subscription_id}",
    response_model=SubscriptionPublic,
    responses=READING,
    openapi_extra=needs("admin"),
)
async def get_subscription(request: KeyedRequest, subscription_id: SubscriptionId) -> Response:
    """Return a person's subscription, one that was deleted too."""
    async with request.reading() as db:
        found = of_kind(await subscription_by_id(db, subscription_id), of_people=True)
    return answer(subscription_document(there(found)))


@router.delete(
    "/v1/subscriptions/{subscription_id}",
    response_model=SubscriptionPublic,
    responses=WRITING,
    openapi_extra=needs("admin"),
)
async def delete_subscription(request: KeyedRequest, subscription_id: SubscriptionId) -> Response:
    """Tell a person nothing any more by this; where they were reached is forgotten."""
    return await removed(request, subscription_id)


@router.post(
    "/v1/subscriptions/{subscription_id}/test",
    response_model=DeliveryPublic,
    responses=WRITING,
    openapi_extra=needs("admin"),
)
async def test_subscription(request: KeyedRequest, subscription_id: SubscriptionId) -> Response:
    """Send the message that a person gets, now, in quiet hours too; its delivery says how it went."""
    done = accepted(await send_test(request.service.engine, _actor(request), subscription_id))
    return answer(delivery_document(there(done.delivery)))


@router.get(
    "/v1/subscriptions/{subscription_id}/deliveries",
    response_model=Page[DeliveryPublic],
    responses=READING,
    openapi_extra=needs("admin"),
)
async def list_deliveries_to_person(
    request: KeyedRequest, subscription_id: SubscriptionId, limit: Limit = 50, cursor: Cursor = None
) -> Response:
    """Return of what a person was told, the latest first; what waits, was merged or withheld says why."""
    return await deliveries_to(request, subscription_id, limit, cursor, of_people=True)


def filters_of(therapists: list[str], severities: list[Severity] | None) -> Filters:
    """Return whose cases and which alerts a person is told of."""
    chosen = USUAL if severities is None else sorted({item.value for item in severities})
    return Filters(therapists=tuple(sorted(set(therapists))), severities=tuple(chosen))


async def subscribed(request: KeyedRequest, wanted: Wanted) -> Response:
    """Return the answer to whoever asked for a person's subscription."""
    with secret_keys():
        return _answered(await put(request.service.engine, _actor(request), wanted))


async def removed(request: KeyedRequest, subscription_id: str) -> Response:
    """Return the answer to whoever asked that a person be told nothing any more."""
    return _answered(await remove(request.service.engine, _actor(request), subscription_id))


def _actor(request: KeyedRequest) -> Actor:
    return replace(actor(request), of_people=True)


def _answered(done: Subscribed) -> Response:
    subscription = there(accepted(done).subscription)
    return written(done, subscription_document(subscription), f"/v1/subscriptions/{subscription.subscription_id}")


def subscription_document(subscription: Subscription) -> Document:
    """Return a person's subscription as it goes out."""
    return {
        "subscription_id": subscription.subscription_id,
        "channel": subscription.channel,
        "address": subscription.address or None,
        "person": subscription.person,
        "role": subscription.role.value if subscription.role else None,
        "therapists": subscription.filters.therapists,
        "severities": subscription.filters.severities,
        "language": subscription.language,
        "state": subscription.state.value,
        "state_reason": subscription.state_reason.value if subscription.state_reason else None,
        "failing_since": shown_time(subscription.failing_since),
        "created_at": shown_time(subscription.created_at),
        "changed_at": shown_time(subscription.changed_at),
    }
