"""Sudden-drop, by folding whole small courses."""

from collections.abc import Sequence

import pytest

from service.domain.concern import Concern, Reason, State
from service.domain.model import Indicator, Rating, TherapySession
from tests.domain.rules.walking import concerns_of, states_of
from tests.factories import family, indicator, rating, therapy_session

CODE = "sudden-drop"
ANA = ("member/ana",)
Totals = Sequence[float | None]


def total(who: str, value: float, instrument: str = "srs", about: str | None = None) -> Rating:
    """Return a rating whose total alone is told; bond, goals and tasks stay at 90, so that no other rule speaks."""
    still: dict[str, float | None] = {"bond": 90, "goals": 90, "tasks": 90}
    if about is None:
        return rating(who, value, instrument=instrument, dimensions=still)
    return rating(who, value, instrument=instrument, dimensions=still, about=about)


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


# Reliable change without a published reliability: 2.8·5 = 14 for lines, 2.8·7 = 19.6 for Likert totals.
FIRES = [
    ("at the reliable change", "srs", [90, 76]),
    ("half of it below the median of three", "srs", [83, 83, 90, 76]),
    ("the median of the last three, not four", "srs", [60, 60, 90, 90, 76]),
    ("missing totals are left out", "srs", [90, None, None, 76]),
    ("a child's form", "csrs", [90, 76]),
    ("a Likert form", "wai_sr", [90, 70.4]),
]
QUIET = [
    ("just less", "srs", [90, 76.1]),
    ("the first total", "srs", [10]),
    ("after a single high mark", "srs", [76, 76, 76, 90, 76]),
    ("just less than half below the median", "srs", [82.9, 82.9, 90, 76]),
    ("a gradual fall", "srs", [90, 80, 70, 60, 50]),
    ("a rise", "srs", [50, 90]),
    ("a Likert form, just less", "wai_sr", [90, 70.5]),
]


@pytest.mark.parametrize(("instrument", "totals"), [row[1:] for row in FIRES], ids=[row[0] for row in FIRES])
def test_fires(instrument: str, totals: Totals) -> None:
    (concern,) = concerns(course_of(instrument, ana=totals))
    assert (concern.subject, concern.severity, concern.number) == (ANA, "info", len(totals))


@pytest.mark.parametrize(("instrument", "totals"), [row[1:] for row in QUIET], ids=[row[0] for row in QUIET])
def test_quiet(instrument: str, totals: Totals) -> None:
    assert concerns(course_of(instrument, ana=totals)) == []


SEEN_BY = [
    ("another member's own drop", (total("eva", 76),), (), "warning", "another-member"),
    ("another member's smaller fall", (total("eva", 77),), (), "info", None),
    ("a negative behaviour of hers", (), (indicator("withdrawal", "ana", None, 1),), "warning", "indicator"),
    ("a good one", (), (indicator("engages", "ana", None, 3),), "info", None),
    ("somebody else's behaviour", (), (indicator("withdrawal", "eva", None, 3),), "info", None),
    # the therapist's own median is 90; half of the reliable change below it is 83
    ("the therapist, half of it", (total("dr-7", 83, about="family"),), (), "warning", "therapist"),
    ("the therapist, just less", (total("dr-7", 83.1, about="family"),), (), "info", None),
    ("the therapist about her", (total("dr-7", 83, about="member/ana"),), (), "warning", "therapist"),
    ("the therapist about somebody else", (total("dr-7", 50, about="member/eva"),), (), "info", None),
]


@pytest.mark.parametrize(
    ("others", "seen", "severity", "source"), [row[1:] for row in SEEN_BY], ids=[row[0] for row in SEEN_BY]
)
def test_a_second_source_makes_it_a_warning(
    others: tuple[Rating, ...], seen: tuple[Indicator, ...], severity: str, source: str | None
) -> None:
    usual = [total("dr-7", 90, about=about) for about in ("family", "member/ana", "member/eva")]
    before = [therapy_session(n, total("ana", 90), total("eva", 90), *usual) for n in range(1, 5)]
    concern = next(
        item
        for item in concerns([*before, therapy_session(5, total("ana", 76), *others, indicators=seen)])
        if item.subject == ANA
    )
    assert (concern.severity, concern.signal.values["second_source"]) == (severity, source)
    assert concern.signal.route == ("agreed" if source else "default")
    assert concern.signal.thresholds == pytest.approx({"fall": 14, "below_median": 7})


def test_in_the_first_three_sessions_even_two_sources_are_a_note() -> None:
    both = course_of(ana=[90, 90, 60], eva=[90, 90, 60])
    assert [item.severity for item in concerns(both)] == ["info", "info"]
    assert [item.severity for item in concerns([*both, *course_of(first=4, ana=[61], eva=[61])])] == ["info", "info"]
    again = concerns([*both, *course_of(first=4, ana=[40], eva=[40])])
    assert [item.severity for item in again] == ["warning", "warning"]


def test_over_several_forms_the_largest_drop_stands() -> None:
    both = [
        therapy_session(number, total("ana", lines), total("ana", likert, "wai_sr"))
        for number, (lines, likert) in enumerate([(90, 90), (76, 60)], start=1)
    ]
    (concern,) = concerns(both)
    assert concern.signal.value("fall") == pytest.approx(30)


