"""What goes wrong in a family: whose marks move when, how far, what else changes, and what counts as seeing it."""

from collections.abc import Mapping
from dataclasses import dataclass, field

SESSIONS = 10
START = 6  # most ruptures begin here: five sessions to know a member by, five to see it
WINDOW = 3  # sessions, the first included, in which an alert about a sudden rupture counts as seeing it


@dataclass(frozen=True, slots=True)
class Rupture:
    """One injected episode.

    `depths` are (session, member) → shift of the true level in within-person SDs. `last` is its last session, None
    where nothing mends it. An alert counts that opens from `first` to `seen_by`, about the `touched` or the family.
    `courteous` members mark the best on every line from `first` on, whatever they feel; `withdrawn` is the chance that
    an observer notes the withdrawal of a touched member; `therapist` what is added to the therapist's own marks.
    `missing` is the chance that a touched member does not rate, `leaving` that the family stays away for good.
    """

    name: str
    first: int
    last: int | None
    touched: tuple[str, ...]
    seen_by: int
    depths: Mapping[tuple[int, str], float] = field(default_factory=dict)
    courteous: frozenset[str] = frozenset()
    withdrawn: float = 0.0
    therapist: float = 0.0
    missing: float = 0.0
    leaving: float = 0.0

    def depth(self, number: int, who: str) -> float:
        return self.depths.get((number, who), 0.0)

    def lasts(self, number: int) -> bool:
        return self.first <= number <= (self.last or SESSIONS)


def dip(name: str, depth: float, length: int | None, who: str = "ana", leaving: float = 0.0) -> Rupture:
    """Return a fall by `depth` SDs for `length` sessions: V of one, U of a few, L for good (None)."""
    last = None if length is None else START + length - 1
    depths = {(number, who): -depth for number in range(START, (last or SESSIONS) + 1)}
    silent = 0.4 if leaving else 0.0
    return Rupture(name, START, last, (who,), START + WINDOW - 1, depths, missing=silent, leaving=leaving)


def ramp(name: str, per_session: float, first: int, seen_by: int, *others: tuple[str, float], who: str) -> Rupture:
    """Return a slow fall from `first` on, while `others` move at their own pace."""
    moves = ((who, -per_session), *others)
    numbers = range(first, SESSIONS + 1)
    depths = {(number, person): pace * (number - first + 1) for person, pace in moves for number in numbers}
    touched = (who, *(person for person, pace in others if pace < 0))
    return Rupture(name, first, None, touched, seen_by, depths)


def siding(lost: str = "ana", won: str = "eva") -> Rupture:
    """Return what members report when the therapist takes a side: one falls by 3 SDs, another rises by 1."""
    numbers = range(START, SESSIONS + 1)
    depths = {(number, lost): -3.0 for number in numbers} | {(number, won): 1.0 for number in numbers}
    return Rupture("siding", START, None, (lost,), START + WINDOW - 1, depths)


def courtesy(who: str = "ana") -> Rupture:
    """Return a rupture behind marks that are all the best: the member hides it out of courtesy."""
    return Rupture("courtesy ceiling", START, None, (who,), SESSIONS, courteous=frozenset({who}))


def concealed(who: str = "ana") -> Rupture:
    """Return a rupture that the marks do not show: the therapist's rise, an observer often notes withdrawal."""
    return Rupture("concealed", START, None, (who,), SESSIONS, withdrawn=0.6, therapist=1.0)


def nothing(who: str = "ana") -> Rupture:
    """Return the label of a rupture that does not take place: what is seen of it is seen by chance."""
    return Rupture("nothing (chance)", START, START, (who,), START + WINDOW - 1)
