"""Settings in their table: read once, seen at once, of their own organization alone; what they do to stored courses."""

from collections.abc import Iterable
from typing import Any
from uuid import uuid4

import pytest

from service.db import queries, rulebooks
from service.db.engine import Db, transaction
from service.db.rulebooks import judge_by, rulebook, rulebook_alone, write_references, write_setting
from service.domain.reconcile import Alert
from service.domain.rulebook import EMPTY, Rulebook, Setting
from tests.factories import (
    CASE,
    NOW,
    case_facts,
    held_at,
    own_reference,
    post,
    put_case,
    rating_facts,
    reference_setting,
    rule_setting,
    srs,
)
from tests.writes import Desk

pytestmark = pytest.mark.anyio

LOSS = "trust-bond-loss"
MARKS = (9.0, 9.0, 9.0, 5.0, 9.0, 9.0)


async def tell(desk: Desk, *settings: Setting) -> None:
    async with transaction(desk.engine, desk.organization) as db:
        for setting in settings:
            await write_setting(db, setting)


async def rate(desk: Desk, numbers: range, case_id: str = CASE) -> None:
    for number in numbers:
        facts = rating_facts(
            "ana", srs(MARKS[number - 1]), case_id=case_id, session_id=f"s{number}", held_at=held_at(number)
        )
        await desk.one(post(facts))


def losses(alerts: Iterable[Alert], case_id: str = CASE) -> list[str]:
    return [item.concern.opened_session_id for item in alerts if (item.case_id, item.concern.rule) == (case_id, LOSS)]


async def test_settings_come_back_as_they_went_in_and_in_their_order(desk: Desk) -> None:
    told = (
        rule_setting(1, bond_below=10.0, at=held_at(1)),
        rule_setting(2, rule="early-low", program="trauma", mode="shadow", trauma_programs=["grief"]),
    )
    await tell(desk, *told)
    async with transaction(desk.engine, desk.organization) as db:
        found = await rulebook(db)
        assert found == Rulebook(told)
        assert await rulebook_alone(db) == found
    async with transaction(desk.engine, uuid4()) as stranger:
        assert await rulebook(stranger) is EMPTY


async def test_references_are_numbered_with_the_settings_of_rules(desk: Desk) -> None:
    told = reference_setting(2, own_reference(mean=88.5, n=60), own_reference("bond", "youth", locale="nl", sp=7.5))
    await tell(desk, rule_setting(1, bond_below=10.0))
    async with transaction(desk.engine, desk.organization) as db:
        await write_references(db, told)
    await tell(desk, rule_setting(3, bond_below=20.0))
    async with transaction(desk.engine, desk.organization) as db:
        found = await rulebook(db)
        assert found.forms == (told,)
        assert [setting.number for setting in found.settings] == [1, 3]
        assert found.number == 3
        assert await rulebook(db, 3) is found


async def test_references_alone_are_a_rulebook_too(desk: Desk) -> None:
    async with transaction(desk.engine, desk.organization) as db:
        await write_references(db, reference_setting(1, own_reference()))
    async with transaction(desk.engine, desk.organization) as db:
        _, _, number = await queries.touched_sessions(db, [], [], NOW)
        assert number == 1
        assert (await rulebook(db, number)).references.known


async def test_what_is_judged_anew_is_judged_by_references_told_meanwhile(desk: Desk) -> None:
    await rate(desk, range(1, 5))
    assert losses((await desk.stored()).alerts) == ["s4"]
    async with transaction(desk.engine, desk.organization) as db:
        await write_references(db, reference_setting(1, own_reference("bond", sd=50, sp=50)))
    await rate(desk, range(5, 6))
    assert [alert.retracted for alert in (await desk.stored()).alerts if alert.concern.rule == LOSS] == [False]
    async with transaction(desk.engine, desk.organization) as db:
        await judge_by(db, [CASE], 1)
    await rate(desk, range(6, 7))
    stored = await desk.stored()
    assert [alert.retracted for alert in stored.alerts if alert.concern.rule == LOSS] == [True]
    stored.check()


