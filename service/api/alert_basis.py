"""The basis of an alert with its grounds: whoever holds them can find the same again."""

from datetime import datetime
from typing import Any, Literal
from uuid import UUID

from fastapi import APIRouter
from pydantic import BaseModel, Field
from starlette.responses import Response

from service.api.alert_documents import basis_document
from service.api.alerts import Shadow, shown_alert
from service.api.answers import READING, answer
from service.api.documents import Document
from service.api.fields import shown_time
from service.api.keyed import KeyedRequest, KeyedRoute, needs
from service.api.models import OwnReferencePublic
from service.basis import grounds_of_alert
from service.db import reads
from service.db.sealing import opened_up
from service.domain.carry import Given
from service.domain.grounds import Ground, bearing_on
from service.domain.parameters import named
from service.domain.rulebook import Mode, mode_in

router = APIRouter(route_class=KeyedRoute, tags=["alerts"])


class RuleGivenPublic(BaseModel):
    mode: Mode
    parameters: dict[str, Any]


class GroundPublic(BaseModel):
    """What a rule saw; numbers are unrounded, so that finding again is exact."""

    session: dict[str, Any] = Field(description="with its ratings, as rules see it")
    family: dict[str, Any] = Field(description="as announced")
    given: dict[str, RuleGivenPublic] = Field(description="to this rule and those that bear on it, for what opens")
    references: dict[str, list[OwnReferencePublic]] = Field(description="the organization's own, by form")
    before: dict[str, Any] = Field(description="held sessions, roles, series, concerns and memories before the session")


class AlertBasisPublic(BaseModel):
    """`grounds` are none where the alert was retracted.

    The last one shows `basis`; where there are two, the first froze its baseline. They bear the severity that the rule
    itself gave: where `basis.raised` says that another made it count for more, info has become a warning.
    """

    alert_id: str
    revision: int
    rule: str
    rule_version: int
    subject: list[str]
    severity: Literal["info", "warning", "critical"]
    state: Literal["open", "recovering", "recovered", "closed", "retracted"]
    opened_session_id: str
    basis: dict[str, Any]
    grounds: list[GroundPublic] | None = Field(description="null without the scope course:read")
    withheld: list[str]


@router.get(
    "/v1/alerts/{alert_id}/basis",
    response_model=AlertBasisPublic,
    responses=READING,
    openapi_extra=needs("alerts:read", tokens=True),
)
async def get_alert_basis(request: KeyedRequest, alert_id: UUID, shadow: Shadow = False) -> Response:
    """Return all that is needed to find an alert again; what others rated is part of it only with `course:read`."""
    shows_grounds = request.caller.reads_course
    async with request.reading() as db:
        await reads.one_moment(db)
        stored = await shown_alert(db, alert_id, shadow)
        grounds = await grounds_of_alert(db, stored) if shows_grounds else ()
    alert, concern = stored.alert, stored.alert.concern
    document = {
        "alert_id": alert.alert_id,
        "revision": alert.revision,
        "rule": concern.rule,
        "rule_version": concern.rule_version,
        "subject": list(concern.subject),
        "severity": concern.severity.value,
        "state": concern.state.value,
        "opened_session_id": concern.opened_session_id,
        "basis": basis_document(concern),
        "grounds": [ground_document(ground, concern.rule) for ground in grounds] if shows_grounds else None,
        "withheld": [] if shows_grounds else ["grounds"],
    }
    return answer(document, headers={"ETag": f'"{alert.revision}"'})


def ground_document(ground: Ground, rule: str) -> Document:
    """Return a ground as it goes out, in the words in which its facts come in."""
    session, family, before = opened_up(ground.session), opened_up(ground.family), opened_up(ground.before)
    session["indicators"] = [_in_words(item) for item in session["indicators"]]
    family["periods"] = [_in_words(item) for item in family["periods"]]
    del before["joint"]  # how many sessions a balance has seen; no rule asks
    given = {code: _given(ground.given, code) for code in sorted(bearing_on(rule))}
    references = ground.given.references.plain
    shown: Document = _shown(
        {"session": session, "family": family, "given": given, "references": references, "before": before}
    )
    return shown


def _given(given: Given, code: str) -> Document:
    return {"mode": mode_in(given, code).value, "parameters": named(given.parameters[code])}


def _in_words(item: Document) -> Document:
    return {("from" if name == "from_" else name): value for name, value in item.items()}


def _shown(value: Any) -> Any:
    """Return a value with every time in it as times go out."""
    match value:
        case datetime():
            return shown_time(value)
        case dict():
            return {name: _shown(item) for name, item in value.items()}
        case list() | tuple():
            return [_shown(item) for item in value]
    return value
