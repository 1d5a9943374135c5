"""Couple Therapy Alliance Scale, Revised, Short Form: means by content and by person, no answers."""

from service.domain.instruments import LIKERT_LOW, LIKERT_SUBSCALE, LIKERT_TOTAL, Dimension, Fact, Instrument
from service.domain.model import RaterKind

CONTENT = ("tasks", "goals", "bond")
PERSONS = ("self", "other", "group", "within")

INSTRUMENT = Instrument(
    code="ctas_sf",
    name="Couple Therapy Alliance Scale, Revised, Short Form",
    version="1.0",
    family="ctas_sf",
    authors="Pinsof, Zinbarg & Knobloch-Fedders 2008",
    items=(),
    minimum=1,
    maximum=7,
    step=1,
    dimensions={
        "total": Dimension((), LIKERT_TOTAL, LIKERT_LOW, raw="mean"),
        **{name: Dimension((), LIKERT_SUBSCALE, LIKERT_LOW, raw="mean") for name in (*CONTENT, *PERSONS)},
    },
    rater_kinds=frozenset({RaterKind.member}),
    key=Fact(
        "range and scales from memory; which items make them, and which are reversed, was not found", verified=False
    ),
    licence="Permission of the authors, or free for research: ask them. Ids and ranges only.",
    bond="bond",
    goals="goals",
    tasks="tasks",
    within="within",
    couple=("self", "other"),
    notes="Scores only, as item means of 1 to 7: three contents (tasks, goals, bond), crossed with four persons: "
    "self, other (the partner), group (the couple) and within (between the partners). Self and other of two partners "
    "make the couple's two by two of a balance.",
)
