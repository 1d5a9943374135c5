from datetime import timedelta

import pytest

from service import refolding
from service.db.engine import transaction
from service.db.queries import lock_cases
from service.db.stores import write_courses
from service.domain.assess import assess
from service.domain.commands import AnyCommand, RatingFacts
from service.domain.concern import Reason, State
from service.domain.reconcile import Alert, Origin
from service.domain.records import Records
from service.refolding import Part, fold_parts, load_parts, sealed_carries
from tests.factories import (
    CASE,
    NOW,
    START,
    blank_case,
    case_facts,
    course,
    family,
    held_at,
    post,
    put_case,
    put_session,
    rating_facts,
    session_facts,
    srs,
)
from tests.writes import Desk

pytestmark = pytest.mark.anyio


def _low(number: int, mark: float, rater: str = "ana") -> RatingFacts:
    return rating_facts(rater, srs(mark), session_id=f"s{number}", held_at=held_at(number))


def _alert(name: str, part: Part, place: int = 0) -> Alert:
    return Alert(
        alert_id=name,
        case_id=part.case_id,
        concern=part.concerns[place],
        therapists=(),
        origin=Origin.live,
        opened_at=NOW,
        changed_at=NOW,
    )


def _part(sessions: list[int], changed: frozenset[str] = frozenset()) -> Part:
    """Return a part with some of the sessions of a course and with all of its concerns."""
    whole = course(ana=[90, 90, 90, 90, 30, 30])
    part = Part(blank_case(), changed)
    part.sessions = [session for place, session in enumerate(whole, 1) if place in sessions]
    part.concerns = assess(whole, family())
    return part


# --- which alerts a part decides about


def test_a_part_owns_what_rests_on_its_sessions() -> None:
    whole = _part([5, 6])
    alert = _alert("a", whole)
    assert set(alert.concern.sessions) & {"s5", "s6"}
    bare = Part(blank_case(), frozenset())
    bare.sessions = whole.sessions
    assert bare.owns(alert)


def test_a_part_owns_what_rested_on_a_session_that_left_the_course() -> None:
    alert = _alert("a", _part([5, 6]))
    left = Part(blank_case(), frozenset({"s5"}))
    assert left.owns(alert)
    assert "s5" in left.session_ids()


def test_a_part_owns_the_alerts_of_the_concerns_that_were_carried_into_it() -> None:
    earlier = _part([5, 6])
    later = Part(blank_case(), frozenset({"s7"}))
    later.concerns = earlier.concerns
    assert later.owns(_alert("a", earlier))


def test_a_part_leaves_alone_what_ended_before_it() -> None:
    """Even where it rests on the same session as the concern of another subject."""
    alert = _alert("a", _part([5, 6]))
    others = assess(course(tom=[90, 90, 90, 90, 30, 30]), family())
    later = Part(blank_case(), frozenset({"s7"}))
    later.concerns = others
    assert set(alert.concern.sessions) & later.session_ids()
    assert not later.owns(alert)
    other_case = Part(blank_case("another"), frozenset({"s5"}))
    assert not other_case.owns(alert)


# --- how far is folded


async def _refold(desk: Desk, start: tuple[object, str] | None) -> Part:
    """Fold the stored case again from a place on, as nothing but a reader of what is stored."""
    async with transaction(desk.engine, desk.organization) as db:
        locked = await lock_cases(db, [CASE])
        records = Records(cases={CASE: locked[CASE][0]})
        parts = await load_parts(db, records, {CASE: start})  # type: ignore[dict-item]
        await fold_parts(parts.values())
        await write_courses(db, sealed_carries(parts.values()), [])
        return parts[CASE]


async def test_only_the_part_after_the_place_is_folded(desk: Desk) -> None:
    await desk.write(*(post(_low(number, 9.0)) for number in range(1, 7)))
    part = await _refold(desk, (held_at(5), "s5"))
    assert [session.session_id for session in part.sessions] == ["s5", "s6"]
    assert part.before.number == 4
    assert part.course.held_sessions == 6
    assert len((await _refold(desk, None)).sessions) == 6
    (await desk.stored()).check()


@pytest.mark.parametrize("lost", [("s4",), ()])
async def test_without_a_carry_before_all_is_folded(desk: Desk, lost: tuple[str, ...]) -> None:
    await desk.write(*(post(_low(number, 9.0)) for number in range(1, 7)))
    await desk.forget_carries(*lost)
    part = await _refold(desk, (held_at(5), "s5"))
    assert len(part.sessions) == 6
    (await desk.stored()).check()


async def test_a_carry_that_nobody_needs_is_not_missed(desk: Desk) -> None:
    await desk.write(*(post(_low(number, 9.0)) for number in range(1, 7)))
    await desk.forget_carries("s2")
    assert len((await _refold(desk, (held_at(5), "s5"))).sessions) == 2


async def test_from_the_first_place_on_nothing_is_before(desk: Desk) -> None:
    await desk.write(*(post(_low(number, 9.0)) for number in range(1, 4)))
    part = await _refold(desk, (START - timedelta(days=400), "s0"))
    assert (len(part.sessions), part.before.number) == (3, 0)


