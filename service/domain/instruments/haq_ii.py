"""Helping Alliance Questionnaire II: nineteen statements, one score."""

from service.domain.instruments import LIKERT_LOW, LIKERT_TOTAL, Dimension, Fact, Instrument, items, numbered
from service.domain.model import RaterKind

INSTRUMENT = Instrument(
    code="haq_ii",
    name="Helping Alliance Questionnaire II",
    version="1.0",
    family="haq_ii",
    authors="Luborsky et al. 1996",
    items=numbered(19),
    minimum=1,
    maximum=6,
    step=1,
    dimensions={"total": Dimension(numbered(19), LIKERT_TOTAL, LIKERT_LOW)},
    rater_kinds=frozenset({RaterKind.member, RaterKind.therapist}),
    key=Fact(
        "five negative items by the abstract of 1996 (via Le Bloc'h 2006), numbered as on the form", verified=True
    ),
    licence="Permission of the authors, or free for research: ask them. Ids, ranges and keys only.",
    reversed_items=frozenset(items(4, 8, 11, 16, 19)),
    notes="One score, which stands for no bond. Not the form of eleven items, which also asks about improvement.",
)
