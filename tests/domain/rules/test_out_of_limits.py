"""Out-of-limits, by folding whole small courses."""

from collections.abc import Sequence
from dataclasses import replace

import pytest

from service.domain.concern import Concern, Reason, State
from service.domain.model import Phase, RaterKind, Rating, Severity, TherapySession
from tests.domain.rules.walking import concerns_of, states_of, walk
from tests.factories import family, rating, scores_at, therapy_session

CODE = "out-of-limits"
ANA = ("member/ana",)
Totals = Sequence[float | None]
STILL: dict[str, float | None] = {"bond": 90, "goals": 90, "tasks": 90}


def total(who: str, value: float, instrument: str = "srs") -> Rating:
    """Return a rating whose total alone is told; bond, goals and tasks stay at 90, so that no specific rule speaks."""
    return rating(who, value, instrument=instrument, dimensions=STILL)


def course_of(instrument: str = "srs", first: int = 1, **totals: Totals) -> list[TherapySession]:
    length = max(len(values) for values in totals.values())
    return [
        therapy_session(
            first + place,
            *(
                total(who, value, instrument)
                for who, values in totals.items()
                if place < len(values) and (value := values[place]) is not None
            ),
        )
        for place in range(length)
    ]


def concerns(sessions: Sequence[TherapySession]) -> list[Concern]:
    return concerns_of(CODE, sessions, family())


# Three totals at 90, the usual spread of a total of lines 5: sigma = √((6·25 + 2·0)/8) = 4.330 and
# z = (x − 90)/(4.330·√(4/3)) = (x − 90)/5. A Likert total's spread of 7 gives (x − 90)/7 in the same way.
FIRES = [
    ("z −2", "srs", [90, 90, 90, 80], "info"),
    ("z −2.48", "srs", [90, 90, 90, 77.6], "info"),
    ("z −2.5", "srs", [90, 90, 90, 77.5], "warning"),
    ("z −2.98", "srs", [90, 90, 90, 75.1], "warning"),
    ("z −3", "srs", [90, 90, 90, 75], "critical"),
    ("a child's form", "csrs", [90, 90, 90, 75], "critical"),
    ("a Likert form at z −2", "wai_sr", [90, 90, 90, 76], "info"),
    ("a Likert form at z −3", "wai_sr", [90, 90, 90, 69], "critical"),
    ("missing totals are left out", "srs", [90, None, 90, None, 90, 77.5], "warning"),
    # eight at 90: sigma = √(6·25/13) = 3.397, z = (80.99 − 90)/(3.397·√(9/8)) = −2.501
    ("more of a history", "srs", [90] * 8 + [80.99], "warning"),
    ("the last eight totals", "srs", [50, *[90.0] * 8, 80.99], "warning"),
]
QUIET = [
    ("z −1.98", "srs", [90, 90, 90, 80.1]),
    ("two earlier totals", "srs", [90, 90, None, 20]),
    ("low, as is usual for her", "srs", [40, 40, 40, 38]),
    ("far above", "srs", [50, 50, 50, 95]),
    ("a Likert form at z −1.99", "wai_sr", [90, 90, 90, 76.1]),
    # 84 96 84 96: s = 6.928, sigma = √((6·25 + 3·48)/9) = 5.715, z = (78 − 90)/(5.715·√(5/4)) = −1.878
    ("varied, as is usual for her", "srs", [84, 96, 84, 96, 78]),
]


@pytest.mark.parametrize(
    ("instrument", "totals", "severity"), [row[1:] for row in FIRES], ids=[row[0] for row in FIRES]
)
def test_fires(instrument: str, totals: Totals, severity: str) -> None:
    (concern,) = concerns(course_of(instrument, ana=totals, eva=[90] * len(totals)))
    assert (concern.subject, concern.severity, concern.number) == (ANA, severity, len(totals))


