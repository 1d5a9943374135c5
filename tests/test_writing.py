import random
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from datetime import timedelta
from typing import Any
from uuid import uuid4

import asyncpg
import pytest
from sqlalchemy import event, update
from sqlalchemy.ext.asyncio import AsyncEngine

from service.db.engine import transaction
from service.db.identity import create_organization
from service.db.sealing import seal
from service.domain.commands import AnyCommand, RatingFacts, Result, RetractionReason
from service.domain.concern import Reason, State
from service.domain.figures import figures
from service.domain.reconcile import Origin
from service.domain.records import RatingState
from service.writing import Outcome
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
    srs,
)
from tests.subscribed import delivered_to, subscribe, subscription
from tests.writes import Desk, carries, keys, let_in, units

pytestmark = pytest.mark.anyio

MEMBERS = {"eva": "parent", "tom": "parent", "ana": "youth"}


def _rated(number: int, mark: float, rater: str = "ana", case_id: str = CASE) -> RatingFacts:
    """Return an SRS with one mark on all four lines in the session of a number."""
    return rating_facts(rater, srs(mark), case_id=case_id, session_id=f"s{number}", held_at=held_at(number))


async def _rate(desk: Desk, *marks: float, rater: str = "ana") -> list[Outcome]:
    """Post one rating a session, one unit each."""
    return [await desk.one(post(_rated(place + 1, mark, rater))) for place, mark in enumerate(marks)]


def _code(outcome: Outcome) -> str | None:
    return outcome.decision.refusal.code if outcome.decision.refusal else None


# --- each kind of command, end to end


async def test_a_rating_of_an_unknown_case_makes_its_case_and_session(desk: Desk) -> None:
    outcome = await desk.one(post())
    assert outcome.decision.result is Result.created
    assert outcome.case is not None
    assert (outcome.case.revision, outcome.case.announced) == (1, False)
    assert outcome.session is not None
    assert (outcome.session.revision, outcome.session.facts) == (1, None)
    assert outcome.rating is not None
    assert outcome.rating.facts == rating_facts()
    assert outcome.course is not None
    assert (outcome.course.held_sessions, outcome.course.last_session_id) == (1, "s1")
    stored = await desk.stored()
    assert [item.facts for item in stored.ratings] == [rating_facts()]
    stored.check()


async def test_the_same_again_changes_nothing(desk: Desk) -> None:
    first = await desk.one(post())
    second = await desk.one(post(at=NOW + timedelta(hours=1)))
    assert second.decision.result is Result.same
    assert (second.rating, second.case, second.session) == (first.rating, first.case, first.session)
    assert second.figures == first.figures
    assert len((await desk.stored()).ratings) == 1


async def test_figures_are_those_of_the_session_as_it_stands(desk: Desk) -> None:
    await desk.write(post(_rated(1, 9.0, "eva")), post(_rated(1, 8.0, "tom")))
    outcome = await desk.one(post(_rated(1, 4.0, "ana")))
    stored = await desk.stored()
    (session,) = stored.course(CASE)
    _, carry = stored.carries[CASE, "s1"]
    expected = figures(carry, session, stored.family(CASE))
    assert outcome.figures == expected
    (balance,) = expected.balances
    assert balance.coverage.raters == 3
    assert outcome.missing_raters == ()


async def test_a_correction_refolds_and_keeps_history(desk: Desk) -> None:
    *_, last = await _rate(desk, 9.0, 9.0, 9.0, 9.0, 3.0)
    assert last.rating is not None
    assert [alert.concern.rule for alert in last.alerts if alert.concern.active] != []
    outcome = await desk.one(put(last.rating.rating_id, _rated(5, 9.0), 1))
    assert outcome.decision.result is Result.changed
    assert outcome.rating is not None
    assert outcome.rating.revision == 2
    assert [past.facts.answers for past in outcome.rating.past] == [srs(3.0)]
    assert outcome.alerts == ()
    stored = await desk.stored()
    assert {(alert.concern.state, alert.concern.reason) for alert in stored.alerts} == {
        (State.retracted, Reason.facts_changed)
    }
    stored.check()


