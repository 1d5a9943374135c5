import pytest

from service.domain.model import Attendance, Phase, Rating, SessionStatus
from service.domain.presence import present, stayed_away
from tests.factories import rating, therapy_session


@pytest.mark.parametrize(
    ("entry", "was_there", "away"),
    [
        (Attendance.attended, True, False),
        (Attendance.late, True, False),
        (Attendance.excused, False, False),
        (Attendance.late_cancelled, False, False),
        (Attendance.no_show, False, True),
        (Attendance.not_invited, False, False),
    ],
)
def test_an_entry_decides(entry: Attendance, was_there: bool, away: bool) -> None:
    session = therapy_session(1, rating("ana"), attendance={"ana": entry})
    assert present(session, "ana") is was_there
    assert stayed_away(session, "ana") is away


@pytest.mark.parametrize(
    ("own", "was_there"),
    [
        (rating("ana"), True),
        (rating("ana", about="family"), True),
        (rating("ana", instrument="ors"), True),
        (rating("ana", phase=Phase.pre), None),  # before the session says nothing of the session
        (rating("eva"), None),
        (rating("o1", about="member/ana", instrument="btg"), None),
    ],
)
def test_without_an_entry_a_rating_tells(own: Rating, was_there: bool | None) -> None:
    assert present(therapy_session(1, own), "ana") is was_there


def test_nothing_known_is_neither_there_nor_away() -> None:
    assert present(therapy_session(1), "ana") is None
    assert not stayed_away(therapy_session(1), "ana")


def test_nobody_came_to_a_no_show() -> None:
    session = therapy_session(1, rating("eva"), status=SessionStatus.no_show, attendance={"tom": Attendance.excused})
    assert [present(session, who) for who in ("eva", "tom", "ana")] == [False, False, False]
    assert [stayed_away(session, who) for who in ("eva", "tom", "ana")] == [True, False, True]
