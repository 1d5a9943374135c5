"""A couple's two by two: how two partners see their own alliance with the therapist and each other's."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from service.domain.instruments import instruments
from service.domain.model import RaterKind, Rating


@dataclass(frozen=True, slots=True)
class Couple:
    """How two partners differ, in signed percent points; the smaller id comes first, whatever the roles.

    `value` is the discrepancy of what they say of themselves, `of` minus `minus`. By partner, `perceived` is the same
    as that one believes it to be, and `accuracy` what that one says of the other less what the other says: 0 is exact.
    """

    of: str
    minus: str
    value: float
    perceived: Mapping[str, float]
    accuracy: Mapping[str, float]


def couple_of(units: Mapping[str, Sequence[Rating]]) -> Couple | None:
    """Return the two by two of a comparable group.

    Formula:  discrepancy = self of A − self of B; perceived by A = self of A − other of A;
              accuracy of A = other of A − self of B; the same for B
    Range:    −100..100
    Missing:  None unless exactly two members gave both scores of a couple's form
    Source:   Self and Other of the couple scales (Pinsof & Catherall 1986); the other's score followed outcome most
              consistently in 84 partners (Gruman 1986)
    Ours:     the names, and that no sign is the better one
    """
    known = {unit: own for unit, ratings in units.items() if (own := _self_and_other(ratings)) is not None}
    if len(units) != 2 or len(known) != 2:
        return None
    one, two = sorted(known)
    (one_self, one_other), (two_self, two_other) = known[one], known[two]
    return Couple(
        of=one,
        minus=two,
        value=one_self - two_self,
        perceived={one: one_self - one_other, two: two_self - two_other},
        accuracy={one: one_other - two_self, two: two_other - one_self},
    )


def _self_and_other(ratings: Sequence[Rating]) -> tuple[float, float] | None:
    for rating in ratings:
        names = instruments()[rating.instrument].couple
        if names and rating.rater_kind is RaterKind.member and rating.scores.keys() >= {*names}:
            own, other = (rating.scores[name].percent for name in names)
            return own, other
    return None
