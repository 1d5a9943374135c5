import asyncio
from dataclasses import replace
from uuid import UUID, uuid4

import pytest
from sqlalchemy import select

from service.confirming import Confirmation, confirm
from service.db.bearers import Bearer
from service.db.engine import transaction
from service.db.tables import AuditRow, table_of
from service.domain.episode import Episode, EpisodeOutcome
from tests.domain.test_episode import TOLD
from tests.factories import CASE, KEY, NOW, held_at, post, rating_facts, srs
from tests.writes import Desk

pytestmark = pytest.mark.anyio


async def _episode(desk: Desk) -> Episode:
    """Let Ana fall in the fifth session; return an episode of all alerts that open."""
    for number, mark in enumerate((9.0, 9.0, 9.0, 9.0, 3.0), 1):
        await desk.one(post(rating_facts("ana", srs(mark), session_id=f"s{number}", held_at=held_at(number))))
    alerts = (await desk.stored()).alerts
    return replace(TOLD, alert_ids=tuple(sorted(alert.alert_id for alert in alerts)))


async def _confirm(desk: Desk, episode: Episode, case_id: str = CASE, key_id: str = KEY) -> Confirmation:
    return await confirm(desk.engine, desk.bearer(key_id), case_id, episode, NOW)


def _code(done: Confirmation) -> str | None:
    return done.refusal.code if done.refusal else None


async def test_it_is_kept_once_and_in_the_audit(desk: Desk) -> None:
    episode = await _episode(desk)
    done = await asyncio.gather(*(_confirm(desk, episode) for _ in range(4)))
    assert [_code(item) for item in done] == [None] * 4
    assert {item.episode.id for item in done if item.episode} == {"e-1"}
    audit = table_of(AuditRow)
    mine = (audit.c.organization_id == desk.organization, audit.c.action == "episode.confirm")
    async with transaction(desk.engine, desk.organization) as db:
        noted = (await db.execute(select(audit.c.key_id, audit.c.thing).where(*mine))).all()
    assert [tuple(row) for row in noted] == [(KEY, f"case/{CASE}/episode/e-1")]


async def test_the_same_id_with_other_content(desk: Desk) -> None:
    episode = await _episode(desk)
    await _confirm(desk, episode)
    assert _code(await _confirm(desk, replace(episode, outcome=EpisodeOutcome.lost))) == "episode-differs"


async def test_a_correction_replaces_and_is_replaced_in_turn(desk: Desk) -> None:
    episode = await _episode(desk)
    await _confirm(desk, episode)
    better = replace(episode, id="e-2", outcome=EpisodeOutcome.unrepaired, replaces="e-1")
    assert _code(await _confirm(desk, better)) is None
    assert _code(await _confirm(desk, better)) is None  # a repeat
    again = await _confirm(desk, episode)  # a late repeat of the first
    assert again.episode is not None
    assert again.episode.replaced_by == "e-2"
    assert _code(await _confirm(desk, replace(better, id="e-3"))) == "episode-replaced"
    assert _code(await _confirm(desk, replace(better, id="e-3", replaces="e-2"))) is None
    for nothing in ("e-9", "e-4"):
        assert _code(await _confirm(desk, replace(better, id="e-4", replaces=nothing))) == "not-found"


async def test_who_may_not_and_what_is_not_there(desk: Desk) -> None:
    episode = await _episode(desk)
    unknown = replace(episode, alert_ids=(*episode.alert_ids, str(uuid4())))
    assert _code(await _confirm(desk, episode, key_id="gone")) == "key-revoked"
    assert _code(await _confirm(desk, unknown)) == "not-found"
    assert _code(await _confirm(desk, episode, case_id="elsewhere")) == "not-found"
    stranger = await confirm(desk.engine, Bearer(organization_id=UUID(int=0), key_id=KEY), CASE, episode, NOW)
    assert stranger.episode is None
