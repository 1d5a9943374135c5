"""One change after another, by folding whole small courses."""

from collections.abc import Sequence

import pytest

from service.domain.concern import Concern, State
from service.domain.model import TherapySession
from service.domain.rules.ripple import Memory
from tests.domain.rules.walking import concerns_of, long_course, memories_of, states_of
from tests.factories import course, family, rating, therapy_session

CODE = "ripple"
Totals = Sequence[float | None]

# Ana moves by 6 (the usual spread of the SRS is 5) in sessions 2 to 6, and Eva as she did a session later: five pairs
# in session 7.
ANA = (70, 76, 70, 76, 70, 76, 76)
EVA = (80, 80, 86, 80, 86, 80, 86)
BOTH = ("member/ana", "member/eva")


def concerns(ana: Totals, eva: Totals) -> list[Concern]:
    return concerns_of(CODE, course(ana=ana, eva=eva), family())


FIRES = [
    ("five in a row", ANA, EVA, 7),
    ("after one that was not followed", (70, 76, *(each + 6 for each in ANA)), (80, 80, *EVA), 9),
    ("at the usual spread", (70, 75, 70, 75, 70, 75, 75), (80, 80, 85, 80, 85, 80, 85), 7),
]
QUIET = [
    ("six, but one in between not", (70, 76, 70, 76, 70, 76, 70, 76, 76), (80, 80, 86, 80, 86, 86, 92, 86, 92)),
    ("four pairs", ANA[1:], EVA[1:]),
    ("the last one down", tuple(146 - each for each in ANA), tuple(166 - each for each in EVA)),
    ("one that was not followed", (*ANA[:4], 76, 76, 76), (*EVA[:4], 80, 80, 80)),
    ("smaller than the usual spread", ANA, tuple(80 + (each - 80) * 4.9 / 6 for each in EVA)),
    ("the other way round each time", ANA, tuple(166 - each for each in EVA)),
    ("at the same time", ANA, ANA),
]


@pytest.mark.parametrize(("ana", "eva", "number"), [row[1:] for row in FIRES], ids=[row[0] for row in FIRES])
def test_fires(ana: Totals, eva: Totals, number: int) -> None:
    (concern,) = concerns(ana, eva)
    assert (concern.subject, concern.severity, concern.number) == (BOTH, "info", number)
    assert {name: concern.signal.values[name] for name in ("first", "followed_by", "pairs")} == {
        "first": "member/ana",
        "followed_by": "member/eva",
        "pairs": 5,
    }


@pytest.mark.parametrize(("ana", "eva"), [row[1:] for row in QUIET], ids=[row[0] for row in QUIET])
def test_quiet(ana: Totals, eva: Totals) -> None:
    assert concerns(ana, eva) == []


def test_a_session_without_the_second_says_nothing() -> None:
    ana = (*ANA[:6], 70, 76, 76)  # sixth up, seventh down; Eva was away in the seventh
    eva = (*EVA[:6], None, 74, 80)
    (concern,) = concerns(ana, eva)
    assert concern.number == 9


def test_a_childs_form_and_one_given_not_alone_are_left_out() -> None:
    def told(instrument: str, not_alone: bool) -> list[TherapySession]:
        return [
            therapy_session(number, rating("ana", ana, not_alone=not_alone), rating("kim", kim, instrument=instrument))
            for number, (ana, kim) in enumerate(zip(ANA, EVA, strict=True), start=1)
        ]

    assert len(concerns_of(CODE, told("srs", not_alone=False), family("ana", "kim"))) == 1
    assert concerns_of(CODE, told("csrs", not_alone=False), family("ana", "kim")) == []
    assert concerns_of(CODE, told("srs", not_alone=True), family("ana", "kim")) == []


def test_its_time_is_the_session_in_which_it_is_told() -> None:
    sessions = course(ana=(*ANA, 76), eva=(*EVA, 86))
    assert states_of(CODE, sessions, family())[6:] == [State.open, State.closed]


def test_its_memory_keeps_what_moved_last_and_who_followed() -> None:
    *_, last = memories_of(CODE, course(ana=ANA, eva=EVA), family())
    series = "member/{}|srs|post|therapist|total"
    assert last.moved == {series.format("eva"): 1}
    assert last.followed == {f"{series.format('ana')}>eva": 5}  # Ana followed Eva three times, and then did not
    long: list[Memory] = list(memories_of(CODE, long_course(seed=5), family()))
    assert max(len(memory.followed) for memory in long) <= 12
    assert all(len(memory.moved) <= 4 for memory in long)
