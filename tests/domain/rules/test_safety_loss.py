"""Safety-loss, by folding whole small courses."""

from collections.abc import Sequence
from dataclasses import replace

import pytest

from service.domain.concern import Concern, Reason, State
from service.domain.model import (
    Attendance,
    Family,
    Indicator,
    Member,
    MemberRole,
    Rating,
    SessionStatus,
    TherapySession,
)
from service.domain.next_steps import HOLD_TEXT
from service.domain.rules import rules
from tests.domain.rules.walking import concerns_of, memories_of, states_of
from tests.factories import family, indicator, rating, therapy_session

CODE = "safety-loss"
ANA = ("member/ana",)
Scores = Sequence[float | None]


def felt(safety: float) -> Rating:
    """Return a self-report whose safety is told and everything else is 80."""
    return rating("ana", 80, instrument="softa_s", dimensions={"safety": safety})


def marked(raw: float, about: str = "member/ana") -> Rating:
    """Return an observer's SOFTA-o whose safety is told from −3 to +3 and everything else is 0."""
    return rating("o1", 50, instrument="softa_o", about=about, dimensions={"safety": (raw + 3) / 6 * 100})


def guarded(severity: int = 2, from_: str = "ana") -> Indicator:
    return indicator("guardedness", from_, None, severity)


def course_of(scores: Scores, first: int = 1) -> list[TherapySession]:
    """Return sessions from Ana's own safety in percent; None: she did not rate."""
    return [
        therapy_session(number, *(() if score is None else [felt(score)]))
        for number, score in enumerate(scores, start=first)
    ]


def observed(marks: Scores) -> list[TherapySession]:
    """Return sessions from an observer's mark of Ana's safety; None: no mark."""
    return [
        therapy_session(number, *(() if mark is None else [marked(mark)])) for number, mark in enumerate(marks, start=1)
    ]


def seen(levels: Sequence[int | None]) -> list[TherapySession]:
    """Return sessions from Ana's guardedness; 0: somebody looked and saw none; None: nobody looked."""
    return [
        therapy_session(number, indicators=(guarded(level),) if level else (), indicators_observed=level is not None)
        for number, level in enumerate(levels, start=1)
    ]


def concerns(sessions: Sequence[TherapySession], known: Family | None = None) -> list[Concern]:
    return concerns_of(CODE, sessions, known or family())


# Three scores at 80 and a Likert subscale's spread of 9: sigma = √(6·81/8) = 7.794, z = (x − 80)/(7.794·√(4/3)) =
# (x − 80)/9. An observer's mark has the same spread: after three at +3 (100), z = (x − 100)/9.
FIRES = [
    ("z −2", course_of([80, 80, 80, 62]), "warning", "own-level"),
    ("z −5", course_of([80, 80, 80, 35]), "warning", "own-level"),
    ("an observer's −1 in the first session", observed([-1]), "info", "observed"),
    ("an observer's −1 in the third", observed([0, 0, -1]), "info", "observed"),
    ("an observer's −1 in the fourth", observed([None, None, None, -1]), "warning", "observed"),
    ("an observer's −3", observed([None, None, None, -3]), "warning", "observed"),
    ("an observer's fall from +3 to +1", observed([3, 3, 3, 1]), "warning", "own-level"),  # z = −33.33/9 = −3.7
    ("clear guardedness in the first session", seen([2]), "warning", "guarded"),
    ("severe guardedness", seen([0, 3]), "warning", "guarded"),
]
QUIET = [
    ("z −1.989", course_of([80, 80, 80, 62.1])),
    ("two earlier scores have no z", course_of([80, 80, 10])),
    ("a form without safety", [therapy_session(n, rating("ana", 90 if n < 4 else 20)) for n in (1, 2, 3, 4)]),
    ("an observer's 0", observed([0, 0, 0, 0])),
    ("an observer's fall from +3 to +2", observed([3, 3, 3, 2])),  # z = −16.67/9 = −1.85
    ("mild guardedness, again and again", seen([1, 1, 1, 1])),
    ("nobody looked", seen([None, None])),
]


@pytest.mark.parametrize(("sessions", "severity", "route"), [row[1:] for row in FIRES], ids=[row[0] for row in FIRES])
def test_fires(sessions: list[TherapySession], severity: str, route: str) -> None:
    (concern,) = concerns(sessions)
    assert (concern.subject, concern.severity, concern.signal.route) == (ANA, severity, route)
    assert concern.number == len(sessions)


