"""Two judgements of one course side by side: which concerns appear, vanish or move from one to the other."""

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

from service.domain.concern import Concern
from service.domain.model import RaterKind, TherapySession
from service.domain.plain import freeze

Counts = dict[str, Counter[str]]  # rule code → what is counted → how often


class Change(StrEnum):
    appeared = "appeared"
    vanished = "vanished"
    moved = "moved"


class Move(StrEnum):
    """How a concern that both judgements have differs between them."""

    opened_earlier = "opened-earlier"
    opened_later = "opened-later"
    more_severe = "more-severe"
    less_severe = "less-severe"
    ended_otherwise = "ended-otherwise"


@dataclass(frozen=True, slots=True)
class Difference:
    """One concern that the two judgements do not have alike; at least one of them has it."""

    before: Concern | None
    after: Concern | None
    moves: tuple[Move, ...] = ()

    @property
    def change(self) -> Change:
        if self.before is None:
            return Change.appeared
        return Change.vanished if self.after is None else Change.moved

    @property
    def rule(self) -> str:
        return self._either.rule

    @property
    def subject(self) -> tuple[str, ...]:
        return self._either.subject

    def told(self, case_id: str, alert_ids: Mapping[tuple[Any, ...], str]) -> dict[str, Any]:
        """Return the difference as plain JSON; `alert_ids` are those of the stored alerts among the concerns before."""
        return {
            "case_id": case_id,
            "rule": self.rule,
            "subject": list(self.subject),
            "change": self.change.value,
            "moves": [move.value for move in self.moves],
            "alert_id": alert_ids.get(self.before.identity) if self.before is not None else None,
            "before": _told(self.before),
            "after": _told(self.after),
        }

    @property
    def _either(self) -> Concern:
        found = self.after or self.before
        if found is None:
            raise ValueError("a difference is about a concern")
        return found


def differences(before: Iterable[Concern], after: Iterable[Concern]) -> list[Difference]:
    """Return how two judgements of one course differ, in the order of rules and subjects.

    As with stored alerts, a concern of both is one of the same rule and subject with which it shares a session; the
    earliest goes first. What was seen and held against what may differ without a move.
    """
    left = _by_subject(before)
    found: list[Difference] = []
    for key, concerns in _by_subject(after).items():
        known = left.get(key, [])
        for concern in concerns:
            same = next((other for other in known if other.meets(concern)), None)
            if same is None:
                found.append(Difference(None, concern))
                continue
            known.remove(same)
            if moves := _moves(same, concern):
                found.append(Difference(same, concern, moves))
    found += [Difference(concern, None) for concerns in left.values() for concern in concerns]
    return sorted(found, key=lambda item: (item.rule, item.subject))


def counts(before: Sequence[Concern], after: Sequence[Concern], found: Iterable[Difference]) -> Counts:
    """Return by rule how many concerns each judgement has, and how many appeared, vanished, moved and how."""
    counted: Counts = {}
    for name, concerns in (("before", before), ("after", after)):
        for concern in concerns:
            counted.setdefault(concern.rule, Counter())[name] += 1
    for item in found:
        counted.setdefault(item.rule, Counter()).update([item.change.value, *(move.value for move in item.moves)])
    return counted


def added_up(many: Iterable[Mapping[str, Mapping[str, int]]]) -> Counts:
    """Return the sum of several counts, rules in the order of their codes."""
    total: Counts = {}
    for counted in many:
        for rule, numbers in counted.items():
            total.setdefault(rule, Counter()).update(numbers)
    return dict(sorted(total.items()))


def member_sessions(sessions: Iterable[TherapySession]) -> int:
    """Return how often a member rated: each in each held session once; alerts are told per hundred of these."""
    return sum(
        len({rating.rater_id for rating in session.ratings if rating.rater_kind is RaterKind.member})
        for session in sessions
        if session.held
    )


def _told(concern: Concern | None) -> dict[str, Any] | None:
    if concern is None:
        return None
    return {
        "rule_version": concern.rule_version,
        "severity": concern.severity.value,
        "state": concern.state.value,
        "state_reason": freeze(concern.reason),
        "opened_session_id": concern.opened_session_id,
        "opened_held_at": concern.opened_held_at.isoformat(),
    }


def _by_subject(concerns: Iterable[Concern]) -> dict[tuple[str, tuple[str, ...]], list[Concern]]:
    """Return concerns by rule and subject, each list in the order of opening."""
    grouped: dict[tuple[str, tuple[str, ...]], list[Concern]] = {}
    for concern in sorted(concerns, key=lambda item: (item.opened_held_at, item.opened_session_id)):
        grouped.setdefault((concern.rule, concern.subject), []).append(concern)
    return grouped


def _moves(before: Concern, after: Concern) -> tuple[Move, ...]:
    moves: list[Move] = []
    places = [(item.opened_held_at, item.opened_session_id) for item in (before, after)]
    if places[0] != places[1]:
        moves.append(Move.opened_earlier if places[1] < places[0] else Move.opened_later)
    if before.severity is not after.severity:
        graver = after.severity.rank > before.severity.rank
        moves.append(Move.more_severe if graver else Move.less_severe)
    if (before.state, before.reason) != (after.state, after.reason):
        moves.append(Move.ended_otherwise)
    return tuple(moves)
