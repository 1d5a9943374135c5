"""The catalogues: every instrument, rule and kind of indicator, read from where they are defined."""

from dataclasses import asdict
from inspect import getdoc
from sys import modules
from typing import Any

from fastapi import APIRouter
from pydantic import BaseModel, Field
from starlette.responses import Response

from service.api.answers import READING, answer
from service.api.documents import Document, rounded
from service.api.keyed import KeyedRequest, KeyedRoute, needs, there
from service.api.paging import Page
from service.domain.indicators import VOCABULARY, Valence
from service.domain.instruments import PARTS, Instrument, Reference, instruments
from service.domain.next_steps import NEXT_STEPS
from service.domain.notices import NOTICE
from service.domain.plain import freeze
from service.domain.rules import AnyRule, Tone, rules
from service.languages import Language

router = APIRouter(route_class=KeyedRoute, tags=["catalogues"])


class InstrumentPublic(BaseModel):
    """An instrument: ids, ranges and keys, each fact with its source; never its wording."""

    code: str
    name: str
    version: str
    family: str
    authors: str
    context: str
    validated: bool
    child_form: bool
    licence: str
    notes: str
    scores_only: bool = Field(description="the key is unknown or unchecked: send `scores`, no `answers`")
    items: list[str]
    minimum: float
    maximum: float
    step: float
    reversed_items: list[str]
    rater_kinds: list[str]
    key: dict[str, Any]
    parts: dict[str, str | None]
    dimensions: dict[str, dict[str, Any]]
    cutoffs: list[dict[str, Any]]
    ages: dict[str, Any] | None = Field(description="of the members it is made for, in years; null: none are known")


class RulePublic(BaseModel):
    """A rule: when it fires and clears, on what evidence, with which parameters."""

    code: str
    version: int
    title: str
    tone: Tone = Field(description="good news is only ever info, and asks for nothing")
    evidence: str
    page: str
    titles: dict[str, str] = Field(description="of its alerts, by route; mostly the title of the rule")
    texts: dict[str, str] = Field(description="of its alerts, by route")
    next_steps: list[dict[str, str]]
    parameters: dict[str, Any]
    inhibits: list[str]
    silent_on_hold: bool
    notice: str


class IndicatorKindPublic(BaseModel):
    """A kind of observed behaviour, with what two observation systems call it; the map is ours, by name alone."""

    code: str
    valence: Valence
    three_rs: list[str] = Field(description="markers and classes of the Rupture Resolution Rating System")
    softa_o: list[str] = Field(description="dimensions of SOFTA-o")


def instrument_document(instrument: Instrument) -> Document:
    """Return an instrument as the catalogue shows it."""
    names = ("code", "name", "version", "family", "authors", "context", "validated", "child_form", "licence", "notes")
    return {
        **{name: getattr(instrument, name) for name in names},
        "scores_only": instrument.scores_only,
        "items": list(instrument.items),
        "minimum": instrument.minimum,
        "maximum": instrument.maximum,
        "step": instrument.step,
        "reversed_items": sorted(instrument.reversed_items, key=instrument.items.index),
        "rater_kinds": sorted(kind.value for kind in instrument.rater_kinds),
        "key": asdict(instrument.key),
        "parts": {part: instrument.dimension_of(part) for part in PARTS},
        "dimensions": {
            code: {
                "items": list(unit.items),
                "raw": unit.raw,
                "minimum": instrument.lowest_of(code),
                "follows": unit.follows,
                "low_mark": rounded(unit.low_mark),
                "reference": reference_document(unit.reference),
            }
            for code, unit in instrument.dimensions.items()
        },
        "cutoffs": [asdict(cutoff) for cutoff in instrument.cutoffs],
        "ages": None if instrument.ages is None else asdict(instrument.ages),
    }


def reference_document(reference: Reference) -> Document:
    """Return how a dimension spreads, by what is published or by ours."""
    numbers = {name: rounded(getattr(reference, name)) for name in ("sd", "sp", "mean", "reliability")}
    return {**numbers, "fact": asdict(reference.fact), "kind": reference.kind}


def rule_document(rule: AnyRule, language: Language) -> Document:
    """Return a rule as the catalogue shows it; its page is the docstring of its module, in English."""
    parameters = rule.parameters
    return {
        "code": rule.code,
        "version": rule.version,
        "title": language.say(rule.title),
        "tone": rule.tone.value,
        "evidence": rule.grade,
        "page": getdoc(modules[rule.check.__module__]) or "",
        "titles": {route: language.say(rule.title_of(route)) for route in rule.texts},
        "texts": {route: language.say(text) for route, text in rule.texts.items()},
        "next_steps": [{"code": code, "text": language.say(NEXT_STEPS[code])} for code in rule.next_steps],
        "parameters": {name: freeze(getattr(parameters, name)) for name in parameters.__dataclass_fields__},
        "inhibits": list(rule.inhibits),
        "silent_on_hold": rule.silent_on_hold,
        "notice": language.say(NOTICE),
    }


@router.get(
    "/v1/instruments", response_model=Page[InstrumentPublic], responses=READING, openapi_extra=needs(tokens=True)
)
async def list_instruments(request: KeyedRequest) -> Response:
    """Return every instrument."""
    return answer({"items": [instrument_document(item) for item in instruments().values()], "next_cursor": None})


@router.get(
    "/v1/instruments/{code}", response_model=InstrumentPublic, responses=READING, openapi_extra=needs(tokens=True)
)
async def get_instrument(request: KeyedRequest, code: str) -> Response:
    """Return one instrument."""
    return answer(instrument_document(there(instruments().get(code))))


@router.get(
    "/v1/rules", response_model=Page[RulePublic], responses=READING, openapi_extra=needs(tokens=True, speaks=True)
)
async def list_rules(request: KeyedRequest) -> Response:
    """Return every rule, in the order in which they are asked."""
    items = [rule_document(rule, request.language) for rule in rules().values()]
    return answer({"items": items, "next_cursor": None})


@router.get(
    "/v1/rules/{code}", response_model=RulePublic, responses=READING, openapi_extra=needs(tokens=True, speaks=True)
)
async def get_rule(request: KeyedRequest, code: str) -> Response:
    """Return one rule with its published page."""
    return answer(rule_document(there(rules().get(code)), request.language))


@router.get(
    "/v1/indicators", response_model=Page[IndicatorKindPublic], responses=READING, openapi_extra=needs(tokens=True)
)
async def list_indicators(request: KeyedRequest) -> Response:
    """Return every kind of indicator that a session may record."""
    kinds = [{"code": code, **asdict(kind)} for code, kind in VOCABULARY.items()]
    return answer({"items": kinds, "next_cursor": None})
