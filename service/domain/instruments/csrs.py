"""Child Session Rating Scale: four lines of 10 cm; item wording is licensed and not here."""

from service.domain.instruments import LINE, LINE_TOTAL, SRS_LOW, Ages, Cutoff, Dimension, Fact, Instrument
from service.domain.model import RaterKind

CUT = Fact("inherited from the adult form by convention", verified=False)

INSTRUMENT = Instrument(
    code="csrs",
    name="Child Session Rating Scale",
    version="3.0",
    family="srs",
    authors="Duncan, Miller & Sparks 2003",
    items=("relationship", "goals", "approach", "overall"),
    minimum=0,
    maximum=10,
    step=0.1,
    dimensions={
        "total": Dimension(("relationship", "goals", "approach", "overall"), LINE_TOTAL, SRS_LOW),
        "bond": Dimension(("relationship",), LINE, SRS_LOW),
        "goals": Dimension(("goals",), LINE, SRS_LOW),
        "tasks": Dimension(("approach",), LINE, SRS_LOW),
        "overall": Dimension(("overall",), LINE, SRS_LOW),
    },
    rater_kinds=frozenset({RaterKind.member}),
    key=Fact("four lines summed, 0-40, after the published form", verified=True),
    licence="Licensed per practitioner or group; electronic use needs a licence. Ids, ranges and keys only.",
    bond="bond",
    goals="goals",
    tasks="tasks",
    ages=Ages(6, 12, Fact("CORC and Greenspace describe it for children of 6 to 12", verified=True)),
    cutoffs=(
        Cutoff(36, "<", CUT),
        *(Cutoff(9, "<", CUT, dimension) for dimension in ("bond", "goals", "tasks", "overall")),
    ),
    child_form=True,
    validated=False,
    notes="For children of 6 to 12 years. Its measurement has hardly been studied, so it is never a pole of a rule.",
)
