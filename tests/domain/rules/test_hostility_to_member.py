"""Hostility between members, by folding whole small courses."""

from collections.abc import Sequence
from typing import Any

import pytest

from service.domain.concern import Concern, State
from service.domain.model import Attendance, Indicator, Severity, TherapySession
from service.domain.next_steps import HELD_BACK, HOLD_TEXT
from service.domain.rules import rules
from tests.domain.rules.walking import concerns_of, long_course, memories_of, states_of, walk
from tests.factories import family, indicator, rating, therapy_session

CODE = "hostility-to-member"
PAIR = ("member/ana", "member/tom")

Level = int | None  # what was seen of Ana towards Tom; 0: somebody looked and saw none; None: nobody looked


def session(number: int, level: Level, *ratings: Any, **options: Any) -> TherapySession:
    marks = (indicator("hostility", "ana", "tom", level),) if level else ()
    return therapy_session(
        number, *ratings, **{"indicators": marks, "indicators_observed": level is not None, **options}
    )


def course_of(levels: Sequence[Level]) -> list[TherapySession]:
    return [session(number, level) for number, level in enumerate(levels, start=1)]


def only(sessions: Sequence[TherapySession]) -> Concern:
    (concern,) = concerns_of(CODE, sessions, family())
    return concern


# The pair's own median is that of the observed ones among sessions 1-3 before this one.
FIRES = [
    ("clear in the first session: nothing is usual yet", [2], Severity.warning, None),
    ("severe in the first session", [3], Severity.critical, None),
    ("clear, and nobody looked before", [None, None, None, 2], Severity.warning, None),
    ("clear where nothing was usual", [0, 0, 0, 2], Severity.warning, 0.0),
    ("clear where mild was usual", [1, 1, 0, 2], Severity.warning, 1.0),
    ("severe where severe was usual", [3, 3, 3, 3], Severity.critical, 3.0),
    ("sessions after the third change nothing", [0, None, None, 0, 2], Severity.warning, 0.0),
]

QUIET = [
    ("none", [0, 0, 0, 0]),
    ("mild for ever", [1, 1, 1, 1]),
    ("mild where nothing was usual", [0, 0, 0, 1]),
    ("nobody looked", [None, None, None, None]),
]


@pytest.mark.parametrize(("levels", "severity", "usual"), [row[1:] for row in FIRES], ids=[row[0] for row in FIRES])
def test_fires(levels: list[Level], severity: Severity, usual: float | None) -> None:
    concern = only(course_of(levels))
    assert (concern.subject, concern.severity) == (PAIR, severity)
    assert concern.number == len(levels)
    assert concern.signal.thresholds["usual"] == usual


@pytest.mark.parametrize("levels", [row[1] for row in QUIET], ids=[row[0] for row in QUIET])
def test_quiet(levels: list[Level]) -> None:
    assert concerns_of(CODE, course_of(levels), family()) == []


def fired_in(levels: Sequence[Level]) -> list[int]:
    """Return the numbers of the sessions in which the rule fired."""
    steps = walk(course_of(levels), family())
    return [number for number, step in enumerate(steps, start=1) if step.signals[CODE]]


def test_what_is_usual_between_two_is_quiet_but_severe() -> None:
    # medians before each: none, 2, 2, 2, 2
    assert fired_in([2, 2, 2, 2, 3]) == [1, 5]
    # medians: none, 1, 1½ → above, above; then (1 + 2 + 2 → 2): not above
    assert fired_in([1, 2, 2, 2]) == [2, 3]
    # a session in which nobody looked is no "none": medians none, 2, 2
    assert fired_in([2, None, 2, 2]) == [1]


