"""References of an organization's own: how its scores of a form spread, by role and language, and every version."""

from collections.abc import Mapping
from typing import Annotated, Any, Literal

from fastapi import APIRouter
from pydantic import BaseModel, Field
from starlette.responses import Response

from service.api.answers import READING, WRITING, answer
from service.api.catalogue import reference_document
from service.api.documents import Document
from service.api.errors import accepted
from service.api.fields import Body, Code, Flag, ItemId, Locale, Number, shown_time
from service.api.keyed import KeyedRequest, KeyedRoute, needs, revision_asked, there
from service.api.models import OwnReferencePublic
from service.api.paging import Cursor, Limit, Page, page_of, place_of
from service.calibrating import set_references
from service.db.rulebooks import rulebook
from service.domain.instruments import Instrument, instruments
from service.domain.references import OwnReference
from service.domain.referencing import ReferenceWish
from service.domain.rulebook import ReferenceSetting, Rulebook

router = APIRouter(route_class=KeyedRoute, tags=["catalogues"])

MOST = 512  # references of one form: five dimensions, a dozen roles and kinds, a few languages

RaterRole = Literal[
    "client", "youth", "child", "parent", "partner", "sibling", "grandparent", "extended", "other",
    "member", "therapist", "observer",
]  # fmt: skip
Spread = Annotated[Number, Field(gt=0, le=50, description="percent points; no scores of 0 to 100 spread wider")]


class OwnReferenceCreate(Body):
    """How one dimension spreads among some raters; the nearest to a rating counts: role and language, role, language.

    `member`, `therapist` and `observer` mean all raters of a kind. Tell what was measured; rules take it a third wider.
    """

    dimension: ItemId
    role: RaterRole
    locale: Locale | None = None
    sd: Spread
    sp: Spread | None = None
    mean: Annotated[Number, Field(ge=0, le=100)] | None = None
    reliability: Annotated[Number, Field(ge=0, lt=1)] | None = None
    n: Annotated[int, Field(strict=True, ge=1, le=10_000_000, description="persons behind it")] | None = None
    source: Annotated[Code, Field(description="where it comes from, as a code; own-ratings: an estimate of one's own")]
    verified: Annotated[Flag, Field(description="somebody checked the numbers at a published source")] = False


class ReferencesUpdate(Body):
    """All own references of a form; an empty list lets the form's own stand again."""

    references: Annotated[list[OwnReferenceCreate], Field(max_length=MOST)]


class FactPublic(BaseModel):
    source: str
    verified: bool


class FormReferencePublic(BaseModel):
    """What stands for a dimension of which nothing of one's own is known."""

    sd: float
    sp: float
    mean: float | None
    reliability: float | None
    fact: FactPublic
    kind: Literal["ours", "verified"]


class ReferencesVersionPublic(BaseModel):
    """One version of what was set."""

    version: int
    references: list[OwnReferencePublic]
    key_id: str = Field(description="of the key that set it; `operator` at the command line")
    at: str = Field(description="it holds for sessions held from then on")


class ReferencesPublic(BaseModel):
    """The references of a form in force now; `version` 0: nothing was set."""

    instrument: str
    instrument_version: str
    version: int
    references: list[OwnReferencePublic]
    form: dict[str, FormReferencePublic]
    set: ReferencesVersionPublic | None


@router.get(
    "/v1/instruments/{code}/references",
    response_model=ReferencesPublic,
    responses=READING,
    openapi_extra=needs("course:read"),
)
async def get_references(request: KeyedRequest, code: str) -> Response:
    """Return the references of a form: the organization's own, and what stands where it has none."""
    form = there(instruments().get(code))
    async with request.reading() as db:
        book = await rulebook(db)
    return _answer(form, book)


@router.put(
    "/v1/instruments/{code}/references",
    response_model=ReferencesPublic,
    responses={201: {"model": ReferencesPublic, "description": "Set for the first time"}, **WRITING},
    openapi_extra=needs("admin", if_match=True),
)
async def put_references(request: KeyedRequest, code: str, body: ReferencesUpdate) -> Response:
    """Set the references of a form for sessions held from now on. What was judged stays as it was judged."""
    form, caller = there(instruments().get(code)), request.caller
    wish = ReferenceWish(
        instrument=code,
        references=tuple(OwnReference(**item.model_dump()) for item in body.references),
        key_id=caller.key_id,
        at=request.now,
        if_match=revision_asked(request),
    )
    done = accepted(await set_references(request.service.engine, caller.organization_id, wish))
    return _answer(form, done.rulebook, created=done.created)


@router.get(
    "/v1/instruments/{code}/references/versions",
    response_model=Page[ReferencesVersionPublic],
    responses=READING,
    openapi_extra=needs("course:read"),
)
async def list_references(request: KeyedRequest, code: str, limit: Limit = 50, cursor: Cursor = None) -> Response:
    """Return every version of what was set, the newest first; none is ever changed."""
    there(instruments().get(code))
    before = place_of(request, cursor, int)
    async with request.reading() as db:
        book = await rulebook(db)
    found = [item for item in reversed(book.references_of(code)) if before is None or item.version < before[0]]
    return page_of(request, limit, [(_version(item), [item.version]) for item in found[: limit + 1]])


def _answer(form: Instrument, book: Rulebook, created: bool = False) -> Response:
    document = references_document(form, book)
    headers = {"ETag": f'"{document["version"]}"'}
    if created:
        return answer(document, 201, {**headers, "Location": f"/v1/instruments/{form.code}/references"})
    return answer(document, headers=headers)


def references_document(form: Instrument, book: Rulebook) -> Document:
    """Return the references of a form in force now, numbers as they are."""
    told = book.references_of(form.code)
    return {
        "instrument": form.code,
        "instrument_version": form.version,
        "version": told[-1].version if told else 0,
        "references": [item.plain for item in told[-1].references] if told else [],
        "form": {code: reference_document(unit.reference) for code, unit in form.dimensions.items()},
        "set": _version(told[-1]) if told else None,
    }


def _version(setting: ReferenceSetting) -> Mapping[str, Any]:
    return {
        "version": setting.version,
        "references": [item.plain for item in setting.references],
        "key_id": setting.key_id,
        "at": shown_time(setting.at),
    }
