"""Bond-asymmetry, by folding whole small courses."""

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import pytest

from service.domain.assess import assess
from service.domain.carry import Given, default_parameters
from service.domain.concern import Concern, Reason, State
from service.domain.model import Family, MemberRole, Rating, TherapySession
from service.domain.rules import rules
from tests.domain.rules.walking import concerns_of, memories_of, states_of
from tests.factories import couple, family, rating, therapy_session

CODE = "bond-asymmetry"
Bonds = Sequence[float | None]


def bond(who: str, value: float, **options: Any) -> Rating:
    return rating(who, 90, dimensions={"bond": value}, **options)


def course_of(**bonds: Bonds) -> list[TherapySession]:
    """Return weekly sessions from each member's bonds in percent; None where a member did not rate."""
    length = max(len(values) for values in bonds.values())
    rated = {who: [*values, *[None] * (length - len(values))] for who, values in bonds.items()}
    return [
        therapy_session(
            place + 1, *(bond(who, value) for who, values in rated.items() if (value := values[place]) is not None)
        )
        for place in range(length)
    ]


def concerns(sessions: Sequence[TherapySession], known: Family | None = None) -> list[Concern]:
    return concerns_of(CODE, sessions, known or family())


STEADY = [90.0] * 4

# One line's usual spread is 7: a fall of 2.24·7 = 15.68 below the median 90 of the own last four is 74.32.
FIRES = [
    ("at the limit", [*STEADY, 74.32], [*STEADY, 90], "info"),
    ("the other side 5 below", [*STEADY, 70], [*STEADY, 85], "info"),
    ("the other side rising", [*STEADY, 70], [*STEADY, 95], "info"),
    ("two earlier scores", [90, 90, 70], [90, 90, 90], "info"),
    ("the median of the last four only", [60, 60, 60, *STEADY, 70], [90] * 8, "info"),
    ("the last four, not five: 75 − 59", [60, 60, 60, 90, 90, 59], [90] * 6, "info"),
    ("again in the next session", [*STEADY, 70, 70], [90] * 6, "warning"),
    ("again in the third session after", [*STEADY, 70, 90, 90, 70], [90] * 8, "warning"),
    ("again in the fourth session after", [*STEADY, 70, 90, 90, 90, 70], [90] * 9, "info"),
    ("again in session 3 is still a note", [90, 90, 70], [90] * 3, "info"),
    ("the second time in session 4", [90, 90, 70, 60], [90] * 4, "warning"),
]
QUIET = [
    ("just above the limit", [*STEADY, 74.33], [*STEADY, 90]),
    ("the other side just more than 5 below", [*STEADY, 70], [*STEADY, 84.9]),
    ("the other side fell as much", [*STEADY, 70], [*STEADY, 70]),
    ("one earlier score", [90, 70], [90, 90]),
    ("nobody on the other side", [*STEADY, 70], [None]),
    ("the other side absent today", [*STEADY, 70], [*STEADY, None]),
    ("the other side with one earlier score", [*STEADY, 70], [None, None, None, 90, 90]),
    ("absent oneself", [*STEADY, None], [*STEADY, 90]),
]


@pytest.mark.parametrize(("ana", "eva", "severity"), [row[1:] for row in FIRES], ids=[row[0] for row in FIRES])
def test_fires(ana: Bonds, eva: Bonds, severity: str) -> None:
    (concern,) = concerns(course_of(ana=ana, eva=eva))
    assert (concern.subject, concern.severity, concern.number) == (("member/ana",), severity, len(ana))


@pytest.mark.parametrize(("ana", "eva"), [row[1:] for row in QUIET], ids=[row[0] for row in QUIET])
def test_quiet(ana: Bonds, eva: Bonds) -> None:
    assert concerns(course_of(ana=ana, eva=eva)) == []


def test_likert_subscales_have_a_spread_of_nine() -> None:
    # 2.24·9 = 20.16 below 90 is 69.84
    for value, opens in ((69.84, 1), (69.85, 0)):
        bonds = [90, 90, 90, value]
        sessions = [
            therapy_session(number, bond("ana", today, instrument="wai_sr"), bond("eva", 90, instrument="wai_sr"))
            for number, today in enumerate(bonds, start=1)
        ]
        assert len(concerns(sessions)) == opens