@pytest.mark.parametrize(
    ("mark", "subject"),
    [
        (indicator("sarcasm", "ana", "tom"), PAIR),
        (indicator("blame", "ana", "tom"), PAIR),
        (indicator("hostility", "tom", "ana"), ("member/tom", "member/ana")),
        (indicator("hostility", "ana", "eva"), ("member/ana", "member/eva")),
    ],
)
def test_kinds_and_directions(mark: Indicator, subject: tuple[str, str]) -> None:
    assert only([therapy_session(1, indicators=(mark,))]).subject == subject


@pytest.mark.parametrize(
    "mark",
    [
        indicator("hostility", "ana", "dr-7", 3),
        indicator("hostility", "dr-7", "ana", 3),
        indicator("hostility", "ana", "ana", 3),
        indicator("hostility", "ana", None, 3),
        indicator("complaint", "ana", "tom", 3),
        indicator("negativity", "ana", "tom", 3),
    ],
)
def test_other_behaviour_is_quiet(mark: Indicator) -> None:
    assert concerns_of(CODE, [therapy_session(1, indicators=(mark,))], family()) == []


def test_sources_pool_by_the_highest() -> None:
    marks = (indicator("blame", "ana", "tom", 1, "eva"), indicator("sarcasm", "ana", "tom", 2, "o1"))
    values = only([therapy_session(1, indicators=marks)]).signal.values
    assert (values["level"], values["kind"], values["source"]) == (2, "sarcasm", "observer/o1")


def felt(level: Level, number: int, **scores: float) -> TherapySession:
    """Return a session with Tom's SOFTA-s at 75, but the named dimensions at theirs."""
    return session(number, level, rating("tom", 75, instrument="softa_s", dimensions=scores))


def before(count: int = 3) -> list[TherapySession]:
    return [felt(0, number) for number in range(1, count + 1)]


# Three scores of 75 before: s = 0, sp 9: sigma = sqrt(6·9²/8) = 7.794, times sqrt(4/3) = 9; so z = −1.5 at 61.5.
@pytest.mark.parametrize(
    ("level", "scores", "severity"),
    [
        (1, {"safety": 61.5}, Severity.critical),
        (1, {"safety": 61.4}, Severity.critical),
        (1, {"safety": 61.6}, None),
        (1, {"purpose": 61.5}, Severity.warning),
        (1, {"purpose": 61.6}, None),
        (1, {"connection": 20}, None),
        (0, {"safety": 20}, None),
        (2, {"safety": 61.6}, Severity.warning),
        (2, {"safety": 61.5}, Severity.critical),
    ],
)
def test_mild_counts_when_the_other_feels_less_safe(
    level: int, scores: dict[str, float], severity: Severity | None
) -> None:
    found = concerns_of(CODE, [*before(), felt(level, 4, **scores)], family())
    assert [item.severity for item in found] == ([severity] if severity else [])


def test_only_the_safety_of_the_one_it_was_aimed_at_counts() -> None:
    anas = [session(number, 0, rating("ana", 75, instrument="softa_s")) for number in (1, 2, 3)]
    low = session(4, 1, rating("ana", 25, instrument="softa_s"))
    assert concerns_of(CODE, [*anas, low], family()) == []


def test_with_two_scores_before_there_is_no_z() -> None:
    assert concerns_of(CODE, [*before(2), felt(1, 3, safety=51)], family()) == []


# The low mark of a Likert subscale is 50 percent; without earlier scores there is no z beside it.
@pytest.mark.parametrize(
    ("safety", "severity"), [(50, Severity.critical), (49.9, Severity.critical), (50.1, Severity.warning)]
)
def test_clear_with_safety_at_its_low_mark_is_critical(safety: float, severity: Severity) -> None:
    assert only([felt(2, 1, safety=safety)]).severity is severity


def test_mild_with_safety_at_its_low_mark_alone_is_quiet() -> None:
    assert concerns_of(CODE, [felt(1, 1, safety=40)], family()) == []


