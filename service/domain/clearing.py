"""How a session clears a concern that rests on ratings: back near the level before, while there to be asked."""

from service.domain.concern import Clearing, Concern
from service.domain.moment import Moment
from service.domain.trajectory import is_recovered


def recovered_since(moment: Moment, concern: Concern) -> Clearing:
    """Return whether the series that opened a concern is back near its frozen baseline; blind without a score."""
    baseline = concern.signal.baseline
    score = moment.score_of(baseline.series) if baseline is not None else None
    if baseline is None or score is None:
        return Clearing.blind
    return Clearing.met if is_recovered(score, baseline) else Clearing.unmet
