"""The kinds of observed behaviour that a session may record; everything else is refused.

Each kind has a valence and, where 3RS or SOFTA-o have a name for it, those names: markers and classes of the Rupture
Resolution Rating System (Eubanks, Muran & Safran 2015, manual; therapist classes: its version of 2022) and dimensions
of SOFTA-o (Friedlander, Escudero & Heatherington 2006). The map is ours, by name alone and not checked by the authors;
a kind is neither scale's item and needs no training in it. Allegations are no kind: they belong into the EHR.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum


class Valence(StrEnum):
    negative = "negative"
    positive = "positive"


WITHDRAWAL, DENIAL, MINIMAL = "withdrawal", "denial", "minimal response"
ABSTRACT, AVOIDANT = "abstract communication", "avoidant storytelling and/or shifting topic"
APPEASING, SPLIT = "deferential and appeasing", "content/affect split"
CONFRONTATION, REJECTS, DEFENDS = "confrontation", "rejects intervention", "defends self against therapist"
ABOUT_THERAPIST, ABOUT_ACTIVITIES = "complaints about the therapist", "complaints about the activities"
ABOUT_PARAMETERS, ABOUT_PROGRESS = "complaints about the parameters", "complaints about progress"
CONTRIBUTION = "therapist contribution"
THERAPIST_WITHDRAWAL, THERAPIST_CONFRONTATION = "therapist withdrawal", "therapist confrontation"


@dataclass(frozen=True, slots=True)
class Kind:
    """What a kind of behaviour says of the alliance, and what the two observation systems call it.

    `three_rs` are names of its markers or classes, `softa_o` codes of its dimensions; empty where there is none.
    """

    valence: Valence
    three_rs: tuple[str, ...] = ()
    softa_o: tuple[str, ...] = ()


def _negative(*three_rs: str, softa_o: str = "") -> Kind:
    return Kind(Valence.negative, three_rs, tuple(softa_o.split()))


def _positive(softa_o: str) -> Kind:
    return Kind(Valence.positive, softa_o=tuple(softa_o.split()))


VOCABULARY: Mapping[str, Kind] = {
    # a member, toward the therapist or another member
    "hostility": _negative(CONFRONTATION, softa_o="connection purpose"),
    "sarcasm": _negative(CONFRONTATION, softa_o="connection purpose"),
    "complaint": _negative(ABOUT_THERAPIST, ABOUT_ACTIVITIES, ABOUT_PARAMETERS, ABOUT_PROGRESS, softa_o="connection"),
    "blame": _negative(softa_o="purpose"),
    "negativity": _negative(ABOUT_PROGRESS, softa_o="engagement connection"),
    "passive-aggression": _negative(SPLIT, softa_o="engagement connection"),
    "withdrawal": _negative(WITHDRAWAL, ABSTRACT, AVOIDANT, softa_o="engagement connection"),
    "minimal-response": _negative(MINIMAL, softa_o="connection"),
    "appeasing": _negative(APPEASING),
    "denial": _negative(DENIAL, softa_o="engagement"),
    "rejects": _negative(REJECTS, softa_o="engagement"),
    "task-refusal": _negative(REJECTS, ABOUT_ACTIVITIES, softa_o="engagement"),
    "disagreement-goals": _negative(ABOUT_PARAMETERS, softa_o="purpose"),
    "disagreement-tasks": _negative(ABOUT_ACTIVITIES, softa_o="purpose"),
    "disagreement-attendance": _negative(ABOUT_PARAMETERS, softa_o="purpose"),
    "distrust": _negative(DEFENDS, softa_o="connection safety"),
    "guardedness": _negative(MINIMAL, DEFENDS, softa_o="safety"),
    # the therapist
    "side-taking": _negative(CONTRIBUTION, softa_o="purpose"),
    "judging": _negative(CONTRIBUTION, THERAPIST_CONFRONTATION, softa_o="connection safety"),
    "rushing": _negative(CONTRIBUTION, softa_o="engagement"),
    "detached": _negative(CONTRIBUTION, THERAPIST_WITHDRAWAL, softa_o="connection"),
    "rigid": _negative(CONTRIBUTION, softa_o="engagement"),
    "blaming": _negative(CONTRIBUTION, THERAPIST_CONFRONTATION, softa_o="connection safety"),
    "uninterested": _negative(CONTRIBUTION, THERAPIST_WITHDRAWAL, softa_o="connection"),
    "cedes-control": _negative(CONTRIBUTION),
    "over-reliance": _negative(CONTRIBUTION),
    # anybody
    "engages": _positive("engagement"),
    "connects": _positive("connection"),
    "opens-up": _positive("safety"),
    "shared-purpose": _positive("purpose"),
    "compromise": _positive("purpose"),
}

KINDS = frozenset(VOCABULARY)
NEGATIVE_KINDS = frozenset(code for code, kind in VOCABULARY.items() if kind.valence is Valence.negative)
POSITIVE_KINDS = KINDS - NEGATIVE_KINDS
