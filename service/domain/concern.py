"""Signal → concern: what a rule finds at one session, and the run of such findings about one subject."""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime
from enum import Enum, StrEnum
from typing import Any

from service.domain.model import Severity, TherapySession

Value = str | float | int | bool | None
Values = Mapping[str, Value]
Topic = tuple[str, tuple[str, ...], bool]  # rule, subject, and whether in shadow

KEPT_SESSIONS = 16  # the opening one and the latest fifteen: a standing concern must not grow without bound
FLAPS_AT = 3  # moves (opened, recovered, opened again) within `FLAPS_WITHIN` held sessions (Nagios' idea; numbers ours)
FLAPS_WITHIN = 6


class State(StrEnum):
    """The life of a concern; `retracted` belongs to stored alerts alone, a fold never yields it."""

    open = "open"
    recovering = "recovering"
    recovered = "recovered"
    closed = "closed"
    retracted = "retracted"


ACTIVE = frozenset({State.open, State.recovering})


class Reason(StrEnum):
    settled = "settled"
    window_passed = "window-passed"
    case_ended = "case-ended"
    mode_changed = "mode-changed"
    facts_changed = "facts-changed"
    reassessed = "reassessed"
    merged = "merged"


class Clearing(Enum):
    """What a session says about an open concern: nothing, no, yes, yes for good, or that its time is over."""

    blind = "blind"
    unmet = "unmet"
    met = "met"
    done = "done"
    passed = "passed"


@dataclass(frozen=True, slots=True)
class Baseline:
    """A member's own level before the concern opened, frozen in its basis; percent points.

    `series` names the series it stands for, `before` the score that came last before the opening one; `unit` says by
    whose reference it spreads: `ours`, `own` or `verified`.
    """

    series: str
    mu: float
    sigma: float
    n: int
    before: float | None = None
    unit: str = "ours"


@dataclass(frozen=True, slots=True)
class Signal:
    """A rule's finding about one subject at one session.

    `values` are what was seen, `thresholds` what they were held against; `route` picks the rule's sentence.
    """

    subject: tuple[str, ...]
    severity: Severity
    values: Values
    thresholds: Values = field(default_factory=dict)
    route: str = "default"
    raters: tuple[str, ...] = ()
    missing: tuple[str, ...] = ()
    not_evaluated: tuple[str, ...] = ()
    baseline: Baseline | None = None

    def value(self, name: str) -> float | None:
        """Return a number that was seen; None where there is none of that name."""
        return _number(self.values.get(name))

    def threshold(self, name: str) -> float | None:
        """Return a number that what was seen was held against; None where there is none of that name."""
        return _number(self.thresholds.get(name))

    @property
    def series(self) -> str | None:
        """Return the series that opened the concern: what clears it is read there."""
        series = self.baseline.series if self.baseline is not None else self.values.get("series")
        return series if isinstance(series, str) else None


@dataclass(frozen=True, slots=True)
class Raised:
    """Why a concern stands a step above what its own rule saw: which rule raised it, and on what."""

    by: str
    values: Values
    thresholds: Values


