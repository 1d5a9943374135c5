"""Working Alliance Inventory, short revised: 12 items, none reversed, its own subscale map."""

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
    code="wai_sr",
    name="Working Alliance Inventory, Short Revised",
    version="1.0",
    family="wai_sr",
    authors="Hatcher & Gillaspy 2006, doi:10.1080/10503300500352500",
    items=numbered(12),
    minimum=1,
    maximum=5,
    step=1,
    dimensions={
        "total": Dimension(numbered(12), LIKERT_TOTAL, LIKERT_LOW),
        "bond": Dimension(items(3, 5, 7, 9), LIKERT_SUBSCALE, LIKERT_LOW),
        "goals": Dimension(items(4, 6, 8, 11), LIKERT_SUBSCALE, LIKERT_LOW),
        "tasks": Dimension(items(1, 2, 10, 12), LIKERT_SUBSCALE, LIKERT_LOW),
    },
    rater_kinds=frozenset({RaterKind.member}),
    key=Fact("published key; two independent scoring pages agree", verified=True),
    licence="Copyright of the Society for Psychotherapy Research; ids, ranges and keys only.",
    bond="bond",
    goals="goals",
    tasks="tasks",
    notes="The map 1-4, 5-8, 9-12 that some programs use gives the same total and wrong subscales.",
)
