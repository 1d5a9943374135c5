"""Somebody without a voice, by folding whole small courses."""

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import pytest

from service.domain.concern import Concern, State
from service.domain.model import Attendance, Family, Indicator, Member, MemberRole, Phase, SessionStatus, TherapySession
from service.domain.noted import AgeBand, Noted
from service.domain.rules import rules
from tests.domain.rules.walking import concerns_of, memories_of, states_of
from tests.factories import family, indicator, rating, therapy_session

CODE = "member-excluded"
OMA = ("member/oma",)

Came = str | None  # Oma's entry, or `form` for a form of hers, or None for neither


def known(modality: str = "family", **facts: Any) -> Family:
    """Return Eva and Ana, and Oma, who belongs to the family and not to the room, unless told otherwise."""
    oma = Member(MemberRole.grandparent, **{"expected": False, **facts})
    return replace(family("eva", "ana", modality=modality), members={**family("eva", "ana").members, "oma": oma})


def session(number: int, came: Came, **options: Any) -> TherapySession:
    forms = (rating("eva"), rating("ana"), *((rating("oma"),) if came == "form" else ()))
    entry = {} if came in (None, "form") else {"oma": Attendance(came)}
    return therapy_session(number, *forms, attendance=entry, **options)


def course_of(came: Sequence[Came]) -> list[TherapySession]:
    return [session(number, entry) for number, entry in enumerate(came, start=1)]


def concerns(came: Sequence[Came], told: Family | None = None) -> list[Concern]:
    return concerns_of(CODE, course_of(came), told or known())


FIRES: list[tuple[str, list[Came], Family]] = [
    ("three sessions without", [None, None, None], known()),
    ("not invited, thrice", ["not-invited"] * 3, known(expected=True)),
    ("excused and cancelled late", ["excused", "late-cancelled", "excused"], known(expected=True)),
    ("heard once, then not for three", ["form", None, None, None], known()),
    ("what is unknown lies between", ["not-invited", None, "not-invited", None, "not-invited"], known(expected=True)),
    ("a day too late", [None] * 3, known(voice=Noted("goes-without", None, "2026-01-20"))),
    ("in a session to come", [None] * 3, known(voice=Noted("goes-without", "s4"))),
    ("a child of six", [None] * 3, known(age_band=AgeBand.from_6)),
    ("in a couple's therapy", [None] * 3, known("couple")),
]

QUIET: list[tuple[str, list[Came], Family]] = [
    ("two sessions without", [None, None], known()),
    ("a form in the third", [None, None, "form"], known()),
    ("in the room in the second", [None, "attended", None, None], known()),
    ("late is there", [None, None, "late"], known()),
    ("expected, and nothing is known", [None] * 6, known(expected=True)),
    ("stayed away, of which attendance speaks", ["no-show"] * 6, known()),
    ("stayed away once", [None, None, "no-show"], known()),
    ("decided in the first session", [None] * 6, known(voice=Noted("goes-without", "s1"))),
    ("decided in the third", [None] * 3, known(voice=Noted("heard-elsewhere", "s3"))),
    ("decided on the day of the third", [None] * 3, known(voice=Noted("goes-without", None, "2026-01-19"))),
    ("a supporter outside the room", [None] * 6, known(supporter=True)),
    ("no longer part of it", [None] * 6, known(active=False)),
    ("under six", [None] * 6, known(age_band=AgeBand.under_6)),
    ("individual therapy", [None] * 6, known("individual")),
]


@pytest.mark.parametrize(("came", "told"), [row[1:] for row in FIRES], ids=[row[0] for row in FIRES])
def test_fires(came: list[Came], told: Family) -> None:
    (concern,) = concerns(came, told)
    assert (concern.subject, concern.severity, concern.signal.route) == (OMA, "info", "default")
    assert concern.opened_number == len(came)
    assert dict(concern.signal.values) == {"sessions": 3}


@pytest.mark.parametrize(("came", "told"), [row[1:] for row in QUIET], ids=[row[0] for row in QUIET])
def test_quiet(came: list[Came], told: Family) -> None:
    assert concerns(came, told) == []