@dataclass(frozen=True)  # without slots, so that one that differs in a field or two is made fast
class Concern:
    """A run of signals of one rule about one subject, until it recovers or closes.

    `sessions` are those it rests on; `opened_number` counts the held sessions at its latest opening, `number` when it
    last fired (at `last_held_at`), `ended` when it ended; `streak` counts clearings in a row, `blind` held sessions in
    a row without a figure, `after` the scores of its series since the opening (for settling), `openings` how often it
    opened; `moves` are the held sessions in which it last opened, recovered or opened again, `raised` says why it
    stands higher than it signalled. `parameters` are those of its rule when it opened, as plain JSON, and stay with it
    (None: nobody noted them); in `shadow` it is shown to those alone who ask for it.
    """

    rule: str
    rule_version: int
    subject: tuple[str, ...]
    severity: Severity
    opened_session_id: str
    opened_held_at: datetime
    opened_number: int
    last_held_at: datetime
    sessions: tuple[str, ...]
    signal: Signal
    state: State = State.open
    reason: Reason | None = None
    openings: int = 1
    number: int = 0
    streak: int = 0
    blind: int = 0
    after: tuple[float, ...] = ()
    discussed: bool = False
    ended: int | None = None
    moves: tuple[int, ...] = ()
    raised: Raised | None = None
    parameters: Mapping[str, Any] | None = None
    shadow: bool = False

    @property
    def active(self) -> bool:
        return self.state in ACTIVE

    @property
    def identity(self) -> tuple[str, tuple[str, ...], str]:
        """Return what tells two concerns of one course apart."""
        return (self.rule, self.subject, self.opened_session_id)

    @property
    def topic(self) -> Topic:
        """Return what every run of the same signals has in common, and the alerts that stand for them."""
        return (self.rule, self.subject, self.shadow)

    def but(self, **fields: Any) -> "Concern":
        """Return this with some fields changed, as `replace` does, which takes ten times as long over so many."""
        if not fields.keys() <= self.__dict__.keys():
            raise TypeError(f"no such fields: {sorted(fields.keys() - self.__dict__.keys())}")
        changed = object.__new__(Concern)
        changed.__dict__.update(self.__dict__, **fields)
        return changed

    def meets(self, other: "Concern") -> bool:
        """Tell whether two concerns share a session; of one topic they are then the same run."""
        return not set(self.sessions).isdisjoint(other.sessions)

    @property
    def flapping(self) -> bool:
        """Tell whether it opened and recovered so often that every further move would be noise."""
        return len(self.moves) == FLAPS_AT and self.moves[-1] - self.moves[0] < FLAPS_WITHIN

    def flaps_at(self, number: int) -> bool:
        """Tell whether its last moves still lie so close at a held session that it must not recover in it."""
        return len(self.moves) == FLAPS_AT and number - self.moves[0] < FLAPS_WITHIN

    def moved_at(self, number: int) -> tuple[int, ...]:
        """Return `moves` with one more, bounded."""
        return (*self.moves, number)[-FLAPS_AT:]

    def resting_on(self, session: TherapySession) -> tuple[str, ...]:
        """Return `sessions` with this one, bounded to the opening one and the latest fifteen."""
        if session.session_id in self.sessions:
            return self.sessions
        grown = (*self.sessions, session.session_id)
        return grown if len(grown) <= KEPT_SESSIONS else (grown[0], *grown[2:])


def opened(signal: Signal, rule: str, version: int, session: TherapySession, number: int) -> Concern:
    """Return the concern that a signal opens."""
    return Concern(
        rule=rule,
        rule_version=version,
        subject=signal.subject,
        severity=signal.severity,
        opened_session_id=session.session_id,
        opened_held_at=session.held_at,
        opened_number=number,
        last_held_at=session.held_at,
        sessions=(session.session_id,),
        signal=signal,
        number=number,
        moves=(number,),
    )


def reopened(concern: Concern, signal: Signal, session: TherapySession, number: int) -> Concern:
    """Return a recovered concern opened again: a new severity and baseline, the same identity.

    Graver than ever before is news, whatever came and went until now: then its moves begin anew.
    """
    graver = signal.severity.rank > concern.severity.rank
    return concern.but(
        severity=signal.severity,
        signal=signal,
        sessions=concern.resting_on(session),
        state=State.open,
        openings=concern.openings + 1,
        opened_number=number,
        number=number,
        streak=0,
        blind=0,
        after=(),
        discussed=False,
        ended=None,
        moves=(number,) if graver else concern.moved_at(number),
        raised=None,
        last_held_at=session.held_at,
    )


def fired_again(concern: Concern, signal: Signal, session: TherapySession, number: int) -> Concern:
    """Return an active concern after another signal: severity never falls, the frozen baseline stays.

    What was seen is replaced only by something at least as grave, so the basis always carries the severity that the
    rule itself gave.
    """
    graver = signal.severity.rank >= concern.signal.severity.rank
    shown = replace(signal, baseline=concern.signal.baseline or signal.baseline) if graver else concern.signal
    return concern.but(
        severity=max(concern.severity, signal.severity, key=lambda severity: severity.rank),
        signal=shown,
        sessions=concern.resting_on(session),
        state=State.open,
        number=number,
        streak=0,
        blind=0,
        last_held_at=session.held_at,
    )


def raised(concern: Concern, signal: Signal, by: str, session: TherapySession) -> Concern:
    """Return an `info` as a warning because of another rule's signal; what is graver is what its own rule saw.

    `signal` stays as its rule found it, `raised` says why it counts for more.
    """
    if concern.severity is not Severity.info:
        return concern
    return concern.but(
        severity=Severity.warning,
        raised=Raised(by, signal.values, signal.thresholds),
        sessions=concern.resting_on(session),
    )


def ended(concern: Concern, state: State, reason: Reason | None, number: int) -> Concern:
    """Return a concern that recovered or closed."""
    moves = concern.moved_at(number) if state is State.recovered else concern.moves
    return concern.but(state=state, reason=reason, ended=number, streak=0, moves=moves)


def _number(value: Value) -> float | None:
    return float(value) if isinstance(value, int | float) and not isinstance(value, bool) else None
