"""Writing in tests: commands stored with a valid key, and what is stored held against a fold from scratch."""

import json
from collections.abc import Sequence
from dataclasses import dataclass, replace
from uuid import UUID

from sqlalchemy import delete, insert, select, true
from sqlalchemy.ext.asyncio import AsyncEngine

from service.db.bearers import Bearer
from service.db.engine import Db, transaction
from service.db.queries import SessionKey
from service.db.reads import one_moment
from service.db.rows import alert_of, case_of, rating_record_of, session_record_of
from service.db.rulebooks import rulebook
from service.db.sealing import unseal_carry
from service.db.tables import AlertRow, CarryRow, CaseRow, KeyRow, RatingRow, SessionRow, table_of
from service.domain.assess import assess, fold
from service.domain.carry import Carry, folded_with
from service.domain.commands import AnyCommand
from service.domain.concern import Concern
from service.domain.facts import family_of
from service.domain.model import Family, TherapySession
from service.domain.reconcile import Alert, basis_of
from service.domain.records import CaseRecord, RatingRecord, SessionRecord
from service.writing import Outcome, write
from tests.factories import KEY, NOW

cases, sessions, ratings = table_of(CaseRow), table_of(SessionRow), table_of(RatingRow)
alerts, carries, keys = table_of(AlertRow), table_of(CarryRow), table_of(KeyRow)


async def let_in(engine: AsyncEngine, organization: UUID, key_id: str = KEY) -> None:
    """Store the key that the commands of the factories name."""
    async with transaction(engine, organization) as db:
        values = {"key_id": key_id, "secret_hash": b"", "scopes": ["all"], "created_at": NOW}
        await db.execute(insert(keys).values(organization_id=organization, **values))


@dataclass(slots=True)
class Desk:
    """Somebody who writes for one organization."""

    engine: AsyncEngine
    organization: UUID

    async def write(self, *commands: AnyCommand) -> list[Outcome]:
        """Store commands in one unit."""
        return await write(self.engine, self.organization, commands)

    async def one(self, command: AnyCommand) -> Outcome:
        (outcome,) = await self.write(command)
        return outcome

    def bearer(self, key_id: str = KEY) -> Bearer:
        """Return the bearer of a key of this organization."""
        return Bearer(organization_id=self.organization, key_id=key_id)

    async def forget_carries(self, *session_ids: str) -> None:
        """Delete the carries of some sessions, or all."""
        chosen = carries.c.session_id.in_(session_ids) if session_ids else true()
        async with transaction(self.engine, self.organization) as db:
            await db.execute(delete(carries).where(carries.c.organization_id == db.organization_id, chosen))

    async def stored(self) -> "Stored":
        async with transaction(self.engine, self.organization) as db:
            await one_moment(db)
            return await _stored(db)


@dataclass(frozen=True, slots=True)
class Stored:
    """All that is stored of one organization."""

    cases: dict[str, tuple[CaseRecord, int, str | None]]
    sessions: dict[SessionKey, tuple[SessionRecord, bool]]
    ratings: list[RatingRecord]
    alerts: list[Alert]
    carries: dict[SessionKey, tuple[str, Carry]]

    def family(self, case_id: str) -> Family:
        return family_of(self.cases[case_id][0].facts)

    def course(self, case_id: str) -> list[TherapySession]:
        """Return the course of a case from its facts alone."""
        found = []
        for (mine, session_id), (record, _) in self.sessions.items():
            facts = [
                item.facts
                for item in self.ratings
                if item.live and (item.facts.case_id, item.facts.session_id) == (case_id, session_id)
            ]
            session = record.as_folded(facts)
            if mine == case_id and session is not None:
                found.append(session)
        return sorted(found, key=lambda session: session.position)

    def live_alerts(self, case_id: str) -> list[Alert]:
        return [alert for alert in self.alerts if alert.case_id == case_id and not alert.retracted]

    def check(self) -> None:
        """Hold everything computed against a fold of the facts from scratch."""
        for case_id in self.cases:
            self._check_case(case_id)
        in_course = {(case_id, item.session_id) for case_id in self.cases for item in self.course(case_id)}
        assert {key for key, (_, flag) in self.sessions.items() if flag} == in_course

    def _check_case(self, case_id: str) -> None:
        case, course = self.cases[case_id][0], self.course(case_id)
        family, history = case.family, case.history
        steps, _ = fold(Carry(), course, family, history)
        for session, step in zip(course, steps, strict=True):
            stored_with, carry = self.carries[case_id, session.session_id]
            named = folded_with(family, history, session.held_at)
            assert stored_with == named, f"{case_id}/{session.session_id} was folded with something else"
            for name in Carry.__dataclass_fields__:
                told = f"{name} after {case_id}/{session.session_id}"
                assert getattr(carry, name) == getattr(step.carry, name), told
        last = steps[-1].carry if steps else Carry()
        assert self.cases[case_id][1:] == (last.number, last.last_session_id)
        fresh = sorted(map(_seen, assess(course, family, history)))
        assert sorted(_seen(alert.concern) for alert in self.live_alerts(case_id)) == fresh


def _seen(concern: Concern) -> tuple[str, ...]:
    """Return what makes two alerts the same."""
    told = (*concern.topic, concern.sessions, concern.state, concern.reason, concern.severity)
    return (*map(str, told), json.dumps(basis_of(concern), sort_keys=True))


async def _stored(db: Db) -> Stored:
    book = await rulebook(db)
    mine = {table: select(table).where(table.c.organization_id == db.organization_id) for table in _TABLES}
    found = {table.name: (await db.execute(statement)).mappings().all() for table, statement in mine.items()}
    return Stored(
        cases={
            row["case_id"]: (replace(case_of(row), rulebook=book), row["held_sessions"], row["last_session_id"])
            for row in found["cases"]
        },
        sessions={
            (row["case_id"], row["session_id"]): (session_record_of(row), row["in_course"]) for row in found["sessions"]
        },
        ratings=[rating_record_of(row) for row in found["ratings"]],
        alerts=sorted((alert_of(row) for row in found["alerts"]), key=lambda alert: alert.alert_id),
        carries={
            (row["case_id"], row["session_id"]): (row["folded_with"], unseal_carry(row["carry"]))
            for row in found["carries"]
        },
    )


_TABLES = (cases, sessions, ratings, alerts, carries)


def units(commands: Sequence[AnyCommand], sizes: Sequence[int]) -> list[Sequence[AnyCommand]]:
    """Cut commands into units of some sizes, over and over."""
    cut: list[Sequence[AnyCommand]] = []
    place = 0
    while place < len(commands):
        size = sizes[len(cut) % len(sizes)]
        cut.append(commands[place : place + size])
        place += size
    return cut
