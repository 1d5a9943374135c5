"""Working Alliance Inventory, 36 items: bond, goal, task; item wording is licensed and not here."""

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
    code="wai_36",
    name="Working Alliance Inventory",
    version="1.0",
    family="wai_36",
    authors="Horvath & Greenberg 1989, doi:10.1037/0022-0167.36.2.223",
    items=numbered(36),
    minimum=1,
    maximum=7,
    step=1,
    dimensions={
        "total": Dimension(numbered(36), LIKERT_TOTAL, LIKERT_LOW),
        "bond": Dimension(items(1, 5, 8, 17, 19, 20, 21, 23, 26, 28, 29, 36), LIKERT_SUBSCALE, LIKERT_LOW),
        "goals": Dimension(items(3, 6, 9, 10, 12, 14, 22, 25, 27, 30, 32, 34), LIKERT_SUBSCALE, LIKERT_LOW),
        "tasks": Dimension(items(2, 4, 7, 11, 13, 15, 16, 18, 24, 31, 33, 35), LIKERT_SUBSCALE, LIKERT_LOW),
    },
    rater_kinds=frozenset({RaterKind.member, RaterKind.therapist}),
    key=Fact(
        "task and goal reproduce 277 of 277 totals of a public data set; item 29 of bond by meaning", verified=False
    ),
    licence="Copyright of the Society for Psychotherapy Research; ids, ranges and keys only.",
    bond="bond",
    goals="goals",
    tasks="tasks",
    reversed_items=frozenset(items(1, 3, 7, 9, 10, 11, 12, 15, 20, 27, 29, 31, 33, 34)),
    notes="Item 29 is reversed and 28 is not; one public scorer has it the other way round. Check it on the form.",
)
