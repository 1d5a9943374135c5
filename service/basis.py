"""What an alert rests on, as it can be found again: its grounds, from the stored carries where they hold."""

import asyncio
from dataclasses import replace
from itertools import takewhile

from service.db import reads
from service.db.engine import Db
from service.db.rulebooks import rulebook
from service.domain.grounds import Ground, grounds_of
from service.domain.records import Records
from service.refolding import LONG, load_parts


async def grounds_of_alert(db: Db, stored: reads.StoredAlert) -> tuple[Ground, ...]:
    """Return the grounds of an alert; none of a retracted one, which has lost them.

    The transaction must see one moment throughout, or an alert and its facts may be of two.
    """
    concern = stored.alert.concern
    case = None if stored.alert.retracted else await reads.case_by_id(db, stored.alert.case_id)
    if case is None:
        return ()
    case_id, start = case.record.case_id, (concern.opened_held_at, concern.opened_session_id)
    record = replace(case.record, rulebook=await rulebook(db))
    part = (await load_parts(db, Records(cases={case_id: record}), {case_id: start}))[case_id]
    fired = list(takewhile(lambda session: session.held_at <= concern.last_held_at, part.sessions))
    given = (concern, part.before, fired, part.family, record.history)
    if len(fired) > LONG:
        return await asyncio.to_thread(grounds_of, *given)
    return grounds_of(*given)
