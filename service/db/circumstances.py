"""The circumstances of a case as columns, so that alerts are read without its whole facts."""

from sqlalchemy import func, literal_column
from sqlalchemy.dialects.postgresql import JSONPATH

from service.db.queries import cases
from service.db.rows import Row
from service.domain.circumstances import Circumstances

ON_HOLD = cases.c.facts["safety_hold"].as_boolean()
WALLED = func.jsonb_array_length(cases.c.facts["walls"]) > 0
_SUPPORTER = literal_column("CAST('$.members.* ? (@.supporter == true && @.active == true)' AS jsonpath)", JSONPATH)

# Facts that an older version stored lack some of these; what is not there is null.
CIRCUMSTANCES = (
    ON_HOLD.label("on_hold"),
    cases.c.facts["mandated"].as_boolean().label("mandated"),
    WALLED.label("walled"),
    func.jsonb_path_exists(cases.c.facts, _SUPPORTER).label("supported"),
)


def circumstances_in(row: Row) -> Circumstances:
    """Return the circumstances that a row with these columns has."""
    return Circumstances(
        on_hold=bool(row["on_hold"]),
        mandated=bool(row["mandated"]),
        walled=bool(row["walled"]),
        supported=bool(row["supported"]),
    )