# SOFTA-o marks run from −3 to +3: −1 is 33.333 percent, 0 is 50.
@pytest.mark.parametrize(("mark", "severity"), [(100 / 3, Severity.critical), (50, Severity.warning)])
def test_an_observer_s_mark_of_the_other_s_safety_counts(mark: float, severity: Severity) -> None:
    seen = rating("o1", 50, instrument="softa_o", about="member/tom", dimensions={"safety": mark, "purpose": None})
    assert only([session(1, 2, seen)]).severity is severity
    elsewhere = rating("o1", 50, instrument="softa_o", about="member/eva", dimensions={"safety": 0, "purpose": None})
    assert only([session(1, 2, elsewhere)]).severity is Severity.warning


def seen_safe(mark: float) -> Any:
    return rating("o1", 50, instrument="softa_o", about="member/tom", dimensions={"safety": mark, "purpose": None})


@pytest.mark.parametrize(
    ("own", "observed", "severity", "shown"),
    [
        (75, 100 / 3, Severity.critical, "observer/o1"),  # the member's own holds, the observer's is at the low mark
        (61.5, 100, Severity.critical, "member/tom"),  # own z −1.5, though far above any mark
        (61.6, 100, Severity.warning, "member/tom"),
    ],
)
def test_of_several_safety_scores_the_worst_counts(own: float, observed: float, severity: Severity, shown: str) -> None:
    now = session(4, 2, rating("tom", 75, instrument="softa_s", dimensions={"safety": own}), seen_safe(observed))
    concern = only([*before(), now])
    assert concern.severity is severity
    assert str(concern.signal.values["safety_series"]).startswith(f"{shown}|")


def test_severe_brings_the_hold_text_unasked() -> None:
    rule = rules()[CODE]
    severe, falling = only(course_of([3])), only([*before(), felt(1, 4, safety=50)])
    assert (severe.signal.route, falling.signal.route) == ("severe", "severe")
    assert HOLD_TEXT in rule.texts["severe"]
    assert HOLD_TEXT not in rule.texts[only(course_of([2])).signal.route]
    assert set(rule.next_steps) - HELD_BACK  # something is left to try on that route


OPEN, RECOVERING, RECOVERED, CLOSED = State.open, State.recovering, State.recovered, State.closed

CLEARS = [
    ("none twice", [2, 0, 0], [OPEN, RECOVERING, RECOVERED]),
    ("nobody looked", [2, None, 0, None, 0], [OPEN, OPEN, RECOVERING, RECOVERING, RECOVERED]),
    ("what is usual from the first is no concern for ever", [2, 2, 2], [OPEN, RECOVERING, RECOVERED]),
    ("at what was usual so far", [0, 2, 1, 0], [None, OPEN, RECOVERING, RECOVERED]),
    (
        "nothing is usual yet where nobody looked",
        [None, None, None, 2, 1, 0],
        [None, None, None, OPEN, OPEN, RECOVERING],
    ),
    ("at the median from before the opening", [1, 1, 1, 2, 1, 1], [None, None, None, OPEN, RECOVERING, RECOVERED]),
    ("above a median of nothing", [0, 0, 0, 2, 1, 0], [None, None, None, OPEN, OPEN, RECOVERING]),
    ("severe beyond what is usual", [2, 2, 2, 3, 2, 2], [OPEN, RECOVERING, RECOVERED, OPEN, RECOVERING, RECOVERED]),
    ("six sessions without anybody looking", [2, *[None] * 6], [*[OPEN] * 6, CLOSED]),
]


@pytest.mark.parametrize(("levels", "states"), [row[1:] for row in CLEARS], ids=[row[0] for row in CLEARS])
def test_clears(levels: list[Level], states: list[State | None]) -> None:
    assert states_of(CODE, course_of(levels), family()) == states


@pytest.mark.parametrize("absent", ["ana", "tom"])
def test_a_session_without_one_of_the_two_clears_nothing(absent: str) -> None:
    away = session(2, 0, attendance={absent: Attendance.no_show})
    states = states_of(CODE, [session(1, 2), away, session(3, 0), session(4, 0)], family())
    assert states == [OPEN, OPEN, RECOVERING, RECOVERED]