@pytest.mark.parametrize(("value", "opens"), [(84.9, True), (85.0, False)])
def test_a_bond_of_85_is_no_loss_where_smaller_falls_count(value: float, opens: bool) -> None:
    mine = replace(rules()[CODE].parameters, spreads=2.0)  # 14 below 100 is 86
    given = Given({**default_parameters().parameters, CODE: mine})
    found = assess(course_of(ana=[100, 100, 100, value], eva=[90] * 4), family(), given)
    assert [item.rule for item in found if item.rule == CODE] == [CODE] * opens


@pytest.mark.parametrize(
    ("who", "known", "opens"),
    [
        ("tom", family("eva", "tom"), False),  # the co-parent is no other side
        ("ana", family("eva", "ana"), True),
        ("oma", family("eva", "oma"), True),  # in no subsystem with the mother
        ("tom", couple(), True),  # the partner is one
        ("tom", family("eva", "tom", roles={"eva": MemberRole.client, "tom": MemberRole.other}), True),
        ("oma", family("eva", "oma", subsystems={"elders": ("eva", "oma")}), False),
    ],
)
def test_who_is_the_other_side(who: str, known: Family, opens: bool) -> None:
    assert len(concerns(course_of(eva=[*STEADY, 70], **{who: [90] * 5}), known)) == opens


def test_everybody_over_there_must_have_held() -> None:
    assert concerns(course_of(ana=[*STEADY, 70], eva=[90] * 5, tom=[*STEADY, 80])) == []


@pytest.mark.parametrize(
    ("mine", "theirs"),
    [
        ({"instrument": "csrs"}, {}),
        ({}, {"instrument": "csrs"}),
        ({"not_alone": True}, {}),
        ({}, {"not_alone": True}),
        ({}, {"instrument": "core4"}),
        ({}, {"instrument": "btg"}),
        ({}, {"about": "therapist/dr-8"}),
    ],
)
def test_only_comparable_ratings_given_alone_are_held_against_each_other(
    mine: dict[str, Any], theirs: dict[str, Any]
) -> None:
    def given(who: str, value: float, options: dict[str, Any]) -> Rating:
        return rating(who, value, **options)

    sessions = [
        therapy_session(number, given("ana", value, mine), given("eva", 90, theirs))
        for number, value in enumerate([*STEADY, 60], start=1)
    ]
    assert concerns(sessions) == []


def test_the_figures_stand_in_the_basis() -> None:
    (concern,) = concerns(
        course_of(ana=[*STEADY, 70], eva=[*STEADY, 92], oma=[*STEADY, 88]), family("eva", "ana", "oma")
    )
    values = dict(concern.signal.values)
    assert values.pop("series") == "member/ana|srs|post|therapist|bond"
    # 20 − 2, the largest fall over there
    assert values == pytest.approx({"bond": 70, "own_median": 90, "asymmetry": 18, "largest_other_fall": 2})
    assert concern.signal.thresholds == pytest.approx({"fall": 15.68, "bond": 85, "other_fall": 5})
    assert concern.signal.raters == ("member/ana", "member/eva", "member/oma")


OPEN, RECOVERING, RECOVERED = State.open, State.recovering, State.recovered

# Opened at 74 with an asymmetry of 16. Back is 90 − 0.75·√(6·49/9) = 85.713; half of the asymmetry is 8.
CLEARS = [
    ("back twice", [85.8, 85.8], [90, 90], [OPEN, RECOVERING, RECOVERED]),
    ("less than half twice", [82.1, 82.1], [90, 90], [OPEN, RECOVERING, RECOVERED]),
    ("half is not less", [82, 82.1], [90, 90], [OPEN, OPEN, RECOVERING]),
    ("the other side falls too: 10 − 3", [80, 80], [87, 87], [OPEN, RECOVERING, RECOVERED]),
    ("back only once", [86, 80], [90, 90], [OPEN, RECOVERING, OPEN]),
    ("absence says nothing", [86, None, 86], [90, 90, 90], [OPEN, RECOVERING, RECOVERING, RECOVERED]),
    ("nobody to compare with", [82.1, 82.1], [None, None], [OPEN, OPEN, OPEN]),
    ("back, whoever else is there", [86, 86], [None, None], [OPEN, RECOVERING, RECOVERED]),
    ("steady is not settled here", [76, 76, 76], [90, 90, 90], [OPEN] * 4),
]


