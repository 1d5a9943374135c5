"""What a rule may see at one session: the session, the family, each rater's series before it, the open concerns."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from functools import cached_property

from service.domain.concern import Baseline, Concern, Signal
from service.domain.instruments import Instrument, Reference, instruments
from service.domain.model import (
    Attendance,
    Family,
    Indicator,
    Phase,
    RaterKind,
    Rating,
    TherapySession,
    member_reference,
)
from service.domain.presence import present, stayed_away
from service.domain.references import OURS, References
from service.domain.trajectory import (
    CEILING,
    LEAST_OF_SP,
    NEEDED,
    Series,
    SeriesKey,
    at_least,
    at_most,
    baseline_of,
    below,
    z_against,
)

EMPTY = Series()


@dataclass  # without slots, so that a baseline is worked out once; a dozen are made in a session, too many to freeze
class Figure:
    """One dimension of one rating in this session, beside the same series before it. Scores are percent.

    `name` is the text of its series key, `dimension` the last part of it.
    """

    name: str
    rating: Rating
    value: float
    series: Series
    instrument: Instrument
    dimension: str
    reference: Reference
    references: References = OURS

    @property
    def key(self) -> SeriesKey:
        return SeriesKey(*self.name.split("|"))

    @property
    def rater(self) -> str:
        return self.rating.rater_id

    @property
    def rater_reference(self) -> str:
        return f"{self.rating.rater_kind}/{self.rating.rater_id}"

    @property
    def sp(self) -> float:
        return self.reference.sp

    @property
    def sd(self) -> float:
        return self.reference.sd

    @property
    def low_mark(self) -> float:
        return self.instrument.dimensions[self.dimension].low_mark

    @property
    def reliable_change(self) -> float:
        return self.reference.reliable_change

    @cached_property
    def baseline(self) -> Baseline | None:
        return baseline_of(self.name, self.series, self.sp, self.reference.kind)

    @cached_property
    def z(self) -> float | None:
        return z_against(self.value, self.baseline)

    def fallen_to(self, limit: float) -> float | None:
        """Return z where it lies at or below a limit, which is negative; None elsewhere.

        Most scores are at their rater's own level or above, or below it by less than the least spread that may be
        theirs: then it need not be known.
        """
        prior = self.series.prior
        n, fall = len(prior), sum(prior) - self.value * len(prior)
        if n < NEEDED or fall <= 0 or fall < n * -limit * LEAST_OF_SP * self.sp:
            return None
        z = self.z
        return z if z is not None and at_most(z, limit) else None

    @property
    def cut(self) -> float:
        """Return the instrument's own cut-off in percent; the low mark stands where there is none."""
        percent = self.instrument.cut_percent(self.dimension)
        return self.low_mark if percent is None else percent

    @cached_property
    def is_below_cut(self) -> bool:
        cutoff = self.instrument.cut(self.dimension)
        inclusive = cutoff is not None and cutoff.comparator == "<="
        return at_most(self.value, self.cut) if inclusive else below(self.value, self.cut)

    @property
    def is_first_below_full(self) -> bool:
        """Tell whether this is still a good score after nothing but full ones: candour may have come, nothing went."""
        prior = self.series.prior
        return bool(prior) and at_least(min(prior), CEILING) and not self.is_below_cut


