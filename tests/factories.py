"""One cast for all tests, and plain functions that put it into sessions, courses and commands.

Eva and Tom are the parents, Ana the youth, Kim the child and Oma the grandmother; dr-7 treats them, o1 observes.
"""

from collections.abc import Iterable, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any, TypedDict, Unpack

from service.domain.commands import (
    AnyCommand,
    Document,
    PatchCase,
    PatchSession,
    PostRating,
    PutCase,
    PutRating,
    PutSession,
    RatingFacts,
    RetractionReason,
    RetractRating,
)
from service.domain.deciding import judge
from service.domain.decision import Decision
from service.domain.facts import EMPTY_CASE, EMPTY_SESSION, MEMBER_DEFAULTS
from service.domain.instruments import Instrument, instruments
from service.domain.model import (
    Attendance,
    Family,
    Indicator,
    Member,
    MemberRole,
    Period,
    Phase,
    RaterKind,
    Rating,
    Score,
    SessionStatus,
    Task,
    TherapySession,
)
from service.domain.noted import Reading
from service.domain.records import CaseRecord, Records
from service.domain.references import OwnReference
from service.domain.rulebook import Mode, ReferenceSetting, Setting
from service.domain.scoring import accept_scores, score_answers

ROLES: Mapping[str, MemberRole] = {
    "eva": MemberRole.parent,
    "tom": MemberRole.parent,
    "ana": MemberRole.youth,
    "kim": MemberRole.child,
    "oma": MemberRole.grandparent,
}
THERAPIST, OBSERVER = "dr-7", "o1"
START = datetime(2026, 1, 5, 16, 0, tzinfo=UTC)  # the first session; the others follow week by week
NOW = datetime(2026, 6, 1, 12, 0, tzinfo=UTC)  # when commands arrive: later than any session a test makes
CASE = "fam-42"
KEY = "key-1"


def held_at(number: int) -> datetime:
    """Return when the session of a number takes place: one a week."""
    return START + timedelta(days=7 * (number - 1))


def kind_of(rater: str) -> RaterKind:
    """Return what a person of the cast is; strangers are members."""
    return {THERAPIST: RaterKind.therapist, OBSERVER: RaterKind.observer}.get(rater, RaterKind.member)


def role_of(rater: str) -> MemberRole | None:
    """Return a member's role; therapists and observers have none."""
    return ROLES.get(rater, MemberRole.other) if kind_of(rater) is RaterKind.member else None


def raw_of(instrument: Instrument, dimension: str, percent: float) -> float:
    """Return the raw score that is a percentage of a dimension's range."""
    unit = instrument.dimensions[dimension]
    lowest = instrument.lowest_of(dimension)
    mean = lowest + percent / 100 * (instrument.maximum - lowest)
    return mean * len(unit.items) if unit.raw == "sum" else mean


def scores_at(code: str, percent: float, **others: float | None) -> dict[str, Score]:
    """Return scores with every dimension at a percentage, but the named ones at theirs (None: not scored)."""
    instrument = instruments()[code]
    percents = {**dict.fromkeys(instrument.dimensions, percent), **others}
    raw = {name: raw_of(instrument, name, value) for name, value in percents.items() if value is not None}
    return accept_scores(instrument, raw)


class RatingOptions(TypedDict, total=False):
    """What may differ from a member's SRS about the therapist, after the session."""

    instrument: str
    kind: RaterKind
    role: MemberRole | None
    about: str
    phase: Phase
    not_alone: bool
    locale: str | None
    answers: Mapping[str, float]
    dimensions: Mapping[str, float | None]


def rating(rater: str = "eva", total: float = 90.0, **options: Unpack[RatingOptions]) -> Rating:
    """Return a rating with every dimension at `total` percent, but `dimensions` at theirs; or from `answers`."""
    code = options.get("instrument", "srs")
    answers = options.get("answers")
    at_total = scores_at(code, total, **options.get("dimensions", {})) if answers is None else {}
    kind = options.get("kind", kind_of(rater))
    return Rating(
        rater_kind=kind,
        rater_id=rater,
        about=options.get("about", "therapist" if kind is RaterKind.member else "family"),
        phase=options.get("phase", Phase.post),
        instrument=code,
        scores=score_answers(instruments()[code], answers) if answers is not None else at_total,
        role=options.get("role", role_of(rater) if kind is RaterKind.member else None),
        not_alone=options.get("not_alone", False),
        locale=options.get("locale"),
    )


