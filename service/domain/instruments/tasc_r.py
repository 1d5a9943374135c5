"""Therapeutic Alliance Scale for Children, revised: twelve statements of children and teens, one score."""

from service.domain.instruments import LIKERT_LOW, LIKERT_TOTAL, Dimension, Fact, Instrument, items, numbered
from service.domain.model import RaterKind

INSTRUMENT = Instrument(
    code="tasc_r",
    name="Therapeutic Alliance Scale for Children, revised",
    version="1.0",
    family="tasc_r",
    authors="Shirk & Saiz 1992; Creed & Kendall 2005",
    items=numbered(12),
    minimum=1,
    maximum=4,
    step=1,
    dimensions={"total": Dimension(numbered(12), LIKERT_TOTAL, LIKERT_LOW)},
    rater_kinds=frozenset({RaterKind.member, RaterKind.therapist}),
    key=Fact(
        "twelve items, five reversed; the scoring pages of the child's and the parent's form agree", verified=True
    ),
    licence="Permission of the authors, or free for research: ask them. Ids, ranges and keys only.",
    reversed_items=frozenset(items(2, 5, 7, 8, 11)),
    child_form=True,
    notes="For children and teens, and the caregiver's form of the same key. One score, which stands for no bond. "
    "Whether the versions can be compared was not found, so it is never a pole of a rule.",
)
