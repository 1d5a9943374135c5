"""References of an organization's own: how its scores spread, where that is known better than by ours.

They stand beside those of the forms, by role and by the language of the form that was filled in. Of several that fit a
rating the nearest counts: role and language, role, language, any. What is published and what was estimated from the
organization's own ratings are told apart by their source.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import Any, Literal

from service.domain.errors import Fault, InvalidReferences
from service.domain.instruments import Fact, Instrument, Reference, instruments
from service.domain.model import MemberRole, RaterKind, Rating

OWN_RATINGS = "own-ratings"  # the source of what was estimated here; nobody else can check it
WIDER = 4 / 3  # than measured: where our references are 10 and 5, clean families, simulated, measure 7.5 and 3.8 (ours)
KINDS = frozenset(RaterKind)
ROLES = (*(role.value for role in MemberRole), *(kind.value for kind in RaterKind))

Target = tuple[str, str, str | None]  # dimension; a member's role, or a kind of rater for all of it; language


@dataclass(frozen=True, slots=True, kw_only=True)
class OwnReference:
    """How one dimension spreads among some raters, in percent points of its range; what is None stays the form's own.

    `sd` is that of one score of one person, `sp` within a person; `n` counts the persons behind it. `source` is a code;
    `verified` says that somebody checked the numbers there.
    """

    dimension: str
    role: str
    locale: str | None = None
    sd: float
    sp: float | None = None
    mean: float | None = None
    reliability: float | None = None
    n: int | None = None
    source: str
    verified: bool = False

    @property
    def target(self) -> Target:
        return (self.dimension, self.role, self.locale)

    @property
    def plain(self) -> dict[str, Any]:
        """Return it as plain values by name."""
        return {name: getattr(self, name) for name in OwnReference.__dataclass_fields__}

    def wider(self) -> "OwnReference":
        """Return it as rules take it: their limits were shaped on references that much wider than what is measured."""
        return replace(self, sd=self.sd * WIDER, sp=None if self.sp is None else self.sp * WIDER)

    def over(self, ours: Reference) -> Reference:
        """Return it as the reference of a dimension whose own is `ours`."""
        return Reference(
            sd=self.sd,
            sp=ours.sp if self.sp is None else self.sp,
            fact=Fact(self.source, self.verified),
            mean=self.mean,
            reliability=self.reliability,
            own=True,
            n=self.n,
        )


@dataclass(frozen=True)  # without slots, so that plain values are made once
class References:
    """The references in force by form and target; where there is none, that of the form stands."""

    known: Mapping[str, Mapping[Target, OwnReference]] = field(default_factory=dict)

    def of(self, rating: Rating, dimension: str) -> Reference:
        """Return the reference that is nearest to a rating."""
        return self.nearest(rating.instrument, dimension, rating.rater_kind, rating.role, rating.locale)

    def nearest(
        self, instrument: str, dimension: str, kind: RaterKind, role: MemberRole | None, locale: str | None = None
    ) -> Reference:
        """Return the reference that is nearest to what a rating would be."""
        ours = instruments()[instrument].dimensions[dimension].reference
        known = self.known.get(instrument) if self.known else None
        if not known:
            return ours
        roles = (kind.value,) if role is None else (role.value, kind.value)
        targets = ((dimension, each, spoken) for each in roles for spoken in _locales(locale))
        return next((known[target].over(ours) for target in targets if target in known), ours)

    def among(self, ratings: Sequence[Rating], dimension: str) -> Reference:
        """Return the reference of a difference between ratings: the one that they share, else that of their kind.

        Of ratings on several forms the first form's by name counts.
        """
        found = {self.of(rating, dimension) for rating in ratings} if self.known else ()
        if len(found) == 1:
            return next(iter(found))
        first = min(ratings, key=lambda rating: rating.instrument)
        return self.nearest(first.instrument, dimension, first.rater_kind, None)

    def kind(self, ratings: Iterable[Rating]) -> Literal["verified", "own", "ours"]:
        """Return the kind of the references behind all scores of some ratings: the least of them."""
        least: Literal["verified", "own"] = "verified"
        for rating in ratings:
            for dimension in rating.scores:
                kind = self.of(rating, dimension).kind
                if kind == "ours":
                    return kind
                least = "own" if kind == "own" else least
        return least

    @cached_property
    def for_rules(self) -> "References":
        """Return them as rules take them; ours are wide enough as they are."""
        known = {code: {target: item.wider() for target, item in own.items()} for code, own in self.known.items()}
        return References(known) if known else self

    @cached_property
    def plain(self) -> dict[str, list[dict[str, Any]]]:
        """Return them as plain values by form, in the order of their targets."""
        return {
            code: [known[target].plain for target in sorted(known, key=_order)]
            for code, known in sorted(self.known.items())
        }


OURS = References()


def in_force(by_form: Mapping[str, Iterable[OwnReference]]) -> References:
    """Return references by form as they judge; a form without any has its own."""
    known = {code: {item.target: item for item in told} for code, told in by_form.items()}
    return References({code: targets for code, targets in known.items() if targets})


def z_among(percent: float, reference: Reference) -> float | None:
    """Return how far a score lies from those of others.

    Formula:  z = (x − mean) / SD of the reference
    Range:    unbounded; negative is lower than most
    Missing:  None where the reference has no mean: ours has none
    Source:   the standard score, by the reference's own source

    >>> z_among(80.0, Reference(sd=10.0, sp=5.0, fact=Fact("a study", True), mean=90.0))
    -1.0
    """
    return None if reference.mean is None else (percent - reference.mean) / reference.sd


def _locales(locale: str | None) -> Iterator[str | None]:
    """Yield the languages whose reference fits: the very one, the language without its region, any."""
    if locale is not None:
        yield locale
        if "-" in locale:
            yield locale.partition("-")[0]
    yield None


def _order(target: Target) -> tuple[str, str, str]:
    return (target[0], target[1], target[2] or "")


def checked(instrument: Instrument, sent: Iterable[OwnReference]) -> tuple[OwnReference, ...]:
    """Return references of a form in the order of their targets; raises InvalidReferences with every fault."""
    told = tuple(sent)
    faults = [
        Fault(f"/references/{place}{pointer}", code, detail)
        for place, item in enumerate(told)
        for pointer, code, detail in _faults(instrument, item, told[:place])
    ]
    if faults:
        raise InvalidReferences(*faults)
    return tuple(sorted(told, key=lambda item: _order(item.target)))


def _faults(
    instrument: Instrument, item: OwnReference, before: Sequence[OwnReference]
) -> Iterator[tuple[str, str, str]]:
    if item.dimension not in instrument.dimensions:
        yield "/dimension", "unknown-dimension", "The instrument has no such dimension."
    if _kind_of(item.role) not in instrument.rater_kinds:
        yield "/role", "not-taken", "Nobody of this role fills in the form."
    if any(item.target == other.target for other in before):
        yield "", "duplicate", "There is one reference of a dimension, role and locale."
    if item.sp is not None and item.sp > item.sd:
        yield "/sp", "above-sd", "A person cannot vary more within than all persons do."
    if item.verified and (item.source == OWN_RATINGS or item.n is None):
        yield "/verified", "not-verifiable", "Only a published source with its n can be verified."


def _kind_of(role: str) -> RaterKind:
    return RaterKind(role) if role in KINDS else RaterKind.member
