"""The fold: step(carry, session) → carry, signals, concerns; assess(course) is the fold of step."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace

from service.domain.carry import Carry, Given, Giving, default_parameters
from service.domain.concern import Concern, Reason, Signal, State, ended
from service.domain.groups import joint_groups
from service.domain.hearing import REMEMBERED, discussed, hear, mode_changed
from service.domain.model import Family, Member, MemberRole, RaterKind, Severity, TherapySession
from service.domain.moment import EMPTY, Moment, series_name, watched_dimensions
from service.domain.rules import rules
from service.domain.trajectory import Series, is_settled


@dataclass(frozen=True, slots=True)
class Step:
    """What one session adds: the carry after it, its signals, and every concern as it stands after it.

    `concerns` also holds those that ended too long ago for the carry; they never change again.
    """

    carry: Carry
    signals: Mapping[str, tuple[Signal, ...]]
    concerns: tuple[Concern, ...]


def step(carry: Carry, session: TherapySession, family: Family, given: Given) -> Step:
    """Fold one session of the course into the carry before it."""
    roles = {**carry.roles, **roles_of(session)}
    number = carry.number + session.held
    concerns = tuple(_carried(concern, carry.number, session, family, given) for concern in carry.concerns)
    known = with_roles(family, roles)
    moment = Moment(session, number, known, carry.series, concerns, references=given.references.for_rules)
    heard = hear(moment, carry.memories, given)
    concerns = tuple(_scored(concern, heard.moment) for concern in heard.moment.concerns)
    settled = [concern for concern in concerns if concern.reason is Reason.settled and concern.ended == number]
    every = (*concerns, *(_scored(concern, heard.moment) for concern in heard.hidden))
    following = Carry(
        number=number,
        last_session_id=session.session_id if session.held else carry.last_session_id,
        roles=roles,
        series=_series_after(heard.moment, concerns, settled),
        joint=_joint_after(carry.joint, session),
        concerns=tuple(item for item in every if item.active or number - (item.ended or 0) <= REMEMBERED),
        memories=heard.memories,
    )
    return Step(following, heard.signals, every)


def fold(
    carry: Carry, sessions: Iterable[TherapySession], family: Family, giving: Giving
) -> tuple[list[Step], dict[tuple[str, tuple[str, ...], str], Concern]]:
    """Fold sessions in the order of the course; return the steps and the last word on every concern met."""
    steps: list[Step] = []
    concerns = {concern.identity: concern for concern in carry.concerns}
    for session in sessions:
        done = step(carry, session, family, giving.at(session.held_at))
        carry = done.carry
        steps.append(done)
        concerns.update((concern.identity, concern) for concern in done.concerns)
    return steps, concerns


def assess(sessions: Sequence[TherapySession], family: Family, giving: Giving | None = None) -> list[Concern]:
    """Return every concern of a whole course, in the order of opening; the fold of `step` from an empty carry."""
    ordered = sorted(sessions, key=lambda session: session.position)
    _, concerns = fold(Carry(), ordered, family, giving or default_parameters())
    shown = [as_of_now(concern, family) for concern in concerns.values()]
    return sorted(shown, key=lambda concern: (concern.opened_held_at, concern.opened_session_id, concern.identity))


def as_of_now(concern: Concern, family: Family) -> Concern:
    """Return a concern as it stands after the last session: the end of treatment closes what is still active."""
    if concern.active and family.treatment_ended(concern.last_held_at, None):
        return concern.but(state=State.closed, reason=Reason.case_ended)
    return concern


def roles_of(session: TherapySession) -> dict[str, MemberRole]:
    """Return the members that rated in this session with the role they gave (ties: the smallest natural key)."""
    member = RaterKind.member
    members = (rating for rating in reversed(session.ratings) if rating.rater_kind is member)
    return {rating.rater_id: rating.role for rating in members if rating.role}


def with_roles(family: Family, roles: Mapping[str, MemberRole]) -> Family:
    """Return the family with the members that only ratings name; an announced role stands."""
    grown = {member_id: Member(role) for member_id, role in roles.items() if member_id not in family.members}
    return replace(family, members={**family.members, **grown}) if grown else family


def _scored(concern: Concern, moment: Moment) -> Concern:
    """Return a concern with this session's score counted toward settling, closed if it has settled."""
    baseline = concern.signal.baseline
    if baseline is None or not concern.active:
        return concern
    rule = rules().get(concern.rule)
    if rule is None or not rule.settles:
        return concern
    score = moment.score_of(baseline.series)
    if score is None or concern.opened_number == moment.number:
        return concern
    grown = concern.but(after=(*concern.after, score)[-3:])
    if concern.number == moment.number or not _has_settled(grown, moment):
        return grown
    return ended(grown, State.closed, Reason.settled, moment.number)


def _has_settled(concern: Concern, moment: Moment) -> bool:
    """Tell whether three steady scores end a concern: at an honest level, or when it never passed `info`."""
    baseline = concern.signal.baseline
    if baseline is None:
        return False
    figure = moment.figure_of(baseline.series)
    if figure is None or not is_settled(concern.after, figure.sp):
        return False
    if concern.severity is Severity.info:
        return True
    totals = [figure for figure in moment.figures("primary", about="") if figure.name == baseline.series]
    return any(not figure.is_below_cut for figure in totals)


def _series_after(moment: Moment, concerns: Sequence[Concern], settled: Sequence[Concern]) -> dict[str, Series]:
    """Return every series that a rule may ask for one session later.

    Scores inside the rater's own concerns stay out of `prior`.
    """
    unsettled = {item.subject[0] for item in concerns if item.active and rules()[item.rule].unsettles}
    restarted = {item.signal.baseline.series.split("|")[0] for item in settled if item.signal.baseline} - unsettled
    series = dict(moment.series)
    for rating in moment.session.ratings if moment.session.held else ():
        rater = rating.line.partition("|")[0]
        is_usual, is_restarted = rater not in unsettled, rater in restarted
        for dimension in watched_dimensions(rating):
            name = series_name(rating, dimension)
            after = series.get(name, EMPTY).with_score(rating.scores[dimension].percent, is_usual)
            series[name] = after.restarted() if is_restarted else after
    return series


def _joint_after(joint: Mapping[str, int], session: TherapySession) -> dict[str, int]:
    """Return the joint sessions of each group, this one counted if it was held."""
    now = joint_groups(session) if session.held else ()
    return {**joint, **{group: joint.get(group, 0) + 1 for group in now}}


def _carried(concern: Concern, number: int, session: TherapySession, family: Family, given: Given) -> Concern:
    """Return a concern as it comes into a session, closed where treatment ended between its last signal and this."""
    if not concern.active:
        return concern
    if family.treatment_ended(concern.last_held_at, session.held_at):
        return ended(concern, State.closed, Reason.case_ended, number)
    return discussed(mode_changed(concern, given, number), session)
