"""The vocabulary of observed behaviour, its valence, and its map to the two observation systems."""

import pytest

from service.domain.indicators import KINDS, NEGATIVE_KINDS, POSITIVE_KINDS, VOCABULARY, Valence
from service.domain.instruments import instruments

# Names of the markers, classes and scales in the manuals of the 3RS (2015 and, for the therapist, 2022).
THREE_RS = {
    "withdrawal",
    "denial",
    "minimal response",
    "abstract communication",
    "avoidant storytelling and/or shifting topic",
    "deferential and appeasing",
    "content/affect split",
    "confrontation",
    "complaints about the therapist",
    "complaints about the activities",
    "complaints about the parameters",
    "complaints about progress",
    "rejects intervention",
    "defends self against therapist",
    "therapist contribution",
    "therapist withdrawal",
    "therapist confrontation",
}


def test_the_published_kinds() -> None:
    negative = """
        hostility sarcasm complaint blame negativity passive-aggression withdrawal minimal-response appeasing denial
        rejects task-refusal disagreement-goals disagreement-tasks disagreement-attendance distrust guardedness
        side-taking judging rushing detached rigid blaming uninterested cedes-control over-reliance
    """
    assert set(negative.split()) == NEGATIVE_KINDS
    assert {"engages", "connects", "opens-up", "shared-purpose", "compromise"} == POSITIVE_KINDS


def test_a_kind_is_good_or_bad_and_never_both() -> None:
    assert not NEGATIVE_KINDS & POSITIVE_KINDS
    assert KINDS == NEGATIVE_KINDS | POSITIVE_KINDS


def test_an_allegation_is_no_kind_of_indicator() -> None:
    words = ("abuse", "violence", "suicide", "allegation", "neglect", "threat", "self-harm")
    assert not any(word in kind for kind in KINDS for word in words)


def test_each_has_the_valence_of_its_set() -> None:
    assert {code for code, kind in VOCABULARY.items() if kind.valence is Valence.positive} == POSITIVE_KINDS


def test_the_map_uses_names_that_the_two_systems_have() -> None:
    assert {name for kind in VOCABULARY.values() for name in kind.three_rs} == THREE_RS
    dimensions = {name for kind in VOCABULARY.values() for name in kind.softa_o}
    assert dimensions == set(instruments()["softa_o"].dimensions)


@pytest.mark.parametrize(
    ("code", "three_rs", "softa_o"),
    [
        ("denial", ("denial",), ("engagement",)),
        ("rejects", ("rejects intervention",), ("engagement",)),
        ("appeasing", ("deferential and appeasing",), ()),  # SOFTA-o has no name for it
        ("blame", (), ("purpose",)),  # the 3RS looks at client and therapist alone
        ("guardedness", ("minimal response", "defends self against therapist"), ("safety",)),
        ("opens-up", (), ("safety",)),  # its names for what goes well are the therapist's strategies
    ],
)
def test_what_a_kind_is_called_there(code: str, three_rs: tuple[str, ...], softa_o: tuple[str, ...]) -> None:
    assert (VOCABULARY[code].three_rs, VOCABULARY[code].softa_o) == (three_rs, softa_o)


def test_every_kind_has_a_name_in_one_of_them() -> None:
    assert [code for code, kind in VOCABULARY.items() if not (kind.three_rs or kind.softa_o)] == []
