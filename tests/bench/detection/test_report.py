"""The page: a small run is complete, says its seed, and puts the worst scenario first."""

from math import inf
from pathlib import Path

import pytest

from bench.detection.__main__ import measured
from bench.detection.bars import Bar
from bench.detection.extras import optional
from bench.detection.measure import ANY, LOUD
from bench.detection.plot import draw
from bench.detection.report import Run, hundredth, report, sessions, table
from bench.detection.scenarios import SCENARIOS, SIDING, SINGLE, WORLDS
from bench.detection.score import Rate
from service.domain.rules import Tone, rules


@pytest.fixture(scope="module")
def run() -> Run:
    return measured(2, seed=7)[0]


def test_a_table_is_markdown() -> None:
    assert table(("what", "n"), [("a", "1")]) == "| what | n |\n|---|---:|\n| a | 1 |"


@pytest.mark.parametrize(("count", "text"), [(None, "–"), (inf, "end"), (0.0, "0"), (1.5, "1.5")])
def test_sessions_are_words_where_there_are_none(count: float | None, text: str) -> None:
    assert sessions(count) == text


def test_rates_are_per_hundred() -> None:
    assert hundredth(Rate(0.0321, 0.02, 0.05)) == "3.2 (2.0–5.0)"


@pytest.mark.parametrize(("side", "value", "met"), [("≤", 0.05, True), ("≤", 0.051, False), ("≥", 0.05, True)])
def test_a_bar_is_met_at_its_limit(side: str, value: float, met: bool) -> None:
    assert Bar("", Rate(value, 0, 1), "≤" if side == "≤" else "≥", 0.05).met is met


def test_every_detector_meets_every_world_and_scenario(run: Run) -> None:
    assert [item.world for item in run.clean] == list(WORLDS)
    assert {item.scenario.name for item in run.injected} == {scenario.name for scenario in SCENARIOS}
    cautions = {code for code, rule in rules().items() if rule.tone is Tone.caution}  # good news is no alarm
    named = {ANY, LOUD, *cautions, *run.peers}
    for item in run.clean:
        assert named <= set(item.found)
        assert not {"rising", "recovery", "ripple"} & set(item.found)
        assert {len(families) for families in item.found.values()} == {2}
    for each in run.injected:
        assert set(each.found) == set(run.clean[0].found)
        assert {len(families) for families in each.found.values()} == {2}


def test_the_same_seed_gives_the_same_page(run: Run) -> None:
    assert report(run, None) == report(measured(2, seed=7)[0], None)


def test_the_worst_stands_first(run: Run) -> None:
    shares = [item.share(LOUD) for item in run.ruptures]
    assert shares == sorted(shares)
    page = report(run, "results.svg")
    assert "seed 7, 2 families" in page
    assert "](results.svg)" in page
    section = page.split("## Scenarios, the worst first")[1].split("##")[0]
    order = [line.split(" | ")[0] for line in section.splitlines() if line.startswith("| ")]
    assert order == ["| scenario", *(f"| {item.scenario.name}" for item in run.ruptures), "| nothing (chance)"]


def test_a_plot_is_drawn_where_matplotlib_is_installed(run: Run, tmp_path: Path) -> None:
    path, panels = tmp_path / "plot.svg", [run.scenario(SINGLE.name), run.scenario(SIDING.name)]
    assert draw(run.clean[0], panels, [ANY, LOUD, *run.peers], path) == path.exists()
    assert path.exists() == (optional("matplotlib") is not None)
    assert "No plot" in report(run, None)


def test_what_is_as_loud_as_ours_is_compared_for_both(run: Run) -> None:
    for item in run.injected:
        assert set(item.tuned) == {ANY, LOUD}
        assert "below cut-off 36" in item.tuned[LOUD]
        assert not set(item.tuned[LOUD]) & {ANY, LOUD, *rules()}
