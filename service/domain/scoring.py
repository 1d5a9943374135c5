"""Answers → scores: the same few lines for every instrument."""

from collections.abc import Iterable, Iterator, Mapping
from math import isfinite

from service.domain.errors import Fault, InvalidAnswers
from service.domain.instruments import Dimension, Instrument
from service.domain.model import Score
from service.domain.trajectory import at_least, at_most, below

DIGITS = 9  # binary fractions of decimal marks differ in the sixteenth digit; nine are compared
HAIR = 5e-10  # less than this is nothing after rounding to as many


def allowed_missing(items: int) -> int:
    """Return how many answers of a scored unit may be missing.

    Formula:  floor(0.2 · k)
    Range:    0 for k ≤ 4, 1 for 5, 2 for 12, 3 for 16, 7 for 36
    Missing:  k is the number of items, answered or not
    Ours:     no instrument here publishes a binding rule

    >>> [allowed_missing(k) for k in (1, 4, 5, 12, 16, 36)]
    [0, 0, 1, 2, 3, 7]
    """
    return items // 5


def score_answers(instrument: Instrument, answers: Mapping[str, float]) -> dict[str, Score]:
    """Return the scores of a rating, dimension → score; a unit with too many answers missing has none.

    Formula:  reverse (min + max − x), mean of the answered items; raw = mean · k; percent = 100·(mean−min)/(max−min)
    Range:    percent 0..100
    Missing:  up to floor(0.2·k) answers, then no score; a total falls with any subscale of which nothing is answered
    Source:   the instrument's published key
    Ours:     the policy for missing answers
    Raises InvalidAnswers with every fault: unknown-item, out-of-range, not-integer, too-fine, not-asked, missing-items;
    scores-only where the form's key is not known.
    """
    if instrument.scores_only:
        raise InvalidAnswers(Fault("/answers", "scores-only", "The key of this instrument is not known; send scores."))
    faults = [*_faults(instrument, answers)]
    if faults:
        raise InvalidAnswers(*faults)
    reversed_items = instrument.reversed_items & answers.keys()
    turned = {**answers, **{item: _turned(instrument, item, answers[item]) for item in reversed_items}}
    units = instrument.dimensions.items()
    given = {code: [turned[item] for item in unit.items if item in turned] for code, unit in units}
    hollow = not all([marks for code, marks in given.items() if code != "total"])
    scored = {
        code: _score(instrument, code, unit, given[code])
        for code, unit in units
        if _complete(instrument, unit, len(given[code])) and not (code == "total" and hollow)
    }
    if not scored:
        raise InvalidAnswers(Fault("/answers", "missing-items", "Too few answers for any score."))
    _refuse(f"/answers/{item}" for code in _unasked(instrument, scored) for item in instrument.dimensions[code].items)
    return scored


def accept_scores(instrument: Instrument, scores: Mapping[str, float]) -> dict[str, Score]:
    """Return scores that the EHR already holds, dimension → raw value in the instrument's declared unit.

    Range:    each raw value within its dimension's own range
    Missing:  a dimension that is not sent has no score
    Raises InvalidAnswers with every fault: unknown-dimension, out-of-range, not-asked, no-score.
    """
    faults = []
    for code, raw in scores.items():
        if code not in instrument.dimensions:
            faults.append(Fault(f"/scores/{code}", "unknown-dimension", "The instrument has no such dimension."))
        elif not isfinite(raw) or not _in_range(instrument, code, raw):
            faults.append(Fault(f"/scores/{code}", "out-of-range", "Outside the range of this dimension."))
    if not scores:
        faults.append(Fault("/scores", "no-score", "At least one dimension is needed."))
    if faults:
        raise InvalidAnswers(*faults)
    given = {code: _given(instrument, code, raw) for code, raw in scores.items()}
    _refuse(f"/scores/{code}" for code in _unasked(instrument, given))
    return given


def _in_range(instrument: Instrument, code: str, raw: float) -> bool:
    return _within(instrument.mean_of_raw(code, raw), instrument.lowest_of(code), instrument.maximum)


def _within(value: float, lowest: float, highest: float) -> bool:
    """Tell whether a number lies in a range, but for a hair's breadth, which is rounding; no infinite one does."""
    return lowest <= value <= highest or (not below(value, lowest) and at_most(value, highest))


def _unasked(instrument: Instrument, scores: Mapping[str, Score]) -> Iterator[str]:
    """Yield the dimensions that are scored though the one they follow is at its best, so that nobody asked."""
    for code in scores:
        first = instrument.dimensions[code].follows
        if first is not None and first in scores and at_least(scores[first].percent, 100):
            yield code


def _refuse(pointers: Iterable[str]) -> None:
    faults = [
        Fault(pointer, "not-asked", "This is not asked when the line before is at its best.") for pointer in pointers
    ]
    if faults:
        raise InvalidAnswers(*faults)


def _faults(instrument: Instrument, answers: Mapping[str, float]) -> Iterator[Fault]:
    lowest = instrument.lowest_answers
    for item, answer in answers.items():
        if item not in lowest:
            yield Fault(f"/answers/{item}", "unknown-item", "The instrument has no such item.")
        elif not _within(answer, lowest[item], instrument.maximum):
            yield Fault(f"/answers/{item}", "out-of-range", "Outside the range of this item.")
        elif not _on_grid(answer / instrument.step):
            whole = instrument.step == 1
            detail = "A whole number is needed." if whole else "Marks have steps of 0.1."
            yield Fault(f"/answers/{item}", "not-integer" if whole else "too-fine", detail)


def _on_grid(steps: float) -> bool:
    return abs(steps - round(steps)) < HAIR


def _turned(instrument: Instrument, item: str, answer: float) -> float:
    return instrument.lowest_answers[item] + instrument.maximum - answer


def _complete(instrument: Instrument, unit: Dimension, answered: int) -> bool:
    missing = len(unit.items) - answered
    return not missing or (instrument.prorates and missing <= allowed_missing(len(unit.items)))


def _score(instrument: Instrument, code: str, unit: Dimension, answers: list[float]) -> Score:
    answered, items = len(answers), len(unit.items)
    mean = sum(answers) / answered
    raw = mean * items if unit.raw == "sum" else mean
    return _with_flags(instrument, code, raw, mean, answered, answered < items)


def _given(instrument: Instrument, code: str, raw: float) -> Score:
    mean = instrument.mean_of_raw(code, raw)
    return _with_flags(instrument, code, raw, mean, len(instrument.dimensions[code].items), False)


def _with_flags(instrument: Instrument, code: str, raw: float, mean: float, answered: int, prorated: bool) -> Score:
    cutoff = instrument.cut(code)
    low = cutoff is not None and (at_most if cutoff.comparator == "<=" else below)(raw, cutoff.raw)
    percent = round(min(100.0, max(0.0, instrument.percent_of_mean(code, mean))), DIGITS)
    items = len(instrument.dimensions[code].items)
    return Score(raw, mean, percent, answered, items, prorated, ("below-cutoff",) if low else ())
