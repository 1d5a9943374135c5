"""Empathy, respect, genuineness, warmth: four lines from 0 to 10 of our own, free for everybody."""

from service.domain.instruments import LINE, LINE_TOTAL, SRS_LOW, Dimension, Fact, Instrument
from service.domain.model import RaterKind

ITEMS = ("empathy", "respect", "genuineness", "warmth")

INSTRUMENT = Instrument(
    code="core4",
    name="Core conditions in four lines",
    version="1.0",
    family="core4",
    authors="Evenkeel",
    items=ITEMS,
    minimum=0,
    maximum=10,
    step=0.1,
    dimensions={
        "total": Dimension(ITEMS, LINE_TOTAL, SRS_LOW),
        **{item: Dimension((item,), LINE, SRS_LOW) for item in ITEMS},
    },
    rater_kinds=frozenset(RaterKind),
    key=Fact("Evenkeel's own form after Rogers's conditions (1957, doi:10.1037/h0045357)", verified=True),
    licence="Free for everybody, with any wording of your own.",
    validated=False,
    notes="Not validated: nobody has studied its measurement. Its total is a total and stands for no bond.",
)
