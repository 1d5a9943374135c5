"""The feed below the API: nothing missed and nothing twice, however many write; what leaves a reader's sight."""

import asyncio
import random
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

import pytest
from sqlalchemy import select, tuple_

from service.db import stores
from service.db.changes import Changes, Place, changes_after, newest_place, raise_epoch
from service.db.engine import Db, make_engine, transaction
from service.db.reads import AlertFilter
from service.domain.commands import AnyCommand
from service.settings import Settings
from service.writing import apply
from tests.factories import (
    CASE,
    NOW,
    case_facts,
    held_at,
    post,
    put_case,
    put_session,
    rating_facts,
    session_facts,
    srs,
)
from tests.writes import Desk, alerts

pytestmark = pytest.mark.anyio

EVERYTHING = AlertFilter(silent_on_hold=["absolute-low"])  # as if it were one of those that are silent on hold


def low(case_id: str = CASE, number: int = 1, mark: float = 2.0, at: datetime = NOW) -> AnyCommand:
    """Return Ana's rating, low enough for a note in the first session of a case."""
    facts = rating_facts("ana", srs(mark), case_id=case_id, session_id=f"s{number}", held_at=held_at(number))
    return post(facts, at)


@dataclass
class Reader:
    """Somebody who follows the feed and keeps what is there."""

    desk: Desk
    wanted: AlertFilter = EVERYTHING
    place: Place | None = None
    limit: int = 50
    caseload: tuple[str, ...] | None = None
    kept: dict[str, str] = field(default_factory=dict)  # alert → its case
    heard: list[tuple[str, str]] = field(default_factory=list)  # case or "removed", in order

    async def read(self) -> Changes:
        """Read one page and keep it."""
        async with transaction(self.desk.engine, self.desk.organization, caseload=self.caseload) as db:
            found = await changes_after(db, self.wanted, self.place, self.limit)
        assert found is not None
        self.place = found.place
        for change in found.items:
            alert_id = str(change.alert_id)
            if change.stored is None:
                self.heard.append(("removed", self.kept.pop(alert_id, "never had")))
            else:
                self.kept[alert_id] = change.stored.alert.case_id
                self.heard.append((change.stored.alert.case_id, change.stored.alert.concern.state.value))
        return found

    async def catch_up(self) -> list[tuple[str, str]]:
        """Read all that there is; return what was heard of it."""
        before = len(self.heard)
        while (await self.read()).more:
            pass
        return self.heard[before:]


async def test_from_the_first_and_on_from_there(desk: Desk) -> None:
    reader = Reader(desk, limit=2)
    assert await reader.catch_up() == []
    for case_id in ("a", "b", "c"):
        await desk.one(low(case_id))
    assert await reader.catch_up() == [("a", "open"), ("b", "open"), ("c", "open")]
    assert await reader.catch_up() == []
    await desk.one(low("a", 2, 9.9))  # above the cut: it recovers
    assert await reader.catch_up() == [("a", "recovered")]
    late = Reader(desk)
    assert await late.catch_up() == [("b", "open"), ("c", "open"), ("a", "recovered")]  # each once, as it stands
    assert late.place == reader.place


async def test_pages_end_where_they_say(desk: Desk) -> None:
    await desk.write(*(low(f"c{number}") for number in range(5)))
    reader = Reader(desk, limit=2)
    pages = [await reader.read() for _ in range(3)]
    assert [(len(page.items), page.more, page.place.number) for page in pages] == [
        (2, True, 2),
        (2, True, 4),
        (1, False, 5),
    ]
    exact = Reader(desk, limit=5)
    assert not (await exact.read()).more