async def test_other_facts_of_the_family_fold_the_course_anew(desk: Desk) -> None:
    await desk.write(*(post(_low(number, 9.0)) for number in range(1, 4)))
    before = {digest for digest, _ in (await desk.stored()).carries.values()}
    await desk.one(put_case(case_facts(members={"ana": "youth"})))
    stored = await desk.stored()
    after = {digest for digest, _ in stored.carries.values()}
    assert len(before) == len(after) == 1
    assert before != after
    stored.check()


async def test_a_long_course_is_folded_in_a_thread_and_comes_out_the_same(
    desk: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    await desk.write(*(post(_low(number, 9.0 if number % 7 else 3.0)) for number in range(1, 21)))
    quick = await _refold(desk, None)
    monkeypatch.setattr(refolding, "LONG", 5)
    slow = await _refold(desk, None)
    assert (slow.carries, slow.concerns) == (quick.carries, quick.concerns)
    assert slow.concerns


# --- alerts over time


async def test_an_alert_keeps_its_id_and_only_visible_changes_count(desk: Desk) -> None:
    await desk.write(*(post(_low(number, 9.0)) for number in range(1, 5)))
    opened = (await desk.one(post(_low(5, 3.0)))).alerts
    assert opened
    again = (await desk.one(post(_low(5, 3.0)))).alerts
    assert again == opened
    await desk.one(post(_low(5, 9.0, "tom")))  # of somebody else, about nothing that is told
    later = {alert.alert_id: alert for alert in (await desk.stored()).live_alerts(CASE)}
    assert set(later) == {alert.alert_id for alert in opened}
    for alert in opened:
        same = later[alert.alert_id]
        assert (same.revision > alert.revision) == (same.change_number > alert.change_number)


async def test_a_late_low_session_lets_the_alert_begin_earlier(desk: Desk) -> None:
    await desk.write(*(post(_low(number, 9.0)) for number in (1, 2, 3, 4)))
    await desk.write(post(_low(6, 3.0)))
    before = {alert.concern.rule: alert for alert in (await desk.stored()).live_alerts(CASE)}
    await desk.write(post(_low(5, 3.0)))
    stored = await desk.stored()
    stored.check()
    after = {alert.concern.rule: alert for alert in stored.live_alerts(CASE)}
    same = set(before) & set(after)
    assert same
    for rule in same:
        assert after[rule].alert_id == before[rule].alert_id
        assert after[rule].concern.opened_session_id == "s5"
        assert before[rule].concern.opened_session_id == "s6"


async def test_the_therapists_of_an_alert_are_those_of_the_session_that_opened_it(desk: Desk) -> None:
    await desk.write(put_case(case_facts(therapists=["dr-7"])), *(post(_low(n, 9.0)) for n in range(1, 5)))
    await desk.write(put_session(session_facts(held_at=held_at(5).isoformat(), therapists=["dr-9"]), "s5"))
    await desk.write(post(_low(5, 2.0)))
    assert {alert.therapists for alert in (await desk.stored()).live_alerts(CASE)} == {("dr-9",)}


@pytest.mark.parametrize(
    ("told", "therapists"),
    [
        (put_case(case_facts(therapists=["dr-7"])), ("dr-7",)),
        (put_session(session_facts(held_at=held_at(5).isoformat(), therapists=["dr-9"]), "s5"), ("dr-9",)),
        (put_session(session_facts(held_at=held_at(4).isoformat(), therapists=["dr-9"]), "s4"), ()),
    ],
)
async def test_who_led_that_session_may_be_told_late(desk: Desk, told: AnyCommand, therapists: tuple[str, ...]) -> None:
    """Ratings mostly come before what is known of their session or case."""
    await desk.write(*(post(_low(number, 9.0)) for number in range(1, 5)), post(_low(5, 2.0)))
    before = {alert.alert_id: alert for alert in (await desk.stored()).live_alerts(CASE)}
    await desk.write(told)
    after = {alert.alert_id: alert for alert in (await desk.stored()).live_alerts(CASE)}
    assert before.keys() == after.keys() != set()
    assert {alert.therapists for alert in after.values()} == {therapists}
    for alert_id, alert in after.items():
        assert alert.revision == before[alert_id].revision + bool(therapists)
        assert (alert.change_number > before[alert_id].change_number) is bool(therapists)


async def test_the_end_of_treatment_closes_what_is_open(desk: Desk) -> None:
    await desk.write(*(post(_low(number, 9.0)) for number in range(1, 5)), post(_low(5, 3.0)))
    period = {"from": "2026-01-01", "to": held_at(6).date().isoformat(), "ended_as": "completed"}
    await desk.one(put_case(case_facts(periods=[period])))
    stored = await desk.stored()
    assert {(alert.concern.state, alert.concern.reason) for alert in stored.live_alerts(CASE)} == {
        (State.closed, Reason.case_ended)
    }
    stored.check()
