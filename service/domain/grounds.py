"""The grounds of an alert: what its rule saw, enough for anybody to find the same again."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from functools import cache

from service.domain.assess import step
from service.domain.carry import Carry, Given, Giving
from service.domain.concern import Concern, Signal
from service.domain.model import Family, TherapySession
from service.domain.rules import inhibitors, rules


@dataclass(frozen=True, slots=True)
class Ground:
    """One session, the family as announced, what judged it, and what of the carry `before` bears on the rule."""

    session: TherapySession
    family: Family
    given: Given
    before: Carry


def grounds_of(
    concern: Concern, before: Carry, sessions: Iterable[TherapySession], family: Family, giving: Giving
) -> tuple[Ground, ...]:
    """Return the session in which what the concern shows was found, after the one that froze its baseline, if another.

    `before` is the carry before the session that opened it, `sessions` those from there on in the order of the course.
    Empty where these facts do not bear the concern (any more): then nothing is handed out that would not recompute.
    """
    signal: Signal | None = None
    found: list[Ground] = []
    for session in sessions:
        given = giving.at(session.held_at)
        done = step(before, session, family, given)
        now = next((item.signal for item in done.concerns if item.identity == concern.identity), signal)
        if now is not None and now != signal:
            ground = Ground(session, family, given, _bearing(concern.rule, before))
            frozen = found[:1] if signal is not None and now.baseline == signal.baseline is not None else []
            found = [*frozen, ground]
        signal, before = now, done.carry
    again = found_again(found, concern.rule, concern.subject)
    return tuple(found) if again is not None and again == concern.signal else ()


def found_again(grounds: Sequence[Ground], rule: str, subject: tuple[str, ...]) -> Signal | None:
    """Return what a rule finds about a subject on some grounds: as the last has it, with the baseline of the first."""
    found: list[Signal] = []
    for ground in grounds:
        signals = step(ground.before, ground.session, ground.family, ground.given).signals
        found += [signal for signal in signals[rule] if signal.subject == subject]
    if not found or len(found) < len(grounds):
        return None
    return replace(found[-1], baseline=found[0].baseline or found[-1].baseline)


@cache
def bearing_on(code: str) -> frozenset[str]:
    """Return a rule, those whose signals it reads, and those that keep any of these from opening."""
    bearing, asked = set[str](), [code]
    while asked:
        rule = rules().get(asked.pop())
        if rule is not None and rule.code not in bearing:
            bearing.add(rule.code)
            asked += (*rule.after, *inhibitors()[rule.code])
    return frozenset(bearing)


def _bearing(code: str, carry: Carry) -> Carry:
    """Return a carry without the memories and concerns that have nothing to say to a rule."""
    codes = bearing_on(code)
    return replace(
        carry,
        joint={},
        concerns=tuple(concern for concern in carry.concerns if concern.rule in codes),
        memories={name: memory for name, memory in carry.memories.items() if name in codes},
    )
