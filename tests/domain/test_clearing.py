"""How a session clears a concern that rests on ratings."""

import pytest

from service.domain.clearing import recovered_since
from service.domain.concern import Baseline, Clearing, Concern, Signal, opened
from service.domain.model import Phase, Rating, SessionStatus, Severity
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
