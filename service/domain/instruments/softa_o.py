"""SOFTA observer form: four marks from -3 to +3, per member; shared purpose once for the family or a subsystem."""

from service.domain.instruments import OBSERVED, OBSERVED_LOW, Dimension, Fact, Instrument
from service.domain.model import RaterKind

INSTRUMENT = Instrument(
    code="softa_o",
    name="System for Observing Family Therapy Alliances, observer form",
    version="1.0",
    family="softa_o",
    authors="Friedlander, Escudero, Horvath, Heatherington, Cabero & Martens 2006, doi:10.1037/0022-0167.53.2.214",
    items=("engagement", "connection", "safety", "purpose"),
    minimum=-3,
    maximum=3,
    step=1,
    dimensions={
        name: Dimension((name,), OBSERVED, OBSERVED_LOW) for name in ("engagement", "connection", "safety", "purpose")
    },
    rater_kinds=frozenset({RaterKind.observer}),
    key=Fact("rating sheet: four dimensions, -3 extremely problematic to +3 extremely strong", verified=True),
    licence="Forms offered by the authors; book by the American Psychological Association. Ids and keys only.",
    primary=None,
    bond="connection",
    tasks="engagement",
    safety="safety",
    within="purpose",
    prorates=False,
    signed=True,
    notes="There is no total. Engagement, connection and safety are about a member, purpose about family or subsystem.",
)