class SessionOptions(TypedDict, total=False):
    """What may differ from a plain held session."""

    session_id: str
    held_at: datetime
    status: SessionStatus
    therapists: tuple[str, ...]
    attendance: Mapping[str, Attendance]
    indicators_observed: bool
    indicators: tuple[Indicator, ...]
    tasks: tuple[Task, ...]
    goals: Mapping[str, frozenset[str]]
    discussed: frozenset[tuple[str, tuple[str, ...]]]
    readiness: Mapping[str, Reading]
    hope: Mapping[str, Reading]
    overdue_at: datetime | None


def therapy_session(number: int = 1, *ratings: Rating, **options: Unpack[SessionOptions]) -> TherapySession:
    """Return the session of a number, `s1` held in the first week; indicators given mean that somebody looked."""
    given: dict[str, Any] = {
        "session_id": f"s{number}",
        "held_at": held_at(number),
        "therapists": (THERAPIST,),
        "indicators_observed": bool(options.get("indicators")),
    }
    return TherapySession(**{**given, **options}, ratings=tuple(sorted(ratings, key=lambda item: item.natural_key)))


def indicator(
    kind: str, from_: str = "ana", toward: str | None = "dr-7", severity: int = 2, source: str = "o1"
) -> Indicator:
    """Return an observed behaviour between people of the cast, named without their kind of reference."""
    return Indicator(kind, reference(from_), reference(toward) if toward else None, severity, reference(source))


def reference(who: str) -> str:
    """Return the reference of somebody of the cast, `member/ana`, `therapist/dr-7`, `observer/o1` or `family`."""
    return who if who == "family" or "/" in who else f"{kind_of(who).value}/{who}"


def course(instrument: str = "srs", **totals: Sequence[float | None]) -> list[TherapySession]:
    """Return weekly sessions from each member's totals in percent; None where a member did not rate.

    >>> [len(session.ratings) for session in course(eva=[90, 92], tom=[88, None])]
    [2, 1]
    """
    length = max((len(scores) for scores in totals.values()), default=0)
    return [
        therapy_session(
            place + 1,
            *(
                rating(rater, score, instrument=instrument)
                for rater, scores in totals.items()
                if place < len(scores) and (score := scores[place]) is not None
            ),
        )
        for place in range(length)
    ]


def family(
    *members: str,
    roles: Mapping[str, MemberRole] | None = None,
    subsystems: Mapping[str, tuple[str, ...]] | None = None,
    modality: str = "family",
    program: str | None = None,
    periods: Iterable[Period] = (),
) -> Family:
    """Return a family of the cast: Eva, Tom and Ana unless others are named; `roles` adds or changes places."""
    known = {member_id: ROLES[member_id] for member_id in members or ("eva", "tom", "ana")}
    return Family(
        members={member_id: Member(role) for member_id, role in {**known, **(roles or {})}.items()},
        subsystems=subsystems or {},
        therapists=(THERAPIST,),
        modality=modality,
        program=program,
        periods=tuple(periods),
    )


def couple() -> Family:
    """Return Eva and Tom as partners, who stand on two sides."""
    return family("eva", "tom", roles={"eva": MemberRole.partner, "tom": MemberRole.partner}, modality="couple")


def srs(*marks: float) -> dict[str, float]:
    """Return the answers of an SRS, CSRS or GSRS from its four marks (or one for all four)."""
    four = marks * 4 if len(marks) == 1 else marks
    return dict(zip(("relationship", "goals", "approach", "overall"), four, strict=True))


class FactOptions(TypedDict, total=False):
    """What may differ from Ana's SRS in the first session."""

    case_id: str
    session_id: str
    rater_kind: RaterKind
    rater_role: MemberRole | None
    about: str
    phase: Phase
    instrument: str
    held_at: datetime | None
    record_id: str | None
    record_version: int | None
    answered_at: datetime | None
    not_alone: bool | None
    locale: str | None


def rating_facts(
    rater: str = "ana",
    answers: Mapping[str, float] | None = None,
    given: Mapping[str, float] | None = None,
    **options: Unpack[FactOptions],
) -> RatingFacts:
    """Return a rating as it is sent, with its scores: an SRS of 9 on every line unless told otherwise."""
    instrument = instruments()[options.get("instrument", "srs")]
    sent = dict(answers) if answers is not None else None if given is not None else srs(9.0)
    scores = accept_scores(instrument, given or {}) if sent is None else score_answers(instrument, sent)
    kind = options.get("rater_kind", kind_of(rater))
    usual: dict[str, Any] = {
        "case_id": CASE,
        "session_id": "s1",
        "rater_kind": kind,
        "rater_role": role_of(rater) if kind is RaterKind.member else None,
        "about": "therapist" if kind is RaterKind.member else "family",
        "phase": Phase.post,
        "instrument": instrument.code,
        "held_at": START,
    }
    return RatingFacts(
        **{**usual, **options},
        rater_id=rater,
        answers=sent,
        given=dict(given) if sent is None and given is not None else None,
        scores=scores,
    )