# Frozen: mu 75, sigma 7.794, the score before 75: recovered from 75 − 0.75·7.794 = 69.155 on.
@pytest.mark.parametrize(
    ("after", "state"),
    [
        ([69.2, 69.2], RECOVERED),
        ([69.1, 69.1], OPEN),
        ([69.2, 69.1], OPEN),
        ([69.1, 69.2], RECOVERING),
    ],
)
def test_the_safety_that_fell_must_recover(after: list[float], state: State) -> None:
    later = [felt(0, number, safety=score) for number, score in enumerate(after, start=5)]
    sessions = [*before(), felt(2, 4, safety=50), *later]
    assert states_of(CODE, sessions, family())[-1] is state


def test_a_within_score_that_fell_must_recover_too() -> None:
    sessions = [*before(), felt(1, 4, purpose=50), felt(0, 5, purpose=50), felt(0, 6, purpose=70), felt(0, 7)]
    assert states_of(CODE, sessions, family())[3:] == [OPEN, OPEN, RECOVERING, RECOVERED]


def test_a_clean_session_without_the_score_that_fell_decides_nothing() -> None:
    sessions = [*before(), felt(2, 4, safety=50), session(5, 0), felt(0, 6), felt(0, 7)]
    assert states_of(CODE, sessions, family())[3:] == [OPEN, OPEN, RECOVERING, RECOVERED]


def test_a_session_without_the_score_keeps_what_was_reached() -> None:
    sessions = [*before(), felt(2, 4, safety=50), felt(0, 5), session(6, 0), felt(0, 7)]
    assert states_of(CODE, sessions, family())[3:] == [OPEN, RECOVERING, RECOVERING, RECOVERED]


def test_a_score_that_had_not_fallen_need_not_recover() -> None:
    sessions = [*before(), felt(2, 4), felt(0, 5, safety=60), felt(0, 6, safety=60)]
    assert states_of(CODE, sessions, family())[-1] is RECOVERED


def test_talked_about_the_score_need_recover_once_but_two_sessions_must_be_clean() -> None:
    talked = session(5, 0, rating("tom", 75, instrument="softa_s"), discussed=frozenset({(CODE, PAIR)}))
    sessions = [*before(), felt(2, 4, safety=50), talked, felt(0, 6, safety=60)]
    assert states_of(CODE, sessions, family())[-2:] == [RECOVERING, RECOVERED]
    untalked = [*before(), felt(2, 4, safety=50), felt(0, 5), felt(0, 6, safety=60)]
    assert states_of(CODE, untalked, family())[-2:] == [RECOVERING, OPEN]


@pytest.mark.parametrize(("gap", "openings"), [(2, [2]), (3, [1, 1])])
def test_reopens_within_three_held_sessions(gap: int, openings: list[int]) -> None:
    found = concerns_of(CODE, course_of([0, 0, 0, 2, 0, 0, *[0] * gap, 2]), family())
    assert [item.openings for item in found] == openings


def test_the_hostile_one_s_scores_stay_out_of_their_prior() -> None:
    sessions = [
        session(number, 2 if number == 4 else 0, rating("ana", 90), rating("tom", 90)) for number in range(1, 6)
    ]
    series = walk(sessions, family())[-1].carry.series
    assert len(series["member/ana|srs|post|therapist|total"].prior) == 3
    assert len(series["member/tom|srs|post|therapist|total"].prior) == 5


@pytest.mark.parametrize("seed", range(3))
def test_memory_is_bounded_and_stored(seed: int) -> None:
    sizes = [len(memory.early) for memory in memories_of(CODE, long_course(seed), family("eva"))]
    assert len(sizes) == 200
    assert 0 < sizes[-1] <= 3
    assert sizes[2:] == [sizes[2]] * 198  # nothing is added after the third held session
