"""Confirming a rupture episode: in one transaction, under the lock of its case; repeating it changes nothing."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy.ext.asyncio import AsyncEngine

from service.db import episodes, queries, stores
from service.db.bearers import Bearer, admitted
from service.db.engine import Db, transaction
from service.domain.commands import Refusal
from service.domain.episode import Confirmed, Episode
from service.domain.rules import Tone, tone_of


@dataclass(frozen=True, slots=True)
class Confirmation:
    """What became of an episode: how it is kept, or why it was refused."""

    episode: Confirmed | None
    refusal: Refusal | None = None


async def confirm(engine: AsyncEngine, bearer: Bearer, case_id: str, episode: Episode, now: datetime) -> Confirmation:
    """Take an episode in; committed when this returns.

    Whether a case is there is not told but by its alerts: who names none of them finds nothing.
    """
    async with transaction(engine, bearer.organization_id, caseload=bearer.caseload) as db:
        await queries.lock_cases(db, [case_id])
        if not await admitted(db, bearer, now):
            return Confirmation(None, Refusal("key-revoked"))
        told = await episodes.rules_of_alerts(db, case_id, episode.alert_ids)
        if len(told) < len(episode.alert_ids):
            return Confirmation(None, Refusal("not-found"))
        known = await episodes.episode_by_id(db, case_id, episode.id)
        if known is not None:
            same = known.body == episode.stored()
            return Confirmation(known) if same else Confirmation(None, Refusal("episode-differs"))
        refusal = await _unfit(db, case_id, episode, told)
        if refusal is not None:
            return Confirmation(None, refusal)
        kept = Confirmed(id=episode.id, body=episode.stored(), received_at=now)
        await episodes.write_episode(db, case_id, kept)
        await stores.write_audit(
            db, now, [(bearer.name, "episode.confirm", f"case/{case_id}/episode/{episode.id}", None)]
        )
        return Confirmation(kept)


async def _unfit(db: Db, case_id: str, episode: Episode, told: Iterable[str]) -> Refusal | None:
    """Return why an episode may not be of alerts by the rules `told`, or not replace the one it names."""
    if any(tone_of(code) is Tone.good_news for code in told):
        return Refusal("good-news")
    if episode.replaces is None:
        return None
    former = await episodes.episode_by_id(db, case_id, episode.replaces)
    if former is None:
        return Refusal("not-found")
    return Refusal("episode-replaced") if former.replaced_by is not None else None
