"""The kinds of value that requests carry, strict where the framework is lenient."""

import re
from collections.abc import Collection
from datetime import UTC, date, datetime
from typing import Annotated, Any

from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, Field, StringConstraints, WithJsonSchema

from service.api.errors import Told
from service.domain.facts import RESERVED
from service.domain.subscription import Role

ID = r"[A-Za-z0-9][A-Za-z0-9._:-]{0,63}"
RFC3339 = re.compile(r"\d{4}-\d\d-\d\d[Tt ]\d\d:\d\d:\d\d(\.\d{1,9})?([Zz]|[+-]\d\d:\d\d)")
EARLIEST, LATEST = 1900, 2200  # years; beyond them a time is a slip, and conversions overflow


def _time(value: Any) -> datetime:
    """Return an RFC 3339 time in UTC, to the millisecond in which times go out again."""
    if not isinstance(value, str) or not RFC3339.fullmatch(value):
        raise Told("bad-time", "A time like 2026-11-02T16:00:00+01:00, with its offset, is needed.")
    try:
        found = datetime.fromisoformat(value.upper().replace(" ", "T"))
        moment = found.astimezone(UTC)
    except (ValueError, OverflowError):
        raise Told("bad-time", "There is no such time.") from None
    if not EARLIEST <= moment.year <= LATEST:
        raise Told("bad-time", "This time is out of range.")
    return moment.replace(microsecond=moment.microsecond // 1000 * 1000)


def _day(value: Any) -> str:
    if not isinstance(value, str) or not re.fullmatch(r"\d{4}-\d\d-\d\d", value):
        raise Told("bad-date", "A date like 2026-11-02 is needed.")
    try:
        return date.fromisoformat(value).isoformat()
    except ValueError:
        raise Told("bad-date", "There is no such date.") from None


def _not_reserved(value: str) -> str:
    if value in RESERVED:
        raise Told("reserved-id", "This id names a kind of reference; choose another.")
    return value


def _positive_zero(value: float) -> float:
    return value + 0.0  # -0.0 and 0.0 are one answer


Id = Annotated[str, StringConstraints(pattern=f"^{ID}$")]
PersonId = Annotated[Id, AfterValidator(_not_reserved)]
Code = Annotated[str, StringConstraints(pattern=r"^[a-z0-9]+(-[a-z0-9]+)*$", max_length=64)]
InstrumentCode = Annotated[str, StringConstraints(pattern=r"^[a-z0-9_]{1,64}$")]
Reference = Annotated[str, StringConstraints(pattern=rf"^(family|(member|therapist|observer|subsystem)/{ID})$")]
About = Annotated[str, StringConstraints(pattern=rf"^(therapist|family|(member|therapist|subsystem)/{ID})$")]
ItemId = Annotated[str, StringConstraints(pattern=r"^[a-z0-9_]{1,64}$")]
Number = Annotated[float, Field(strict=True, allow_inf_nan=False), AfterValidator(_positive_zero)]
Locale = Annotated[str, StringConstraints(pattern=r"^[a-z]{2,3}(-[A-Z][a-z]{3})?(-([A-Z]{2}|[0-9]{3}))?$")]
Flag = Annotated[bool, Field(strict=True)]
Version = Annotated[int, Field(strict=True, ge=0, le=2**53)]
Time = Annotated[datetime, BeforeValidator(_time), WithJsonSchema({"type": "string", "format": "date-time"})]
Day = Annotated[str, BeforeValidator(_day), WithJsonSchema({"type": "string", "format": "date"})]


def _asked(value: Any) -> bool:
    if value not in ("true", "false"):
        raise Told("not-a-boolean", "true or false is needed.")
    return bool(value == "true")


Asked = Annotated[bool, BeforeValidator(_asked)]  # in a query, where the framework would take many words


class Body(BaseModel):
    """A request body: a field that nobody knows is refused, since it may be a misspelt one."""

    model_config = ConfigDict(extra="forbid", hide_input_in_errors=True)


def shown_time(moment: datetime | None) -> str | None:
    """Return a time as it goes out: UTC with milliseconds and Z."""
    if moment is None:
        return None
    return f"{moment.astimezone(UTC).isoformat(timespec='milliseconds')[:-6]}Z"  # less its +00:00


def check_caseload(role: Role, therapists: Collection[str] | None) -> None:
    """Raise what is told of a caseload that does not fit: a therapist has their own, a supervisor that of some."""
    if (role is Role.supervisor) != (therapists is not None):
        raise Told("therapists-of-supervisor", "A supervisor, and only a supervisor, names therapists.", "therapists")