def test_a_form_before_the_session_is_a_voice_too() -> None:
    before = therapy_session(3, rating("eva"), rating("oma", phase=Phase.pre))
    assert concerns_of(CODE, [*course_of([None, None]), before], known()) == []


def test_what_others_say_of_a_member_is_no_voice_of_theirs() -> None:
    said = [
        therapy_session(number, rating("eva", about="member/oma"), rating("o1", about="member/oma"))
        for number in (1, 2, 3)
    ]
    assert [item.subject for item in concerns_of(CODE, said, known())] == [OMA]


def test_sessions_that_were_not_held_do_not_count() -> None:
    sessions = [session(number, None, status=SessionStatus.no_show) for number in (1, 2)]
    assert concerns_of(CODE, [*sessions, session(3, None)], known()) == []


def disputing(severity: int = 2, from_: str = "ana", toward: str | None = None) -> Indicator:
    return indicator("disagreement-attendance", from_, toward, severity, "o1")


@pytest.mark.parametrize(
    ("mark", "fires"),
    [
        (disputing(), True),
        (disputing(3, toward="oma"), True),
        (disputing(1), False),
        (disputing(3, from_="dr-7"), False),
        (indicator("disagreement-goals", "ana", None, 3, "o1"), False),
    ],
)
def test_a_dispute_about_who_should_come(mark: Indicator, fires: bool) -> None:
    found = concerns_of(CODE, [therapy_session(1, indicators=(mark,))], known())
    assert [(item.subject, item.signal.route) for item in found] == ([(("family",), "disputed")] if fires else [])


IS_OPEN, RECOVERING, RECOVERED, CLOSED = State.open, State.recovering, State.recovered, State.closed

CLEARS: list[tuple[str, list[Came], dict[str, Any], list[State]]] = [
    ("a form", ["form"], {}, [RECOVERED]),
    ("in the room", ["attended"], {}, [RECOVERED]),
    ("still without", [None, None], {}, [IS_OPEN, IS_OPEN]),
    ("decided in the fifth", [None, None], {"voice": Noted("goes-without", "s5")}, [IS_OPEN, RECOVERED]),
    ("decided on a day", [None], {"voice": Noted("heard-elsewhere", None, "2026-01-21")}, [RECOVERED]),
    ("stayed away", ["no-show", "form"], {}, [IS_OPEN, RECOVERED]),
    ("stayed away six times", ["no-show"] * 6, {}, [*[IS_OPEN] * 5, CLOSED]),
]


@pytest.mark.parametrize(("after", "facts", "states"), [row[1:] for row in CLEARS], ids=[row[0] for row in CLEARS])
def test_clears(after: list[Came], facts: dict[str, Any], states: list[State]) -> None:
    assert states_of(CODE, course_of([None, None, None, *after]), known(**facts))[2:] == [IS_OPEN, *states]


def test_a_dispute_clears_when_somebody_looked_twice_and_saw_none() -> None:
    looked = [therapy_session(number, indicators_observed=number != 3) for number in (2, 3, 4)]
    states = states_of(CODE, [therapy_session(1, indicators=(disputing(),)), *looked], family())
    assert states == [IS_OPEN, RECOVERING, RECOVERING, RECOVERED]


def test_it_is_silent_on_safety_hold() -> None:
    assert rules()[CODE].silent_on_hold  # somebody may be out of the room for good reason


def test_memory_is_bounded_and_stored() -> None:
    came: list[Came] = [None, None, None, None, None, "form"] * 10
    unheard = [dict(memory.unheard) for memory in memories_of(CODE, course_of(came), known())]
    assert max(each.get("oma", 0) for each in unheard) == 3
    assert unheard[-1] == {}
    decided = [memory.came for memory in memories_of(CODE, course_of(came), known(voice=Noted("goes-without", "s2")))]
    assert (decided[0], decided[-1]) == (frozenset(), {"oma"})