@pytest.mark.parametrize(("ana", "eva", "states"), [row[1:] for row in CLEARS], ids=[row[0] for row in CLEARS])
def test_clears(ana: Bonds, eva: Bonds, states: list[State]) -> None:
    sessions = course_of(ana=[*STEADY, 74, *ana], eva=[*STEADY, 90, *eva], tom=[90.0] * 4)
    assert states_of(CODE, sessions, family())[4:] == states


def test_the_largest_fall_over_there_is_held_against_hers() -> None:
    # Eva falls by 3 and Oma by none: 10 − 3 is less than half of 16, 10 − 0 would not be
    later = {"ana": [80], "eva": [87], "oma": [90]}
    sessions = course_of(**{who: [*STEADY, 74 if who == "ana" else 90, *more] for who, more in later.items()})
    assert states_of(CODE, sessions, family("eva", "ana", "oma"))[-2:] == [OPEN, RECOVERING]


def test_of_two_forms_the_larger_asymmetry_stands() -> None:
    sessions = [
        therapy_session(
            number,
            *(rating(who, 90, dimensions={"bond": lines if who == "ana" else 90}) for who in ("ana", "eva")),
            *(
                rating(who, 90, instrument="btg", dimensions={"bond": free if who == "ana" else 90})
                for who in ("ana", "eva")
            ),
        )
        for number, (lines, free) in enumerate([(90, 90)] * 4 + [(70, 60)], start=1)
    ]
    (concern,) = concerns(sessions)
    assert concern.signal.series == "member/ana|btg|post|therapist|bond"
    (concern,) = concerns([*sessions[:4], replace(sessions[4], ratings=tuple(reversed(sessions[4].ratings)))])
    assert concern.signal.value("asymmetry") == pytest.approx(30)


@pytest.mark.parametrize(("value", "state"), [(85.8, RECOVERED), (84.0, RECOVERING)])
def test_once_talked_about_one_session_back_is_enough_but_not_one_of_less_asymmetry(value: float, state: State) -> None:
    talked = therapy_session(6, bond("ana", value), bond("eva", 90), discussed=frozenset({(CODE, ("member/ana",))}))
    assert concerns([*course_of(ana=[*STEADY, 74], eva=[90] * 5), talked])[0].state is state


def test_a_rating_given_not_alone_does_not_clear_it() -> None:
    opened = course_of(ana=[*STEADY, 74], eva=[90] * 5)
    beside = [therapy_session(number, bond("ana", 90, not_alone=True), bond("eva", 90)) for number in (6, 7)]
    assert concerns([*opened, *beside])[0].state is OPEN


def test_six_held_sessions_without_a_bond_close_it() -> None:
    sessions = course_of(ana=[*STEADY, 74], eva=[90] * 11)
    assert states_of(CODE, sessions, family())[-2:] == [OPEN, State.closed]
    assert concerns(sessions)[0].reason is Reason.window_passed


def test_it_opens_again_within_three_held_sessions_and_anew_later() -> None:
    back = [*STEADY, 70, 90, 90]
    (again,) = concerns(course_of(ana=[*back, 90, 90, 70], eva=[90] * 10))
    assert (again.openings, again.state) == (2, OPEN)
    assert len(concerns(course_of(ana=[*back, 90, 90, 90, 70], eva=[90] * 11))) == 2


def test_what_it_remembers_is_bounded() -> None:
    *_, memory = memories_of(CODE, course_of(ana=[*STEADY, 60] * 20, eva=[90] * 100), family())
    assert memory.fired == {"ana": 100}


def test_it_is_silent_while_the_case_is_on_safety_hold() -> None:
    assert {code for code, rule in rules().items() if rule.silent_on_hold} >= {CODE, "side-taking", "split-alliance"}