async def test_a_retraction_takes_its_alerts_back_and_a_put_restores_both(desk: Desk) -> None:
    *_, last = await _rate(desk, 9.0, 9.0, 9.0, 9.0, 3.0)
    assert last.rating is not None
    opened = {alert.alert_id for alert in (await desk.stored()).live_alerts(CASE)}
    assert opened
    gone = await desk.one(retract(last.rating.rating_id, RetractionReason.withdrawn))
    assert gone.rating is not None
    assert (gone.rating.state, gone.rating.reason) == (RatingState.retracted, RetractionReason.withdrawn)
    assert gone.figures is None  # its session has no rating left and was never announced
    assert gone.course is not None
    assert gone.course.held_sessions == 4
    stored = await desk.stored()
    assert stored.live_alerts(CASE) == []
    stored.check()
    again = await desk.one(retract(last.rating.rating_id))
    assert again.decision.result is Result.same
    back = await desk.one(put(last.rating.rating_id, _rated(5, 3.0), 2))
    assert back.decision.result is Result.changed
    stored = await desk.stored()
    assert {alert.alert_id for alert in stored.live_alerts(CASE)} == opened
    stored.check()


async def test_cases_and_sessions_are_announced_and_patched(desk: Desk) -> None:
    made = await desk.one(put_case(case_facts(members=MEMBERS)))
    assert made.decision.result is Result.created
    assert (await desk.one(put_case(case_facts(members=MEMBERS)))).decision.result is Result.same
    patched = await desk.one(patch_case({"members": {"ana": {"index": True}}, "program": "trauma"}, if_match=1))
    assert patched.case is not None
    assert (patched.case.revision, patched.case.facts["program"]) == (2, "trauma")
    assert _code(await desk.one(patch_case({"program": None}, if_match=1))) == "precondition-failed"
    held = await desk.one(put_session(session_facts(held_at=START.isoformat(), attendance={"ana": "attended"})))
    assert held.decision.result is Result.created
    late = await desk.one(patch_session({"attendance": {"ana": "late"}}))
    assert late.session is not None
    assert late.session.facts is not None
    assert late.session.facts["attendance"] == {"ana": "late"}
    (await desk.stored()).check()


async def test_what_is_refused_leaves_no_trace(desk: Desk) -> None:
    ahead = post(_rated(1, 9.0, case_id="other")), put_case(case_facts(members={"family": "parent"}), case_id="third")
    outcomes = await desk.write(
        post(rating_facts(held_at=NOW + timedelta(days=2))),
        ahead[1],
        retract(str(uuid4())),
        put(str(uuid4()), rating_facts(), 1),
        patch_case({}, case_id="nobody"),
        patch_session({}, case_id="nobody"),
    )
    codes = ["in-the-future", "invalid-facts", "not-found", "not-found", "not-found", "not-found"]
    assert [_code(outcome) for outcome in outcomes] == codes
    stored = await desk.stored()
    assert (stored.cases, stored.sessions, stored.ratings) == ({}, {}, [])


async def test_a_refusal_fails_no_neighbour(desk: Desk) -> None:
    outcomes = await desk.write(
        post(_rated(1, 9.0, "eva")), post(_rated(1, 8.0, "eva")), post(_rated(1, 9.0, "tom")), retract(str(uuid4()))
    )
    assert [_code(outcome) for outcome in outcomes] == [None, "rating-differs", None, "not-found"]
    assert len((await desk.stored()).ratings) == 2


# --- keys


@pytest.mark.parametrize("change", [{"revoked_at": NOW}, {"expires_at": NOW}, {"expires_at": NOW - timedelta(1)}])
async def test_a_key_that_ended_writes_nothing(desk: Desk, change: dict[str, object]) -> None:
    async with transaction(desk.engine, desk.organization) as db:
        await db.execute(update(keys).where(keys.c.organization_id == db.organization_id).values(**change))
    assert _code(await desk.one(post())) == "key-revoked"
    stored = await desk.stored()
    assert (stored.cases, stored.ratings) == ({}, [])


