"""Late acts: as if each had come in time."""

from collections.abc import Sequence
from datetime import datetime, timedelta

import pytest

from service.domain.catching_up import Taken, done_at, is_overtaken, last_act
from service.domain.handling import Act, Action, act_body
from service.domain.reconcile import Alert, Origin
from tests.domain.test_reconcile import concern
from tests.factories import NOW


def at(minutes: float) -> datetime:
    return NOW + timedelta(minutes=minutes)


def act(minutes: float | None, key: str = "h-1", seen: int | None = None) -> Act:
    when = None if minutes is None else at(minutes)
    return Act(id=key, action=Action.acknowledge, by="dr-7", at=when, handling_revision=seen)


def taken(minutes: float | None, arrived: float, key: str = "h-0") -> Taken:
    return Taken(act_body(act(minutes, key)), at(arrived))


@pytest.mark.parametrize(
    ("done", "arrived", "counts"),
    [(-60, 0, -60), (None, 0, 0), (30, 0, 0), (0, 0, 0)],  # a clock that runs fast counts as now
)
def test_when_an_act_was_done(done: float | None, arrived: float, counts: float) -> None:
    assert done_at(None if done is None else at(done), at(arrived)) == at(counts)
    assert taken(done, arrived).at == at(counts)


def test_the_last_act_is_the_one_done_last_however_they_came() -> None:
    assert last_act([]) is None
    first, last = taken(-10, 0, "late"), taken(-5, -5, "soon")
    assert last_act([last, first]) == last_act([first, last]) == last
    earlier, later = taken(-5, -4, "one"), taken(-5, 0, "other")  # at one time: what arrived last
    assert last_act([later, earlier]) == later


STANDS: Sequence[tuple[float, float | None, float | None, int | None, bool]] = [
    # done, the last other act done, the alert asked again, handling revision seen (it is 3), overtaken
    (-10, None, None, None, False),
    (-10, -20, None, None, False),
    (-10, -5, None, None, True),
    (-10, -10, None, None, False),  # at the same time: the later to arrive stands
    (-10, None, -20, None, False),
    (-10, None, -5, None, True),  # it rose to critical since: nobody has answered that
    (-10, None, -10, None, False),
    (-10, None, None, 3, False),
    (-10, -20, None, 2, True),  # its client had not seen what stands
    (60, -1, None, None, False),  # clamped to now
    (60, 30, None, None, False),  # both clocks ran fast: each counts when it arrived
]


@pytest.mark.parametrize(("done", "other", "asked", "seen", "overtaken"), STANDS)
def test_what_overtakes(
    done: float, other: float | None, asked: float | None, seen: int | None, overtaken: bool
) -> None:
    alert = Alert(
        alert_id="a",
        case_id="c",
        concern=concern(1),
        therapists=(),
        origin=Origin.live,
        opened_at=at(-100),
        changed_at=at(-1),  # that something changed does not matter by itself
        handling_revision=3,
        asked_at=None if asked is None else at(asked),
    )
    last = None if other is None else taken(other, min(other, 0.0))
    assert is_overtaken(act(done, seen=seen), alert, last, NOW) is overtaken
