"""Presence: who was in the room, and who stayed away from it."""

from service.domain.model import Attendance, TherapySession

CAME = frozenset({Attendance.attended, Attendance.late})


def present(session: TherapySession, member_id: str) -> bool | None:
    """Tell whether a member was in the room; None where nothing is known.

    An entry decides; without one a live post rating of that member means attended; in a `no-show` session every
    member without an entry stayed away. Excused and not-invited members were not present either.
    """
    entry = session.attendance.get(member_id)
    if entry is not None:
        return entry in CAME
    if not session.held:
        return False
    return True if member_id in session.raters else None


def stayed_away(session: TherapySession, member_id: str) -> bool:
    """Tell whether a member was expected and did not come (`no-show`), by entry or by the session's own status."""
    entry = session.attendance.get(member_id)
    return entry is Attendance.no_show if entry is not None else not session.held