async def test_a_rulebook_is_read_once(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    await tell(desk, rule_setting(1, bond_below=10.0))
    asked = []

    async def counted(db: Db, *wanted: Any, **also: Any) -> Any:
        asked.append(wanted)
        return await fetch(db, *wanted, **also)

    fetch = Db.fetch
    monkeypatch.setattr(Db, "fetch", counted)
    async with transaction(desk.engine, desk.organization) as db:
        first = await rulebook(db, 1)
        assert await rulebook(db, 1) is first
        assert await rulebook(db, 0) is EMPTY
        assert len(asked) == 1
        monkeypatch.setattr(rulebooks, "REMEMBERED", 0)
        assert await rulebook(db) == first  # the others are forgotten meanwhile
        assert rulebooks._known == {(desk.organization, 1): first}


async def test_the_last_number_comes_with_the_touched_sessions(desk: Desk) -> None:
    for number in (0, 1, 2):
        if number:
            await tell(desk, rule_setting(number))
        async with transaction(desk.engine, desk.organization) as db:
            assert (await queries.touched_sessions(db, [], [], NOW))[2] == number


async def test_what_was_judged_stays_and_later_sessions_are_judged_anew(desk: Desk) -> None:
    await rate(desk, range(1, 5))
    before = await desk.stored()
    assert losses(before.alerts) == ["s4"]
    await tell(desk, rule_setting(1, bond_below=10.0, at=held_at(5)))  # no bond is that low
    await rate(desk, range(5, 7))
    after = await desk.stored()
    assert losses(after.alerts) == ["s4"]
    assert [alert.retracted for alert in after.alerts] == [False] * len(after.alerts)
    after.check()


async def test_a_late_form_is_judged_as_it_would_have_been_in_time(desk: Desk) -> None:
    await rate(desk, range(1, 4))
    await tell(desk, rule_setting(1, bond_below=10.0, at=held_at(5)))
    await rate(desk, range(5, 7))
    await rate(desk, range(4, 5))  # held before it was set, told after
    stored = await desk.stored()
    assert losses(stored.alerts) == ["s4"]
    stored.check()


async def test_a_case_that_is_founded_later_is_judged_by_it_from_its_first_session_on(desk: Desk) -> None:
    await tell(desk, rule_setting(1, bond_below=10.0, at=NOW))
    await rate(desk, range(1, 7))
    stored = await desk.stored()
    assert stored.cases[CASE][0].rules_since == 1
    assert losses(stored.alerts) == []
    stored.check()


async def test_two_programs_side_by_side(desk: Desk) -> None:
    await tell(desk, rule_setting(1, program="grief", bond_below=10.0, at=held_at(1)))
    for case_id, program in (("one", "trauma"), ("two", "grief"), ("none", None)):
        await desk.one(put_case(case_facts(program=program), case_id=case_id))
        await rate(desk, range(1, 5), case_id)
    stored = await desk.stored()
    assert [losses(stored.alerts, case_id) for case_id in ("one", "two", "none")] == [["s4"], [], ["s4"]]
    stored.check()


async def test_another_program_is_another_fact_and_judges_the_whole_course(desk: Desk) -> None:
    await tell(desk, rule_setting(1, program="grief", bond_below=10.0, at=held_at(1)))
    await rate(desk, range(1, 5))
    await desk.one(put_case(case_facts(program="grief", members={"ana": "youth"})))
    stored = await desk.stored()
    assert [alert.retracted for alert in stored.alerts if alert.concern.rule == LOSS] == [True]
    stored.check()


async def test_cases_may_be_judged_anew_by_what_is_set_now(desk: Desk) -> None:
    await rate(desk, range(1, 5))
    await tell(desk, rule_setting(1, bond_below=10.0))
    async with transaction(desk.engine, desk.organization) as db:
        await judge_by(db, [CASE, "unknown"], 1)
    await rate(desk, range(5, 6))  # the carries name what they were folded with, so none is believed any more
    stored = await desk.stored()
    assert stored.cases[CASE][0].rules_since == 1
    assert [alert.retracted for alert in stored.alerts if alert.concern.rule == LOSS] == [True]
    stored.check()