async def test_keys_end_one_by_one(desk: Desk) -> None:
    await let_in(desk.engine, desk.organization, "key-2")
    async with transaction(desk.engine, desk.organization) as db:
        mine = (keys.c.organization_id == db.organization_id, keys.c.key_id == KEY)
        await db.execute(update(keys).where(*mine).values(expires_at=NOW + timedelta(1)))
        others = (keys.c.organization_id == db.organization_id, keys.c.key_id == "key-2")
        await db.execute(update(keys).where(*others).values(revoked_at=NOW))
    outcomes = await desk.write(post(_rated(1, 9.0)), replace(post(_rated(2, 9.0)), key_id="key-2"))
    assert [_code(outcome) for outcome in outcomes] == [None, "key-revoked"]


async def test_another_organizations_key_and_things_are_not_there(desk: Desk, engine: AsyncEngine) -> None:
    rating = (await desk.one(post())).rating
    assert rating is not None
    other = await create_organization(engine, f"clinic {uuid4()}", True, NOW)
    stranger = Desk(engine, other.organization_id)
    assert _code(await stranger.one(post())) == "key-revoked"
    await let_in(engine, other.organization_id)
    assert _code(await stranger.one(retract(rating.rating_id))) == "not-found"
    assert (await stranger.one(post())).decision.result is Result.created
    assert len((await desk.stored()).ratings) == 1


# --- late, cancelled, scheduled


async def test_a_late_rating_refolds_what_came_after(desk: Desk) -> None:
    for number in (1, 2, 4, 5):
        await desk.one(post(_rated(number, 9.0)))
    outcome = await desk.one(post(_rated(3, 2.0)))
    assert outcome.course is not None
    assert (outcome.course.held_sessions, outcome.course.last_session_id) == (5, "s5")
    (await desk.stored()).check()


async def test_a_session_moves_when_its_time_is_told(desk: Desk) -> None:
    await _rate(desk, 9.0, 9.0, 8.0, 3.0)
    await desk.one(put_session(session_facts(held_at=(START - timedelta(days=1)).isoformat()), "s4"))
    stored = await desk.stored()
    assert [session.session_id for session in stored.course(CASE)] == ["s4", "s1", "s2", "s3"]
    stored.check()


@pytest.mark.parametrize("status", ["cancelled", "late-cancelled"])
async def test_a_rating_in_a_cancelled_session_is_stored_outside_the_course(desk: Desk, status: str) -> None:
    await _rate(desk, 9.0, 9.0)
    await desk.one(put_session(session_facts(held_at=held_at(3).isoformat(), status=status), "s3"))
    outcome = await desk.one(post(_rated(3, 1.0)))
    assert [warning.code for warning in outcome.decision.warnings] == ["session-not-held"]
    assert (outcome.figures, outcome.alerts) == (None, ())
    assert outcome.course is not None
    assert outcome.course.held_sessions == 2
    (await desk.stored()).check()


async def test_a_rating_lets_a_scheduled_session_be_held(desk: Desk) -> None:
    planned = put_session(session_facts(held_at=held_at(1).isoformat(), status="scheduled"))
    assert (await desk.one(planned)).course is not None
    assert (await desk.stored()).course(CASE) == []
    outcome = await desk.one(post(rating_facts(held_at=None)))
    assert outcome.course is not None
    assert outcome.course.held_sessions == 1
    (await desk.stored()).check()


async def test_cancelling_a_session_takes_its_alerts_back(desk: Desk) -> None:
    await _rate(desk, 9.0, 9.0, 9.0, 9.0, 3.0)
    assert (await desk.stored()).live_alerts(CASE) != []
    await desk.one(put_session(session_facts(held_at=held_at(5).isoformat(), status="cancelled"), "s5"))
    stored = await desk.stored()
    assert stored.live_alerts(CASE) == []
    stored.check()


# --- therapists of sessions


async def test_sessions_take_the_first_list_of_therapists_and_keep_it(desk: Desk) -> None:
    await _rate(desk, 9.0, 9.0)
    await desk.one(put_case(case_facts(therapists=["dr-7"])))
    await desk.one(put_case(case_facts(therapists=["dr-8"])))
    await desk.one(post(_rated(3, 9.0)))
    stored = await desk.stored()
    assert [session.therapists for session in stored.course(CASE)] == [("dr-7",), ("dr-7",), ("dr-8",)]
    stored.check()


