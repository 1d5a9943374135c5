"""What goes out, as the contract describes it; the documents are built in `documents`."""

from typing import Any, Literal

from pydantic import BaseModel, Field


class ScorePublic(BaseModel):
    raw: float = Field(description="in the instrument's own unit")
    mean: float = Field(description="item mean after reversal")
    percent: float = Field(description="0-100 of the range")
    z: float | None = Field(description="null without a verified mean")
    answered: int
    items: int
    prorated: bool
    flags: list[str]


class GroupPublic(BaseModel):
    instrument_family: str
    instruments: list[str]
    mixed: bool
    rater_kind: Literal["member", "therapist", "observer"]
    rater: str | None
    phase: Literal["post", "pre"]
    about: str


class CoveragePublic(BaseModel):
    raters: int
    present: int | None
    at_ceiling: int
    joint_sessions: int
    reference: Literal["ours", "own", "verified", "none"]


class WeakestPublic(BaseModel):
    value: float
    members: list[str]


class SubgroupsPublic(BaseModel):
    groups: list[list[str]]
    difference: float
    reliable: bool | None


class PolarityPublic(BaseModel):
    positive: list[str]
    negative: list[str]


class DiscrepancyPublic(BaseModel):
    of: str
    minus: str
    value: float


class DimensionBalancePublic(BaseModel):
    n: int
    strength: float
    weakest: WeakestPublic
    gap: float
    gap_z: float | None
    dispersion: float
    agreement_index: float = Field(description="100 when unanimous; never the headline: it hides one low member")
    side: dict[str, float]
    subgroups: SubgroupsPublic | None
    polarity: PolarityPublic | None = Field(
        description="of marks around 0: somebody at +1 or more, somebody at -1 or less"
    )
    polarity_z: PolarityPublic | None = Field(
        description="the same in z of a reference with a mean that is verified or the organization's own"
    )
    discrepancies: list[DiscrepancyPublic]


class CouplePublic(BaseModel):
    of: str
    minus: str
    value: float = Field(description="how far apart two partners' own alliances are, `of` minus `minus`")
    perceived: dict[str, float] = Field(description="the same as each believes it to be: own minus other's")
    accuracy: dict[str, float] = Field(description="what each says of the other, less what the other says: 0 is exact")


class CornersPublic(BaseModel):
    """The therapist and the two sides of a family, or the two partners of a couple."""

    of: str
    minus: str
    standings: dict[str, float]
    split: Literal["nobody", "members", "therapist", "unclear"] = Field(description="which corner stands apart")


class MeetingPublic(BaseModel):
    """One therapist beside the members; keys are whom a rating is about."""

    rated: dict[str, float]
    difference: dict[str, float] = Field(description="how the therapist's rating stands less how those members do")
    corners: CornersPublic | None


class DimensionConvergencePublic(BaseModel):
    """Standings: z of a score against the same source's own earlier ones; who has fewer than three is left out."""

    members: dict[str, float]
    therapists: dict[str, MeetingPublic]


class ConvergencePublic(BaseModel):
    reason: str | None
    dimensions: dict[str, DimensionConvergencePublic] | None


class BalancePublic(BaseModel):
    group: GroupPublic
    unit: Literal["percent"]
    reason: str | None
    coverage: CoveragePublic
    dimensions: dict[str, DimensionBalancePublic] | None
    couple: CouplePublic | None = Field(description="the two by two of a couple's form; null otherwise")
    convergence: ConvergencePublic | None = Field(
        description="null where no therapist filled in the members' form for this session"
    )


class SubsystemPublic(BaseModel):
    rated: dict[str, float]
    member_mean: float | None


class ConsensusPublic(BaseModel):
    raw: float
    percent: float
    observers: list[str]
    way: Literal["majority", "closest-two", "median"] = Field(description="how one mark was made of several")
    agreed: bool = Field(description="false: they lie more than a point apart, or no two of them are the closest")


class LevelsPublic(BaseModel):
    instrument_family: str
    rater_kind: Literal["member", "therapist", "observer"]
    phase: Literal["post", "pre"]
    individual: dict[str, float]
    subsystems: dict[str, SubsystemPublic]
    family: dict[str, float]
    within: dict[str, float]
    consensus: dict[str, dict[str, ConsensusPublic]] = Field(
        description="of several observers' marks around 0: dimension → whom it is about → consensus"
    )


