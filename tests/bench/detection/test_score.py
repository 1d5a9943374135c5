"""The scorer's arithmetic, on alarms made by hand."""

from math import inf

import pytest

from bench.detection.alarms import Alarm
from bench.detection.inject import dip
from bench.detection.score import (
    Quiet,
    Rate,
    Seen,
    critical_share,
    false_alarms,
    false_share,
    flaps,
    limit_at,
    middle,
    precision,
    quiet,
    rate,
    seen,
    seen_share,
    sensitivity,
    standing_share,
)

V = dip("V", 3, 1)  # session 6, seen until 8
L = dip("L", 3, None)
ANA, TOM = ("member/ana",), ("member/tom",)


def alarm(opened: int, ended: int | None = None, subject: tuple[str, ...] = ANA, rule: str = "r") -> Alarm:
    return Alarm(rule, subject, opened, ended)


@pytest.mark.parametrize(
    ("found", "expected"),
    [
        ([], Seen(None)),
        ([alarm(6, 8)], Seen(0, mended=1)),  # better from session 7 on, ended at 8
        ([alarm(8, 9)], Seen(2, mended=2)),
        ([alarm(9, 10)], Seen(None)),  # too late
        ([alarm(5, 10)], Seen(None)),  # it stood before
        ([alarm(6, subject=TOM)], Seen(None)),  # about somebody else
        ([alarm(6)], Seen(0, mended=inf)),  # outlasts the course
        ([alarm(6, 7)], Seen(0, mended=0)),
        ([alarm(7, 8), alarm(6, 9, rule="s")], Seen(0, mended=2)),  # the first opens, the last ends
        ([alarm(6, 7), alarm(9, 10)], Seen(0, mended=0, flaps=1)),
        ([alarm(6, 7), alarm(9, 10, rule="s")], Seen(0, mended=0)),  # another rule is no reopening
    ],
)
def test_what_is_seen_of_a_rupture(found: list[Alarm], expected: Seen) -> None:
    assert seen(found, V) == expected


def test_what_nothing_mends_has_no_delay_of_mending() -> None:
    assert seen([alarm(6, 9)], L) == Seen(0, mended=None)


def test_a_clean_family_is_counted() -> None:
    grave = Alarm("r", ANA, 8, None, critical=True)
    found = [alarm(2, 4), alarm(3, 5, TOM), grave]
    assert quiet(found, members=4, sessions=10) == Quiet(3, 40, 6, 10, True)  # one stands after 2, 3, 4, 8, 9 and 10
    assert quiet([], members=2, sessions=10) == Quiet(0, 20, 0, 10, False)


def test_rates_over_families() -> None:
    families = [
        Quiet(3, 40, 6, 10, True),
        Quiet(0, 40, 0, 10, False),
        Quiet(1, 20, 3, 5, False),
        Quiet(0, 20, 0, 5, False),
    ]
    assert false_alarms(families).value == false_share(families) == pytest.approx(4 / 120)
    assert standing_share(families).value == pytest.approx(9 / 30)
    assert critical_share(families).value == 0.25
    ruptures = [Seen(0, 1.0, 1), Seen(2, inf), Seen(None), Seen(1, 3.0)]
    assert sensitivity(ruptures).value == seen_share(ruptures) == 0.75
    assert flaps(ruptures) == pytest.approx(1 / 3)
    assert middle(item.delay for item in ruptures) == 1
    assert middle(item.mended for item in ruptures) == 3.0
    assert middle([]) is None


def test_the_interval_is_about_the_binomial_one() -> None:
    half = rate([(number % 2, 1) for number in range(400)])
    assert half.value == 0.5
    assert half.low == pytest.approx(0.5 - 1.96 * 0.025, abs=0.012)  # SD √(0.25/400) = 0.025
    assert half.high == pytest.approx(0.5 + 1.96 * 0.025, abs=0.012)
    assert rate([(1, 1)] * 5) == Rate(1.0, 1.0, 1.0)
    assert rate([(1, 4), (0, 4)]) == rate([(1, 4), (0, 4)])  # seeded


@pytest.mark.parametrize(
    ("sensitive", "false", "prevalence", "right"),
    [
        (0.8, 0.022, 0.03, 0.52935),  # 0.024 / (0.024 + 0.02134)
        (0.93, 0.464, 0.031, 0.06025),
        (1.0, 0.0, 0.1, 1.0),
        (0.0, 0.1, 0.3, 0.0),
        (0.0, 0.0, 0.3, None),
    ],
)
def test_how_many_alarms_are_right(sensitive: float, false: float, prevalence: float, right: float | None) -> None:
    assert precision(sensitive, false, prevalence) == (None if right is None else pytest.approx(right, abs=1e-4))


def test_below_the_loudest_limit_nothing_is_looked_for() -> None:
    loud = {1.0: 0.1, 2.0: 0.3, 3.0: 0.2, 4.0: 0.0}  # at 1 all runs melt into one
    assert limit_at(0.2, list(loud), loud.__getitem__) == 3.0
    assert limit_at(0.3, list(loud), loud.__getitem__) == 2.0
    assert limit_at(0.5, list(loud), loud.__getitem__) is None


@pytest.mark.parametrize(("target", "limit"), [(0.5, 3.0), (0.25, 4.0), (0.1, inf), (1.0, 1.0)])
def test_the_limit_for_a_rate_is_the_lowest_that_keeps_it(target: float, limit: float) -> None:
    figures = [1.0, 2.0, 3.0, 4.0]
    assert limit_at(target, figures, lambda at: sum(figure >= at for figure in figures) / 4) == limit
