"""Reports of strain: who said after a session that there was some, of whom, how strong it was and how settled it is."""

from dataclasses import dataclass

from service.domain.instruments import instruments
from service.domain.model import Phase, RaterKind, Rating, member_reference
from service.domain.moment import Moment
from service.domain.trajectory import at_most

FORM, EASE, SETTLED = "strain", "ease", "settled"
FAMILY = "family"


@dataclass(frozen=True, slots=True)
class Report:
    """One report: `strength` 0 (none) to 5, `settled` 1 (not at all) to 5; None where they did not say.

    `of` is whom it is of: a member's own always of that member, a therapist's of the member named, else of the family;
    so it is never of a therapist.
    """

    reporter: str
    of: str
    strength: float | None
    settled: float | None

    @property
    def is_of_none(self) -> bool:
        """Tell whether there was no strain; somebody who says how settled it is speaks of some."""
        return self.strength is not None and at_most(self.strength, 0)


def reports_of(moment: Moment) -> tuple[Report, ...]:
    """Return the reports of a held session, in the order of their natural keys; mostly there are none."""
    if not moment.session.held:
        return ()
    ratings = (item for item in moment.session.ratings if item.instrument == FORM and item.phase is Phase.post)
    return tuple(_report(item) for item in ratings)


def _report(rating: Rating) -> Report:
    ease, settled = rating.scores.get(EASE), rating.scores.get(SETTLED)
    own = rating.rater_kind is RaterKind.member
    of_member = rating.about if rating.about.startswith("member/") else FAMILY
    return Report(
        reporter=f"{rating.rater_kind.value}/{rating.rater_id}",
        of=member_reference(rating.rater_id) if own else of_member,
        strength=None if ease is None else instruments()[FORM].maximum - ease.mean,
        settled=None if settled is None else settled.mean,
    )