class OnlyWithPublic(BaseModel):
    """With whom something may be taken up: the member it is about, alone; each of them apart; all; a supervisor."""

    code: Literal["member", "apart", "family", "supervisor"]
    text: str


class NextStepPublic(BaseModel):
    code: str
    text: str
    only_with: OnlyWithPublic


class HandledPublic(BaseModel):
    id: str
    action: Literal["acknowledge", "snooze", "dismiss", "unhandle"]
    by: str
    at: str
    until: dict[str, Any] | None
    reason: str | None


class HandlingPublic(BaseModel):
    handling: Literal["new", "acknowledged", "snoozed", "dismissed"]
    handled: HandledPublic | None
    handling_revision: int


class RepairPublic(BaseModel):
    id: str
    next_step: str
    went: int = Field(description="how it went: 1 badly, 5 well")
    with_: list[str] = Field(alias="with", description="references to whom it was tried with")
    by: str
    at: str


class AlertPublic(HandlingPublic):
    alert_id: str
    case_id: str
    therapists: list[str]
    rule: str
    tone: Literal["caution", "good-news"] = Field(description="whether something may need care, or goes well")
    rule_version: int
    subject: list[str]
    severity: Literal["info", "warning", "critical"]
    state: Literal["open", "recovering", "recovered", "closed", "retracted"]
    state_reason: str | None
    shadow: bool = Field(description="its rule spoke in shadow: only for those who ask for it, and nobody acts on it")
    flapping: bool = Field(description="it opened and recovered three times in six held sessions: be quiet about it")
    opened_session_id: str
    opened_held_at: str
    last_session_id: str | None
    sessions_open: int
    title: str = Field(max_length=60, description="the short one of its two texts, for a list")
    text: str = Field(description="all that there is to say")
    next_steps: list[NextStepPublic]
    basis: dict[str, Any]
    last_repair: RepairPublic | None = Field(description="what was tried last; all of it is listed beside the alert")
    origin: Literal["live", "backfill", "reassessment"]
    revision: int
    opened_at: str
    changed_at: str


class OwnReferencePublic(BaseModel):
    """How one dimension of a form spreads among some raters, in percent points."""

    dimension: str
    role: str = Field(description="a member's role, or a kind of rater for all of it: member, therapist, observer")
    locale: str | None
    sd: float = Field(description="of one score of one person")
    sp: float | None = Field(description="within a person; null: the form's own")
    mean: float | None
    reliability: float | None
    n: int | None = Field(description="persons behind it")
    source: str
    verified: bool


class WarningPublic(BaseModel):
    code: str
    pointer: str


class RaterPublic(BaseModel):
    id: str
    role: str


class RatingFactsPublic(BaseModel):
    case_id: str
    session_id: str
    held_at: str | None
    rater: RaterPublic
    about: str
    phase: Literal["post", "pre"]
    instrument: str
    answers: dict[str, float] | None
    origin: Literal["answers", "scores"] = Field(description="what was sent: answers, or scores the EHR already held")
    record_id: str | None
    record_version: int | None
    answered_at: str | None
    not_alone: bool | None
    locale: str | None = Field(description="the language of the form that was filled in")
    revision: int
    state: Literal["live", "retracted"]
    state_reason: str | None
    changed_at: str
    scores: dict[str, ScorePublic]


class StoredRatingPublic(RatingFactsPublic):
    rating_id: str
    received_at: str
    instrument_version: str


class AlertOfRating(AlertPublic):
    alert_id: str | None = Field(description="null for one that a dry run would open")  # type: ignore[assignment]


class RatingPublic(StoredRatingPublic):
    rating_id: str | None = Field(description="null for one that a dry run would create")  # type: ignore[assignment]
    dry_run: bool = Field(
        default=False,
        description="true: nothing of this was stored, and no id of what would be new stands for anything",
    )
    replayed: bool
    stale: bool
    warnings: list[WarningPublic]
    withheld: list[str]
    balances: list[BalancePublic] | None
    levels: list[LevelsPublic] | None
    missing_raters: list[str] | None
    alerts: list[AlertOfRating] | None
