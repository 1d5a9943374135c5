from service.domain.assess import step
from service.domain.carry import Carry, default_parameters
from service.domain.figures import figures
from service.domain.model import Family, MemberRole, TherapySession
from tests.factories import course, family, rating, therapy_session

STRANGERS = Family()


def carry_after(sessions: list[TherapySession], of: Family) -> Carry:
    carry = Carry()
    for session in sessions:
        carry = step(carry, session, of, default_parameters()).carry
    return carry


def test_a_session_shows_balances_and_levels() -> None:
    sessions = course(eva=[90, 82], tom=[90, 75], ana=[None, 40])
    known = family()
    shown = figures(carry_after(sessions, known), sessions[1], known)
    assert [item.dimensions["total"].n for item in shown.balances] == [3]
    assert [item.individual["ana"] for item in shown.levels] == [40]


def test_joint_sessions_count_up_to_this_one() -> None:
    sessions = course(eva=[90, 90, 90], tom=[90, None, 90])
    counts = [
        figures(carry_after(sessions[:place], STRANGERS), sessions[place - 1], STRANGERS).balances[0].coverage
        for place in (1, 2, 3)
    ]
    assert [item.joint_sessions for item in counts] == [1, 1, 2]


def test_roles_that_only_ratings_name_count() -> None:
    """Nobody announced the family: the parents and the youth are known from what they sent."""
    sessions = course(eva=[82], tom=[75], ana=[40])
    found = figures(carry_after(sessions, STRANGERS), sessions[0], STRANGERS).balances[0].dimensions["total"]
    assert [(item.of, item.minus) for item in found.discrepancies] == [("parents", "youths")]


def test_an_announced_role_stands() -> None:
    known = family("eva", roles={"tom": MemberRole.partner})
    sessions = [therapy_session(1, rating("eva", 80), rating("tom", 60))]  # Tom calls himself a parent
    shown = figures(carry_after(sessions, known), sessions[0], known)
    assert shown.levels[0].subsystems["parents"].member_mean == 80
    assert shown.levels[0].subsystems["couple"].member_mean == 60
