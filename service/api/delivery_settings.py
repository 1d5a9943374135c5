"""When people are told: quiet hours, the digest, how many messages a day, and when a supervisor hears of it."""

import re
from datetime import time
from typing import Annotated, Any
from zoneinfo import available_timezones

from fastapi import APIRouter, Path
from pydantic import AfterValidator, BaseModel, BeforeValidator, Field, WithJsonSchema, model_validator
from starlette.responses import Response

from service.api.answers import READING, WRITING, answer
from service.api.documents import Document
from service.api.errors import Problem, Told, accepted, invalid
from service.api.fields import Body, Flag, PersonId
from service.api.keyed import KeyedRequest, KeyedRoute, needs, revision_asked
from service.arranging import Wish, change
from service.db.delivery_settings import EVERYBODY, StoredSettings, settings_for, stored_settings
from service.domain.errors import Fault
from service.domain.holding import USUAL, Day, DeliverySettings, QuietHours, plain_settings

router = APIRouter(route_class=KeyedRoute, tags=["subscriptions"])

MOST_HOURS = 14  # quiet hours, two a day
CLOCK = re.compile(r"([01][0-9]|2[0-3]):[0-5][0-9]")


def _zone(name: str) -> str:
    if name not in available_timezones():
        raise Told("unknown-value", "A time zone like Europe/Berlin is needed.")
    return name


def _clock(value: Any) -> time:
    """Return a time of day; what else ISO has for one, such as an offset, has no place beside a time zone."""
    if not isinstance(value, str) or not CLOCK.fullmatch(value):
        raise Told("bad-clock", "A time of day like 07:30 is needed.")
    return time.fromisoformat(value)


Zone = Annotated[str, AfterValidator(_zone)]
Clock = Annotated[time, BeforeValidator(_clock), WithJsonSchema({"type": "string", "pattern": r"^\d\d:\d\d$"})]


class QuietHoursUpdate(Body):
    """Hours that begin on some days; to an earlier time, or the same one, they last into the next day."""

    days: Annotated[list[Day], Field(min_length=1, max_length=7)]
    begin: Clock
    end: Clock


class DeliverySettingsUpdate(Body):
    """All that is to be set; what is left out, or null, is left open: a person's to the organization, its own to us."""

    time_zone: Zone | None = None
    quiet_hours: Annotated[list[QuietHoursUpdate], Field(max_length=MOST_HOURS)] | None = None
    critical_in_quiet_hours: Flag | None = None
    digest_at: Clock | None = None
    most_per_day: Annotated[int, Field(strict=True, ge=0, le=1000)] | None = Field(
        default=None, description="messages from one digest to the next; left open, none by mail and ten by push"
    )
    escalate_after: Annotated[int, Field(strict=True, ge=1, le=7 * 24 * 60)] | None = Field(
        default=None, description="minutes until supervisors hear of a critical alert that is new; organization only"
    )

    @model_validator(mode="after")
    def _sometimes_awake(self) -> "DeliverySettingsUpdate":
        if self.wanted.always_quiet:
            raise Told("always-quiet", "There must be a time at which a message may come.", "quiet_hours")
        return self

    @property
    def wanted(self) -> DeliverySettings:
        hours = None if self.quiet_hours is None else tuple(map(_hours, self.quiet_hours))
        told = {name: getattr(self, name) for name in type(self).model_fields if name != "quiet_hours"}
        return DeliverySettings(quiet_hours=hours, **told)


def _hours(asked: QuietHoursUpdate) -> QuietHours:
    return QuietHours(tuple(sorted(set(asked.days), key=list(Day).index)), asked.begin, asked.end)


class QuietHoursPublic(BaseModel):
    days: list[Day]
    begin: str
    end: str


class SettingsPublic(BaseModel):
    time_zone: str | None
    quiet_hours: list[QuietHoursPublic] | None
    critical_in_quiet_hours: bool | None
    digest_at: str | None
    most_per_day: int | None
    escalate_after: int | None


class DeliverySettingsPublic(BaseModel):
    """What was set here, and what is in force with all that lies below it; `revision` 0: nothing was set here."""

    person: str | None
    revision: int
    set: SettingsPublic
    in_force: SettingsPublic


SETTING: dict[int | str, dict[str, Any]] = {
    201: {"model": DeliverySettingsPublic, "description": "Set for the first time"},
    **WRITING,
}

Person = Annotated[PersonId, Path(description="a therapist or supervisor")]


@router.get(
    "/v1/delivery-settings", response_model=DeliverySettingsPublic, responses=READING, openapi_extra=needs("admin")
)
async def get_delivery_settings(request: KeyedRequest) -> Response:
    """Return what the organization has set for all of its people."""
    return await _shown(request, EVERYBODY)


@router.put(
    "/v1/delivery-settings",
    response_model=DeliverySettingsPublic,
    responses=SETTING,
    openapi_extra=needs("admin", if_match=True),
)
async def put_delivery_settings(request: KeyedRequest, body: DeliverySettingsUpdate) -> Response:
    """Set how all people of the organization are told, from now on."""
    return await _set(request, EVERYBODY, body.wanted)


@router.get(
    "/v1/persons/{person}/delivery-settings",
    response_model=DeliverySettingsPublic,
    responses=READING,
    openapi_extra=needs("alerts:read", tokens=True),
)
async def get_delivery_settings_of_person(request: KeyedRequest, person: Person) -> Response:
    """Return how a person wants to be told; with a front-end token, its own person alone."""
    _only_oneself(request, person)
    return await _shown(request, person)


@router.put(
    "/v1/persons/{person}/delivery-settings",
    response_model=DeliverySettingsPublic,
    responses=SETTING,
    openapi_extra=needs("alerts:handle", if_match=True, tokens=True),
)
async def put_delivery_settings_of_person(
    request: KeyedRequest, person: Person, body: DeliverySettingsUpdate
) -> Response:
    """Set how a person is told, from now on; with a front-end token, its own person alone."""
    _only_oneself(request, person)
    if body.escalate_after is not None:
        fault = Fault("/escalate_after", "of-organization", "Only the organization says when supervisors hear of it.")
        raise invalid(fault)
    return await _set(request, person, body.wanted)


def _only_oneself(request: KeyedRequest, person: str) -> None:
    """Raise the 404 of a front-end token that asks for somebody else, who is not there for it."""
    if request.caller.person not in (None, person):
        raise Problem("not-found")


async def _shown(request: KeyedRequest, person: str) -> Response:
    async with request.reading() as db:
        stored = await stored_settings(db, person)
        in_force = (await settings_for(db, [person]))[person]
    return _answer(person, stored, in_force)


async def _set(request: KeyedRequest, person: str, settings: DeliverySettings) -> Response:
    wish = Wish(person, settings, request.now, revision_asked(request))
    done = accepted(await change(request.service.engine, request.caller, wish))
    return _answer(person, done.stored, done.in_force, done.created)


def _answer(person: str, stored: StoredSettings, in_force: DeliverySettings, created: bool = False) -> Response:
    document: Document = {
        "person": person or None,
        "revision": stored.revision,
        "set": plain_settings(stored.settings),
        "in_force": plain_settings(in_force.over(USUAL)),
    }
    headers = {"ETag": f'"{stored.revision}"'}
    if created:
        place = f"/v1/persons/{person}" if person else "/v1"
        return answer(document, 201, {**headers, "Location": f"{place}/delivery-settings"})
    return answer(document, headers=headers)
