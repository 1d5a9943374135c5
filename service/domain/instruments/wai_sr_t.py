"""Working Alliance Inventory, Short Revised, by the therapist: means of bond, goals and tasks, no answers."""

from service.domain.instruments import LIKERT_LOW, LIKERT_SUBSCALE, LIKERT_TOTAL, Dimension, Fact, Instrument
from service.domain.model import RaterKind

INSTRUMENT = Instrument(
    code="wai_sr_t",
    name="Working Alliance Inventory, Short Revised, therapist form",
    version="1.0",
    family="wai_sr",
    authors="Hatcher & Gillaspy 2006; Hatcher, Lindqvist & Falkenström 2019",
    items=(),
    minimum=1,
    maximum=5,
    step=1,
    dimensions={
        "total": Dimension((), LIKERT_TOTAL, LIKERT_LOW, raw="mean"),
        **{name: Dimension((), LIKERT_SUBSCALE, LIKERT_LOW, raw="mean") for name in ("bond", "goals", "tasks")},
    },
    rater_kinds=frozenset({RaterKind.therapist}),
    key=Fact(
        "the client's key is said to hold for 12 items, unchecked; that of 10 items was not found", verified=False
    ),
    licence="Copyright of the Society for Psychotherapy Research; ids, ranges and keys only.",
    bond="bond",
    goals="goals",
    tasks="tasks",
    notes="Scores only, as item means of 1 to 5, whichever of the two lengths was used. It is one family with the "
    "client's form, but a therapist's and a member's ratings never enter one figure.",
)