# eight at 100: sigma = √(6·25/13) = 3.397, z = (90 − 100)/(3.397·√(9/8)) = −2.776; the form's cut-off is 90
@pytest.mark.parametrize(
    ("totals", "severity", "route"),
    [
        ([100] * 8 + [90], "info", "below-full"),
        ([98] * 8 + [90], "info", "below-full"),  # z = (90 − 98)/3.603 = −2.22
        ([100] * 8 + [89.9], "warning", "default"),
        ([100] * 7 + [96.9, 89], "warning", "default"),  # they had marked less before
    ],
)
def test_a_first_mark_below_full_is_welcome(totals: Totals, severity: str, route: str) -> None:
    (concern,) = concerns(course_of(ana=totals, eva=[90] * len(totals)))
    assert (concern.severity, concern.signal.route) == (severity, route)


# seven at 100: sigma = √(6·25/12) = 3.536, z = (92 − 100)/(3.536·√(8/7)) = −2.117
# 92 lies within that concern and stays out of the prior: z = (89.9 − 100)/3.780 = −2.672
@pytest.mark.parametrize(
    ("last", "told"),
    [
        ([92, 90], [("info", ("s8",))]),  # as good as it was welcomed
        ([92, 89.9], [("warning", ("s8", "s9"))]),  # below the cut-off
        ([96, 90], []),
        ([96, 100, 90], [("warning", ("s10",))]),  # full again, and then a fall
    ],
)
def test_one_welcome_is_enough(last: list[float], told: list[tuple[str, tuple[str, ...]]]) -> None:
    found = concerns(course_of(ana=[*[100] * 7, *last], eva=[90] * (7 + len(last))))
    assert [(concern.severity, concern.sessions) for concern in found] == told


@pytest.mark.parametrize(("instrument", "totals"), [row[1:] for row in QUIET], ids=[row[0] for row in QUIET])
def test_quiet(instrument: str, totals: Totals) -> None:
    assert concerns(course_of(instrument, ana=totals)) == []


@pytest.mark.parametrize(
    "given",
    [
        rating("ana", 20, phase=Phase.pre),
        rating("ana", 20, instrument="ors"),
        rating("ana", 20, about="family"),
        rating("dr-7", 20, kind=RaterKind.therapist),
    ],
    ids=["before the session", "an outcome form", "about the family", "the therapist's"],
)
def test_quiet_about_what_is_no_member_s_alliance_with_the_therapist(given: Rating) -> None:
    usual = replace(given, scores=scores_at(given.instrument, 90))
    before = [therapy_session(number, usual) for number in (1, 2, 3)]
    assert concerns([*before, therapy_session(4, given)]) == []


def test_its_basis_tells_the_figure_and_the_limit() -> None:
    (concern,) = concerns(course_of(ana=[90, 90, 90, 77.5]))
    series = "member/ana|srs|post|therapist|total"
    assert concern.signal.values == pytest.approx({"series": series, "total": 77.5, "z": -2.5})
    assert concern.signal.thresholds == {"z": -2.5}
    assert concern.signal.baseline is not None
    assert (concern.signal.baseline.mu, concern.signal.baseline.n) == (90, 3)


def test_over_several_forms_the_one_furthest_out_stands() -> None:
    both = [
        therapy_session(number, total("ana", lines), total("ana", likert, "wai_sr"))
        for number, (lines, likert) in enumerate([(90, 90)] * 3 + [(77.5, 69)], start=1)
    ]
    (concern,) = concerns(both)
    assert concern.severity is Severity.critical
    assert concern.signal.value("z") == pytest.approx(-3)


OPEN, RECOVERING, RECOVERED, CLOSED = State.open, State.recovering, State.recovered, State.closed

# From 90 ×3: sigma = 4.330; back is 90 − 0.75·4.330 = 86.752. Settled: three within 2·5 of each other.
CLEARS = [
    ("back twice", [86.8, 86.8], [OPEN, RECOVERING, RECOVERED]),
    ("just below", [86.7, 86.8, 86.7], [OPEN, OPEN, RECOVERING, CLOSED]),
    ("absence says nothing", [87, None, 87], [OPEN, RECOVERING, RECOVERING, RECOVERED]),
    ("a note settles after three, though still out of limits", [79, 79, 79], [OPEN, OPEN, OPEN, CLOSED]),
    ("10 apart", [79, 84, 86], [OPEN, OPEN, OPEN, CLOSED]),
    ("six held sessions without a total", [None] * 6, [OPEN] * 6 + [CLOSED]),
]


