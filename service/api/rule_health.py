"""Rule health: what became of the alerts of each rule, for those who set rules; no measure of a person's work."""

from datetime import timedelta
from typing import Annotated, Any

from fastapi import APIRouter, Query
from pydantic import BaseModel, Field
from starlette.responses import Response

from service.api.answers import READING, answer, refusals
from service.api.documents import Document, rounded
from service.api.errors import Problem, invalid
from service.api.fields import Code, Id, Time, shown_time
from service.api.keyed import KeyedRequest, KeyedRoute, needs
from service.db.rule_health import count_cases, rule_health
from service.domain.errors import Fault
from service.domain.handling import DismissalReason
from service.domain.rule_health import FEWEST_CASES, RuleHealth
from service.domain.rules import tone_of

router = APIRouter(route_class=KeyedRoute, tags=["catalogues"])

USUAL = timedelta(days=90)  # looked back, unless somebody says since when

Program = Annotated[Code | None, Query(description="only cases of a program")]
Since = Annotated[Time | None, Query(description="alerts that opened from then on; 90 days ago if left out")]
Therapist = Annotated[
    Id | None,
    Query(description=f"of all times and programs, and only where alerts were about {FEWEST_CASES} cases of theirs"),
]


class SecondsPublic(BaseModel):
    """How long it took to acknowledge those that were."""

    median: float | None
    p90: float | None


class RuleHealthPublic(BaseModel):
    """What became of the alerts of one version of a rule."""

    rule: str
    rule_version: int
    tone: str
    shadow: bool
    fired: int
    standing: int = Field(description="open or recovering by now")
    retracted: int = Field(description="because facts changed")
    acknowledged: int
    repaired: int = Field(description="something was tried about them")
    dismissed: dict[DismissalReason, int]
    seconds_to_acknowledge: SecondsPublic
    judged: int = Field(description="useful ones, and those dismissed as irrelevant, as an error or as a duplicate")
    useful: int = Field(description="acknowledged, repaired or dismissed as known already")
    useful_share: float | None
    proposal: str | None = Field(description="`retune` where under a fifth of at least 30 were of use")


class RulesHealthPublic(BaseModel):
    since: str | None
    program: str | None
    therapist_id: str | None
    items: list[RuleHealthPublic]


@router.get(
    "/v1/rules/health",
    response_model=RulesHealthPublic,
    responses={**READING, **refusals(409)},
    openapi_extra=needs("admin", "alerts:read"),
)
async def get_rule_health(
    request: KeyedRequest, program: Program = None, since: Since = None, therapist_id: Therapist = None
) -> Response:
    """Return how each rule fared: how often it spoke, what was done about it and how soon, and what was of use.

    Figures of a therapist cannot be narrowed down, or two of them would tell of the few cases between.
    """
    if therapist_id is not None and (program is not None or since is not None):
        raise invalid(Fault("?therapist_id", "not-together", "Figures of a therapist cannot be narrowed down."))
    begun = None if therapist_id is not None else since or request.now - USUAL
    async with request.reading() as db:
        if therapist_id is not None and await count_cases(db, therapist_id) < FEWEST_CASES:
            raise Problem("too-few-cases", f"Figures are shown from {FEWEST_CASES} cases on.")
        found = await rule_health(db, begun, program, therapist_id)
    about = {"since": shown_time(begun), "program": program, "therapist_id": therapist_id}
    return answer({**about, "items": [health_document(item) for item in found]})


def health_document(health: RuleHealth) -> Document:
    """Return the health of one version of a rule as it is shown."""
    counted: dict[str, Any] = {name: getattr(health, name) for name in COUNTED}
    return {
        **counted,
        "tone": tone_of(health.rule).value,
        "dismissed": {reason.value: count for reason, count in health.dismissed.items()},
        "seconds_to_acknowledge": {"median": rounded(health.seconds_median), "p90": rounded(health.seconds_p90)},
        "judged": health.judged,
        "useful": health.useful,
        "useful_share": rounded(health.useful_share),
        "proposal": "retune" if health.wants_retuning else None,
    }


COUNTED = ("rule", "rule_version", "shadow", "fired", "standing", "retracted", "acknowledged", "repaired")
