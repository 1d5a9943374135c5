"""How a session clears a concern: by ratings, by what is seen, and by both."""

from dataclasses import replace

import pytest

from service.domain.clearing import calm_since, recovered_since, unseen_since
from service.domain.concern import Baseline, Clearing, Concern, Signal, opened
from service.domain.model import Attendance, Phase, Rating, SessionStatus, Severity
from service.domain.moment import Moment
from tests.factories import family, rating, therapy_session

# mu 90, sigma 4, the score before 90: back is 90 − 0.75·4 = 87
LEVEL = Baseline("member/ana|srs|post|therapist|bond", 90.0, 4.0, 5, 90.0)


def concern(level: Baseline | None = LEVEL) -> Concern:
    signal = Signal(("member/ana",), Severity.warning, {"series": LEVEL.series}, baseline=level)
    return opened(signal, "trust-bond-loss", 1, therapy_session(1), 1)


def bond(value: float, who: str = "ana", instrument: str = "srs", phase: Phase = Phase.post) -> Rating:
    return rating(who, 50, instrument=instrument, phase=phase, dimensions={"bond": value})


@pytest.mark.parametrize(
    ("given", "said"),
    [
        (bond(87), Clearing.met),
        (bond(86.9), Clearing.unmet),
        (bond(100), Clearing.met),
        (bond(100, who="eva"), Clearing.blind),
        (bond(100, instrument="wai_sr"), Clearing.blind),
        (bond(100, phase=Phase.pre), Clearing.blind),
    ],
)
def test_back_near_the_level_on_the_series_that_opened_it(given: Rating, said: Clearing) -> None:
    moment = Moment(therapy_session(2, given), 2, family(), {})
    assert recovered_since(moment, concern()) is said


def test_a_session_that_was_not_held_says_nothing() -> None:
    moment = Moment(therapy_session(2, bond(100), status=SessionStatus.no_show), 1, family(), {})
    assert recovered_since(moment, concern()) is Clearing.blind


def test_without_a_level_there_is_nothing_to_come_back_to() -> None:
    moment = Moment(therapy_session(2, bond(100)), 2, family(), {})
    assert recovered_since(moment, concern(None)) is Clearing.blind


def looked(observed: bool = True, ana: Attendance = Attendance.attended) -> Moment:
    return Moment(therapy_session(2, indicators_observed=observed, attendance={"ana": ana}), 2, family(), {})


BLIND, UNMET, MET, DONE = Clearing.blind, Clearing.unmet, Clearing.met, Clearing.done


@pytest.mark.parametrize(
    ("moment", "seen", "said"),
    [
        (looked(), set(), MET),
        (looked(), {"member/eva"}, MET),
        (looked(), {"member/ana"}, UNMET),
        (looked(observed=False), set(), BLIND),
        (looked(observed=False), {"member/ana"}, UNMET),  # a mark stands even if nobody said that somebody looked
        (looked(ana=Attendance.no_show), set(), BLIND),
    ],
)
def test_seen_no_more(moment: Moment, seen: set[str], said: Clearing) -> None:
    assert unseen_since(moment, concern(), seen) is said


def standing(level: int | None, discussed: bool = False, streak: int = 0) -> Concern:
    """Return a concern that ratings opened, with what was seen beside them (None: nothing)."""
    signal = replace(concern().signal, values={} if level is None else {"level": level})
    return replace(concern(), signal=signal, discussed=discussed, streak=streak)


@pytest.mark.parametrize(
    ("stood", "observed", "seen", "back", "said"),
    [
        # opened by ratings alone: nobody need look, but what is seen keeps it open
        (standing(None), False, set(), MET, MET),
        (standing(None), False, set(), UNMET, UNMET),
        (standing(None), False, set(), BLIND, BLIND),
        (standing(None), True, {"member/ana"}, MET, UNMET),
        # opened by both: both must be over
        (standing(1), True, set(), MET, MET),
        (standing(1), False, set(), MET, BLIND),
        (standing(1), True, set(), UNMET, UNMET),
        (standing(1), True, {"member/ana"}, MET, UNMET),
        # talked about: a score back once is enough, what was seen must stay unseen
        (standing(None, discussed=True), False, set(), MET, DONE),
        (standing(None, discussed=True), False, set(), UNMET, UNMET),
        (standing(None, discussed=True, streak=1), False, set(), UNMET, UNMET),
        (standing(1, discussed=True), True, set(), MET, MET),
        (standing(1, discussed=True), True, set(), UNMET, UNMET),
        (standing(1, discussed=True, streak=1), True, set(), UNMET, MET),
        (standing(1, discussed=True, streak=1), True, set(), BLIND, MET),
        (standing(1, discussed=True, streak=1), False, set(), MET, BLIND),
    ],
)
def test_both_over(stood: Concern, observed: bool, seen: set[str], back: Clearing, said: Clearing) -> None:
    assert calm_since(looked(observed), stood, seen, back) is said
