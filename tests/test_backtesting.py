"""Backtests: the same facts judged by two sets of rules; nothing is stored but what differs."""

from collections.abc import Mapping
from typing import Any

import pytest

from service.backtesting import backtest
from service.db.engine import transaction
from service.db.jobs import Result
from service.db.rulebooks import rulebook_alone, write_setting
from service.domain.commands import Document
from service.domain.rulebook import EMPTY, Mode
from service.domain.trial import checked_trial
from tests.factories import NOW, case_facts, held_at, post, put_case, rating_facts, rule_setting, srs
from tests.writes import Desk

pytestmark = pytest.mark.anyio

LOSS = "trust-bond-loss"
ALL = ("a", "z")
FALLING = (9.0, 9.0, 9.0, 9.0, 6.0, 3.0)


@pytest.fixture
async def treating(desk: Desk) -> Desk:
    """Return a desk with the same course in two cases, one of a program: Ana's bond falls, then falls again."""
    await desk.write(put_case(case_id="a"), put_case(case_facts(program="trauma"), case_id="b"))
    for case_id in ("a", "b"):
        for number, mark in enumerate(FALLING, 1):
            facts = rating_facts("ana", srs(mark), case_id=case_id, session_id=f"s{number}", held_at=held_at(number))
            await desk.one(post(facts))
    return desk


def _asked(mode: str | None = None, program: str | None = None, **parameters: Any) -> Document:
    return checked_trial(
        EMPTY, program, {LOSS: {"mode": None if mode is None else Mode(mode), "parameters": parameters}}, NOW
    )


async def _backtest(desk: Desk, asked: Document) -> Result:
    async with transaction(desk.engine, desk.organization) as db:
        return await backtest(db, ALL, asked, NOW)


def _told(result: Result) -> list[tuple[str, str, str]]:
    return [(item["case_id"], item["rule"], item["change"]) for item in result.differences]


async def test_the_same_rules_differ_in_nothing(treating: Desk) -> None:
    result = await _backtest(treating, _asked("on"))
    assert (_told(result), result.alerts_changed, result.member_sessions) == ([], 0, 12)
    opened = {alert.concern.rule for alert in (await treating.stored()).alerts if alert.case_id == "a"}
    assert {rule: dict(counted) for rule, counted in result.counts.items()} == {
        rule: {"before": 2, "after": 2} for rule in opened
    }


@pytest.mark.parametrize("mode", ["off", "shadow"])
async def test_a_rule_that_falls_silent(treating: Desk, mode: str) -> None:
    result = await _backtest(treating, _asked(mode))
    assert [told for told in _told(result) if told[1] == LOSS] == [("a", LOSS, "vanished"), ("b", LOSS, "vanished")]
    assert result.counts[LOSS] == {"before": 2, "vanished": 2}


async def test_what_specific_rules_kept_from_opening_appears_without_them(treating: Desk) -> None:
    specific = (LOSS, "goal-misalignment", "resistance-to-change")
    off = {code: {"mode": Mode.off, "parameters": {}} for code in specific}
    result = await _backtest(treating, checked_trial(EMPTY, None, off, NOW))
    appeared = {rule for _, rule, change in _told(result) if change == "appeared"}
    assert appeared == {"out-of-limits", "sudden-drop"}


MOVED: list[tuple[Mapping[str, Any], list[str]]] = [
    ({"z_warning": -3.0}, []),  # below the z of either fall
    ({"bond_below": 50.0}, ["opened-later"]),
    ({"z_critical": -100.0}, ["less-severe"]),
]


@pytest.mark.parametrize(("parameters", "moves"), MOVED)
async def test_a_rule_that_is_set_otherwise(treating: Desk, parameters: Mapping[str, Any], moves: list[str]) -> None:
    result = await _backtest(treating, _asked(**parameters))
    found = [item["moves"] for item in result.differences if item["rule"] == LOSS]
    assert found == ([moves, moves] if moves else [])


async def test_for_the_cases_of_a_program_alone(treating: Desk) -> None:
    result = await _backtest(treating, _asked("off", "trauma"))
    assert {case_id for case_id, _, _ in _told(result)} == {"b"}


async def test_it_is_held_against_the_rules_in_force_now(treating: Desk) -> None:
    """However a course was judged when it came: a setting from yesterday is what a trial would replace."""
    async with transaction(treating.engine, treating.organization) as db:
        book = await rulebook_alone(db)
        await write_setting(db, rule_setting(book.number + 1, mode=Mode.off, at=NOW))
    assert any(alert.concern.rule == LOSS for alert in (await treating.stored()).alerts)
    result = await _backtest(treating, _asked("on"))
    assert result.counts[LOSS] == {"after": 2, "appeared": 2}


async def test_nothing_is_written_and_nobody_waits(treating: Desk) -> None:
    before = await treating.stored()
    async with transaction(treating.engine, treating.organization) as db:
        await backtest(db, ALL, _asked("off"), NOW)
        assert await treating.stored() == before
        await treating.one(post(rating_facts("eva", case_id="a", session_id="s1", held_at=held_at(1))))