async def test_in_one_unit_too_they_take_the_first_list(desk: Desk) -> None:
    await _rate(desk, 9.0, 9.0)
    lists = [put_case(case_facts(therapists=therapists)) for therapists in (["dr-7"], ["dr-8"], [])]
    await desk.write(
        post(_rated(2, 9.0, "tom")), *lists, post(_rated(3, 9.0)), put_case(case_facts(therapists=["dr-9"]))
    )
    stored = await desk.stored()
    assert [session.therapists for session in stored.course(CASE)] == [("dr-7",), ("dr-7",), ("dr-9",)]
    stored.check()


# --- alerts


async def test_changes_of_alerts_are_numbered_in_the_order_of_their_commits(desk: Desk) -> None:
    await _rate(desk, 9.0, 9.0, 9.0, 9.0, 3.0, 3.0, 9.0, 9.0)
    numbers = [alert.change_number for alert in (await desk.stored()).alerts]
    assert numbers
    assert len(set(numbers)) == len(numbers)
    assert min(numbers) >= 1


async def test_backfill_is_written_on_its_alerts(desk: Desk) -> None:
    old = [post(_rated(place + 1, mark), backfill=True) for place, mark in enumerate((9.0, 9.0, 9.0, 9.0, 3.0))]
    await desk.write(*old)
    stored = await desk.stored()
    assert {alert.origin for alert in stored.alerts} == {Origin.backfill}
    await desk.one(post(_rated(5, 3.0, "tom")))
    await _rate(desk, 9.0, 9.0, 9.0, 9.0, rater="tom")
    origins = {alert.concern.subject: alert.origin for alert in (await desk.stored()).live_alerts(CASE)}
    assert origins[("member/ana",)] is Origin.backfill
    assert origins[("member/tom",)] is Origin.live


async def test_an_alert_that_ended_long_ago_stays_as_it_was(desk: Desk) -> None:
    """Another concern that rests on the same session is no reason to take it back."""
    await _rate(desk, 9.0, 9.0, 9.0, 9.0, 5.0, 9.0, 9.0, 9.0, 9.0, 9.0, 9.0)
    before = {alert.alert_id: alert for alert in (await desk.stored()).alerts}
    await desk.one(put_session(session_facts(held_at=held_at(12).isoformat()), "s12"))
    stored = await desk.stored()
    assert {alert.alert_id: alert for alert in stored.alerts} == before
    stored.check()


# --- stored carries


async def test_a_carry_folded_with_other_rules_is_folded_anew(desk: Desk) -> None:
    await _rate(desk, 9.0, 9.0, 9.0)
    async with transaction(desk.engine, desk.organization) as db:
        mine = carries.c.organization_id == db.organization_id
        await db.execute(update(carries).where(mine).values(folded_with="other rules", carry='"of another shape"'))
    await desk.one(post(_rated(4, 9.0)))
    (await desk.stored()).check()


async def test_nor_is_one_believed_that_is_only_shown(desk: Desk) -> None:
    """A repeated rating changes nothing, yet its answer shows figures of the carry after it."""
    *_, last = await _rate(desk, 9.0, 9.0, 9.0)
    stored = await desk.stored()
    _, first = stored.carries[CASE, "s1"]
    async with transaction(desk.engine, desk.organization) as db:
        mine = carries.c.organization_id == db.organization_id
        await db.execute(update(carries).where(mine).values(folded_with="other rules", carry=seal(first)))
    again = await desk.one(post(_rated(3, 9.0)))
    assert again.decision.result is Result.same
    assert again.figures == last.figures
    (await desk.stored()).check()


@pytest.mark.parametrize("forgotten", [(), ("s1",), ("s3",), ("s4",)])
@pytest.mark.parametrize("number", [1, 3, 4, 5])
async def test_deleted_carries_are_folded_anew(desk: Desk, forgotten: tuple[str, ...], number: int) -> None:
    await _rate(desk, 9.0, 9.0, 5.0, 9.0)
    await desk.forget_carries(*forgotten)
    outcome = await desk.one(post(_rated(number, 9.0, "tom")))
    assert outcome.figures is not None
    stored = await desk.stored()
    missing = {(CASE, session) for session in forgotten or ("s1", "s2", "s3", "s4")} - set(stored.carries)
    if number > 1 and missing:  # a carry that nothing needed stays away until something does
        assert forgotten
        await desk.one(put_case(case_facts(members=MEMBERS)))
    (await desk.stored()).check()


