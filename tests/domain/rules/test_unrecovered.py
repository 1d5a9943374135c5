"""Unrecovered, by folding whole small courses."""

from collections.abc import Callable, Sequence

import pytest

from service.domain.concern import Concern, State
from service.domain.model import Attendance, Indicator, MemberRole, Rating, TherapySession
from service.domain.rules.unrecovered import Memory, Since
from tests.domain.rules.walking import concerns_of, long_course, memories_of, states_of
from tests.factories import family, indicator, rating, therapy_session

CODE = "unrecovered"
ANA = ("member/ana",)
Totals = Sequence[float | None]
STILL: dict[str, float | None] = {"bond": 90, "goals": 90, "tasks": 90}


def total(who: str, value: float, **dimensions: float) -> Rating:
    """Return a rating whose total alone is told; the rest stays at 90 unless named."""
    return rating(who, value, dimensions={**STILL, **dimensions})


def course_of(totals: Totals, first: int = 1) -> list[TherapySession]:
    """Return sessions from Ana's totals in percent (None: she did not come); Eva is always there."""
    return [
        therapy_session(number, total("eva", 90), *(() if value is None else [total("ana", value)]))
        for number, value in enumerate(totals, start=first)
    ]


def concerns(sessions: Sequence[TherapySession]) -> list[Concern]:
    return concerns_of(CODE, sessions, family())


# Three totals at 90: z = (x − 90)/5 (see the twin of out-of-limits), so 75 is critical there, 77.5 a warning and 79 a
# note; back is 86.752. The cut-off of the SRS is 90.
FIRES = [
    ("the third session since", [90, 90, 90, 75, 75, 75, 75]),
    ("after a warning", [90, 90, 90, 77.5, 77, 77, 77]),
    ("z −1", [90, 90, 90, 75, 75, 75, 85]),
    ("only sessions she came to count", [90, 90, 90, 75, None, 75, None, 75, 75]),
    ("a session without her in between", [90, 90, 90, 75, 75, 75, None, 75]),
    ("from the session in which it reached warning", [90, 90, 90, 79, 77.5, 79, 84, 70]),
    ("just below the cut-off", [100, 100, 100, 87, 89.9, 89.9, 89.9]),
]
QUIET = [
    ("the second session since", [90, 90, 90, 75, 75, 75]),
    ("z −0.98", [90, 90, 90, 75, 75, 75, 85.1]),
    ("recovering", [90, 90, 90, 75, 75, 75, 87]),
    ("recovered", [90, 90, 90, 75, 87, 87, 85]),
    ("a note that never rose", [90, 90, 90, 79, 79, 79, 79]),
    ("two attended since it reached warning", [90, 90, 90, 79, 77.5, 79, 84]),
    ("at the cut-off", [100, 100, 100, 87, 90, 85, 90]),
    ("no score today", [90, 90, 90, 75, 75, 75, None]),
]


@pytest.mark.parametrize("totals", [row[1] for row in FIRES], ids=[row[0] for row in FIRES])
def test_fires(totals: Totals) -> None:
    (concern,) = concerns(course_of(totals))
    assert (concern.subject, concern.severity, concern.number) == (ANA, "warning", len(totals))
    assert concern.opened_session_id == f"s{len(totals)}"


@pytest.mark.parametrize("totals", [row[1] for row in QUIET], ids=[row[0] for row in QUIET])
def test_quiet(totals: Totals) -> None:
    assert concerns(course_of(totals)) == []


def test_its_basis_tells_what_it_follows_and_the_frozen_level() -> None:
    (concern,) = concerns(course_of([90, 90, 90, 75, 75, 75, 80]))
    assert concern.signal.values == pytest.approx(
        {
            "series": "member/ana|srs|post|therapist|total",
            "follows": "out-of-limits",
            "score": 80,
            "z": -2,
            "attended": 3,
            "stayed_away": False,
            "negative_behaviour": False,
        }
    )
    assert concern.signal.thresholds == pytest.approx({"sessions": 3, "cut": 90, "z": -1, "level": 2})
    assert concern.signal.baseline is not None
    assert concern.signal.baseline.mu == pytest.approx(90)
    assert concern.signal.baseline.n == 3


SINCE = [
    ("nothing", (), (), "warning"),
    ("she stayed away", ("ana",), (), "critical"),
    ("somebody else stayed away", ("tom",), (), "warning"),
    ("she withdrew clearly", (), (indicator("withdrawal", "ana", None, 2),), "critical"),
    ("she withdrew a little", (), (indicator("withdrawal", "ana", None, 1),), "warning"),
    ("she engaged", (), (indicator("engages", "ana", None, 3),), "warning"),
    ("somebody else withdrew", (), (indicator("withdrawal", "eva", None, 3),), "warning"),
]


@pytest.mark.parametrize(("away", "seen", "severity"), [row[1:] for row in SINCE], ids=[row[0] for row in SINCE])
def test_it_is_critical_only_with_an_absence_or_a_clear_behaviour_since(
    away: Sequence[str], seen: tuple[Indicator, ...], severity: str
) -> None:
    entries = dict.fromkeys(away, Attendance.no_show)
    there = [] if "ana" in away else [total("ana", 75)]
    since = therapy_session(5, total("eva", 90), *there, attendance=entries, indicators=seen)
    after = course_of([75, 75, 75], first=6)
    (concern,) = concerns([*course_of([90, 90, 90, 75]), since, *after])
    assert concern.severity == severity
    assert concern.signal.route == ("grave" if severity == "critical" else "default")


