"""The life of a concern from signal to signal."""

from dataclasses import replace

import pytest

from service.domain.concern import (
    KEPT_SESSIONS,
    Baseline,
    Concern,
    Raised,
    Reason,
    Signal,
    State,
    Value,
    ended,
    fired_again,
    opened,
    raised,
    reopened,
)
from service.domain.model import Severity
from tests.factories import held_at, therapy_session

ANA = ("member/ana",)
BOND, GOALS = "member/ana|srs|post|therapist|bond", "member/ana|srs|post|therapist|goals"


def signal(severity: str = "warning", bond: float = 60.0, level: float | None = 90.0, series: str = BOND) -> Signal:
    baseline = Baseline(series, level, 6.0, 3, 90.0) if level is not None else None
    return Signal(ANA, Severity(severity), {"series": series, "bond": bond}, {"z": -2.5}, baseline=baseline)


def concern(severity: str = "warning", level: float | None = 90.0) -> Concern:
    return opened(signal(severity, level=level), "trust-bond-loss", 1, therapy_session(4), 4)


def test_a_signal_opens_a_concern() -> None:
    new = concern()
    assert (new.state, new.reason, new.active, new.openings, new.severity) == (State.open, None, True, 1, "warning")
    assert (new.opened_session_id, new.opened_held_at, new.sessions) == ("s4", held_at(4), ("s4",))
    assert (new.opened_number, new.number, new.last_held_at, new.ended) == (4, 4, held_at(4), None)
    assert new.identity == ("trust-bond-loss", ANA, "s4")


@pytest.mark.parametrize(
    ("before", "after", "severity", "bond"),
    [
        ("info", "warning", "warning", 50.0),
        ("warning", "critical", "critical", 50.0),
        ("warning", "warning", "warning", 50.0),
        ("warning", "info", "warning", 60.0),  # severity never falls, and what was seen carries it
        ("critical", "warning", "critical", 60.0),
    ],
)
def test_firing_again_never_lowers_it(before: str, after: str, severity: str, bond: float) -> None:
    again = fired_again(concern(before), signal(after, bond=50.0, level=70.0), therapy_session(5), 5)
    assert (again.severity, again.signal.values["bond"]) == (severity, bond)
    assert again.signal.baseline == concern().signal.baseline  # frozen at the opening
    assert (again.opened_number, again.number, again.last_held_at) == (4, 5, held_at(5))
    assert again.sessions == ("s4", "s5")


def test_firing_again_ends_a_recovery_and_a_blindness() -> None:
    on_its_way = replace(concern(), state=State.recovering, streak=1, blind=4)
    again = fired_again(on_its_way, signal(), therapy_session(5), 5)
    assert (again.state, again.streak, again.blind) == (State.open, 0, 0)


def test_a_concern_that_opened_without_a_level_takes_the_first_it_meets() -> None:
    again = fired_again(concern(level=None), signal(level=70.0), therapy_session(5), 5)
    assert again.signal.baseline is not None
    assert again.signal.baseline.mu == 70


def test_it_ends_once_with_a_reason_or_as_recovered() -> None:
    closed = ended(concern(), State.closed, Reason.settled, 8)
    assert (closed.state, closed.reason, closed.ended, closed.active) == (State.closed, Reason.settled, 8, False)
    assert ended(concern(), State.recovered, None, 8).reason is None


def test_it_opens_again_as_the_same_with_a_severity_and_a_level_of_its_own() -> None:
    over = replace(ended(concern("critical"), State.recovered, None, 6), discussed=True, after=(1.0, 2.0))
    again = reopened(over, signal("info", level=80.0), therapy_session(8), 8)
    assert (again.identity, again.openings, again.state) == (over.identity, 2, State.open)
    assert (again.severity, again.signal.baseline and again.signal.baseline.mu) == ("info", 80)
    assert (again.discussed, again.after, again.ended, again.streak) == (False, (), None, 0)
    assert (again.opened_number, again.opened_session_id, again.sessions) == (8, "s4", ("s4", "s8"))


@pytest.mark.parametrize(
    ("moves", "flapping", "held_until"),
    [
        ((1,), False, None),
        ((1, 3), False, None),
        ((1, 3, 4), True, 6),  # the third move within six sessions: 1 to 6
        ((1, 3, 6), True, 6),
        ((1, 3, 7), False, None),  # a seventh session is too late
        ((4, 5, 6), True, 9),
    ],
)
def test_three_moves_in_six_sessions_are_flapping(
    moves: tuple[int, ...], flapping: bool, held_until: int | None
) -> None:
    moved = replace(concern(), moves=moves)
    assert moved.flapping is flapping
    later = range(moves[-1], moves[-1] + 8)
    assert [number for number in later if moved.flaps_at(number)] == list(range(moves[-1], (held_until or 0) + 1))