@pytest.mark.parametrize("sessions", [row[1] for row in QUIET], ids=[row[0] for row in QUIET])
def test_quiet(sessions: list[TherapySession]) -> None:
    assert concerns(sessions) == []


def test_a_low_mark_counts_on_the_observer_s_form_alone() -> None:
    low = [therapy_session(number, felt(20)) for number in (1, 2, 3, 4)]
    assert concerns(low) == []


def test_what_the_therapist_rates_of_a_member_counts_and_of_the_family_does_not() -> None:
    def course(about: str) -> list[TherapySession]:
        return [
            therapy_session(
                number, rating("dr-7", 80, instrument="softa_s", about=about, dimensions={"safety": safety})
            )
            for number, safety in enumerate((80, 80, 80, 62), start=1)
        ]

    (concern,) = concerns(course("member/ana"))
    assert (concern.subject, concern.signal.raters) == (ANA, ("therapist/dr-7",))
    assert concerns(course("family")) == []


def test_over_several_ratings_the_furthest_down() -> None:
    *before, last = course_of([80, 80, 80, 60])
    both = therapy_session(4, *last.ratings, marked(-1))
    (concern,) = concerns([*before, both])
    # z = −20/9; the observer's first mark has none and comes after those that have one
    assert [concern.signal.value(name) for name in ("safety", "z")] == pytest.approx([60, -20 / 9])
    assert concern.signal.route == "own-level"


def test_of_several_observers_the_gravest_mark_counts_and_never_a_mean() -> None:
    """Two see nothing and agree; the third's −1 still is a reason to look."""
    marks = [replace(marked(raw), rater_id=who) for who, raw in (("o1", 0), ("o2", 0), ("o3", -1))]
    (concern,) = concerns([therapy_session(4, *marks)])
    assert concern.signal.raters == ("observer/o3",)


def test_guardedness_says_so_early_whatever_a_rating_says() -> None:
    both = therapy_session(1, marked(-1), indicators=(guarded(2),))
    (concern,) = concerns([both])
    assert (concern.severity, concern.signal.route, concern.signal.values["level"]) == ("warning", "observed", 2)


def test_mild_guardedness_does_not_lift_the_cap_of_the_first_three() -> None:
    (concern,) = concerns([therapy_session(1, marked(-1), indicators=(guarded(1),))])
    assert concern.severity == "info"


def test_a_note_of_the_first_three_sessions_rises_when_it_fires_again() -> None:
    assert [item.severity for item in concerns(observed([-1, -1, -1]))] == ["info"]
    assert [item.severity for item in concerns(observed([-1, -1, -1, -1]))] == ["warning"]


def test_each_member_has_a_concern_of_their_own_and_a_therapist_none() -> None:
    marks = (guarded(2, "ana"), guarded(3, "tom"), guarded(3, "dr-7"))
    found = concerns([therapy_session(1, indicators=marks)])
    assert {item.subject for item in found} == {ANA, ("member/tom",)}


def test_a_session_that_was_not_held_shows_nothing() -> None:
    unheld = therapy_session(4, felt(20), indicators=(guarded(3),), status=SessionStatus.no_show)
    assert concerns([*course_of([80, 80, 80]), unheld]) == []


def test_what_is_low_is_not_to_be_raised_in_front_of_the_others() -> None:
    texts = rules()[CODE].texts
    assert [route for route, text in sorted(texts.items()) if HOLD_TEXT in text] == ["observed", "own-level"]
    single = Family(members={"ana": Member(MemberRole.client)}, modality="individual")
    (concern,) = concerns(course_of([80, 80, 80, 62]), single)
    assert concern.signal.route == "alone"


OPEN, RECOVERING, RECOVERED, CLOSED = State.open, State.recovering, State.recovered, State.closed

# Back is 80 − 0.75·7.794 = 74.15.
RATED = [
    ("back twice", [74.2, 74.2], [RECOVERING, RECOVERED]),
    ("just below", [74.1, 74.2], [OPEN, RECOVERING]),
    ("back once", [80, 74.1], [RECOVERING, OPEN]),
    ("absence says nothing", [80, None, 80], [RECOVERING, RECOVERING, RECOVERED]),
    ("steady but low does not settle it", [66, 66, 66, 66], [OPEN] * 4),
    ("six sessions without a score", [None] * 6, [*[OPEN] * 5, CLOSED]),
]