FILTERS: list[tuple[dict[str, Any], list[str]]] = [
    ({}, ["a", "b"]),
    ({"case_ids": ["b"]}, ["b"]),
    ({"therapist_ids": ["dr-7", "dr-9"]}, ["a"]),
    ({"rules": ["absolute-low"]}, ["a", "b"]),
    ({"rules": ["side-taking"]}, []),
    ({"severities": ["info"]}, ["a", "b"]),
    ({"severities": ["critical"]}, []),
    ({"states": ["open"]}, ["b"]),
    ({"states": ["recovered"]}, ["a"]),
    ({"states": ["recovered", "open"], "case_ids": ["a"]}, ["a"]),
]


@pytest.mark.parametrize(("wanted", "cases"), FILTERS)
async def test_what_is_asked_for(desk: Desk, wanted: dict[str, Any], cases: list[str]) -> None:
    """Who begins hears of what is there; not of what left before, which they never had."""
    await desk.one(put_case(case_facts(therapists=["dr-7"]), "a"))
    await desk.write(low("a"), low("b"))
    await desk.one(low("a", 2, 9.9))
    reader = Reader(desk, AlertFilter(**wanted), limit=1)
    await reader.catch_up()
    assert sorted(case_id for case_id, _ in reader.heard) == cases
    assert reader.place is not None
    assert reader.place.number == 3  # it has come as far as all others, whatever it was told


async def test_what_leaves_the_filter(desk: Desk) -> None:
    reader = Reader(desk, AlertFilter(states=["open"]))
    await desk.write(low("a"), low("b"))
    await reader.catch_up()
    await desk.one(low("a", 2, 9.9))
    assert await reader.catch_up() == [("removed", "a")]
    assert list(reader.kept.values()) == ["b"]


async def test_what_is_asked_for_by_what_an_alert_keeps_says_nothing_of_others(desk: Desk) -> None:
    """A case, a therapist or a rule of others: their changes are not even told as gone."""
    reader = Reader(desk, AlertFilter(case_ids=["a"], states=["open"]))
    await reader.catch_up()
    await desk.write(low("b"))
    await desk.one(low("b", 2, 9.9))
    assert await reader.catch_up() == []


async def hold(desk: Desk, on: bool, case_id: str = CASE) -> None:
    await desk.one(put_case(case_facts(safety_hold=on), case_id))


async def test_a_case_on_hold_hides_what_is_silent_then(desk: Desk) -> None:
    reader = Reader(desk)
    await desk.one(low())
    await reader.catch_up()
    await hold(desk, on=True)
    assert await reader.catch_up() == [("removed", CASE)]
    await desk.one(low(number=2, mark=9.9))
    assert await reader.catch_up() == []  # what it does while hidden is nobody's
    await hold(desk, on=False)
    assert await reader.catch_up() == [(CASE, "recovered")]


async def test_what_is_hidden_and_changes_while_one_reads_page_by_page_is_told(desk: Desk) -> None:
    """It moves behind what the next page shows, and has still gone only since the reading began."""
    for case_id in (CASE, "b", "c"):
        await desk.one(low(case_id))
    reader = Reader(desk, limit=1)
    await reader.catch_up()
    await hold(desk, on=True)
    for case_id in ("b", "c", CASE):
        await desk.one(low(case_id, 2, 9.9))
    assert await reader.catch_up() == [("b", "recovered"), ("c", "recovered"), ("removed", CASE)]
    assert await reader.catch_up() == []


async def test_what_opens_on_hold_is_never_told(desk: Desk) -> None:
    late = Reader(desk)
    await hold(desk, on=True)
    await late.catch_up()
    await desk.one(low())
    reader = Reader(desk)
    assert await reader.catch_up() == []
    assert await late.catch_up() == []
    await desk.one(low(number=2, mark=3.0))
    assert await reader.catch_up() == await late.catch_up() == []
    await hold(desk, on=False)
    assert await reader.catch_up() == await late.catch_up() == [(CASE, "open")]


async def test_on_hold_the_others_are_told_anew(desk: Desk) -> None:
    """What their text proposes is another then; their revisions stay."""
    reader = Reader(desk, AlertFilter(silent_on_hold=["side-taking"]))
    await desk.one(low())
    await reader.catch_up()
    await hold(desk, on=True)
    found = await reader.read()
    (change,) = found.items
    assert change.stored is not None
    assert (change.stored.circumstances.on_hold, change.stored.alert.revision) == (True, 1)