async def test_a_shown_session_before_the_folded_part_has_its_figures(desk: Desk) -> None:
    """One unit repeats an old rating whose carry is gone and adds a new session."""
    first, *_ = await _rate(desk, 9.0, 9.0, 9.0)
    await desk.forget_carries("s1")
    again, _ = await desk.write(post(_rated(1, 9.0)), post(_rated(4, 9.0)))
    assert again.figures == first.figures
    (await desk.stored()).check()


# --- cost


@contextmanager
def _counted(engine: AsyncEngine) -> Iterator[list[str]]:
    """Yield the statements that are sent meanwhile."""
    sent: list[str] = []

    def note(record: asyncpg.connection.LoggedQuery) -> None:
        sent.append(record.query.split("\n", 1)[0][:60])

    def taken(connection: Any, *rest: object) -> None:
        connection.driver_connection.add_query_logger(note)

    def given_back(connection: Any, *rest: object) -> None:
        connection.driver_connection.remove_query_logger(note)

    event.listen(engine.sync_engine, "checkout", taken)
    event.listen(engine.sync_engine, "checkin", given_back)
    yield sent
    event.remove(engine.sync_engine, "checkout", taken)
    event.remove(engine.sync_engine, "checkin", given_back)


async def test_the_number_of_statements_does_not_depend_on_the_size_of_a_unit(desk: Desk) -> None:
    for case in range(64):  # each case has a course whose next session is low
        await desk.write(*(post(_rated(number, 9.0, case_id=f"c{case}")) for number in range(1, 5)))
    with _counted(desk.engine) as one:
        await desk.write(post(_rated(5, 3.0, case_id="c0")))
    with _counted(desk.engine) as many:
        await desk.write(*(post(_rated(5, 3.0, case_id=f"c{case}")) for case in range(1, 64)))
    assert many == one
    assert 10 <= len(one) <= 16  # BEGIN and COMMIT too


async def test_nor_does_it_for_other_commands(desk: Desk) -> None:
    cases = [f"c{number}" for number in range(64)]
    made = await desk.write(*(post(_rated(1, 9.0, case_id=case)) for case in cases))
    ids = {item.rating.facts.case_id: item.rating.rating_id for item in made if item.rating is not None}

    def changes(chosen: list[str], score: float = 8.0) -> list[AnyCommand]:
        corrected = [put(ids[case], _rated(1, score, case_id=case), 1) for case in chosen]
        told = [put_case(case_facts(therapists=["dr-7"]), case_id=case) for case in chosen]
        return [*corrected, *told, *(put_session(case_id=case) for case in chosen)]

    await desk.write(*changes(cases[:1], 7.0))  # the driver asks once what a type is like
    with _counted(desk.engine) as one:
        await desk.write(*changes(cases[1:2]))
    with _counted(desk.engine) as many:
        await desk.write(*changes(cases[2:]))
    assert many == one
    (await desk.stored()).check()


# --- any order, any units


OMA = {"role": "grandparent", "expected": False}
LATER = {"decided_in": "s5", "decided_on": None}


