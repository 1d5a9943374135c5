"""Recoveries as good news, by folding whole small courses."""

from collections.abc import Sequence

import pytest

from service.domain.concern import Concern, Reason, State
from service.domain.model import Indicator, SessionStatus, TherapySession
from service.domain.rules import Tone, rules
from service.domain.rules.recovery import WATCHED
from tests.domain.rules.walking import concerns_of, states_of, walk
from tests.factories import family, indicator, rating, therapy_session

CODE = "recovery"
ANA = ("member/ana",)
STILL: dict[str, float | None] = {"bond": 90, "goals": 90, "tasks": 90}
Totals = Sequence[float]


def session(number: int, total: float, *seen: Indicator, **lines: float | None) -> TherapySession:
    hers = rating("ana", total, dimensions={**STILL, **lines})
    return therapy_session(number, hers, indicators=seen, indicators_observed=True)


def course_of(totals: Totals, first: int = 1) -> list[TherapySession]:
    return [session(number, total) for number, total in enumerate(totals, start=first)]


def concerns(sessions: Sequence[TherapySession]) -> list[Concern]:
    return concerns_of(CODE, sessions, family())


# Three totals at 90: z = (x − 90)/5 (see the twin of out-of-limits), so 77.5 is a warning and 79 a note; back is
# 86.752.
FIRES = [
    ("a warning", [90, 90, 90, 77.5, 88, 88]),
    ("a critical one", [90, 90, 90, 75, 88, 88]),
    ("after a long time", [90, 90, 90, 75, 60, 75, 70, 88, 88]),
]
QUIET = [
    ("a note", [90, 90, 90, 79, 88, 88]),
    ("on its way", [90, 90, 90, 77.5, 88]),
    ("back and down again", [90, 90, 90, 77.5, 88, 77]),
    ("nothing was low", [90] * 6),
]


@pytest.mark.parametrize("totals", [row[1] for row in FIRES], ids=[row[0] for row in FIRES])
def test_fires(totals: Totals) -> None:
    (concern,) = concerns(course_of(totals))
    assert (concern.subject, concern.severity, concern.signal.route) == (ANA, "info", "rating")
    assert concern.opened_session_id == f"s{len(totals)}"
    assert concern.signal.values["recovered"] == "out-of-limits"


def test_what_is_usual_between_two_is_over_and_no_good_news() -> None:
    quarrels = [session(number, 90, indicator("hostility", "ana", "tom", 2)) for number in (1, 2, 3)]
    assert states_of("hostility-to-member", quarrels, family())[-1] is State.recovered  # at their own median
    assert concerns(quarrels) == []


@pytest.mark.parametrize("totals", [row[1] for row in QUIET], ids=[row[0] for row in QUIET])
def test_quiet(totals: Totals) -> None:
    assert concerns(course_of(totals)) == []


def test_what_settled_has_not_recovered() -> None:
    steady = course_of([100, 100, 100, 87, 90, 90.5, 91])
    *_, last = walk(steady, family())
    assert {item.reason for item in last.concerns if item.rule == "out-of-limits"} == {Reason.settled}
    assert concerns(steady) == []


def test_it_tells_for_how_many_sessions_the_other_stood() -> None:
    (concern,) = concerns(course_of([90, 90, 90, 75, 70, 88, 88]))
    assert concern.signal.values == {"recovered": "out-of-limits", "sessions": 3}  # from the fourth to the seventh


HOSTILE = indicator("hostility", "ana", "dr-7", 2)


def test_what_was_seen_is_not_seen_again() -> None:
    (concern,) = concerns([session(1, 90), session(2, 90, HOSTILE), *course_of([90, 90], first=3)])
    assert (concern.signal.values["recovered"], concern.signal.route) == ("hostility-to-therapist", "default")


def test_of_two_members_it_is_about_the_one_to_whom_it_was_done() -> None:
    blame = indicator("hostility", "eva", "ana", 2)
    (concern,) = concerns([session(1, 90, blame), *course_of([90, 90], first=2)])
    assert concern.subject == ANA


def test_it_waits_while_another_alert_about_the_member_stands() -> None:
    hostile = [session(5, 88, HOSTILE), session(6, 88), session(7, 88)]
    sessions = [*course_of([90, 90, 90, 77.5]), *hostile]
    assert [item.opened_session_id for item in concerns(sessions)] == ["s7"]
    (only,) = concerns(sessions)
    assert only.signal.values["recovered"] == "hostility-to-therapist"


def test_of_several_at_once_it_names_one() -> None:
    lost = [session(4, 77.5, HOSTILE), *course_of([88, 88], first=5)]
    (concern,) = concerns([*course_of([90, 90, 90]), *lost])
    assert concern.signal.values["recovered"] == "hostility-to-therapist"


def test_a_rise_beside_it_is_the_same_news() -> None:
    sessions = course_of([90, 90, 90, 74, 88, 88.5])
    signals = walk(sessions, family())[-1].signals
    assert (len(signals["rising"]), len(signals[CODE])) == (1, 1)
    assert concerns_of("rising", sessions, family()) == []


OPEN, CLOSED = State.open, State.closed


def test_its_time_is_the_session_in_which_it_is_told() -> None:
    sessions = course_of([90, 90, 90, 75, 88, 88, 88])
    assert states_of(CODE, sessions, family())[5:] == [OPEN, CLOSED]
    nobody = therapy_session(7, status=SessionStatus.no_show)
    assert states_of(CODE, [*sessions[:6], nobody], family())[5:] == [OPEN, OPEN]  # and is not told again
    assert len(concerns([*sessions[:6], nobody, session(8, 88)])) == 1


def test_what_it_watches_are_cautions_that_there_are() -> None:
    assert all(rules()[code].tone is Tone.caution for code in WATCHED)
