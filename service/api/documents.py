"""Domain values as the JSON that goes out: numbers to three decimals, times in UTC, nothing that is withheld."""

from collections.abc import Iterable, Mapping
from datetime import datetime
from math import isfinite
from typing import Any

from service.api.fields import shown_time
from service.domain.balance import Balance, DimensionBalance, Polarity
from service.domain.commands import RatingFacts
from service.domain.consensus import Consensus
from service.domain.convergence import Convergence, Corners
from service.domain.couple import Couple
from service.domain.facts import EMPTY_CASE, EMPTY_SESSION, time_of
from service.domain.instruments import instruments
from service.domain.levels import Levels
from service.domain.model import RaterKind, Score
from service.domain.records import CaseRecord, RatingRecord, Revision, SessionRecord
from service.domain.references import References, z_among

Document = dict[str, Any]


def rounded(value: Any) -> Any:
    """Return a value with every float in it rounded to three decimals, half to even.

    ValueError where a number is not finite, rather than a null that nobody meant.
    """
    kind = type(value)  # most values are of these very types, and asking for less is dear
    if kind is float:
        if not isfinite(value):
            raise ValueError("no number")
        return round(value, 3) + 0.0
    if kind is str or kind is int or kind is bool or value is None:
        return value
    if kind is dict or isinstance(value, Mapping):
        return {key: rounded(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [rounded(item) for item in value]
    return value


def case_document(case: CaseRecord) -> Document:
    """Return the announced facts of a case."""
    return {
        "case_id": case.case_id,
        **{name: case.facts[name] for name in EMPTY_CASE},
        "announced": case.announced,
        "revision": case.revision,
        "created_at": shown_time(case.created_at),
        "changed_at": shown_time(case.changed_at),
    }


def session_document(session: SessionRecord, facts: Mapping[str, Any], held_at: datetime | None) -> Document:
    """Return a session; `facts` are the announced ones or their defaults, `held_at` when it took place."""
    return {
        "case_id": session.case_id,
        "session_id": session.session_id,
        **{name: facts[name] for name in EMPTY_SESSION},
        "held_at": shown_time(held_at),
        "next_planned_at": shown_time(time_of(facts["next_planned_at"])),
        "announced": session.facts is not None,
        "revision": session.revision,
        "created_at": shown_time(session.created_at),
        "changed_at": shown_time(session.changed_at),
    }


def rating_document(record: RatingRecord, references: References) -> Document:
    """Return a rating with its facts as sent and the scores computed from them, by the references in force now."""
    return {
        "rating_id": record.rating_id,
        "revision": record.revision,
        "state": record.state.value,
        "state_reason": record.reason.value if record.reason else None,
        "received_at": shown_time(record.received_at),
        "changed_at": shown_time(record.changed_at),
        **_facts(record.current),
        "instrument_version": record.instrument_version,
        "scores": scores_document(record.facts, references),
    }


def revision_document(revision: Revision, references: References) -> Document:
    """Return one state that a rating was in."""
    return {
        "revision": revision.revision,
        "state": revision.state.value,
        "state_reason": revision.reason.value if revision.reason else None,
        "changed_at": shown_time(revision.changed_at),
        **_facts(revision),
        "scores": scores_document(revision.facts, references),
    }


def _facts(revision: Revision) -> Document:
    facts = revision.facts
    is_member = facts.rater_kind is RaterKind.member
    role = facts.rater_role.value if is_member and facts.rater_role else facts.rater_kind.value
    return {
        "case_id": facts.case_id,
        "session_id": facts.session_id,
        "held_at": shown_time(facts.held_at),
        "rater": {"id": facts.rater_id, "role": role},
        "about": facts.about,
        "phase": facts.phase.value,
        "instrument": facts.instrument,
        "answers": _in_order(instruments()[facts.instrument].items, facts.answers),
        "origin": "scores" if facts.answers is None else "answers",
        "record_id": facts.record_id,
        "record_version": facts.record_version,
        "answered_at": shown_time(facts.answered_at),
        "not_alone": facts.not_alone,
        "locale": facts.locale,
    }


def scores_document(facts: RatingFacts, references: References) -> Document:
    """Return the scores of a rating by dimension."""
    form = instruments()[facts.instrument]
    return {
        dimension: {
            "raw": rounded(score.raw),
            "mean": rounded(score.mean),
            "percent": rounded(score.percent),
            "z": rounded(_z(facts, dimension, score, references)),
            "answered": score.answered,
            "items": score.items,
            "prorated": score.prorated,
            "flags": list(score.flags),
        }
        for dimension, score in (_in_order(form.dimensions, facts.scores) or {}).items()
    }


def _z(facts: RatingFacts, dimension: str, score: Score, references: References) -> float | None:
    """Return how a score stands among those of others, where a mean of theirs is verified."""
    found = references.nearest(facts.instrument, dimension, facts.rater_kind, facts.rater_role, facts.locale)
    return z_among(score.percent, found) if found.fact.verified else None


def _in_order(names: Iterable[str], values: Mapping[str, Any] | None) -> Document | None:
    """Return values in the order of their form: the database keeps none."""
    return None if values is None else {name: values[name] for name in names if name in values}


def balance_document(balance: Balance) -> Document:
    """Return a balance; without two raters its dimensions are null and the reason says so."""
    group, coverage = balance.group, balance.coverage
    return {
        "group": {
            "instrument_family": group.instrument_family,
            "instruments": list(balance.instruments),
            "mixed": balance.mixed,
            "rater_kind": group.rater_kind.value,
            "rater": group.rater,
            "phase": group.phase.value,
            "about": group.about,
        },
        "unit": "percent",
        "reason": balance.reason,
        "coverage": {
            "raters": coverage.raters,
            "present": coverage.present,
            "at_ceiling": coverage.at_ceiling,
            "joint_sessions": coverage.joint_sessions,
            "reference": coverage.reference,
        },
        "dimensions": None
        if balance.reason
        else {code: _dimension(figures) for code, figures in balance.dimensions.items()},
        "couple": _couple(balance.couple),
        "convergence": _convergence(balance.convergence),
    }


def _dimension(figures: DimensionBalance) -> Document:
    subgroups = figures.subgroups
    return {
        "n": figures.n,
        "strength": rounded(figures.strength),
        "weakest": {"value": rounded(figures.weakest.value), "members": list(figures.weakest.members)},
        "gap": rounded(figures.gap),
        "gap_z": rounded(figures.gap_z),
        "dispersion": rounded(figures.dispersion),
        "agreement_index": rounded(figures.agreement_index),
        "side": rounded(figures.side),
        "subgroups": None
        if subgroups is None
        else {
            "groups": [list(side) for side in subgroups.groups],
            "difference": rounded(subgroups.difference),
            "reliable": subgroups.reliable,
        },
        "polarity": _polarity(figures.polarity),
        "polarity_z": _polarity(figures.polarity_z),
        "discrepancies": [
            {"of": item.of, "minus": item.minus, "value": rounded(item.value)} for item in figures.discrepancies
        ],
    }


def _polarity(polarity: Polarity | None) -> Document | None:
    if polarity is None:
        return None
    return {"positive": list(polarity.positive), "negative": list(polarity.negative)}


def _couple(couple: Couple | None) -> Document | None:
    if couple is None:
        return None
    return {
        "of": couple.of,
        "minus": couple.minus,
        "value": rounded(couple.value),
        "perceived": rounded(couple.perceived),
        "accuracy": rounded(couple.accuracy),
    }


def _convergence(found: Convergence | None) -> Document | None:
    if found is None:
        return None
    return {
        "reason": found.reason,
        "dimensions": None
        if found.reason
        else {
            code: {
                "members": rounded(figures.members),
                "therapists": {
                    who: {
                        "rated": rounded(meeting.rated),
                        "difference": rounded(meeting.difference),
                        "corners": _corners(meeting.corners),
                    }
                    for who, meeting in figures.therapists.items()
                },
            }
            for code, figures in found.dimensions.items()
        },
    }


def _corners(corners: Corners | None) -> Document | None:
    if corners is None:
        return None
    standings = rounded(corners.standings)
    return {"of": corners.of, "minus": corners.minus, "standings": standings, "split": corners.split.value}


def levels_document(levels: Levels) -> Document:
    """Return the levels of one instrument family, rater kind and phase."""
    return {
        "instrument_family": levels.instrument_family,
        "rater_kind": levels.rater_kind.value,
        "phase": levels.phase.value,
        "individual": rounded(levels.individual),
        "subsystems": {
            code: {"rated": rounded(item.rated), "member_mean": rounded(item.member_mean)}
            for code, item in levels.subsystems.items()
        },
        "family": rounded(levels.family),
        "within": rounded(levels.within),
        "consensus": {
            dimension: {about: _consensus(item) for about, item in by_about.items()}
            for dimension, by_about in levels.consensus.items()
        },
    }


def _consensus(consensus: Consensus) -> Document:
    return {
        "raw": rounded(consensus.raw),
        "percent": rounded(consensus.percent),
        "observers": list(consensus.observers),
        "way": consensus.way.value,
        "agreed": consensus.agreed,
    }
