"""Reads an instrument's key off its scores alone, so that a test can hold it against the key as published."""

from service.domain.errors import InvalidAnswers
from service.domain.instruments import Instrument
from service.domain.scoring import score_answers


def key_of(instrument: Instrument) -> dict[str, str]:
    """Return dimension → the items that move it, `-` before one that turns it down; from scoring, not from the data.

    One item goes from the lowest to the highest answer while all others stay at the lowest.
    """
    found: dict[str, list[str]] = {dimension: [] for dimension in instrument.dimensions}
    lowest = dict.fromkeys(instrument.items, instrument.minimum)
    low = score_answers(instrument, lowest)
    for item in instrument.items:
        high = score_answers(instrument, {**lowest, item: instrument.maximum})
        for dimension, items in found.items():
            change = high[dimension].raw - low[dimension].raw
            if change:
                items.append(item if change > 0 else f"-{item}")
    return {dimension: " ".join(items) for dimension, items in found.items()}


def sheet(answers: str) -> dict[str, float]:
    """Return the answers to numbered items, written in their order."""
    return {str(place): float(answer) for place, answer in enumerate(answers.split(), start=1)}


def refusal_of(instrument: Instrument, answers: dict[str, float]) -> list[tuple[str, str]]:
    """Return the pointers and codes with which answers are refused; empty if they are taken."""
    try:
        score_answers(instrument, answers)
    except InvalidAnswers as error:
        return [(fault.pointer, fault.code) for fault in error.faults]
    return []
