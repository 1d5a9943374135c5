"""Front-end tokens: what a phone or browser of one person holds in place of the organization's key."""

from datetime import timedelta
from typing import Annotated, Literal
from uuid import UUID

from fastapi import APIRouter
from pydantic import BaseModel, Field, model_validator
from starlette.responses import Response

from service.api.answers import WRITING, answer
from service.api.documents import Document
from service.api.errors import Problem, accepted
from service.api.fields import Body, Id, PersonId, check_caseload, shown_time
from service.api.keyed import KeyedRequest, KeyedRoute, needs, there
from service.api.signed_tokens import signed
from service.db.front_tokens import GRANTABLE, LONGEST, SHORTEST, USUAL, FrontToken
from service.domain.subscription import Role
from service.minting import Wanted, mint, revoke

router = APIRouter(route_class=KeyedRoute, tags=["tokens"])

Scope = Literal["alerts:read", "alerts:handle", "course:read"]
Seconds = Annotated[
    int, Field(strict=True, ge=int(SHORTEST.total_seconds()), le=int(LONGEST.total_seconds()), description="seconds")
]


class TokenCreate(Body):
    """For whom and for what; a therapist sees the cases that name them, a supervisor those of some `therapists`."""

    person: PersonId
    role: Role = Role.therapist
    therapists: Annotated[list[Id], Field(min_length=1, max_length=200)] | None = Field(
        default=None, description="of a supervisor, whose cases are seen; not of a therapist"
    )
    scopes: Annotated[list[Scope], Field(min_length=1, max_length=len(GRANTABLE))] = Field(
        description="no more than the key has itself"
    )
    lifetime: Seconds = int(USUAL.total_seconds())

    @model_validator(mode="after")
    def _whose_cases(self) -> "TokenCreate":
        check_caseload(self.role, self.therapists)
        return self


class TokenPublic(BaseModel):
    """A token; its text is not among what is kept."""

    token_id: str
    person: str
    role: Role
    therapists: list[str]
    scopes: list[str]
    issued_at: str
    expires_at: str
    revoked_at: str | None


class NewTokenPublic(TokenPublic):
    """A new token with its text, which is shown once."""

    token: str


@router.post(
    "/v1/tokens",
    status_code=201,
    response_model=NewTokenPublic,
    responses=WRITING,
    openapi_extra=needs("tokens:write"),
)
async def post_token(request: KeyedRequest, body: TokenCreate) -> Response:
    """Mint a token for one person: at most an hour, their caseload only, no scope that the key has not itself.

    It ends by its time, by DELETE, or with the key that minted it, each at once. Fetch it on your server; the key stays
    there.
    """
    caller, secret_keys = request.caller, request.service.settings.keys
    for scope in body.scopes:
        caller.require(scope)
    if not secret_keys:
        raise Problem("no-secret-keys")
    wanted = Wanted(
        person=body.person,
        role=body.role,
        therapists=tuple(sorted(set(body.therapists or [body.person]))),
        scopes=body.scopes,
        lifetime=timedelta(seconds=body.lifetime),
    )
    token = there(accepted(await mint(request.service.engine, caller, wanted, request.now)).token)
    text = signed(secret_keys, caller.organization_id, token)
    return answer({**token_document(token), "token": text}, 201, {"Cache-Control": "no-store"})


@router.delete(
    "/v1/tokens/{token_id}",
    response_model=TokenPublic,
    responses=WRITING,
    openapi_extra=needs("tokens:write"),
)
async def delete_token(request: KeyedRequest, token_id: UUID) -> Response:
    """End a token at once; ending it again changes nothing. A day after its time it is forgotten."""
    done = accepted(await revoke(request.service.engine, request.caller, token_id, request.now))
    return answer(token_document(there(done.token)))


def token_document(token: FrontToken) -> Document:
    """Return a token as it goes out."""
    return {
        "token_id": str(token.token_id),
        "person": token.person,
        "role": token.role.value,
        "therapists": list(token.therapists),
        "scopes": sorted(token.scopes),
        "issued_at": shown_time(token.issued_at),
        "expires_at": shown_time(token.expires_at),
        "revoked_at": shown_time(token.revoked_at),
    }
