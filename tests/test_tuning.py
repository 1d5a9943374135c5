"""Setting a rule as one unit: once, audited, one after the other, beside writes that go on, and at no cost to them."""

import asyncio
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from random import Random
from typing import Any

import asyncpg
import pytest
from sqlalchemy import select

from service.db.engine import transaction
from service.db.tables import AuditRow, table_of
from service.domain.amending import Wish
from service.domain.errors import InvalidParameters
from service.domain.rulebook import Mode
from service.tuning import Tuned, tune
from tests.domain.test_amending import wish
from tests.factories import CASE, KEY, START, case_facts, held_at, post, put_case, rating_facts, srs
from tests.writes import Desk

pytestmark = pytest.mark.anyio

LOSS = "trust-bond-loss"


async def tuned(desk: Desk, wanted: Wish, **options: Any) -> Tuned:
    return await tune(desk.engine, desk.organization, wanted, **options)


def code_of(done: Tuned) -> str | None:
    return done.refusal.code if done.refusal else None


async def test_it_is_kept_once_with_who_and_when(desk: Desk) -> None:
    done = await asyncio.gather(*(tuned(desk, wish(mode="shadow", bond_below=70)) for _ in range(6)))
    assert sorted(item.created for item in done) == [False] * 5 + [True]
    assert {len(item.rulebook.settings) for item in done} == {1}
    await tuned(desk, wish("trauma", bond_below=60))
    audit = table_of(AuditRow)
    mine = (audit.c.organization_id == desk.organization, audit.c.action == "rule.set")
    wanted = select(audit.c.key_id, audit.c.at, audit.c.thing, audit.c.revision).where(*mine).order_by(audit.c.audit_id)
    async with transaction(desk.engine, desk.organization) as db:
        noted = [tuple(row) for row in (await db.execute(wanted)).all()]
    at = wish().at
    assert noted == [(KEY, at, f"rule/{LOSS}", 1), (KEY, at, f"rule/{LOSS}/program/trauma", 1)]


async def test_many_at_once_are_one_after_the_other(desk: Desk) -> None:
    limits = range(10, 26)
    done = await asyncio.gather(*(tuned(desk, wish(bond_below=limit)) for limit in limits))
    assert [code_of(item) for item in done] == [None] * len(limits)
    last = max((item.rulebook for item in done), key=lambda book: book.number)
    assert [(item.number, item.version) for item in last.settings] == [(n, n) for n in range(1, len(limits) + 1)]
    assert {item.parameters["bond_below"] for item in last.settings} == {float(limit) for limit in limits}


async def test_of_two_who_saw_the_same_version_one_is_refused(desk: Desk) -> None:
    await tuned(desk, wish(bond_below=70))
    done = await asyncio.gather(*(tuned(desk, wish(bond_below=limit, if_match=1)) for limit in (60, 50)))
    assert sorted(filter(None, map(code_of, done))) == ["precondition-failed"]


async def test_a_revoked_key_sets_nothing_and_the_command_line_needs_none(desk: Desk) -> None:
    stranger = replace(wish(mode="off"), key_id="nobody")
    assert code_of(await tuned(desk, stranger)) == "key-revoked"
    done = await tuned(desk, replace(stranger, key_id="operator"), by_key=False)
    assert [item.key_id for item in done.rulebook.settings] == ["operator"]


async def test_what_does_not_fit_leaves_nothing_behind(desk: Desk) -> None:
    with pytest.raises(InvalidParameters):
        await tuned(desk, wish(bond_below="low"))
    assert (await tuned(desk, wish())).rulebook.settings == ()


MARKS = (9.0, 9.0, 9.0, 5.0, 9.0, 9.0, 9.0, 5.0, 9.0)


async def rate(desk: Desk, number: int, case_id: str = CASE) -> None:
    mark = srs(MARKS[number - 1])
    await desk.one(post(rating_facts("ana", mark, case_id=case_id, session_id=f"s{number}", held_at=held_at(number))))


async def test_writes_and_settings_at_once_end_as_if_one_had_come_after_the_other(desk: Desk) -> None:
    """Whatever a write saw of the rules, what is stored is the fold of the facts under all that was set."""
    cases = [f"case-{place}" for place in range(4)]

    async def a_course(case_id: str) -> None:
        for number in range(1, len(MARKS) + 1):
            await rate(desk, number, case_id)

    async def settings() -> None:
        for number in range(2, 9):
            mode = (Mode.on, Mode.shadow, Mode.off, None)[number % 4]
            wanted = replace(wish(bond_below=40 + number), mode=mode, at=held_at(number))
            assert code_of(await tuned(desk, wanted)) is None

    await asyncio.gather(settings(), *map(a_course, cases))
    for case_id in cases:  # one more, so that every carry that named less than was set by then is folded anew
        facts = rating_facts("ana", srs(9.0), case_id=case_id, session_id="s10", held_at=held_at(10))
        await desk.one(post(facts))
    (await desk.stored()).check()


# what is set between the sessions: Ana's bond falls in the fourth and again in the eighth
MEANWHILE: tuple[tuple[int, dict[str, Any]], ...] = (
    (2, {"z_warning": -1.0, "bond_below": 95.0}),
    (5, {"bond_below": 40.0}),
    (6, {"mode": "shadow"}),
    (9, {}),
)


async def test_the_order_of_arrival_does_not_matter_whatever_was_set_meanwhile(desk: Desk) -> None:
    chance = Random(5)
    orders = [list(range(1, len(MARKS) + 1)) for _ in range(5)]
    for order in orders[1:]:
        chance.shuffle(order)
    for place in range(len(orders)):
        await desk.one(put_case(case_facts(members={"ana": "youth"}), case_id=f"case-{place}"))
    for number, told in MEANWHILE:
        await tuned(desk, replace(wish(**told), at=held_at(number)))
    for place, order in enumerate(orders):
        for number in order:
            await rate(desk, number, f"case-{place}")
    stored = await desk.stored()
    stored.check()
    found = [
        sorted((*concern.topic, concern.sessions, str(concern.reason)) for concern in concerns)
        for concerns in ([item.concern for item in stored.live_alerts(name)] for name in sorted(stored.cases))
    ]
    assert {topic[2] for topic in found[0] if topic[0] == LOSS} == {False, True}
    assert all(alerts == found[0] for alerts in found)


@contextmanager
def statements(monkeypatch: pytest.MonkeyPatch) -> Iterator[list[str]]:
    """Collect what is sent to the database meanwhile."""
    sent: list[str] = []
    with monkeypatch.context() as patch:
        for name in ("fetch", "execute", "executemany"):
            known = getattr(asyncpg.Connection, name)

            async def noted(self: Any, query: str, *arguments: Any, known: Any = known, **options: Any) -> Any:
                sent.append(query)
                return await known(self, query, *arguments, **options)

            patch.setattr(asyncpg.Connection, name, noted)
        yield sent


async def test_a_rating_costs_no_statement_more_once_rules_are_set(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    await rate(desk, 1, "before")
    with statements(monkeypatch) as before:
        await rate(desk, 2, "before")
    await tuned(desk, replace(wish(bond_below=70), at=START))
    await rate(desk, 1, "after")  # reads what was set, once for this process
    with statements(monkeypatch) as after:
        await rate(desk, 2, "after")
    assert len(before) > 5
    assert after == before
    assert (await desk.stored()).cases["after"][0].rules_since == 1
