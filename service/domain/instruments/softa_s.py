"""SOFTA self-report: engagement, emotional connection, safety, shared purpose."""

from service.domain.instruments import (
    LIKERT_LOW,
    LIKERT_SUBSCALE,
    LIKERT_TOTAL,
    Dimension,
    Fact,
    Instrument,
    items,
    numbered,
)
from service.domain.model import RaterKind

INSTRUMENT = Instrument(
    code="softa_s",
    name="System for Observing Family Therapy Alliances, self-report",
    version="1.0",
    family="softa_s",
    authors="Friedlander, Escudero & Heatherington 2006",
    items=numbered(16),
    minimum=1,
    maximum=5,
    step=1,
    dimensions={
        "total": Dimension(numbered(16), LIKERT_TOTAL, LIKERT_LOW),
        "engagement": Dimension(items(1, 5, 9, 13), LIKERT_SUBSCALE, LIKERT_LOW),
        "connection": Dimension(items(2, 6, 10, 14), LIKERT_SUBSCALE, LIKERT_LOW),
        "safety": Dimension(items(3, 7, 11, 15), LIKERT_SUBSCALE, LIKERT_LOW),
        "purpose": Dimension(items(4, 8, 12, 16), LIKERT_SUBSCALE, LIKERT_LOW),
    },
    rater_kinds=frozenset({RaterKind.member, RaterKind.therapist}),
    key=Fact("cyclic order of the form and five reversed items, from memory; check on the form", verified=False),
    licence="Forms offered by the authors; book by the American Psychological Association. Ids and keys only.",
    bond="connection",
    tasks="engagement",
    safety="safety",
    within="purpose",
    reversed_items=frozenset(items(5, 11, 12, 14, 15)),
    notes="Four factors and one above them held for 858 clients and 105 therapists (Alvarez 2020).",
)
