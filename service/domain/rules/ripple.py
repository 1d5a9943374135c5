"""Good news, a ripple: when one member's total changes, another's changes the same way a session later.

Fires:    five times in a row a change of one member's total by the usual spread or more was followed, in the next held
          session, by one of another member's in the same direction and as large; the last of them upwards
Quiet:    a change that the other did not follow, after which the count begins anew; a downward one; a session in which
          one of the two did not rate says nothing; a child's form or a rating given not alone
Severity: info
Clears:   the next held session
Source:   partners' and members' alliances move with each other over a treatment (Friedlander et al. 2018, review)
Ours:     all of it: the five, the size, and that what reaches the one may reach the other; one follows the other in
          time, which does not say that it follows from it
Since:    0.1 (version 1)
"""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field

from service.domain.concern import Clearing, Signal
from service.domain.model import Severity
from service.domain.moment import Figure, Moment
from service.domain.rules import Rule, Tone
from service.domain.trajectory import at_least


@dataclass(frozen=True, slots=True)
class Parameters:
    pairs: int = 5


@dataclass(frozen=True, slots=True)
class Memory:
    """Series → how it changed in the last held session, 1 up or −1 down; who>whom by form → how often in a row."""

    moved: Mapping[str, int] = field(default_factory=dict)
    followed: Mapping[str, int] = field(default_factory=dict)


def check(moment: Moment, memory: Memory, parameters: Parameters) -> tuple[Memory, tuple[Signal, ...]]:
    """Return a signal per two members of whom the second follows the first, and did so upwards today."""
    if not moment.session.held:
        return memory, ()
    figures = {figure.name: figure for figure in moment.figures("primary") if _may_follow(figure)}
    moved = {name: move for name, figure in figures.items() if (move := _move(figure))}
    if not moved and not memory.moved:  # as mostly
        return memory, ()
    followed, signals = dict(memory.followed), dict[tuple[str, str], Signal]()
    for first, before in memory.moved.items():
        for name in _others(figures, first):
            pair, count = f"{first}>{figures[name].rater}", 0
            if moved.get(name) == before:
                count = min(followed.get(pair, 0) + 1, parameters.pairs)
                followed[pair] = count
            elif followed:
                followed.pop(pair, None)
            if count >= parameters.pairs and before > 0:
                signal = _signal(first, figures[name], parameters)
                signals.setdefault((signal.subject[0], signal.subject[1]), signal)
    return Memory(moved, followed), tuple(signals.values())


def _may_follow(figure: Figure) -> bool:
    return bool(figure.series.recent) and not figure.instrument.child_form and not figure.rating.not_alone


def _move(figure: Figure) -> int:
    change = figure.value - figure.series.recent[-1]
    return 0 if not at_least(abs(change), figure.sp) else 1 if change > 0 else -1


def _others(names: Iterable[str], series: str) -> Iterator[str]:
    """Yield the series of other members on the same form about the same."""
    form = series[series.index("|") :]
    return (name for name in names if name != series and name.endswith(form))


def _signal(first: str, second: Figure, parameters: Parameters) -> Signal:
    leader = first.partition("|")[0]
    return Signal(
        subject=(leader, second.key.rater),
        severity=Severity.info,
        values={"series": second.name, "first": leader, "followed_by": second.key.rater, "pairs": parameters.pairs},
        thresholds={"pairs": parameters.pairs, "change": second.sp},
        raters=(leader, second.key.rater),
    )


RULE = Rule(
    code="ripple",
    version=1,
    title="Good news: one change follows another",
    grade="D",
    texts={
        "default": "When the first of these two members' rating changed, the second's changed the same way a session "
        "later, five times in a row; lately both went up. The numbers cannot say why."
    },
    next_steps=("family-as-solution", "hope"),
    parameters=Parameters(),
    memory=Memory(),
    check=check,
    clear=lambda moment, concern, memory, parameters: Clearing.passed if moment.session.held else Clearing.blind,
    capped=True,
    silent_on_hold=True,
    tone=Tone.good_news,
)
