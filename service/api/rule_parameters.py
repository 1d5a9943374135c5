"""What an organization sets a rule to: its mode and parameters, for itself or for one program, and every version."""

from collections.abc import Mapping
from typing import Annotated, Any, Literal

from fastapi import APIRouter, Query
from pydantic import BaseModel, Field
from starlette.responses import Response

from service.api.answers import READING, WRITING, answer
from service.api.documents import Document
from service.api.errors import accepted
from service.api.fields import Body, Code, shown_time
from service.api.keyed import KeyedRequest, KeyedRoute, needs, revision_asked, there
from service.api.paging import Cursor, Limit, Page, page_of, place_of
from service.db.rulebooks import rulebook
from service.domain.amending import Wish
from service.domain.parameters import named, overlaid
from service.domain.rulebook import Mode, Rulebook, Setting, layers, mode_of
from service.domain.rules import AnyRule, rules
from service.tuning import tune

router = APIRouter(route_class=KeyedRoute, tags=["catalogues"])

Program = Annotated[Code | None, Query(description="the program that is meant; without it the organization's own")]
Origin = Literal["rule", "organization", "program"]


class RuleSettingUpdate(Body):
    """How a rule is to be set, all of it: what is left out is left open, to the organization or to the rule itself."""

    mode: Mode | None = None
    parameters: Annotated[dict[str, Any], Field(default_factory=dict, max_length=64, description="some or all of them")]


class RuleSettingPublic(BaseModel):
    """One version of what was set."""

    version: int
    mode: Mode | None
    parameters: dict[str, Any]
    key_id: str = Field(description="of the key that set it; `operator` at the command line")
    at: str = Field(description="it holds for sessions held from then on")


class ModePublic(BaseModel):
    value: Mode
    origin: Origin


class ParameterPublic(BaseModel):
    value: Any
    default: Any
    origin: Origin


class RuleParametersPublic(BaseModel):
    """What a rule is given for sessions that are held now; `version` 0: nothing was set here."""

    rule: str
    rule_version: int
    program: str | None
    version: int
    mode: ModePublic
    parameters: dict[str, ParameterPublic]
    set: RuleSettingPublic | None = Field(description="the newest version here; null: nothing was set here")


@router.get(
    "/v1/rules/{code}/parameters",
    response_model=RuleParametersPublic,
    responses=READING,
    openapi_extra=needs("course:read"),
)
async def get_rule_parameters(request: KeyedRequest, code: str, program: Program = None) -> Response:
    """Return what a rule is given, where each of it comes from, and what is set here."""
    rule = there(rules().get(code))
    async with request.reading() as db:
        book = await rulebook(db)
    return _answer(rule, program, book)


@router.put(
    "/v1/rules/{code}/parameters",
    response_model=RuleParametersPublic,
    responses={201: {"model": RuleParametersPublic, "description": "Set for the first time"}, **WRITING},
    openapi_extra=needs("admin", if_match=True),
)
async def put_rule_parameters(
    request: KeyedRequest, code: str, body: RuleSettingUpdate, program: Program = None
) -> Response:
    """Set a rule for sessions held from now on. What was judged stays; a standing alert keeps what it opened under."""
    rule, caller = there(rules().get(code)), request.caller
    wish = Wish(
        rule=code,
        program=program,
        mode=body.mode,
        parameters=body.parameters,
        key_id=caller.key_id,
        at=request.now,
        if_match=revision_asked(request),
    )
    done = accepted(await tune(request.service.engine, caller.organization_id, wish))
    return _answer(rule, program, done.rulebook, created=done.created)


@router.get(
    "/v1/rules/{code}/parameters/versions",
    response_model=Page[RuleSettingPublic],
    responses=READING,
    openapi_extra=needs("course:read"),
)
async def list_rule_parameters(
    request: KeyedRequest, code: str, program: Program = None, limit: Limit = 50, cursor: Cursor = None
) -> Response:
    """Return every version of what was set, the newest first; none is ever changed."""
    there(rules().get(code))
    before = place_of(request, cursor, int)
    async with request.reading() as db:
        book = await rulebook(db)
    found = [item for item in reversed(book.versions((code, program))) if before is None or item.version < before[0]]
    return page_of(request, limit, [(_version(item), [item.version]) for item in found[: limit + 1]])


def _answer(rule: AnyRule, program: str | None, book: Rulebook, created: bool = False) -> Response:
    document = parameters_document(rule, program, book)
    headers = {"ETag": f'"{document["version"]}"'}
    if created:
        place = "" if program is None else f"?program={program}"
        return answer(document, 201, {**headers, "Location": f"/v1/rules/{rule.code}/parameters{place}"})
    return answer(document, headers=headers)


def parameters_document(rule: AnyRule, program: str | None, book: Rulebook) -> Document:
    """Return what a rule is given in a program, where it comes from, and what is set there; numbers as they are."""
    found = layers(book.current(), rule.code, program)
    own = [item for item in found if item.program == program]
    default = named(rule.parameters)
    value = named(overlaid(rule, *(item.parameters for item in found)))
    return {
        "rule": rule.code,
        "rule_version": rule.version,
        "program": program,
        "version": own[-1].version if own else 0,
        "mode": {
            "value": mode_of(found).value,
            "origin": _origin([item for item in found if item.mode is not None]),
        },
        "parameters": {
            name: {
                "value": value[name],
                "default": default[name],
                "origin": _origin([item for item in found if name in item.parameters]),
            }
            for name in default
        },
        "set": _version(own[-1]) if own else None,
    }


def _origin(layers: list[Setting]) -> Origin:
    """Return who told, of those that tell."""
    if not layers:
        return "rule"
    return "organization" if layers[-1].program is None else "program"


def _version(setting: Setting) -> Mapping[str, Any]:
    return {
        "version": setting.version,
        "mode": setting.mode.value if setting.mode else None,
        "parameters": dict(setting.parameters),
        "key_id": setting.key_id,
        "at": shown_time(setting.at),
    }