@pytest.mark.parametrize(
    ("facts", "told"),
    [
        ({"safety_hold": True}, 1),
        ({"mandated": True}, 1),
        ({"walls": [["ana", "eva"]]}, 1),
        ({"therapists": ["dr-7"]}, 1),
        ({"program": "trauma"}, 0),  # folds the course anew; this alert stands as before
        ({}, 0),
    ],
)
async def test_circumstances_that_change_how_alerts_are_told(desk: Desk, facts: dict[str, Any], told: int) -> None:
    reader = Reader(desk, AlertFilter())
    await desk.one(put_case(case_facts(members={"ana": "youth", "eva": "parent"})))
    await desk.one(low())
    await reader.catch_up()
    await desk.one(put_case(case_facts(members={"ana": "youth", "eva": "parent"}, **facts)))
    assert len(await reader.catch_up()) == told


# --- a caseload


async def of(desk: Desk, case_id: str, *therapists: str) -> None:
    """Let a case be of some therapists from now on."""
    await desk.one(put_case(case_facts(members={"ana": "youth"}, therapists=list(therapists)), case_id=case_id))


@pytest.fixture
async def mine(desk: Desk) -> Reader:
    """Return dr-7, who has read what is there: one alert of a case of theirs, beside one of dr-8's."""
    for case_id, therapist in (("a", "dr-7"), ("b", "dr-8")):
        await of(desk, case_id, therapist)
        await desk.one(low(case_id))
    reader = Reader(desk, caseload=("dr-7",))
    assert await reader.catch_up() == [("a", "open")]
    return reader


async def test_of_another_caseload_nothing_is_heard_and_the_place_stays(mine: Reader) -> None:
    place = mine.place
    await of(mine.desk, "c", "dr-8")
    await mine.desk.write(low("c"), low("b", 2, 9.9))
    assert await mine.catch_up() == []
    assert mine.place == place
    await mine.desk.one(low("a", 2, 9.9))
    assert await mine.catch_up() == [("a", "recovered")]


async def test_who_begins_is_as_far_as_who_has_read_on(mine: Reader) -> None:
    async with transaction(mine.desk.engine, mine.desk.organization, caseload=("dr-7",)) as db:
        assert await newest_place(db) == mine.place
    async with transaction(mine.desk.engine, mine.desk.organization, caseload=("dr-9",)) as db:
        assert await newest_place(db) == Place(0, 0, 0)


async def test_a_case_that_is_handed_over_goes_here_and_comes_there(mine: Reader) -> None:
    next_one, both = Reader(mine.desk, caseload=("dr-8",)), Reader(mine.desk, caseload=("dr-7", "dr-8"))
    await next_one.catch_up()
    await both.catch_up()
    await of(mine.desk, "a", "dr-8")
    assert await mine.catch_up() == [("removed", "a")]
    assert await next_one.catch_up() == await both.catch_up() == [("a", "open")]
    await mine.desk.one(low("a", 2, 9.9))  # what becomes of it is nothing to who had it
    assert await mine.catch_up() == []
    assert await next_one.catch_up() == [("a", "recovered")]
    await of(mine.desk, "a", "dr-9")
    assert await mine.catch_up() == []
    assert await next_one.catch_up() == [("removed", "a")]
    assert await both.catch_up() == [("removed", "a")]  # theirs all the time until then, the recovery not yet read
    await of(mine.desk, "a", "dr-7")
    assert await mine.catch_up() == [("a", "recovered")]
    await of(mine.desk, "a")
    assert await mine.catch_up() == [("removed", "a")]


def announced(number: int, *therapists: str, **facts: Any) -> AnyCommand:
    """Return a session of a case of which nothing else is known, led by some therapists."""
    told = session_facts(held_at=held_at(number).isoformat(), therapists=list(therapists), **facts)
    return put_session(told, f"s{number}")


