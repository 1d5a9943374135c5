"""Devices: a person's phone or browser that wants to be told, by Web Push, that something is new for them."""

import json
from typing import Annotated, Any

from fastapi import APIRouter, Path
from pydantic import AfterValidator, BaseModel, Field
from starlette.responses import Response

from service.api.answers import READING, WRITING, answer, refusals
from service.api.errors import Problem, Told, invalid
from service.api.fields import Body
from service.api.keyed import KeyedRequest, KeyedRoute, needs
from service.api.subscriptions import (
    LanguageCode,
    Severities,
    SubscriptionPublic,
    filters_of,
    removed,
    subscribed,
)
from service.api.webhooks import check_reachable, secret_keys
from service.channels.web_push import bytes_of, encrypted_for, public_of
from service.domain.errors import Fault
from service.domain.subscription import Role
from service.egress import LONGEST_ADDRESS
from service.subscribing import Wanted, push_key

router = APIRouter(route_class=KeyedRoute, tags=["subscriptions"])

CHANNEL = "web-push"
SECRET_BYTES = 16

DeviceId = Annotated[
    str,
    Path(pattern=r"^[A-Za-z0-9][A-Za-z0-9._-]{0,31}$", description="chosen by the app, among those of its person"),
]


def _base64url(text: str) -> str:
    try:
        bytes_of(text)
    except ValueError:
        raise Told("bad-key", "A key in base64url is needed.") from None
    return text


Base64Url = Annotated[str, Field(pattern=r"^[A-Za-z0-9_-]+=*$", max_length=200), AfterValidator(_base64url)]


class KeysUpdate(Body):
    """By what a message is encrypted for the device, as its browser gives them."""

    p256dh: Base64Url
    auth: Base64Url


class DeviceUpdate(Body):
    """What `PushSubscription.toJSON()` gives, and how its person wants to be told."""

    endpoint: Annotated[str, Field(max_length=LONGEST_ADDRESS)]
    keys: KeysUpdate
    expirationTime: Any = None
    severities: Severities | None = None
    language: LanguageCode | None = None


class WebPushPublic(BaseModel):
    """What a browser needs to subscribe: `applicationServerKey`."""

    public_key: str


@router.get(
    "/v1/web-push",
    response_model=WebPushPublic,
    responses={**READING, **refusals(409)},
    openapi_extra=needs("alerts:read", tokens=True),
)
async def get_web_push(request: KeyedRequest) -> Response:
    """Return the public key of the organization, by which its pushes are signed; it never changes."""
    return answer({"public_key": public_of(await _push_key(request))})


@router.put(
    "/v1/devices/{device_id}",
    response_model=SubscriptionPublic,
    responses={201: {"model": SubscriptionPublic, "description": "New"}, **WRITING},
    openapi_extra=needs("alerts:read", tokens=True),
)
async def put_device(request: KeyedRequest, device_id: DeviceId, body: DeviceUpdate) -> Response:
    """Let the person of a front-end token be told on a device, of the caseload that the token has."""
    person, caseload = _whose(request)
    await check_reachable(request, body.endpoint, "/endpoint")
    _usable(body.keys)
    reached_at = {
        "endpoint": body.endpoint,
        "p256dh": body.keys.p256dh,
        "auth": body.keys.auth,
        "signed_by": await _push_key(request),
    }
    host = body.endpoint.split("/", 3)[2]
    wanted = Wanted(
        subscription_id=_name(person, device_id),
        channel=CHANNEL,
        address=f"https://{host}/…",
        reached_at=json.dumps(reached_at),
        filters=filters_of(list(caseload), body.severities),
        person=person,
        role=Role.therapist if caseload == (person,) else Role.supervisor,
        language=body.language,
    )
    return await subscribed(request, wanted)


@router.delete(
    "/v1/devices/{device_id}",
    response_model=SubscriptionPublic,
    responses=WRITING,
    openapi_extra=needs("alerts:read", tokens=True),
)
async def delete_device(request: KeyedRequest, device_id: DeviceId) -> Response:
    """Tell a person nothing any more on a device."""
    person, _ = _whose(request)
    return await removed(request, _name(person, device_id))


def _whose(request: KeyedRequest) -> tuple[str, tuple[str, ...]]:
    """Return the person of a front-end token and their caseload; raises the 403 of a key, which is nobody's own."""
    caller = request.caller
    if caller.person is None or caller.caseload is None:
        raise Problem("only-for-tokens")
    return caller.person, caller.caseload


def _name(person: str, device_id: str) -> str:
    return f"{person}:{device_id}"  # which no two pairs have in common: there is no colon in the latter


async def _push_key(request: KeyedRequest) -> str:
    service = request.service
    with secret_keys():
        return await push_key(service.engine, request.caller.organization_id, service.settings.keys)


def _usable(keys: KeysUpdate) -> None:
    """Raise the 422 of keys with which nothing can be encrypted."""
    if len(bytes_of(keys.auth)) != SECRET_BYTES:
        raise invalid(Fault("/keys/auth", "bad-key", "A secret of 16 bytes is needed."))
    try:
        encrypted_for(b"", bytes_of(keys.p256dh), bytes_of(keys.auth))
    except ValueError:
        raise invalid(Fault("/keys/p256dh", "bad-key", "A public key of the curve P-256 is needed.")) from None