def case_facts(**facts: Any) -> Document:
    """Return announced facts of a case, defaults filled in; `members` may map ids to roles alone."""
    members = {
        member_id: {**MEMBER_DEFAULTS, **({"role": str(member)} if isinstance(member, str) else member)}
        for member_id, member in facts.pop("members", {}).items()
    }
    return {**EMPTY_CASE, "members": members, **facts}


def session_facts(**facts: Any) -> Document:
    """Return announced facts of a session, defaults filled in."""
    return {**EMPTY_SESSION, **facts}


def post(facts: RatingFacts | None = None, at: datetime = NOW, backfill: bool = False) -> PostRating:
    return PostRating(
        key_id=KEY, received_at=at, backfill=backfill, facts=facts if facts is not None else rating_facts()
    )


def put(rating_id: str, facts: RatingFacts, if_match: int, at: datetime = NOW) -> PutRating:
    return PutRating(key_id=KEY, received_at=at, rating_id=rating_id, facts=facts, if_match=if_match)


def retract(
    rating_id: str,
    reason: RetractionReason = RetractionReason.entered_in_error,
    if_match: int | None = None,
    at: datetime = NOW,
) -> RetractRating:
    return RetractRating(key_id=KEY, received_at=at, rating_id=rating_id, reason=reason, if_match=if_match)


def put_case(
    facts: Document | None = None, case_id: str = CASE, if_match: int | None = None, at: datetime = NOW
) -> PutCase:
    told = facts if facts is not None else case_facts()
    return PutCase(key_id=KEY, received_at=at, case_id=case_id, facts=told, if_match=if_match)


def patch_case(patch: Document, case_id: str = CASE, if_match: int | None = None, at: datetime = NOW) -> PatchCase:
    return PatchCase(key_id=KEY, received_at=at, case_id=case_id, patch=patch, if_match=if_match)


def put_session(
    facts: Document | None = None,
    session_id: str = "s1",
    case_id: str = CASE,
    if_match: int | None = None,
    at: datetime = NOW,
) -> PutSession:
    told = facts if facts is not None else session_facts(held_at=START.isoformat())
    return PutSession(key_id=KEY, received_at=at, case_id=case_id, session_id=session_id, facts=told, if_match=if_match)


def patch_session(
    patch: Document, session_id: str = "s1", case_id: str = CASE, if_match: int | None = None, at: datetime = NOW
) -> PatchSession:
    return PatchSession(
        key_id=KEY, received_at=at, case_id=case_id, session_id=session_id, patch=patch, if_match=if_match
    )


def rule_setting(
    number: int,
    rule: str = "trust-bond-loss",
    program: str | None = None,
    mode: str | None = None,
    at: datetime = NOW,
    **parameters: Any,
) -> Setting:
    """Return a setting of a rule, the only one of its target as far as its version tells."""
    return Setting(
        number=number,
        rule=rule,
        program=program,
        version=1,
        mode=None if mode is None else Mode(mode),
        parameters=parameters,
        key_id=KEY,
        at=at,
    )


def own_reference(dimension: str = "total", role: str = "member", sd: float = 12.0, **others: Any) -> OwnReference:
    """Return a reference of an organization's own, estimated from its ratings unless told otherwise."""
    return OwnReference(dimension=dimension, role=role, sd=sd, **{"source": "own-ratings", **others})


def reference_setting(
    number: int, *references: OwnReference, instrument: str = "srs", at: datetime = NOW
) -> ReferenceSetting:
    """Return what the references of a form are set to, for the first time as far as its version tells."""
    return ReferenceSetting(number=number, instrument=instrument, version=1, references=references, key_id=KEY, at=at)


def blank_case(case_id: str = CASE) -> CaseRecord:
    """Return the row of a case of which nothing is known yet, as the unit of writing finds it."""
    return CaseRecord(case_id=case_id, announced=False, revision=0, created_at=START, changed_at=START)


def blank_records(*case_ids: str) -> Records:
    """Return a working set with some blank cases and nothing else."""
    return Records(cases={case_id: blank_case(case_id) for case_id in case_ids or (CASE,)})


def decide(records: Records, *commands: AnyCommand) -> Decision:
    """Judge commands in order and return what became of the last; new ratings are called r1, r2, …"""
    decisions = [judge(records, command, lambda: f"r{len(records.ratings) + 1}") for command in commands]
    return decisions[-1]