def test_what_was_seen_in_the_opening_session_is_not_since() -> None:
    seen = indicator("withdrawal", "ana", None, 3)
    opening = therapy_session(4, total("eva", 90), total("ana", 75), indicators=(seen,))
    (concern,) = concerns([*course_of([90, 90, 90]), opening, *course_of([75, 75, 75], first=5)])
    assert concern.severity == "warning"


# What each followed rule froze stays low for three sessions; a line's spread is 7, so a bond of 65.5 is z −3.5.
def bond_lost(number: int) -> TherapySession:
    return therapy_session(number, total("ana", 90, bond=65.5))


def hostile(number: int) -> TherapySession:
    seen = (indicator("hostility", "ana", "dr-7", 2),) if number == 4 else ()
    return therapy_session(number, total("ana", 90, bond=76), indicators=seen)


def dropped(number: int) -> TherapySession:
    seen = (indicator("withdrawal", "ana", None, 1),) if number == 4 else ()
    return therapy_session(number, total("ana", 75), indicators=seen)


@pytest.mark.parametrize(
    ("later", "rule"),
    [(bond_lost, "trust-bond-loss"), (hostile, "hostility-to-therapist"), (dropped, "sudden-drop")],
)
def test_it_follows_what_hurts(later: Callable[[int], TherapySession], rule: str) -> None:
    before = [therapy_session(number, total("ana", 90)) for number in (1, 2, 3)]
    (concern,) = concerns([*before, *(later(number) for number in range(4, 8))])
    assert (concern.subject, concern.signal.values["follows"]) == (ANA, rule)


def quarrel(number: int, safety: float, *there: str) -> TherapySession:
    """Return a session in which Tom tells how safe he feels; in the fourth Eva is severely hostile to him."""
    felt = rating("tom", 80, instrument="softa_s", dimensions={"safety": safety}, role=MemberRole.partner)
    seen = (indicator("hostility", "eva", "tom", 3),) if number == 4 else ()
    return therapy_session(number, felt, *(total(who, 90) for who in there), indicators=seen)


def test_between_two_members_both_must_have_come() -> None:
    pair = ("member/eva", "member/tom")
    before = [quarrel(number, 80, "eva") for number in (1, 2, 3)]
    hurt = [quarrel(number, 40, "eva") for number in (4, 5, 6)]
    (concern,) = concerns([*before, *hurt, quarrel(7, 40, "eva")])
    assert (concern.subject, concern.signal.values["follows"]) == (pair, "hostility-to-member")
    assert concerns([*before, *hurt, quarrel(7, 40)]) == []
    assert len(concerns([*before, *hurt, quarrel(7, 40), quarrel(8, 40, "eva")])) == 1


def test_one_that_froze_fewer_than_three_scores_is_not_followed() -> None:
    calm = [therapy_session(number, total("ana", 90)) for number in (1, 2, 3)]
    later = [therapy_session(number, total("ana", 90, bond=60)) for number in range(5, 9)]
    for before, followed in ((calm[1:], 0), (calm, 1)):
        sessions = [*before, hostile(4), *later]
        (hostility,) = concerns_of("hostility-to-therapist", sessions, family())
        assert hostility.active
        assert len(concerns(sessions)) == followed


OPEN, RECOVERED, CLOSED = State.open, State.recovered, State.closed


@pytest.mark.parametrize(
    ("usual", "after", "states"),
    [
        (90, [75, 75, 75, 87, 87], [OPEN, OPEN, RECOVERED]),  # the other one is recovering, then recovered
        (90, [75, 75, 75, 86, 86, 86], [OPEN] * 4),
        (100, [89, 89.9, 89.9, 90, 90], [OPEN, OPEN, RECOVERED]),  # it settles after the rules were asked
        (90, [75, 75, 75, *[None] * 6], [OPEN] * 6 + [RECOVERED]),  # its window has passed
    ],
)
def test_clears_with_the_one_it_follows(usual: float, after: Totals, states: list[State]) -> None:
    fall = usual - (15 if usual == 90 else 13)
    sessions = course_of([usual, usual, usual, fall, *after])
    assert states_of(CODE, sessions, family())[6:] == states


def test_it_stays_with_the_one_it_followed_first() -> None:
    low = course_of([90, 90, 90, 75, 75, 75, 75])
    lost = [therapy_session(number, total("ana", 75, bond=60)) for number in range(8, 12)]
    (concern,) = concerns([*low, *lost])
    assert concerns_of("trust-bond-loss", [*low, *lost], family())[0].active
    assert (concern.number, concern.signal.values["follows"]) == (11, "out-of-limits")


def test_its_memory_keeps_what_stands_alone() -> None:
    *_, low, later, over = memories_of(CODE, course_of([90, 90, 90, 75, 75, 87, 87]), family())
    assert low == Memory({"out-of-limits|member/ana": Since(attended=1)})
    assert later == Memory({"out-of-limits|member/ana": Since(attended=2)})
    assert over == Memory()
    *_, long = memories_of(CODE, long_course(seed=5), family())
    assert len(long.since) <= 20
