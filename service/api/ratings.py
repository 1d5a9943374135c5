"""Ratings come in: one rater's completed instrument for one session; corrected by PUT, retracted by DELETE."""

from collections.abc import Iterable, Mapping
from typing import Annotated, Any, Literal
from uuid import UUID

from fastapi import APIRouter, Query
from pydantic import ConfigDict, Field
from starlette.responses import Response

from service.api.alert_documents import alert_documents
from service.api.answers import WRITING, written
from service.api.documents import (
    Document,
    balance_document,
    levels_document,
    rating_document,
)
from service.api.errors import Problem, invalid
from service.api.fields import About, Body, Flag, Id, InstrumentCode, ItemId, Locale, Number, PersonId, Time, Version
from service.api.key_ring import Caller
from service.api.keyed import KeyedRequest, KeyedRoute, needs, refuse, revision_asked, there
from service.api.models import RatingPublic
from service.domain.circumstances import Circumstances, circumstances_of
from service.domain.commands import PostRating, PutRating, RatingFacts, Result, RetractionReason, RetractRating
from service.domain.errors import Fault, InvalidAnswers
from service.domain.figures import Course
from service.domain.instruments import Instrument, instruments
from service.domain.model import MemberRole, Phase, RaterKind
from service.domain.scoring import accept_scores, score_answers
from service.writing import Outcome

router = APIRouter(route_class=KeyedRoute, tags=["ratings"])

MOST_ITEMS = 200

Role = Literal[
    "client", "youth", "child", "parent", "partner", "sibling", "grandparent", "extended", "other",
    "therapist", "observer",
]  # fmt: skip


class RaterCreate(Body):
    """Who rated: an opaque id and a place in the family, or therapist, or observer."""

    id: PersonId
    role: Role


EXAMPLE: dict[str, Any] = {
    "case_id": "fam-42",
    "session_id": "enc-9",
    "held_at": "2026-11-02T16:00:00+01:00",
    "rater": {"id": "ana", "role": "youth"},
    "instrument": "srs",
    "answers": {"relationship": 8.5, "goals": 9.0, "approach": 7.5, "overall": 8.0},
}


class RatingCreate(Body):
    """One rating; either `answers` (item → number) or `scores` (dimension → raw value), never both."""

    model_config = ConfigDict(json_schema_extra={"examples": [EXAMPLE]})

    case_id: Id
    session_id: Id
    held_at: Time | None = None
    rater: RaterCreate
    about: About | None = Field(default=None, description="default `therapist` for members; others must say")
    phase: Phase = Phase.post
    instrument: InstrumentCode
    answers: Annotated[dict[ItemId, Number], Field(max_length=MOST_ITEMS)] | None = None
    scores: Annotated[dict[ItemId, Number], Field(max_length=MOST_ITEMS)] | None = None
    record_id: Id | None = None
    record_version: Version | None = None
    answered_at: Time | None = None
    not_alone: Flag | None = None
    locale: Locale | None = None


def rating_facts(body: RatingCreate) -> RatingFacts:
    """Return the facts of a rating with its scores; raises a problem with every fault, before anything is touched."""
    instrument = instruments().get(body.instrument)
    if instrument is None:
        raise invalid(Fault("/instrument", "unknown-instrument", "There is no such instrument."))
    kind = RaterKind(body.rater.role) if body.rater.role in ("therapist", "observer") else RaterKind.member
    about = body.about or ("therapist" if kind is RaterKind.member else None)
    faults = [*_faults(body, instrument, kind)]
    if about is None:
        faults.append(Fault("/about", "missing", "A therapist or observer must say whom the rating is about."))
    try:
        scores = _scored(body, instrument)
    except InvalidAnswers as error:
        faults += error.faults
    if faults or about is None:
        raise invalid(*faults)
    return RatingFacts(
        case_id=body.case_id,
        session_id=body.session_id,
        rater_kind=kind,
        rater_id=body.rater.id,
        rater_role=MemberRole(body.rater.role) if kind is RaterKind.member else None,
        about=about,
        phase=body.phase,
        instrument=body.instrument,
        held_at=body.held_at,
        answers=body.answers,
        given=body.scores,
        record_id=body.record_id,
        record_version=body.record_version,
        answered_at=body.answered_at,
        not_alone=body.not_alone,
        locale=body.locale,
        scores=scores,
    )


def _faults(body: RatingCreate, instrument: Instrument, kind: RaterKind) -> Iterable[Fault]:
    if kind not in instrument.rater_kinds:
        yield Fault("/rater/role", "wrong-rater", "This instrument is not completed by such a rater.")
    if (body.answers is None) == (body.scores is None):
        yield Fault("/answers", "answers-or-scores", "Either answers or scores are needed, not both.")