@pytest.mark.parametrize(("after", "states"), [row[1:] for row in RATED], ids=[row[0] for row in RATED])
def test_clears_by_the_score_though_nobody_looks(after: Scores, states: list[State]) -> None:
    assert states_of(CODE, course_of([80, 80, 80, 60, *after]), family())[3:] == [OPEN, *states]


@pytest.mark.parametrize(
    ("after", "states"),
    [
        ([0, 0], [RECOVERING, RECOVERED]),
        ([-0.5, 0], [RECOVERING, RECOVERED]),
        ([0, -1], [RECOVERING, OPEN]),
        ([None, 0], [OPEN, RECOVERING]),
    ],
)
def test_an_observer_s_first_mark_clears_above_it(after: Scores, states: list[State]) -> None:
    steps = [therapy_session(1, marked(-1))]
    for number, mark in enumerate(after, start=2):
        # a consensus of several observers may lie between two marks
        share = () if mark is None else [marked(mark)]
        steps.append(therapy_session(number, *share))
    assert states_of(CODE, steps, family()) == [OPEN, *states]


def test_an_observer_s_later_mark_clears_near_the_level_before() -> None:
    # mu 83.33 (+2), sigma 7.794, before +2: back is 77.49, so +1 (66.67) is not and +2 is
    assert states_of(CODE, observed([2, 2, 2, -1, 1, 2, 2]), family())[3:] == [OPEN, OPEN, RECOVERING, RECOVERED]


SEEN = [
    ("none twice", [0, 0], [RECOVERING, RECOVERED]),
    ("mild is not none", [0, 1, 0, 0], [RECOVERING, OPEN, RECOVERING, RECOVERED]),
    ("nobody looked", [None, 0, None, 0], [OPEN, RECOVERING, RECOVERING, RECOVERED]),
    ("six sessions without anybody looking", [None] * 6, [*[OPEN] * 5, CLOSED]),
]


@pytest.mark.parametrize(("after", "states"), [row[1:] for row in SEEN], ids=[row[0] for row in SEEN])
def test_clears_by_what_is_seen(after: Sequence[int | None], states: list[State]) -> None:
    assert states_of(CODE, seen([2, *after]), family()) == [OPEN, *states]


def test_absence_clears_nothing() -> None:
    away = therapy_session(2, indicators_observed=True, attendance={"ana": Attendance.no_show})
    assert states_of(CODE, [*seen([2]), away, *seen([0, 0, 0])[2:]], family()) == [OPEN, OPEN, RECOVERING]


def after_both(*later: tuple[float, int | None]) -> list[State | None]:
    """Return the states after safety fell and guardedness was clear in the same session."""
    both = therapy_session(4, felt(60), indicators=(guarded(2),))
    sessions = [
        therapy_session(
            number, felt(score), indicators=(guarded(level),) if level else (), indicators_observed=level is not None
        )
        for number, (score, level) in enumerate(later, start=5)
    ]
    return states_of(CODE, [*course_of([80, 80, 80]), both, *sessions], family())[4:]


def test_where_both_opened_it_both_must_be_over() -> None:
    assert after_both((80, 0), (80, 0)) == [RECOVERING, RECOVERED]
    assert after_both((80, None), (80, None)) == [OPEN, OPEN]
    assert after_both((70, 0), (70, 0)) == [OPEN, OPEN]
    assert after_both((80, 1), (80, 0)) == [OPEN, RECOVERING]


def test_a_score_back_once_is_enough_when_it_was_talked_about() -> None:
    opening = course_of([80, 80, 80, 60])
    talked = therapy_session(5, felt(80), discussed=frozenset({(CODE, ANA)}))
    low = therapy_session(5, felt(70), discussed=frozenset({(CODE, ANA)}))
    assert states_of(CODE, [*opening, talked], family())[-1] is RECOVERED
    assert states_of(CODE, [*opening, low], family())[-1] is OPEN


def test_what_was_seen_must_stay_unseen_twice_though_it_was_talked_about() -> None:
    talked = therapy_session(2, indicators_observed=True, discussed=frozenset({(CODE, ANA)}))
    calm = therapy_session(3, indicators_observed=True)
    assert states_of(CODE, [*seen([2]), talked, calm], family()) == [OPEN, RECOVERING, RECOVERED]


def test_window_passed_has_a_reason() -> None:
    assert concerns(seen([2, *[None] * 6]))[0].reason is Reason.window_passed


def test_it_remembers_nothing() -> None:
    assert len({repr(memory) for memory in memories_of(CODE, observed([-1, 0, -2, None, 1]), family())}) == 1
