"""The ruptures: who falls when, and until when an alert counts."""

import pytest

from bench.detection.inject import Rupture, courtesy, dip, nothing, ramp, siding
from bench.detection.scenarios import SCENARIOS, WORLDS

SLOW = ramp("ramp", 0.5, 8, 10, ("eva", 0.2), ("kim", -0.5), who="ana")


@pytest.mark.parametrize(
    ("rupture", "depths"),
    [
        (dip("V", 3, 1), {(6, "ana"): -3}),
        (dip("U", 2, 2, who="tom"), {(6, "tom"): -2, (7, "tom"): -2}),
        (dip("L", 2, None), {(number, "ana"): -2 for number in (6, 7, 8, 9, 10)}),
        (siding(), {(number, "ana"): -3 for number in range(6, 11)} | {(number, "eva"): 1 for number in range(6, 11)}),
        (nothing(), {}),
        (courtesy(), {}),
    ],
    ids=["V", "U", "L", "siding", "nothing", "courtesy"],
)
def test_who_falls_when(rupture: Rupture, depths: dict[tuple[int, str], float]) -> None:
    assert rupture.depths == depths


def test_a_ramp_grows() -> None:
    assert [SLOW.depth(number, "ana") for number in (7, 8, 9, 10)] == [0, -0.5, -1.0, -1.5]
    assert SLOW.depth(10, "eva") == pytest.approx(0.6)
    assert SLOW.touched == ("ana", "kim")  # who falls; Eva rises


@pytest.mark.parametrize(
    ("rupture", "first", "last", "seen_by"),
    [(dip("V", 3, 1), 6, 6, 8), (dip("U", 3, 2), 6, 7, 8), (dip("L", 3, None), 6, None, 8), (SLOW, 8, None, 10)],
    ids=["V", "U", "L", "ramp"],
)
def test_when_an_alert_counts(rupture: Rupture, first: int, last: int | None, seen_by: int) -> None:
    assert (rupture.first, rupture.last, rupture.seen_by) == (first, last, seen_by)
    assert [rupture.lasts(number) for number in (first - 1, first)] == [False, True]
    assert rupture.lasts(first + 1) == (last != first)


def test_every_scenario_has_a_name_and_a_world_of_the_table() -> None:
    assert len({scenario.name for scenario in SCENARIOS}) == len(SCENARIOS)
    assert {scenario.world.name for scenario in SCENARIOS} == {world.name for world in WORLDS}
    assert all(set(scenario.rupture.touched) <= set(scenario.world.family.members) for scenario in SCENARIOS)
