"""The fold: step(carry, session) → carry, signals, concerns; assess(course) is the fold of step."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from service.domain.carry import Carry, Given, Giving, default_parameters
from service.domain.concern import (
    Clearing,
    Concern,
    Reason,
    Signal,
    State,
    ended,
    fired_again,
    opened,
    raised,
    reopened,
)
from service.domain.groups import joint_groups
from service.domain.instruments import instruments
from service.domain.model import Family, Member, MemberRole, RaterKind, Severity, TherapySession
from service.domain.moment import EMPTY, Moment, series_name, watched_dimensions
from service.domain.rules import AnyRule, inhibitors, rules
from service.domain.trajectory import Series, SeriesKey, is_settled

REMEMBERED = 3  # held sessions for which an ended concern can be reopened and read by other rules
BLIND_LIMIT = 6  # held sessions in a row without a figure, then a concern's window has passed
EARLY = 3  # the case's first held sessions, in which ratings alone are only `info`

Fired = Mapping[tuple[str, ...], Signal]  # subject → what a rule found about it


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
    known = with_roles(family, roles)
    number = carry.number + session.held
    carried = (_case_ended(concern, carry.number, session, family) for concern in carry.concerns)
    concerns = tuple(_discussed(concern, session) for concern in carried)
    standing = {concern.rule for concern in concerns if concern.active}
    memories: dict[str, Any] = {}
    signals: dict[str, tuple[Signal, ...]] = {}
    moment = Moment(session, number, known, carry.series, concerns, signals)
    for code, rule in rules().items():
        memory = carry.memories.get(code, rule.memory)
        memories[code], found = rule.check(moment, memory, given.parameters[code])
        signals[code] = _ordered(found, rule, number) if found else ()
        if found or code in standing:  # mostly neither, and then nothing changes
            after = _after_rule(rule, moment, signals[code], memories[code], given.parameters[code])
            moment = replace(moment, concerns=after)
    concerns = tuple(_scored(concern, moment) for concern in moment.concerns)
    settled = [concern for concern in concerns if concern.reason is Reason.settled and concern.ended == number]
    remembered = tuple(item for item in concerns if item.active or number - (item.ended or 0) <= REMEMBERED)
    following = Carry(
        number=number,
        last_session_id=session.session_id if session.held else carry.last_session_id,
        roles=roles,
        series=_series_after(moment, concerns, settled),
        joint=_joint_after(carry.joint, session),
        concerns=remembered,
        memories=memories,
    )
    return Step(following, signals, concerns)


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
        return replace(concern, state=State.closed, reason=Reason.case_ended)
    return concern


def roles_of(session: TherapySession) -> dict[str, MemberRole]:
    """Return the members that rated in this session with the role they gave (ties: the smallest natural key)."""
    members = (rating for rating in reversed(session.ratings) if rating.rater_kind is RaterKind.member)
    return {rating.rater_id: rating.role for rating in members if rating.role}


def with_roles(family: Family, roles: Mapping[str, MemberRole]) -> Family:
    """Return the family with the members that only ratings name; an announced role stands."""
    grown = {member_id: Member(role) for member_id, role in roles.items() if member_id not in family.members}
    return replace(family, members={**family.members, **grown}) if grown else family


def _after_rule(
    rule: AnyRule, moment: Moment, signals: tuple[Signal, ...], memory: Any, parameters: Any
) -> tuple[Concern, ...]:
    """Return all concerns after one rule spoke: its own fired again, cleared or unseen; then the new ones."""
    fired = {signal.subject: signal for signal in signals}
    if rule.raises:
        return tuple(_raised(concern, rule, fired, moment.session) for concern in moment.concerns)
    concerns = _unabsorbed(rule, fired, moment) if rule.absorbs else moment.concerns
    after: list[Concern] = []
    for concern in concerns:
        if concern.rule != rule.code or not concern.active:
            after.append(concern)
        elif concern.subject in fired:
            after.append(fired_again(concern, fired.pop(concern.subject), moment.session, moment.number))
        else:
            after.append(_cleared(concern, rule, moment, memory, parameters))
    for signal in fired.values():
        if not _inhibited(rule, signal, moment):
            _open(after, rule, signal, moment)
    return tuple(after)


def _open(concerns: list[Concern], rule: AnyRule, signal: Signal, moment: Moment) -> None:
    """Open a concern, or open again the one that recovered within three held sessions."""
    for place, concern in enumerate(concerns):
        same = (concern.rule, concern.subject) == (rule.code, signal.subject)
        if same and concern.state is State.recovered and moment.number - (concern.ended or 0) <= REMEMBERED:
            again = reopened(concern, signal, moment.session, moment.number)
            concerns[place] = _discussed(again, moment.session)
            return
    new = opened(signal, rule.code, rule.version, moment.session, moment.number)
    concerns.append(_discussed(new, moment.session))


def _raised(concern: Concern, rule: AnyRule, fired: Fired, session: TherapySession) -> Concern:
    """Return a concern, raised where a rule that raises such spoke of its subject."""
    signal = fired.get(concern.subject)
    if signal is None or rule.raises is None or not rule.raises(concern):
        return concern
    return raised(concern, signal, rule.code, session)


def _unabsorbed(rule: AnyRule, fired: Fired, moment: Moment) -> tuple[Concern, ...]:
    """Return the concerns without those that opened in this very session and tell no more; a critical one does."""
    new = (moment.session.session_id,)
    return tuple(
        concern
        for concern in moment.concerns
        if not (concern.rule in rule.absorbs and concern.sessions == new and concern.subject in fired)
        or concern.severity is Severity.critical
    )


def _inhibited(rule: AnyRule, signal: Signal, moment: Moment) -> bool:
    return any(moment.signalled(code, signal.subject) for code in inhibitors()[rule.code])


def _cleared(concern: Concern, rule: AnyRule, moment: Moment, memory: Any, parameters: Any) -> Concern:
    """Return an active concern after a session in which it did not fire."""
    clearing = rule.clear(moment, concern, memory, parameters)
    if clearing is Clearing.passed:
        return ended(concern, State.closed, Reason.window_passed, moment.number)
    if clearing is Clearing.blind:
        blind = concern.blind + moment.session.held
        if blind >= BLIND_LIMIT:
            return ended(concern, State.closed, Reason.window_passed, moment.number)
        return replace(concern, blind=blind)
    if clearing is Clearing.unmet:
        return replace(concern, state=State.open, streak=0, blind=0)
    once = clearing is Clearing.done or (rule.once_when_discussed and concern.discussed)
    needed = 1 if once else rule.clears_after
    rested = replace(
        concern, streak=concern.streak + 1, blind=0, state=State.recovering, sessions=concern.resting_on(moment.session)
    )
    if rested.streak < needed or rested.flaps_at(moment.number):
        return rested
    return ended(rested, State.recovered, None, moment.number)


def _scored(concern: Concern, moment: Moment) -> Concern:
    """Return a concern with this session's score counted toward settling, closed if it has settled."""
    rule = rules().get(concern.rule)
    baseline = concern.signal.baseline
    if rule is None or not rule.settles or not concern.active or baseline is None:
        return concern
    score = moment.score_of(baseline.series)
    if score is None or concern.opened_number == moment.number:
        return concern
    grown = replace(concern, after=(*concern.after, score)[-3:])
    if concern.number == moment.number or not _has_settled(grown, moment):
        return grown
    return ended(grown, State.closed, Reason.settled, moment.number)