@dataclass(frozen=True, slots=True)
class Moment:
    """One session as the rules see it.

    `number` counts held sessions, this one included if held; `family` has every member known so far with the role
    known so far; `series` are those BEFORE this session; `concerns` are active or ended within three held sessions,
    as they stand before this rule; `signals` are what the rules asked earlier in this session found, in one map that
    all moments of a session share. `references` are as rules take them.
    """

    session: TherapySession
    number: int
    family: Family
    series: Mapping[str, Series]
    concerns: tuple[Concern, ...] = ()
    signals: dict[str, tuple[Signal, ...]] = field(default_factory=dict)
    asked: dict[tuple[str, RaterKind, str], tuple[Figure, ...]] = field(default_factory=dict, compare=False, repr=False)
    references: References = OURS
    made: dict[str, Figure] = field(default_factory=dict, compare=False, repr=False)

    def hearing(self, concerns: tuple[Concern, ...], signals: dict[str, tuple[Signal, ...]] | None = None) -> "Moment":
        """Return this moment with the concerns as they stand by now; with other signals than the shared, if given."""
        known = (self.session, self.number, self.family, self.series)
        shared = self.signals if signals is None else signals
        return Moment(*known, concerns, shared, self.asked, self.references, self.made)

    def figures(self, part: str, kind: RaterKind = RaterKind.member, about: str = "therapist") -> tuple[Figure, ...]:
        """Return this session's post figures that play a part (primary, bond, goals, tasks, safety, within).

        Outcome forms never count, nor does a session that was not held. `about` matches as a whole or as the kind
        of a reference (`member` matches `member/ana`), `""` matches anything; the order is the natural key's. Rules
        ask for the same ones, so they are kept in `asked`, which all moments of a session share.
        """
        question = (part, kind, about)
        known = self.asked.get(question)
        if known is None:
            known = self.asked[question] = tuple(self._figures(part, kind, about)) if self.session.held else ()
        return known

    def _figures(self, part: str, kind: RaterKind, about: str) -> Iterator[Figure]:
        known = instruments()
        for rating in self.session.post.get(kind, ()):
            instrument = known[rating.instrument]
            code = instrument.parts.get(part)
            if code is not None and code in rating.scores and matches(rating.about, about):
                if instrument.context == "alliance":
                    yield self.figure(rating, instrument, code)

    def figure(self, rating: Rating, instrument: Instrument, dimension: str) -> Figure:
        """Return one dimension of a rating of this session with its series before; `made` once in a session."""
        name = series_name(rating, dimension)
        known = self.made.get(name)
        if known is None or known.rating is not rating:
            score, series = rating.scores[dimension].percent, self.series.get(name, EMPTY)
            unit = instrument.dimensions[dimension]
            reference = self.references.of(rating, dimension) if self.references.known else unit.reference
            known = Figure(name, rating, score, series, instrument, dimension, reference, self.references)
            self.made[name] = known
        return known

    def baseline_before(self, member_id: str, part: str) -> Baseline | None:
        """Return a member's baseline of a part (bond, …) of what they said of the therapist, rated today or not."""
        for text, series in sorted(self.series.items()):
            key = SeriesKey(*text.split("|"))
            instrument = instruments()[key.instrument]
            about_therapist = key.phase == Phase.post and matches(key.about, "therapist")
            if key.rater == member_reference(member_id) and about_therapist:
                if instrument.context == "alliance" and instrument.dimension_of(part) == key.dimension:
                    figure = self.figure_of(text)
                    usual = self._usual(key)
                    return baseline_of(text, series, usual.sp, usual.kind) if figure is None else figure.baseline
        return None

    def _usual(self, key: SeriesKey) -> Reference:
        """Return the reference of a member's series by their role, whatever the language in which they rate."""
        known = self.family.members.get(key.rater.removeprefix(member_reference("")))
        role = None if known is None else known.role
        return self.references.nearest(key.instrument, key.dimension, RaterKind.member, role)

    def figure_of(self, series: str) -> Figure | None:
        """Return this session's figure of a series by its text; None where it has none."""
        line, _, dimension = series.rpartition("|")
        for rating in self.session.ratings if self.session.held else ():
            if rating.line == line and dimension in rating.scores:
                return self.figure(rating, instruments()[rating.instrument], dimension)
        return None

    def score_of(self, series: str) -> float | None:
        """Return this session's score of a series by its text; None where it has none."""
        figure = self.figure_of(series)
        return None if figure is None else figure.value

    def member_ids(self) -> list[str]:
        """Return every member known so far, sorted."""
        return sorted(self.family.members)

    def present(self, member_id: str) -> bool | None:
        """Tell whether a member was in the room; None where nothing is known."""
        return present(self.session, member_id)

    def stayed_away(self, member_id: str) -> bool:
        """Tell whether a member was a `no-show`: by entry, or active and expected in a session nobody came to."""
        if member_id not in self.session.attendance and not self.session.held:
            member = self.family.members.get(member_id)
            return member is not None and member.awaited
        return stayed_away(self.session, member_id)

    def invited(self, member_id: str) -> bool:
        """Tell whether a member is known to have been invited: they came, or an entry says why they did not."""
        entry = self.session.attendance.get(member_id)
        if entry is not None:
            return entry is not Attendance.not_invited
        return bool(self.present(member_id)) or self.stayed_away(member_id)

    @property
    def observed(self) -> bool:
        return self.session.held and self.session.indicators_observed

    def indicators(self, kinds: frozenset[str]) -> list[Indicator]:
        """Return this session's indicators of some kinds, sorted so that the gravest of each pair comes first."""
        found = [item for item in self.session.indicators if item.kind in kinds]
        return sorted(found, key=lambda item: (item.from_, item.toward or "", -item.severity, item.source, item.kind))

    def active(self, rule: str, subject: tuple[str, ...]) -> Concern | None:
        """Return the open or recovering concern of a rule about a subject."""
        return next((item for item in self.active_of(rule) if item.subject == subject), None)

    def active_of(self, rule: str) -> Iterator[Concern]:
        """Yield the open or recovering concerns of a rule."""
        return (item for item in self.concerns if item.rule == rule and item.active)

    def signalled(self, rule: str, subject: tuple[str, ...] | None = None) -> Signal | None:
        """Return what a rule asked earlier found in this session about a subject (any, if None)."""
        found = self.signals.get(rule, ())
        return next((signal for signal in found if subject is None or signal.subject == subject), None)


def watched_dimensions(rating: Rating) -> list[str]:
    """Return the dimensions of a rating whose series rules may ask for: those that `figures` can yield."""
    instrument = instruments()[rating.instrument]
    if instrument.context != "alliance" or rating.phase is not Phase.post:
        return []
    return [code for code in instrument.watched if code in rating.scores]


def series_name(rating: Rating, dimension: str) -> str:
    """Return the text of the key of the series to which one dimension of a rating belongs."""
    return f"{rating.line}|{dimension}"


def matches(about: str, wanted: str) -> bool:
    """Tell whether what a rating is about is what somebody asks for: the same, or of that kind of reference."""
    return wanted in ("", about) or about.startswith(f"{wanted}/")
