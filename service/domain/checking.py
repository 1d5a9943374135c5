"""What announced facts may not be: incomplete, too many, or in contradiction with each other."""

from collections.abc import Iterator
from datetime import datetime

from service.domain.commands import Document
from service.domain.errors import Fault, InvalidFamily, InvalidSession
from service.domain.facts import ENTRY_REQUIRED, MOST, RESERVED, time_of
from service.domain.noted import PointState


def _unfit(facts: Document) -> list[Fault]:
    """Return which maps are too large and what entries lack after a patch; whole documents were checked before."""
    crowded = [name for name, most in MOST.items() if len(facts.get(name, ())) > most]
    return [Fault(f"/{name}", "too-many", "There are too many entries.") for name in crowded] + [
        Fault(f"/{name}/{key}/{field}", "missing", "This field is needed.")
        for name, required in ENTRY_REQUIRED.items()
        for key, entry in facts.get(name, {}).items()
        for field in required
        if field not in entry
    ]


def check_case(facts: Document) -> None:
    """Raise InvalidFamily where the facts of a case are incomplete or contradict each other."""
    checks = (_reserved, _subsystems, _walls, _decided, _periods)
    faults = _unfit(facts) + [fault for check in checks for fault in check(facts)]
    if faults:
        raise InvalidFamily(*faults)


def _reserved(facts: Document) -> Iterator[Fault]:
    for member_id in facts["members"]:
        if member_id in RESERVED:
            yield Fault(f"/members/{member_id}", "reserved-id", "This id names a kind of reference; choose another.")


def _subsystems(facts: Document) -> Iterator[Fault]:
    for code, member_ids in facts["subsystems"].items():
        for place, member_id in enumerate(member_ids):
            if member_id not in facts["members"]:
                pointer = f"/subsystems/{code}/{place}"
                yield Fault(pointer, "unknown-member", "A subsystem names members of its case.")


def _walls(facts: Document) -> Iterator[Fault]:
    for place, wall in enumerate(facts["walls"]):
        if wall[0] == wall[1]:
            yield Fault(f"/walls/{place}/1", "same-member", "A wall stands between two members.")
        for side, member_id in enumerate(wall):
            if member_id not in facts["members"]:
                yield Fault(f"/walls/{place}/{side}", "unknown-member", "A wall names members of its case.")


def _decided(facts: Document) -> Iterator[Fault]:
    """Yield where a decision does not say when it was made, or what is open says so."""
    noted = [(f"/checklist/{point}", entry) for point, entry in facts["checklist"].items()]
    voices = ((member_id, member["voice"]) for member_id, member in facts["members"].items())
    noted += [(f"/members/{member_id}/voice", voice) for member_id, voice in voices if voice is not None]
    for pointer, entry in noted:
        is_open, is_dated = entry.get("state") == PointState.open, bool(entry["decided_in"] or entry["decided_on"])
        if "state" not in entry and pointer.endswith("/voice"):
            yield Fault(f"{pointer}/state", "missing", "This field is needed.")
        elif is_open and is_dated:
            yield Fault(f"{pointer}/state", "contradiction", "What was decided is not open.")
        elif not is_open and not is_dated:
            yield Fault(f"{pointer}/decided_on", "missing", "A decision names its session, its day, or both.")


def _periods(facts: Document) -> Iterator[Fault]:
    for place, period in enumerate(facts["periods"]):
        if period["to"] is not None and period["to"] < period["from"]:
            yield Fault(f"/periods/{place}/to", "before-start", "A period ends on or after its first day.")
        if period["to"] is None and period["ended_as"] is not None:
            yield Fault(f"/periods/{place}/to", "missing", "A period that ended needs its last day.")


def check_session(facts: Document, now_plus_a_day: datetime, rated: bool = False) -> None:
    """Raise InvalidSession where facts of a session are incomplete, contradict each other or lie ahead in time.

    A scheduled session that is already `rated` counts as held.
    """
    held_at = time_of(facts["held_at"])
    faults = _unfit(facts)
    past = ("held", "no-show", "scheduled") if rated else ("held", "no-show")
    if facts["status"] in past and held_at is not None and held_at > now_plus_a_day:
        faults.append(Fault("/held_at", "in-the-future", "A session that was held lies at most a day ahead."))
    if facts["indicators"] and facts["indicators_observed"] is False:
        faults.append(Fault("/indicators_observed", "contradiction", "Indicators were recorded, so somebody looked."))
    if faults:
        raise InvalidSession(*faults)
