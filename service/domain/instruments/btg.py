"""Bond, tasks, goals: three lines from 0 to 10 of our own, free for everybody."""

from service.domain.instruments import LINE, LINE_TOTAL, SRS_LOW, Dimension, Fact, Instrument
from service.domain.model import RaterKind

OWN = Fact("Evenkeel's own form after Bordin's three parts of the alliance (1979, doi:10.1037/h0085885)", verified=True)

INSTRUMENT = Instrument(
    code="btg",
    name="Bond, Tasks, Goals",
    version="1.0",
    family="btg",
    authors="Evenkeel",
    items=("bond", "tasks", "goals"),
    minimum=0,
    maximum=10,
    step=0.1,
    dimensions={
        "total": Dimension(("bond", "tasks", "goals"), LINE_TOTAL, SRS_LOW),
        "bond": Dimension(("bond",), LINE, SRS_LOW),
        "tasks": Dimension(("tasks",), LINE, SRS_LOW),
        "goals": Dimension(("goals",), LINE, SRS_LOW),
    },
    rater_kinds=frozenset(RaterKind),
    key=OWN,
    licence="Free for everybody, with any wording of your own.",
    bond="bond",
    goals="goals",
    tasks="tasks",
    validated=False,
    notes="Not validated: nobody has studied its measurement. It is here so that nobody needs a licence to start.",
)