OPEN, RECOVERING, RECOVERED, CLOSED = State.open, State.recovering, State.recovered, State.closed

# From 90 ×4: sigma = √(6·25/9) = 4.082; back is 90 − 0.75·4.082 = 86.938. Settled: three within 2·5 of each other.
CLEARS = [
    ("back twice", [87, 87], [OPEN, RECOVERING, RECOVERED]),
    ("just below", [86.9, 87, 86.9], [OPEN, OPEN, RECOVERING, CLOSED]),
    ("absence says nothing", [87, None, 87], [OPEN, RECOVERING, RECOVERING, RECOVERED]),
    ("settled after three", [70, 70, 70], [OPEN, OPEN, OPEN, CLOSED]),
    ("10 apart", [70, 75, 80], [OPEN, OPEN, OPEN, CLOSED]),
    ("10.1 apart", [70, 75, 80.1, 80], [OPEN, OPEN, OPEN, OPEN, CLOSED]),
    ("absence is no score", [70, None, 70, None, 70], [OPEN, OPEN, OPEN, OPEN, OPEN, CLOSED]),
    ("six held sessions without a total", [None] * 6, [OPEN] * 6 + [CLOSED]),
]


@pytest.mark.parametrize(("after", "states"), [row[1:] for row in CLEARS], ids=[row[0] for row in CLEARS])
def test_clears(after: Totals, states: list[State]) -> None:
    sessions = course_of(ana=[90, 90, 90, 90, 70, *after], eva=[90] * (5 + len(after)))
    assert states_of(CODE, sessions, family())[4:] == states


def test_once_talked_about_one_session_is_enough() -> None:
    talked = therapy_session(6, total("ana", 87), discussed=frozenset({(CODE, ANA)}))
    assert concerns([*course_of(ana=[90, 90, 90, 90, 70]), talked])[0].state is RECOVERED


def test_how_it_closed_is_told() -> None:
    before = course_of(ana=[90, 90, 90, 90, 70], eva=[90] * 5)
    settled = concerns([*before, *course_of(first=6, ana=[70, 70, 70])])[0]
    blind = concerns([*before, *course_of(first=6, eva=[90] * 6)])[0]
    assert (settled.reason, blind.reason) == (Reason.settled, Reason.window_passed)


# As a warning (she was withdrawn, too) it settles only where the total is back at the cut-off of 90.
@pytest.mark.parametrize(("level", "state"), [(89.9, OPEN), (90.0, CLOSED)])
def test_a_warning_settles_only_at_an_honest_level(level: float, state: State) -> None:
    drop = therapy_session(5, total("ana", 84), indicators=(indicator("withdrawal", "ana", None, 2),))
    sessions = [*course_of(ana=[100] * 4), drop, *course_of(first=6, ana=[level] * 3)]
    assert states_of(CODE, sessions, family())[-1] is state  # back would be 100 − 0.75·4.082 = 96.9


def test_with_one_earlier_total_the_same_figure_clears_it() -> None:
    # n = 1: sigma is the spread of 5, back is 90 − 3.75 = 86.25
    assert states_of(CODE, course_of(ana=[90, 70, 86.2, 86.3, 86.3]), family())[1:] == [
        OPEN,
        OPEN,
        RECOVERING,
        RECOVERED,
    ]


@pytest.mark.parametrize(
    ("part", "value", "specific"),
    [("bond", 60, "trust-bond-loss"), ("goals", 60, "goal-misalignment"), ("goals", 79, "goal-misalignment")],
)
def test_a_more_specific_finding_about_her_keeps_it_from_opening(part: str, value: float, specific: str) -> None:
    def fallen(who: str) -> Rating:
        return rating(who, 70, dimensions={"bond": 90, "goals": 90, "tasks": 90, part: value})

    sessions = [*course_of(ana=[90] * 4, eva=[90] * 4), therapy_session(5, fallen("ana"), total("eva", 70))]
    assert [item.subject for item in concerns(sessions)] == [("member/eva",)]
    assert [item.subject for item in concerns_of(specific, sessions, family())] == [ANA]


def test_a_more_specific_finding_does_not_touch_one_that_stands() -> None:
    later = therapy_session(6, rating("ana", 50, dimensions={"bond": 60, "goals": 90, "tasks": 90}))
    (concern,) = concerns([*course_of(ana=[90, 90, 90, 90, 70]), later])
    assert (concern.state, concern.number, concern.signal.value("total")) == (OPEN, 6, 50)


def test_it_opens_again_within_three_held_sessions_and_anew_later() -> None:
    back = [90, 90, 90, 90, 70, 90, 90]
    (again,) = concerns(course_of(ana=[*back, 90, 90, 70]))
    assert (again.openings, again.state, again.opened_session_id) == (2, OPEN, "s5")
    found = concerns(course_of(ana=[*back, 90, 90, 90, 70]))
    assert [item.opened_session_id for item in found] == ["s5", "s11"]


def test_one_that_settled_does_not_open_again_but_anew() -> None:
    found = concerns(course_of(ana=[90, 90, 90, 90, 70, 70, 70, 70, 50]))
    assert [(item.opened_session_id, item.state) for item in found] == [("s5", CLOSED), ("s9", OPEN)]
