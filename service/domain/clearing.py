"""How a session clears a concern: ratings are back near the level before, what was seen is seen no more."""

from collections.abc import Container

from service.domain.concern import Clearing, Concern
from service.domain.moment import Moment
from service.domain.sightings import looked_at
from service.domain.trajectory import is_recovered


def recovered_since(moment: Moment, concern: Concern) -> Clearing:
    """Return whether the series that opened a concern is back near its frozen baseline; blind without a score."""
    baseline = concern.signal.baseline
    score = moment.score_of(baseline.series) if baseline is not None else None
    if baseline is None or score is None:
        return Clearing.blind
    return Clearing.met if is_recovered(score, baseline) else Clearing.unmet


def unseen_since(moment: Moment, concern: Concern, seen: Container[str]) -> Clearing:
    """Return whether somebody looked and did not see of the one concerned what `seen` names; blind if nobody could."""
    (reference,) = concern.subject
    if reference in seen:
        return Clearing.unmet
    return Clearing.met if looked_at(moment, reference) else Clearing.blind


def calm_since(moment: Moment, concern: Concern, seen: Container[str], back: Clearing) -> Clearing:
    """Return whether a concern that ratings opened is over: the score is `back`, and nothing of what it names is seen.

    Somebody need have looked only where something was seen at the opening (its `level`). A score back once is enough
    when it was talked about; what was seen must stay unseen as often as ever.
    """
    unseen = unseen_since(moment, concern, seen)
    seen_at_opening = concern.signal.value("level") is not None
    if unseen is Clearing.unmet or (seen_at_opening and unseen is Clearing.blind):
        return unseen
    if not concern.discussed:
        return back
    if seen_at_opening:
        return Clearing.met if concern.streak else back
    return Clearing.done if back is Clearing.met else back