def test_opening_recovering_and_opening_again_are_moves_of_which_three_are_kept() -> None:
    moving = concern()
    assert moving.moves == (4,)
    moving = ended(moving, State.recovered, None, 6)
    assert moving.moves == (4, 6)
    assert ended(concern(), State.closed, Reason.settled, 6).moves == (4,)  # closing is none
    assert reopened(moving, signal(), therapy_session(8), 8).moves == (4, 6, 8)
    assert ended(replace(moving, moves=(4, 6, 8)), State.recovered, None, 14).moves == (6, 8, 14)
    assert fired_again(concern(), signal(), therapy_session(5), 5).moves == (4,)


def test_what_opens_again_graver_than_ever_is_no_flapping() -> None:
    moving = ended(concern("info"), State.recovered, None, 6)
    assert reopened(moving, signal("info"), therapy_session(8), 8).moves == (4, 6, 8)
    assert reopened(moving, signal("warning"), therapy_session(8), 8).moves == (8,)


# Another rule's signal lifts it. --------------------------------------------------------------------------------------

UNAWARE = Signal(ANA, Severity.info, {"therapist_z": 0.5}, {"therapist_z": -0.5})


def lifted(severity: str) -> Concern:
    return raised(concern(severity), UNAWARE, "therapist-unaware", therapy_session(5))


@pytest.mark.parametrize(("before", "after"), [("info", "warning"), ("warning", "warning"), ("critical", "critical")])
def test_a_note_is_raised_to_a_warning_and_nothing_any_further(before: str, after: str) -> None:
    once = lifted(before)
    assert once.severity == after
    assert raised(once, UNAWARE, "therapist-unaware", therapy_session(6)) == once
    assert once.signal == concern(before).signal  # what it saw itself stays


def test_it_says_by_what_it_was_raised() -> None:
    once = lifted("info")
    assert once.sessions == ("s4", "s5")
    assert once.raised == Raised("therapist-unaware", {"therapist_z": 0.5}, {"therapist_z": -0.5})
    assert lifted("warning").raised is None


@pytest.mark.parametrize(
    ("again", "severity", "bond"),
    [
        ("info", "warning", 50.0),  # as grave as what it saw itself
        ("warning", "warning", 50.0),
        ("critical", "critical", 50.0),
    ],
)
def test_raised_and_firing_again_it_never_falls(again: str, severity: str, bond: float) -> None:
    after = fired_again(lifted("info"), signal(again, bond=50.0), therapy_session(6), 6)
    assert (after.severity, after.signal.values["bond"]) == (severity, bond)
    assert after.raised == lifted("info").raised


def test_opened_again_it_is_raised_no_more() -> None:
    over = ended(lifted("info"), State.recovered, None, 6)
    again = reopened(over, signal("info"), therapy_session(8), 8)
    assert (again.severity, again.raised) == ("info", None)


def test_the_sessions_it_rests_on_are_bounded_to_the_opening_one_and_the_latest() -> None:
    standing = concern()
    for number in range(5, 40):
        standing = fired_again(standing, signal(), therapy_session(number), number)
    assert len(standing.sessions) == KEPT_SESSIONS
    assert standing.sessions == ("s4", *(f"s{number}" for number in range(25, 40)))
    assert standing.resting_on(therapy_session(39)) == standing.sessions


@pytest.mark.parametrize(
    ("value", "number"), [(1, 1.0), (90.5, 90.5), (-2.5, -2.5), (True, None), ("90", None), (None, None)]
)
def test_a_number_is_a_number_whether_whole_or_not(value: Value, number: float | None) -> None:
    told = Signal(ANA, Severity.info, {"seen": value}, {"mark": value})
    assert (told.value("seen"), told.threshold("mark")) == (number, number)
    assert (told.value("mark"), told.threshold("seen")) == (None, None)


def test_what_clears_it_is_read_on_the_series_of_its_level_else_on_the_one_it_was_seen_on() -> None:
    assert fired_again(concern(), signal(series=GOALS), therapy_session(5), 5).signal.series == BOND
    assert signal(level=None, series=GOALS).series == GOALS
    assert Signal(ANA, Severity.info, {"level": 2}).series is None


def test_concerns_that_share_a_session_meet() -> None:
    one, other = replace(concern(), sessions=("s1", "s2")), replace(concern(), sessions=("s2", "s3"))
    assert one.meets(other)
    assert other.meets(one)
    assert not one.meets(replace(other, sessions=("s3",)))


def test_it_changes_in_the_fields_named_and_in_no_others() -> None:
    before = concern()
    after = before.but(streak=2, state=State.recovering)
    assert after == replace(before, streak=2, state=State.recovering)
    assert (before.streak, before.state) == (0, State.open)
    with pytest.raises(TypeError, match="streek"):
        before.but(streek=1)