@pytest.mark.parametrize(("after", "states"), [row[1:] for row in CLEARS], ids=[row[0] for row in CLEARS])
def test_clears(after: Totals, states: list[State]) -> None:
    sessions = course_of(ana=[90, 90, 90, 79, *after], eva=[90] * (4 + len(after)))
    assert states_of(CODE, sessions, family())[3:] == states


def test_once_talked_about_one_session_is_enough() -> None:
    talked = therapy_session(5, total("ana", 87), discussed=frozenset({(CODE, ANA)}))
    assert concerns([*course_of(ana=[90, 90, 90, 75]), talked])[0].state is RECOVERED


# The cut-off of the SRS is 90 percent; back would be 100 − 0.75·4.330 = 96.752.
@pytest.mark.parametrize(("level", "state"), [(89.9, OPEN), (90.0, CLOSED)])
def test_a_warning_settles_only_at_an_honest_level(level: float, state: State) -> None:
    sessions = course_of(ana=[100, 100, 100, 87, level, level, level])
    assert states_of(CODE, sessions, family())[-1] is state


def test_what_has_settled_is_the_new_usual_level() -> None:
    (settled,) = concerns(course_of(ana=[90, 90, 90, 79, 79, 79, 79, 78]))
    assert settled.reason is Reason.settled
    found = concerns(course_of(ana=[90, 90, 90, 79, 79, 79, 79, 67]))
    assert [(item.opened_session_id, item.severity) for item in found] == [("s4", "info"), ("s8", "info")]  # z −2.4


def test_a_steady_low_level_says_no_more_but_stands() -> None:
    steps = walk(course_of(ana=[90, 90, 90, 70, 70, 70, 70, 70]), family())
    assert [bool(step.signals[CODE]) for step in steps] == [False] * 3 + [True] * 3 + [False] * 2
    assert [item.state for item in steps[-1].concerns if item.rule == CODE] == [OPEN]


def test_a_graver_fall_is_told_even_where_the_scores_are_steady() -> None:
    # against the frozen level: 79 and 78 are z −2.2 and −2.4, 74 is z −3.2
    (concern,) = concerns(course_of(ana=[90, 90, 90, 79, 78, 78, 74]))
    assert (concern.severity, concern.state, concern.number) == ("critical", OPEN, 7)


def test_its_scores_stay_out_of_what_is_usual() -> None:
    last = walk(course_of(ana=[90, 90, 90, 75, 75]), family())[-1]
    assert last.carry.series["member/ana|srs|post|therapist|total"].prior == (90, 90, 90)


@pytest.mark.parametrize(
    ("part", "value", "specific"), [("bond", 60, "trust-bond-loss"), ("goals", 60, "goal-misalignment")]
)
def test_a_more_specific_finding_about_her_keeps_it_from_opening(part: str, value: float, specific: str) -> None:
    fallen = rating("ana", 70, dimensions={**STILL, part: value})
    sessions = [*course_of(ana=[90] * 4, eva=[90] * 4), therapy_session(5, fallen, total("eva", 70))]
    assert [item.subject for item in concerns(sessions)] == [("member/eva",)]
    assert [item.subject for item in concerns_of(specific, sessions, family())] == [ANA]


def test_a_sudden_drop_of_the_same_total_is_told_beside_it() -> None:
    sessions = course_of(ana=[90, 90, 90, 75])
    assert [item.severity for item in concerns(sessions)] == ["critical"]
    assert [item.severity for item in concerns_of("sudden-drop", sessions, family())] == ["info"]
    slowly = course_of(ana=[90, 90, 90, 81, 75])  # no reliable change from one session to the next
    assert (len(concerns(slowly)), concerns_of("sudden-drop", slowly, family())) == (1, [])


def test_it_opens_again_within_three_held_sessions_and_anew_later() -> None:
    back = [90, 90, 90, 75, 90, 90]
    (again,) = concerns(course_of(ana=[*back, 90, 90, 75]))
    assert (again.openings, again.state, again.opened_session_id) == (2, OPEN, "s4")
    found = concerns(course_of(ana=[*back, 90, 90, 90, 75]))
    assert [item.opened_session_id for item in found] == ["s4", "s10"]
