"""A therapist's week: the few families worth a question."""

from typing import Annotated, Literal

from fastapi import APIRouter, Path
from pydantic import BaseModel
from starlette.responses import Response

from service.api.alert_documents import silent_rules
from service.api.alerts import alert_body
from service.api.answers import READING, answer
from service.api.documents import Document
from service.api.fields import ID
from service.api.keyed import KeyedRequest, KeyedRoute, needs
from service.db import reads
from service.domain.concern import State
from service.domain.monday import GRAVE, WAITING, worth_a_question

router = APIRouter(route_class=KeyedRoute, tags=["alerts"])

TherapistId = Annotated[str, Path(pattern=f"^{ID}$")]
MOST_OPEN = 1000  # alerts of one therapist that are looked at, the newest change first
SHOWN = ("case_id", "alert_id", "rule", "severity", "subject", "title", "text", "sessions_open", "handling")


class FamilyPublic(BaseModel):
    """A family and the one alert that speaks most for a question."""

    case_id: str
    alert_id: str
    rule: str
    severity: Literal["warning", "critical"]
    subject: list[str]
    title: str
    text: str
    sessions_open: int
    handling: Literal["new", "acknowledged"]


class MondayPublic(BaseModel):
    therapist_id: str
    families: list[FamilyPublic]


@router.get(
    "/v1/therapists/{therapist_id}/monday",
    response_model=MondayPublic,
    responses=READING,
    openapi_extra=needs("alerts:read", tokens=True, speaks=True),
)
async def get_monday(request: KeyedRequest, therapist_id: TherapistId) -> Response:
    """Return at most three families of a therapist worth a question, one reason each. None is no sign of safety.

    A therapist's families are those of the cases that name them now, whoever led the session in which an alert opened;
    a case that names nobody is of those whom its last held session announced.
    """
    now = request.now
    wanted = reads.AlertFilter(
        states=[State.open],
        severities=GRAVE,
        handlings=WAITING,
        silent_on_hold=silent_rules(),
    )
    async with request.reading(therapist_id) as db:
        found = await reads.alert_page(db, wanted, now, None, MOST_OPEN)
    stored = {item.alert.alert_id: item for item in found}
    chosen = [stored[alert.alert_id] for alert in worth_a_question(item.alert for item in found)]
    families = [_family(alert_body(item, now, request.language)) for item in chosen]
    return answer({"therapist_id": therapist_id, "families": families})


def _family(alert: Document) -> Document:
    return {name: alert[name] for name in SHOWN}
