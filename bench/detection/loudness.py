"""How often a detector alarms in clean families, for every limit at once."""

from bisect import bisect_left
from collections.abc import Callable, Iterable

from bench.detection.charts import Heard

Listened = list[tuple[Heard, int, int]]  # per family: what was heard, of how many sessions and members


def loudness(listened: Iterable[tuple[Heard, int, int]]) -> Callable[[float], float]:
    """Return the function from a limit to the alarms that open per member-session.

    Formula:  (#{x_t ≥ limit} − #{min(x_t−1, x_t) ≥ limit}) / member-sessions: who spoke in the session before goes on
    """
    speaking: list[float] = []
    going_on: list[float] = []
    member_sessions = 0
    for heard, sessions, members in listened:
        member_sessions += sessions * members
        for figures in heard.values():
            loudest = dict(sorted(figures))  # of several in one session the highest
            speaking += loudest.values()
            going_on += [min(x, loudest[number - 1]) for number, x in loudest.items() if number - 1 in loudest]
    speaking.sort()
    going_on.sort()

    def at(limit: float) -> float:
        opened = len(speaking) - bisect_left(speaking, limit) - len(going_on) + bisect_left(going_on, limit)
        return opened / member_sessions

    return at
