"""How loud the default rules are where nothing is wrong, and that they are not silent where something is.

The budgets: at most 5 alerts above `info` per 100 member-sessions, one of them standing in at most 30 % of the
family-sessions, a critical one in at most 5 % of the families. Indicators are observed and quiet.
"""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass

import pytest

from service.domain.assess import Step, fold
from service.domain.carry import Carry, default_parameters
from service.domain.concern import Concern
from service.domain.model import Family, Severity, TherapySession
from tests.clean_families import FOUR, TWO, clean_courses, dropping_courses, siding_courses

FAMILIES = 400
INJECTED = 150


@dataclass(slots=True)
class Loudness:
    """What was counted; `openings` once each, whenever they first pass `info`."""

    families: int = 0
    sessions: int = 0
    openings: int = 0
    standing: int = 0
    critical: int = 0

    def add(self, steps: Iterable[Step]) -> None:
        met: set[tuple[object, int]] = set()
        grave = False
        for done in steps:
            loud = [concern for concern in done.concerns if concern.severity is not Severity.info]
            met |= {(concern.identity, concern.openings) for concern in loud}
            grave = grave or any(concern.severity is Severity.critical for concern in loud)
            self.standing += any(concern.active for concern in loud)
            self.sessions += 1
        self.openings += len(met)
        self.critical += grave
        self.families += 1


def folded(course: list[TherapySession], of: Family) -> list[Step]:
    return fold(Carry(), course, of, default_parameters())[0]


@pytest.mark.parametrize("of", [FOUR, TWO], ids=["families of four", "couples"])
def test_clean_families_stay_within_the_budgets(of: Family) -> None:
    loud = Loudness()
    for course in clean_courses(FAMILIES, of, seed=20260105):
        loud.add(folded(course, of))
    assert loud.families == FAMILIES
    assert loud.openings / (loud.sessions * len(of.members)) <= 0.05
    assert loud.standing / loud.sessions <= 0.30
    assert loud.critical / loud.families <= 0.05


def opened_by(course: list[TherapySession], of: Family) -> Iterator[Concern]:
    """Yield the concerns above `info` that stand in sessions 6, 7 or 8 and did not before."""
    steps = folded(course, of)
    before = {concern.identity for concern in steps[4].concerns if concern.severity is not Severity.info}
    for done in steps[5:8]:
        for concern in done.concerns:
            if concern.severity is not Severity.info and concern.identity not in before:
                yield concern


def share_caught(courses: Iterable[list[TherapySession]], *subjects: tuple[str, ...]) -> float:
    """Return in which share of families an alert about one of the subjects rises in sessions 6 to 8."""
    caught = [any(concern.subject in subjects for concern in opened_by(course, FOUR)) for course in courses]
    return sum(caught) / len(caught)


def test_a_single_drop_of_three_deviations_is_often_seen() -> None:
    def share(depth: float) -> float:
        return share_caught(dropping_courses(INJECTED, FOUR, seed=6, who="ana", depth=depth), ("member/ana",))

    assert share(depth=3) >= 0.30  # 0.41 in 600 families; 0.60 with the alerts about the family
    assert share(depth=0) <= 0.10  # the same families without it


def test_siding_is_nearly_always_seen() -> None:
    courses = siding_courses(INJECTED, FOUR, seed=6, lost="ana", won="eva")
    assert share_caught(courses, ("member/ana",), ("family",)) >= 0.75  # 0.88 in 600 families


def test_the_same_seed_gives_the_same_families() -> None:
    once, again = (list(clean_courses(2, FOUR, seed=3)) for _ in range(2))
    assert once == again
    assert once[0] != once[1]
