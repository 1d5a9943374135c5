"""The peers' formulas, on numbers worked by hand; totals are percent of 40 points."""

from collections.abc import Callable
from math import inf, sqrt
from random import Random

import pytest

from bench.detection.alarms import Alarm, alarms
from bench.detection.arrivals import course_of
from bench.detection.charts import (
    CHANGE,
    CHARTS,
    POINT,
    WITHIN,
    Spoken,
    Totals,
    cusum,
    drop,
    ewma,
    heard_by,
    individuals,
    own_limit,
    reliable_drop,
    standing,
    under_cut,
)
from tests.factories import course, family

NIST = [49.6, 47.6, 49.9, 51.3, 47.8, 51.2, 52.6, 52.4, 53.6, 52.1]  # e-Handbook 6.3.2.2: mean 50.81, mean range 1.8778


@pytest.mark.parametrize(
    ("speak", "totals", "last"),
    [
        (under_cut, [87.5], 1.0),  # 35 of 40
        (under_cut, [90.0], 0.0),  # 36 is not below 36
        (drop, [95.0, 92.5], 1.0),  # 38 → 37
        (drop, [90.0, 92.5], -1.0),
        (reliable_drop, [100.0, 100.0 - CHANGE], 1.0),
        (individuals, [90.0, 90.0, 90.0, 90.0, 89.0], inf),  # a flat history has no width
        (individuals, [90.0, 90.0, 90.0, 90.0, 91.0], 0.0),
        (individuals, [*NIST, 45.8159], 3.0),  # its published lower limit
        (own_limit, [92.5, 95.0, 91.25, 93.75, 82.5], 2.269),  # 10.625 / (4.1874·√1.25), sp 5, s 1.6138
        (ewma, [90.0, 90.0, 90.0, 90.0 - WITHIN], 1.0),  # 0.4 / √(0.25·(1 − 0.36)) = 1
        (cusum, [90.0, 90.0, 90.0, 90.0 - 2 * WITHIN, 90.0 - WITHIN], 2.0),  # 1.5, then 1.5 + 0.5
        (cusum, [90.0, 90.0, 90.0, 90.0 - 2 * WITHIN, 100.0], 0.0),
    ],
)
def test_how_loudly_the_last_value_speaks(speak: Callable[[Totals], Spoken], totals: list[float], last: float) -> None:
    assert speak(totals)[-1] == pytest.approx(last, abs=1e-3)


def test_the_reliable_change_is_that_of_its_formula() -> None:
    assert CHANGE / POINT == pytest.approx(1.96 * sqrt(3**2 + 1.8**2) * sqrt(0.24))  # 3.36 of 40 points


@pytest.mark.parametrize(
    ("speak", "silent"),
    [(under_cut, 0), (drop, 1), (reliable_drop, 1), (own_limit, 3), (ewma, 3), (cusum, 3), (individuals, 4)],
)
def test_nobody_speaks_before_there_is_enough(speak: Callable[[Totals], Spoken], silent: int) -> None:
    figures = speak([90.0, 91.0, 92.0, 91.0, 90.0, 89.0])
    assert [figure is None for figure in figures] == [place < silent for place in range(6)]
    assert speak([]) == []


def test_a_peer_stands_in_the_sessions_in_which_it_says_so() -> None:
    peer = next(item for item in CHARTS if item.name == "drop of 1 point")
    whole = course_of(family("eva"), course(eva=[95, 90, 85, 90, 85]), Random(1))
    heard = heard_by(peer, whole, ["eva"])
    assert heard == {"eva": [(2, 2.0), (3, 2.0), (4, -2.0), (5, 2.0)]}
    found = alarms(standing(peer.name, heard, peer.limit, 5), lambda each: True)
    assert found == [
        Alarm(peer.name, ("member/eva",), opened=2, ended=4),
        Alarm(peer.name, ("member/eva",), opened=5),
    ]