async def test_a_case_that_names_nobody_goes_with_its_last_session(desk: Desk) -> None:
    await desk.write(announced(1, "dr-7"), low())
    one, other = Reader(desk, caseload=("dr-7",)), Reader(desk, caseload=("dr-8",))
    assert (await one.catch_up(), await other.catch_up()) == ([(CASE, "open")], [])
    moves: list[tuple[AnyCommand, list[Any], list[Any]]] = [
        (announced(2, "dr-8"), [("removed", CASE)], [(CASE, "open")]),  # a session further
        (announced(2, "dr-8", next_planned_at=held_at(3).isoformat()), [], []),
        (announced(2, "dr-7"), [(CASE, "open")], [("removed", CASE)]),  # the same one, led by somebody else
        (announced(2, "dr-8", status="cancelled"), [], []),  # the first is the last one again
        (announced(2, "dr-8"), [("removed", CASE)], [(CASE, "open")]),
        (put_case(case_facts(therapists=["dr-7"])), [(CASE, "open")], [("removed", CASE)]),
        (announced(3, "dr-8"), [], []),  # whom the case names has it, whoever leads a session
        (put_case(case_facts()), [("removed", CASE)], [(CASE, "open")]),
    ]
    for told, here, there in moves:
        await desk.one(told)
        assert (await one.catch_up(), await other.catch_up()) == (here, there), told


async def test_who_was_away_hears_once_that_a_case_has_gone(mine: Reader) -> None:
    await of(mine.desk, "a", "dr-8")
    await mine.desk.one(low("a", 2, 9.9))
    await of(mine.desk, "a", "dr-9")
    assert await mine.catch_up() == [("removed", "a")]
    assert await Reader(mine.desk, caseload=("dr-7",)).catch_up() == []  # who never had it hears nothing


async def test_a_case_that_stays_with_one_of_two_is_told_as_it_is(mine: Reader) -> None:
    await of(mine.desk, "a", "dr-7", "dr-8")
    assert await mine.catch_up() == [("a", "open")]
    leaver = Reader(mine.desk, caseload=("dr-8",))
    await leaver.catch_up()
    await of(mine.desk, "a", "dr-7")
    assert await leaver.catch_up() == [("removed", "a")]
    assert await mine.catch_up() == [("a", "open")]


async def test_what_goes_is_told_page_by_page_and_never_twice(desk: Desk) -> None:
    for case_id in ("a", "b"):
        await of(desk, case_id, "dr-7")
        await desk.write(low(case_id), low(case_id, 2, 1.0))  # two notes
    reader = Reader(desk, caseload=("dr-7",), limit=1)
    had = await reader.catch_up()
    assert len(had) > 2
    await desk.write(
        put_case(case_facts(members={"ana": "youth"}), case_id="a"),
        put_case(case_facts(members={"ana": "youth"}), case_id="b"),
    )
    await reader.read()
    await desk.one(low("a", 3, 9.9))  # between two pages
    await reader.catch_up()
    assert reader.kept == {}
    assert len(reader.heard) == 2 * len(had)
    await desk.one(low("b", 3, 9.9))
    assert await reader.catch_up() == []


async def test_shadow_is_never_told_but_what_goes_into_it(desk: Desk) -> None:
    reader = Reader(desk)
    await desk.write(low("a"), low("b"))
    await reader.catch_up()
    await _shadow(desk, True, "a")
    assert await reader.catch_up() == [("removed", "a")]
    await _shadow(desk, True, "a")  # stored again, as when its basis changes
    assert await reader.catch_up() == []
    assert await Reader(desk).catch_up() == [("b", "open")]
    await _shadow(desk, False, "a")
    assert await reader.catch_up() == [("a", "open")]


