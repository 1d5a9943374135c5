"""Session Alliance Inventory: six statements after each session, used as one mean, no answers."""

from service.domain.instruments import LIKERT_LOW, LIKERT_TOTAL, Dimension, Fact, Instrument
from service.domain.model import RaterKind

INSTRUMENT = Instrument(
    code="sai",
    name="Session Alliance Inventory",
    version="1.0",
    family="sai",
    authors="Falkenström et al. 2015",
    items=(),
    minimum=0,
    maximum=5,
    step=1,
    dimensions={"total": Dimension((), LIKERT_TOTAL, LIKERT_LOW, raw="mean")},
    rater_kinds=frozenset({RaterKind.member}),
    key=Fact("best used as one score, by its abstract; the range of 0 to 5 is from memory, check it", verified=False),
    licence="Its items are from the Working Alliance Inventory: ask its owners. Ids and ranges only.",
    notes="Scores only, as the item mean of 0 to 5; one score, which stands for no bond. Made for every session: its "
    "structure was stable over ten of them.",
)
