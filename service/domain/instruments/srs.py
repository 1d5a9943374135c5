"""Session Rating Scale: four lines of 10 cm; item wording is licensed and not here."""

from service.domain.instruments import LINE, LINE_TOTAL, SRS_LOW, Ages, Cutoff, Dimension, Fact, Instrument
from service.domain.model import RaterKind

CUT = Fact("scoring text of the form: total below 36 or any line below 9", verified=True)

INSTRUMENT = Instrument(
    code="srs",
    name="Session Rating Scale",
    version="3.0",
    family="srs",
    authors="Johnson, Miller & Duncan 2000",
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
    rater_kinds=frozenset({RaterKind.member, RaterKind.therapist}),
    key=Fact("four lines summed, 0-40, after the published form", verified=True),
    licence="Licensed per practitioner or group; electronic use needs a licence. Ids, ranges and keys only.",
    bond="bond",
    goals="goals",
    tasks="tasks",
    ages=Ages(13, None, Fact("CORC describes it for clients of 13 and older", verified=True)),
    cutoffs=(
        Cutoff(36, "<", CUT),
        *(Cutoff(9, "<", CUT, dimension) for dimension in ("bond", "goals", "tasks", "overall")),
    ),
    notes="For clients of 13 years and older, and carers. A therapist's marks on its lines are our extension.",
)
