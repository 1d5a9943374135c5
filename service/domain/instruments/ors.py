"""Outcome Rating Scale: four lines of 10 cm about the past week; outcome, never alliance."""

from service.domain.instruments import LINE, LINE_TOTAL, Ages, Cutoff, Dimension, Fact, Instrument
from service.domain.model import RaterKind

CUT = Fact("adult cut-off as two public scorers apply it; 28 for teens and 32 for children unchecked", verified=True)
LOW = 62.5  # the adult cut-off of 25 of 40

INSTRUMENT = Instrument(
    code="ors",
    name="Outcome Rating Scale",
    version="1.0",
    family="ors",
    authors="Miller & Duncan 2000",
    items=("individual", "interpersonal", "social", "overall"),
    minimum=0,
    maximum=10,
    step=0.1,
    dimensions={
        "total": Dimension(("individual", "interpersonal", "social", "overall"), LINE_TOTAL, LOW),
        "individual": Dimension(("individual",), LINE, LOW),
        "interpersonal": Dimension(("interpersonal",), LINE, LOW),
        "social": Dimension(("social",), LINE, LOW),
        "overall": Dimension(("overall",), LINE, LOW),
    },
    rater_kinds=frozenset({RaterKind.member}),
    key=Fact("four lines summed, 0-40, after the published form", verified=True),
    licence="Licensed per practitioner or group; electronic use needs a licence. Ids, ranges and keys only.",
    ages=Ages(
        13, None, Fact("CORC describes it for clients of 13 and older, and another form for children", verified=True)
    ),
    cutoffs=(Cutoff(25, "<", CUT),),
    context="outcome",
    notes="Context only: shown beside the alliance, never in a balance; a rule may read it, none speaks of it.",
)
