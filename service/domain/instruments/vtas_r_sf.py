"""Vanderbilt Therapeutic Alliance Scale, Revised, Short Form: an observer's mean of five items, no answers."""

from service.domain.instruments import LIKERT_LOW, LIKERT_TOTAL, Dimension, Fact, Instrument
from service.domain.model import RaterKind

INSTRUMENT = Instrument(
    code="vtas_r_sf",
    name="Vanderbilt Therapeutic Alliance Scale, Revised, Short Form",
    version="1.0",
    family="vtas_r_sf",
    authors="Diamond et al. 1996; Shelef & Diamond 2008",
    items=(),
    minimum=0,
    maximum=5,
    step=1,
    dimensions={"total": Dimension((), LIKERT_TOTAL, LIKERT_LOW, raw="mean")},
    rater_kinds=frozenset({RaterKind.observer}),
    key=Fact("one factor of five items; the range of 0 to 5 is from memory, check it on the form", verified=False),
    licence="Permission of the authors, or free for research: ask them. Ids and ranges only.",
    notes="Scores only, as the item mean of 0 to 5. About one member at a time, parent and youth apart. Its link to "
    "outcome differed in sign below and above 11 years (McLeod 2017): do not compare children with teens.",
)