def _scored(body: RatingCreate, instrument: Instrument) -> Mapping[str, Any]:
    if body.answers is not None:
        return score_answers(instrument, body.answers)
    return accept_scores(instrument, body.scores) if body.scores is not None else {}


@router.post(
    "/v1/ratings",
    status_code=201,
    response_model=RatingPublic,
    responses={200: {"model": RatingPublic, "description": "Already known, or corrected"}, **WRITING},
    openapi_extra=needs("ratings:write", dry_run=True, speaks=True),
)
async def post_rating(request: KeyedRequest, body: RatingCreate) -> Response:
    """Store one rating and return its scores, the balances of its session and the alerts that rest on it.

    Sending the same again is safe: it is answered with 200 and `replayed: true`.
    """
    caller = request.caller
    command = PostRating(
        key_id=caller.key_id,
        received_at=request.now,
        facts=rating_facts(body),
        shown=caller.reads_course or caller.reads_alerts,
    )
    return _answered(request, await request.submit(command))


@router.put(
    "/v1/ratings/{rating_id}",
    response_model=RatingPublic,
    responses=WRITING,
    openapi_extra=needs("ratings:write", if_match=True, dry_run=True, speaks=True),
)
async def put_rating(request: KeyedRequest, rating_id: UUID, body: RatingCreate) -> Response:
    """Correct a rating; needs If-Match with its revision. A retracted rating lives again."""
    asked = revision_asked(request)
    if asked is None:
        raise Problem("precondition-required", 'Send If-Match with the revision that you saw, such as "1".')
    command = PutRating(
        key_id=request.caller.key_id,
        received_at=request.now,
        rating_id=str(rating_id),
        facts=rating_facts(body),
        if_match=asked,
        shown=request.caller.reads_course or request.caller.reads_alerts,
    )
    return _answered(request, await request.submit(command))


@router.delete(
    "/v1/ratings/{rating_id}",
    response_model=RatingPublic,
    responses=WRITING,
    openapi_extra=needs("ratings:write", if_match=True, dry_run=True, speaks=True),
)
async def delete_rating(
    request: KeyedRequest,
    rating_id: UUID,
    reason: Annotated[RetractionReason, Query()] = RetractionReason.entered_in_error,
) -> Response:
    """Retract a rating; its history stays, and the course is judged without it."""
    command = RetractRating(
        key_id=request.caller.key_id,
        received_at=request.now,
        rating_id=str(rating_id),
        reason=reason,
        if_match=revision_asked(request),
        shown=request.caller.reads_course or request.caller.reads_alerts,
    )
    return _answered(request, await request.submit(command))


def _answered(request: KeyedRequest, outcome: Outcome) -> Response:
    """Return the answer to a write of a rating, in full for keys that may read, without the figures for others."""
    refuse(outcome)
    record = there(outcome.rating)
    document = {
        **rating_document(record, there(outcome.case).rulebook.references),
        "replayed": outcome.decision.result is Result.same,
        "stale": outcome.decision.result is Result.stale,
        "warnings": [{"code": item.code, "pointer": item.pointer} for item in outcome.decision.warnings],
        **_figures(request, outcome),
    }
    if request.dry_run:
        _without_new_ids(document, outcome)
    return written(outcome, document, record.revision, f"/v1/ratings/{record.rating_id}", request.dry_run)


def _without_new_ids(document: Document, outcome: Outcome) -> None:
    """Take out the ids of what is not there yet; nobody is to ask for it by one later."""
    if outcome.decision.result is Result.created:
        document["rating_id"] = None
    if outcome.rating is not None and outcome.decision.result in (Result.created, Result.changed):
        at = outcome.rating.changed_at
        new = {alert.alert_id for alert in outcome.alerts if alert.opened_at == at}
        for alert in document["alerts"] or ():
            if alert["alert_id"] in new:
                alert["alert_id"] = None


def _figures(request: KeyedRequest, outcome: Outcome) -> Document:
    """Return what rests on other raters too, for the scopes that may know; null and named as withheld otherwise."""
    caller: Caller = request.caller
    figures, case = outcome.figures, outcome.case
    circumstances = circumstances_of(case.facts) if case is not None else Circumstances()
    course = outcome.course or Course(0, None)
    withheld = ([] if caller.reads_course else ["balances", "levels", "missing_raters"]) + (
        [] if caller.reads_alerts else ["alerts"]
    )
    shown: Document = {"withheld": withheld, "balances": None, "levels": None, "missing_raters": None, "alerts": None}
    if caller.reads_course:
        shown["balances"] = [balance_document(item) for item in figures.balances] if figures else []
        shown["levels"] = [levels_document(item) for item in figures.levels] if figures else []
        shown["missing_raters"] = list(outcome.missing_raters)
    if caller.reads_alerts:
        shown["alerts"] = alert_documents(outcome.alerts, circumstances, course, request.now, request.language)
    return shown
