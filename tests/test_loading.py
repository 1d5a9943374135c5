from collections.abc import Sequence
from dataclasses import replace
from uuid import uuid4

import pytest

from service.db.engine import transaction
from service.domain.commands import AnyCommand
from service.loading import NewCases, Unit, families, load, positions
from tests.factories import (
    CASE,
    KEY,
    NOW,
    START,
    case_facts,
    held_at,
    patch_case,
    patch_session,
    post,
    put,
    put_case,
    put_session,
    rating_facts,
    retract,
    session_facts,
)
from tests.writes import Desk

pytestmark = pytest.mark.anyio


async def _load(desk: Desk, *commands: AnyCommand) -> Unit:
    async with transaction(desk.engine, desk.organization) as db:
        return await load(db, commands, NOW)


async def _stored(desk: Desk) -> str:
    """Store a case with two sessions; return the id of the first rating."""
    first, *_ = await desk.write(
        post(rating_facts(record_id="r-1")),
        post(rating_facts("eva")),
        post(rating_facts(session_id="s2", held_at=held_at(2), record_id="r-2")),
        post(rating_facts(case_id="other")),
    )
    assert first.rating is not None
    return first.rating.rating_id


@pytest.mark.parametrize(
    ("commands", "new"),
    [
        ([post()], {CASE}),
        ([put_case(case_id="a"), put_session(case_id="b"), post(rating_facts(case_id="c"))], {"a", "b", "c"}),
        ([post(), patch_case({}, case_id="a")], {CASE}),
    ],
)
async def test_rows_have_to_be_made_for_what_creates(desk: Desk, commands: Sequence[AnyCommand], new: set[str]) -> None:
    with pytest.raises(NewCases) as caught:
        await _load(desk, *commands)
    assert caught.value.case_ids == new
    assert str(caught.value) == f"{len(new)} new cases"  # how many, not which


@pytest.mark.parametrize(
    "command", [patch_case({}), patch_session({}), retract(str(uuid4())), put(str(uuid4()), rating_facts(), 1)]
)
async def test_none_are_made_for_what_cannot_create(desk: Desk, command: AnyCommand) -> None:
    unit = await _load(desk, command)
    assert unit.records.cases == {}
    assert unit.case_of(command) in (None, CASE)


async def test_only_what_is_touched_is_loaded(desk: Desk) -> None:
    await _stored(desk)
    unit = await _load(desk, post(rating_facts("tom")))
    assert set(unit.records.cases) == {CASE}
    assert set(unit.records.sessions) == {(CASE, "s1")}
    assert {item.facts.rater_id for item in unit.records.ratings.values()} == {"ana", "eva"}
    assert unit.positions == {(CASE, "s1"): (START, "s1")}
    assert unit.courses[CASE].held_sessions == 2
    assert not unit.records.changed_ratings | unit.records.changed_cases
    assert not unit.records.changed_sessions


async def test_a_rating_named_by_its_id_brings_its_session(desk: Desk) -> None:
    rating_id = await _stored(desk)
    unit = await _load(desk, retract(rating_id))
    assert unit.case_of(retract(rating_id)) == CASE
    assert set(unit.records.sessions) == {(CASE, "s1")}


async def test_a_record_id_brings_the_rating_that_holds_it(desk: Desk) -> None:
    await _stored(desk)
    unit = await _load(desk, post(rating_facts(session_id="s9", record_id="r-2")))
    assert [item.facts.session_id for item in unit.records.ratings.values()] == ["s2"]
    assert unit.records.sessions == {}


async def test_replacing_a_case_brings_who_has_rated_in_it(desk: Desk) -> None:
    await _stored(desk)
    assert (await _load(desk, put_case(case_facts()))).records.raters == {CASE: {"ana": 2, "eva": 1}}
    assert (await _load(desk, post())).records.raters == {}


async def test_only_valid_keys_are_known(desk: Desk) -> None:
    await _stored(desk)
    assert (await _load(desk, post(), replace(post(), key_id="nobody's"))).keys == {KEY}


async def test_what_is_no_part_of_the_course_has_no_place(desk: Desk) -> None:
    await _stored(desk)
    await desk.one(put_session(session_facts(status="cancelled", held_at=START.isoformat())))
    unit = await _load(desk, post(), put_session(session_id="s2"))
    assert set(unit.positions) == set(positions(unit.records, unit.records.sessions)) == {(CASE, "s2")}


async def test_a_family_is_what_its_facts_say(desk: Desk) -> None:
    await _stored(desk)
    unit = await _load(desk, post(), post(rating_facts(case_id="other")))
    assert unit.families[CASE] == unit.families["other"] == families(unit.records)[CASE]
    await desk.one(put_case(case_facts(members={"ana": "youth"})))
    assert (await _load(desk, post())).families[CASE] != unit.families[CASE]
