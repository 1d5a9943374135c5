"""How a rule fares with those who read its alerts: how often it spoke, what they did about it, and how soon."""

from collections.abc import Mapping
from dataclasses import dataclass

from service.domain.handling import DismissalReason

ENOUGH = 30  # alerts that somebody judged, before a rule may be called unhelpful (ours)
TOO_FEW_USEFUL = 0.2  # of those (ours)
FEWEST_CASES = 10  # of one therapist; below it, figures would speak of single families and of one person's work (ours)
IN_VAIN = (DismissalReason.not_clinically_relevant, DismissalReason.data_error, DismissalReason.duplicate)


@dataclass(frozen=True, slots=True, kw_only=True)
class RuleHealth:
    """What became of the alerts of one version of a rule, in shadow or not.

    `fired` is how many opened; of those `standing` and `retracted` by now, once `acknowledged`, `repaired` by some try
    and `dismissed`, by reason, as it stands now. `useful` were acknowledged, repaired or dismissed as known already,
    and not dismissed for another reason. Seconds are from opening to the first acknowledgement; None without one.
    """

    rule: str
    rule_version: int
    shadow: bool
    fired: int
    standing: int
    retracted: int
    acknowledged: int
    repaired: int
    dismissed: Mapping[DismissalReason, int]
    useful: int
    seconds_median: float | None = None
    seconds_p90: float | None = None

    @property
    def judged(self) -> int:
        """Return of how many alerts somebody said whether they were of use."""
        return self.useful + sum(self.dismissed.get(reason, 0) for reason in IN_VAIN)

    @property
    def useful_share(self) -> float | None:
        """Return the useful ones of those judged.

        Formula:  useful / (useful + dismissed as irrelevant, as an error or as a duplicate)
        Range:    0 to 1
        Missing:  None where nobody judged any
        Ours:     what counts as useful: nobody is asked whether an alert helped
        """
        return self.useful / self.judged if self.judged else None

    @property
    def wants_retuning(self) -> bool:
        """Tell whether so few of enough alerts were of use that the rule should be set otherwise (ours)."""
        return self.judged >= ENOUGH and self.useful < TOO_FEW_USEFUL * self.judged
