"""Strain: two lines of our own after each session, free for everybody: was there strain, and is it settled?"""

from service.domain.instruments import LIKERT_LOW, LIKERT_SUBSCALE, Dimension, Fact, Instrument
from service.domain.model import RaterKind

OWN = Fact(
    "Evenkeel's own form, after reports of ruptures as yes or no (Eames & Roth 2000) and with strength and resolution "
    "from 1 to 5 by both parties (Muran et al. 2009)",
    verified=True,
)

INSTRUMENT = Instrument(
    code="strain",
    name="Strain in two lines",
    version="1.0",
    family="strain",
    authors="Evenkeel",
    items=("strain", "settled"),
    minimum=0,
    maximum=5,
    step=1,
    dimensions={
        "ease": Dimension(("strain",), LIKERT_SUBSCALE, LIKERT_LOW),
        "settled": Dimension(("settled",), LIKERT_SUBSCALE, LIKERT_LOW, lowest=1, follows="ease"),
    },
    rater_kinds=frozenset({RaterKind.member, RaterKind.therapist}),
    key=OWN,
    licence="Free for everybody, with any wording of your own.",
    primary=None,
    reversed_items=frozenset({"strain"}),
    validated=False,
    notes="Not validated: nobody has studied its measurement. Strain is 0 for no, or 1 to 5 for yes and how strong; "
    "ease is what is left of 5. Settled is 1 (not at all) to 5 (wholly) and is asked only after a yes. There is no "
    "total: a report of strain is seen as it was given, never as a fall from perfect.",
)