async def _shadow(desk: Desk, shadow: bool, case_id: str) -> None:
    """Store the alert of a case as a fold under other modes does."""
    (alert,) = (await desk.stored()).live_alerts(case_id)
    async with transaction(desk.engine, desk.organization) as db:
        concern = replace(alert.concern, shadow=shadow)
        number = (await stores.take_change_numbers(db, 1)).first
        await stores.write_alerts(db, [replace(alert, concern=concern, change_number=number)])


async def test_a_place_of_another_epoch_or_ahead_of_all(desk: Desk) -> None:
    await desk.write(low("a"), low("b"))
    async with transaction(desk.engine, desk.organization) as db:
        newest = await newest_place(db)
        assert newest == Place(0, 2, 2)
        assert await changes_after(db, AlertFilter(), replace(newest, number=3), 50) is None
        await raise_epoch(db, NOW)
        assert await changes_after(db, AlertFilter(), newest, 50) is None
        raised = await newest_place(db)
        assert (raised.epoch, raised.number) == (int(NOW.timestamp() * 1000), 2)
        await raise_epoch(db, NOW - timedelta(days=1))  # a clock that went back
        assert (await newest_place(db)).epoch == raised.epoch + 1


async def test_a_restore_from_the_same_backup_twice_gives_two_epochs(desk: Desk) -> None:
    epochs = []
    for days in (1, 2):
        async with transaction(desk.engine, desk.organization, keep=False) as db:  # the backup knows nothing of it
            await raise_epoch(db, NOW + timedelta(days=days))
            epochs.append((await newest_place(db)).epoch)
    assert epochs[0] < epochs[1]


# --- many writers

WRITERS, EACH = 8, 12
JITTER = 0.01  # seconds at most before and after the unit, before its commit


async def _write(desk: Desk, writer: int) -> None:
    chance = random.Random(writer)
    for number in range(EACH):
        at = datetime.now(UTC)
        await asyncio.sleep(chance.uniform(0, JITTER))
        async with transaction(desk.engine, desk.organization) as db:
            await stores.create_missing_cases(db, [f"w{writer}-{number}"], at)
            await apply(db, [low(f"w{writer}-{number}", at=at)])
            await asyncio.sleep(chance.uniform(0, JITTER))


ByTime = tuple[datetime, Any]


async def _page_by_time(db: Db, after: ByTime | None) -> list[ByTime]:
    """Return alerts after one of them in the order of what they say of themselves: the feed that we did not build."""
    place = (alerts.c.opened_at, alerts.c.alert_id)
    statement = select(*place).where(alerts.c.organization_id == db.organization_id)
    if after is not None:
        statement = statement.where(tuple_(*place) > tuple_(*after))
    return [(row.opened_at, row.alert_id) for row in await db.execute(statement.order_by(*place).limit(7))]


@pytest.fixture
async def aside(settings: Settings, organization: UUID) -> AsyncIterator[Desk]:
    """Return somebody with connections of their own, who never waits for those of the writers."""
    engine = make_engine(settings)
    yield Desk(engine, organization)
    await engine.dispose()


async def test_eight_writers_and_no_change_missed_or_repeated(desk: Desk, aside: Desk) -> None:
    reader = Reader(aside, limit=7)
    by_time: list[ByTime] = []

    async def follow(done: Callable[[], bool]) -> None:
        last_round = False
        while not last_round:
            last_round = done()
            await reader.catch_up()
            async with transaction(desk.engine, desk.organization) as db:
                while page := await _page_by_time(db, by_time[-1] if by_time else None):
                    by_time.extend(page)

    async with asyncio.TaskGroup() as group:
        writers = [group.create_task(_write(desk, writer)) for writer in range(WRITERS)]
        group.create_task(follow(lambda: all(writer.done() for writer in writers)))
    expected = {f"w{writer}-{number}" for writer in range(WRITERS) for number in range(EACH)}
    heard = [case_id for case_id, _ in reader.heard]
    assert len(heard) == len(set(heard))
    assert set(heard) == expected
    assert len(by_time) < len(expected)  # the control: who goes on by time has missed some
