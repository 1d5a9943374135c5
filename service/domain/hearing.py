"""The rules are heard about one session, one after the other: what each finds, and what concerns become of it.

Rules that are on hear each other. One in shadow hears them all, and only others in shadow hear it: it keeps nothing
from opening, raises nothing and moves nobody's usual level. One that is off is asked all the same, so that it knows
the course should it be turned on again; what it finds is dropped. A concern stands and falls by the parameters under
which it opened, whatever its rule is given by now.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from typing import Any

from service.domain.carry import Given
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
from service.domain.model import Severity, TherapySession
from service.domain.moment import Moment
from service.domain.parameters import overlaid
from service.domain.rules import AnyRule, inhibitors

REMEMBERED = 3  # held sessions for which an ended concern can be reopened and read by other rules
BLIND_LIMIT = 6  # held sessions in a row without a figure, then a concern's window has passed
EARLY = 3  # the case's first held sessions, in which ratings alone are only `info`

Fired = Mapping[tuple[str, ...], Signal]  # subject → what a rule found about it


@dataclass(frozen=True, slots=True)
class Heard:
    """All rules after a session: the moment as those that are on leave it, and the concerns in shadow beside it."""

    moment: Moment
    hidden: tuple[Concern, ...]
    signals: Mapping[str, tuple[Signal, ...]]
    memories: Mapping[str, Any]


Means = tuple[Any, Any]  # what judges a concern: its rule's memory after the session, and parameters


@dataclass(frozen=True, slots=True)
class Judging:
    """What judges a rule's concerns in a session: `usual`, but for the subjects of those that keep other parameters."""

    usual: Means
    kept: Mapping[tuple[str, ...], Means]

    def of(self, concern: Concern) -> Means:
        return self.kept.get(concern.subject, self.usual)


def hear(moment: Moment, memories: Mapping[str, Any], given: Given) -> Heard:
    """Ask every rule about the session of a moment, whose concerns are all that were carried into it."""
    hidden = tuple(concern for concern in moment.concerns if concern.shadow)
    signals = moment.signals
    whispered: dict[str, tuple[Signal, ...]] = {}
    after: dict[str, Any] = {}
    standing = {concern.rule for concern in moment.concerns if concern.active}
    if hidden:
        moment = moment.hearing(tuple(concern for concern in moment.concerns if not concern.shadow))
    told = moment.session.told
    for rule, parameters, shadow, off in given.asked:
        code, said = rule.code, whispered if shadow else signals
        before = memories.get(code, rule.memory)
        if before is rule.memory and rule.rests_on and told.isdisjoint(rule.rests_on) and code not in standing:
            said[code] = ()
            continue
        seen = _overheard(moment, hidden, whispered) if shadow else moment
        memory, found = rule.check(seen, before, parameters)
        if memory is not rule.memory and memory != rule.memory:
            after[code] = memory
        said[code] = found = () if off else found
        if found or code in standing:  # mostly neither, and then nothing changes
            found, kept = _by_kept(rule, seen, before, found, given)
            said[code] = _ordered(found, rule, moment.number)
            judging = Judging((memory, parameters), kept)
            concerns = _after(rule, seen, said[code], judging, given)
            if shadow:
                hidden = tuple(concern for concern in concerns if concern.shadow)
            else:
                moment = moment.hearing(concerns)
    return Heard(moment, hidden, {**signals, **whispered}, after)


def discussed(concern: Concern, session: TherapySession) -> Concern:
    """Return a concern, noted as discussed where the session names it."""
    named = (concern.rule, concern.subject) in session.discussed
    return concern.but(discussed=True) if named and concern.active else concern


def mode_changed(concern: Concern, given: Given, number: int) -> Concern:
    """Return a carried concern, closed where its rule is off by now, or speaks to others than when it opened."""
    same = concern.rule not in given.off and concern.shadow == (concern.rule in given.shadow)
    return concern if same or not concern.active else ended(concern, State.closed, Reason.mode_changed, number)


def _overheard(moment: Moment, hidden: tuple[Concern, ...], whispered: Mapping[str, tuple[Signal, ...]]) -> Moment:
    """Return what a rule in shadow sees: all that was said, in shadow too."""
    return moment.hearing((*moment.concerns, *hidden), {**moment.signals, **whispered})


def _by_kept(
    rule: AnyRule, moment: Moment, before: Any, found: tuple[Signal, ...], given: Given
) -> tuple[tuple[Signal, ...], dict[tuple[str, ...], Means]]:
    """Return what was found, and by subject what judges the concerns that opened under other parameters: these."""
    kept: dict[tuple[str, ...], Means] = {}
    now = given.named[rule.code]
    for concern in moment.concerns:
        mine = concern.rule == rule.code and concern.active
        if mine and concern.parameters is not None and concern.parameters != now:
            parameters = overlaid(rule, concern.parameters)
            memory, signals = rule.check(moment, before, parameters)
            others = (signal for signal in found if signal.subject != concern.subject)
            found = (*others, *(signal for signal in signals if signal.subject == concern.subject))
            kept[concern.subject] = (memory, parameters)
    return found, kept


def _after(
    rule: AnyRule, moment: Moment, signals: tuple[Signal, ...], judging: Judging, given: Given
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
            after.append(_cleared(concern, rule, moment, *judging.of(concern)))
    for signal in fired.values():
        if not _inhibited(rule, signal, moment):
            _open(after, rule, signal, moment, given)
    return tuple(after)


def _open(concerns: list[Concern], rule: AnyRule, signal: Signal, moment: Moment, given: Given) -> None:
    """Open a concern, or open again the one that recovered within three held sessions; by what is given now."""
    parameters, shadow = given.named[rule.code], rule.code in given.shadow
    topic = (rule.code, signal.subject, shadow)
    for place, concern in enumerate(concerns):
        if concern.rule == rule.code and concern.topic == topic and _is_remembered(concern, moment.number):
            again = reopened(concern, signal, moment.session, moment.number)
            concerns[place] = discussed(again.but(parameters=parameters), moment.session)
            return
    new = opened(signal, rule.code, rule.version, moment.session, moment.number)
    concerns.append(discussed(new.but(parameters=parameters, shadow=shadow), moment.session))


def _is_remembered(concern: Concern, number: int) -> bool:
    """Tell whether a concern recovered so lately that what fires now is the same one again."""
    return concern.state is State.recovered and number - (concern.ended or 0) <= REMEMBERED


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
        return concern if blind == concern.blind else concern.but(blind=blind)
    if clearing is Clearing.unmet:
        return concern.but(state=State.open, streak=0, blind=0)
    once = clearing is Clearing.done or (rule.once_when_discussed and concern.discussed)
    needed = 1 if once else rule.clears_after
    rested = concern.but(
        streak=concern.streak + 1, blind=0, state=State.recovering, sessions=concern.resting_on(moment.session)
    )
    if rested.streak < needed or rested.flaps_at(moment.number):
        return rested
    return ended(rested, State.recovered, None, moment.number)


def _ordered(found: Iterable[Signal], rule: AnyRule, number: int) -> tuple[Signal, ...]:
    """Return signals by subject; those from ratings are `info` in the case's first three held sessions."""
    ordered = sorted(found, key=lambda signal: signal.subject)
    if rule.capped and number <= EARLY:
        info = Severity.info
        return tuple(signal if signal.severity is info else replace(signal, severity=info) for signal in ordered)
    return tuple(ordered)