def _story(chance: random.Random, length: int) -> list[AnyCommand]:
    """Return a random story of two cases, its commands naming ratings by their natural keys alone."""
    raters = ["eva", "tom", "ana", "dr-7"]
    commands: list[AnyCommand] = []
    for step in range(length):
        case, number = chance.choice(["c1", "c2"]), chance.randint(1, 9)
        at = NOW + timedelta(minutes=step)
        kind = chance.random()
        if kind < 0.62:
            rater = chance.choice(raters)
            mark = chance.choice([9.5, 9.0, 8.5, 8.0, 6.0, 3.0, 1.0])
            moved = timedelta(days=chance.choice([0, 0, 0, 10]))
            facts = rating_facts(
                rater,
                srs(mark),
                case_id=case,
                session_id=f"s{number}",
                held_at=held_at(number) + moved,
                record_version=step,
                about="member/ana" if rater == "dr-7" else "therapist",
            )
            commands.append(post(facts, at=at))
        elif kind < 0.82:
            status = chance.choice(["held", "held", "held", "scheduled", "no-show", "cancelled"])
            told = session_facts(
                held_at=chance.choice([held_at(number), held_at(number) + timedelta(days=15)]).isoformat(),
                status=status,
                attendance=chance.choice([{}, {"ana": "no-show"}, {"tom": "excused", "ana": "attended"}]),
                indicators_observed=chance.choice([None, True]),
                therapists=chance.choice([[], [], ["dr-9"]]),
                readiness=chance.choice([{}, {"ana": {"value": chance.randint(0, 10), "source": "member/ana"}}]),
            )
            if chance.random() < 0.4:
                hostile = {"kind": "hostility", "from": "member/ana", "toward": "therapist/dr-7", "severity": 2}
                told = {**told, "indicators_observed": True, "indicators": {"i1": {**hostile, "source": "observer/o1"}}}
            commands.append(put_session(told, f"s{number}", case, at=at))
        else:
            told = case_facts(
                members={**MEMBERS, "oma": chance.choice([OMA, {**OMA, "voice": {"state": "goes-without", **LATER}}])},
                checklist=chance.choice([{}, {"nobody-blamed": {"state": "ticked", **LATER}}]),
                therapists=chance.choice([[], ["dr-7"], ["dr-8"]]),
                periods=chance.choice(
                    [[], [{"from": "2026-01-01", "to": "2026-02-05", "ended_as": "completed"}]],
                ),
            )
            commands.append(put_case(told, case, at=at))
    return commands


@pytest.mark.parametrize("seed", range(12))
async def test_what_is_stored_equals_a_fold_from_scratch(desk: Desk, seed: int) -> None:
    chance = random.Random(seed)
    story = _story(chance, 60)
    for unit in units(story, [1, 3, 7]):
        await desk.write(*unit)
        if chance.random() < 0.2:
            live = [item for item in (await desk.stored()).ratings if item.live]
            await desk.one(retract(chance.choice(live).rating_id)) if live else None
        (await desk.stored()).check()


@pytest.mark.parametrize("seed", range(8))
async def test_one_by_one_or_in_units_is_the_same(engine: AsyncEngine, desk: Desk, seed: int) -> None:
    other = await create_organization(engine, f"clinic {uuid4()}", True, NOW)
    await let_in(engine, other.organization_id)
    alone = Desk(engine, other.organization_id)
    story = _story(random.Random(100 + seed), 48)
    singly = [await alone.one(command) for command in story]
    together = [outcome for unit in units(story, [16, 1, 8]) for outcome in await desk.write(*unit)]
    assert [item.decision.result for item in together] == [item.decision.result for item in singly]
    ours, theirs = await desk.stored(), await alone.stored()
    for case_id in ours.cases:
        assert ours.family(case_id) == theirs.family(case_id)
        assert ours.course(case_id) == theirs.course(case_id)
    assert {key: carry for key, (_, carry) in ours.carries.items() if ours.sessions[key][1]} == {
        key: carry for key, (_, carry) in theirs.carries.items() if theirs.sessions[key][1]
    }


async def test_who_subscribed_costs_one_statement_and_only_where_an_alert_changed(desk: Desk) -> None:
    """Nobody else pays: whether somebody is to be told comes with the numbers of the changes."""
    for case in ("c0", "c1", "c2", "c3"):
        await desk.write(*(post(_rated(number, 9.0, case_id=case)) for number in range(1, 5)))
    with _counted(desk.engine) as alone:
        await desk.write(post(_rated(5, 3.0, case_id="c0")))
    await subscribe(desk, subscription("a"), subscription("b"))
    await desk.write(post(_rated(5, 3.0, case_id="c3")))  # the driver asks once for each type of array
    known = len(await delivered_to(desk, "a"))
    with _counted(desk.engine) as told:
        await desk.write(post(_rated(5, 3.0, case_id="c1")))
    with _counted(desk.engine) as calm:
        await desk.write(post(_rated(5, 9.0, case_id="c2")))
    assert len(await delivered_to(desk, "a")) == len(await delivered_to(desk, "b")) == 2 * known > 0
    assert told[-2].startswith("INSERT INTO deliveries")
    assert [*told[:-2], told[-1]] == alone
    assert [statement for statement in calm if "deliveries" in statement] == []