def _has_settled(concern: Concern, moment: Moment) -> bool:
    """Tell whether three steady scores end a concern: at an honest level, or when it never passed `info`."""
    baseline = concern.signal.baseline
    if baseline is None:
        return False
    key = SeriesKey(*baseline.series.split("|"))
    dimension = instruments()[key.instrument].dimensions[key.dimension]
    if not is_settled(concern.after, dimension.reference.sp):
        return False
    if concern.severity is Severity.info:
        return True
    totals = [figure for figure in moment.figures("primary", about="") if figure.key == key]
    return any(not figure.is_below_cut for figure in totals)


def _series_after(moment: Moment, concerns: Sequence[Concern], settled: Sequence[Concern]) -> dict[str, Series]:
    """Return every series that a rule may ask for one session later.

    Scores inside the rater's own concerns stay out of `prior`.
    """
    unsettled = {item.subject[0] for item in concerns if item.active and rules()[item.rule].unsettles}
    restarted = {item.signal.baseline.series.split("|")[0] for item in settled if item.signal.baseline} - unsettled
    series = dict(moment.series)
    for rating in moment.session.ratings if moment.session.held else ():
        rater = rating.line.split("|")[0]
        for dimension in watched_dimensions(rating):
            name, score = series_name(rating, dimension), rating.scores[dimension]
            after = series.get(name, EMPTY).with_score(score.percent, rater not in unsettled)
            series[name] = after.restarted() if rater in restarted else after
    return series


def _joint_after(joint: Mapping[str, int], session: TherapySession) -> dict[str, int]:
    """Return the joint sessions of each group, this one counted if it was held."""
    now = joint_groups(session) if session.held else ()
    return {**joint, **{group: joint.get(group, 0) + 1 for group in now}}


def _ordered(found: Iterable[Signal], rule: AnyRule, number: int) -> tuple[Signal, ...]:
    """Return signals by subject; those from ratings are `info` in the case's first three held sessions."""
    ordered = sorted(found, key=lambda signal: signal.subject)
    if rule.capped and number <= EARLY:
        return tuple(replace(signal, severity=Severity.info) for signal in ordered)
    return tuple(ordered)


def _discussed(concern: Concern, session: TherapySession) -> Concern:
    named = (concern.rule, concern.subject) in session.discussed
    return replace(concern, discussed=True) if named and concern.active else concern


def _case_ended(concern: Concern, number: int, session: TherapySession, family: Family) -> Concern:
    """Return a carried concern, closed where treatment ended between its last signal and this session."""
    if concern.active and family.treatment_ended(concern.last_held_at, session.held_at):
        return ended(concern, State.closed, Reason.case_ended, number)
    return concern
