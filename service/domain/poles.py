"""Poles: the totals of one form side by side in one session, and what is remembered of them from session to session."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import combinations

from service.domain.moment import Figure, Moment
from service.domain.trajectory import DIGITS, at_least

Poles = Sequence[Figure]  # one form's totals about one therapist, the lowest first; of equals the smallest id
Limits = tuple[float, ...]  # of the gap, in SDs of the form's total, for 2, 3, 4 and 5 or more raters


@dataclass(frozen=True, slots=True)
class Joint:
    """Who was lowest in a joint session, and which limits its gap reached."""

    lowest: str
    moderate: bool
    severe: bool


@dataclass(slots=True)  # not frozen: one is made for every two members in a session, and nobody else writes to it
class Pair:
    """The signed gaps of two members in their first two and their last two joint sessions, and how many they had."""

    first: tuple[float, ...] = ()
    last: tuple[float, ...] = ()
    count: int = 0

    @property
    def change(self) -> float:
        """Return how far the mean of the last gaps lies from that of the first; there is one at least."""
        last, first = self.last, self.first
        return abs(sum(last) / len(last) - sum(first) / len(first))

    def with_gap(self, gap: float) -> "Pair":
        first = self.first if len(self.first) == 2 else (*self.first, gap)
        return Pair(first, (*self.last[-1:], gap), self.count + 1)


NO_PAIR = Pair()


@dataclass(frozen=True, slots=True)
class Form:
    """One form's last joint sessions, the latest last, and its pairs by both ids."""

    joint: tuple[Joint, ...] = ()
    pairs: Mapping[str, Pair] = field(default_factory=dict)

    def times(self, lowest: str, severe: bool) -> int:
        """Return in how many of the last joint sessions a member was lowest at a moderate (or severe) gap."""
        return sum(item.lowest == lowest and (item.severe if severe else item.moderate) for item in self.joint)

    def pair(self, one: Figure, other: Figure) -> Pair:
        return self.pairs.get(f"{one.rating.rater_id}|{other.rating.rater_id}", NO_PAIR)


NO_FORM = Form()


def poles_by_form(moment: Moment) -> dict[str, list[Figure]]:
    """Return today's totals by form and about; a child's form and a rating given not alone are never a pole."""
    forms: dict[str, list[Figure]] = {}
    for figure in moment.figures("primary"):
        rating = figure.rating
        if not figure.instrument.child_form and not rating.not_alone:
            forms.setdefault(f"{rating.instrument}|{rating.about}", []).append(figure)
    return {name: sorted(poles, key=from_lowest) for name, poles in forms.items()}


def from_lowest(figure: Figure) -> tuple[float, str]:
    """Return the order of poles."""
    return (round(figure.value, DIGITS), figure.rating.rater_id)


def gap_of(poles: Poles) -> float:
    return poles[-1].value - poles[0].value


def limit_of(limits: Limits, poles: Poles) -> float:
    """Return a limit of the gap in percent points.

    Formula:  its SDs for this number of raters × the SD of the form's total: more raters spread wider by chance
    Range:    > 0
    Missing:  n ≥ 2 is the caller's to see to
    Ours:     one SD for every gap; above five raters the limit of five
    """
    return _in_sds(limits, poles) * sd_of(poles)


def _in_sds(limits: Limits, poles: Poles) -> float:
    return limits[min(len(poles), len(limits) + 1) - 2]


def sd_of(poles: Poles) -> float:
    """Return the SD in which a distance of poles is told: by the reference they share, else by that of all members."""
    low = poles[0]
    if not low.references.known:  # as mostly: then all poles of a form have its own
        return low.sd
    return low.references.among([pole.rating for pole in poles], low.dimension).sd


def pairs_of(poles: Poles) -> Iterator[tuple[Figure, Figure]]:
    """Yield every two poles, the smaller id first, so that a signed gap keeps its sign."""
    return combinations(sorted(poles, key=lambda item: item.rater), 2)


def form_after(form: Form, poles: Poles, moderate: Limits, severe: Limits, kept: int) -> Form:
    """Return what is remembered of a form one joint session later."""
    gap, sd = gap_of(poles), sd_of(poles)
    is_moderate, is_severe = (at_least(gap, _in_sds(limits, poles) * sd) for limits in (moderate, severe))
    joint = Joint(poles[0].rater, is_moderate, is_severe)
    pairs = dict(form.pairs)
    marks = sorted([(pole.rating.rater_id, pole.value) for pole in poles])
    for (one, value), (other, less) in combinations(marks, 2):
        name = f"{one}|{other}"
        pairs[name] = pairs.get(name, NO_PAIR).with_gap(round(value - less, DIGITS))
    return Form((*form.joint, joint)[-kept:], pairs)
