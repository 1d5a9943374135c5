"""Working Alliance Inventory, short: 12 of the 36 items, two of them reversed."""

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
    code="wai_s",
    name="Working Alliance Inventory, Short",
    version="1.0",
    family="wai_s",
    authors="Tracey & Kokotovic 1989, doi:10.1037/1040-3590.1.3.207",
    items=numbered(12),
    minimum=1,
    maximum=7,
    step=1,
    dimensions={
        "total": Dimension(numbered(12), LIKERT_TOTAL, LIKERT_LOW),
        "bond": Dimension(items(3, 5, 7, 9), LIKERT_SUBSCALE, LIKERT_LOW),
        "goals": Dimension(items(4, 6, 10, 11), LIKERT_SUBSCALE, LIKERT_LOW),
        "tasks": Dimension(items(1, 2, 8, 12), LIKERT_SUBSCALE, LIKERT_LOW),
    },
    rater_kinds=frozenset({RaterKind.member, RaterKind.therapist}),
    key=Fact("published key, from memory; check against the form before relying on subscales", verified=False),
    licence="Copyright of the Society for Psychotherapy Research; ids, ranges and keys only.",
    bond="bond",
    goals="goals",
    tasks="tasks",
    reversed_items=frozenset(items(4, 10)),
)
