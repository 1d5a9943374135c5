"""How the columns of a CSV file become the fields of a rating, as the command line says."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, time, tzinfo
from math import isfinite
from typing import Any

from service.cli.ending import Misuse
from service.domain.errors import DomainError, Fault

WHOLE = ("case_id", "session_id", "held_at", "about", "phase", "instrument", "record_id", "answered_at", "locale")
FIELDS = (*WHOLE, "rater.id", "rater.role", "record_version", "not_alone")
TIMES = ("held_at", "answered_at")
OPEN = ("answers", "scores", "check")  # followed by the instrument's own item or dimension
TRUTH = {"true": True, "yes": True, "1": True, "false": False, "no": False, "0": False}


class Unreadable(DomainError):
    """A line whose cells do not hold what their fields need."""


@dataclass(frozen=True, slots=True)
class Columns:
    """Where each field stands; one column may hold several, as a client's id that is the case's and the rater's.

    `mapped` is field → column, `fixed` is field → value for every line, `checks` are dimensions to add up again;
    `zone` is where times without an offset are meant.
    """

    mapped: Mapping[str, str]
    fixed: Mapping[str, str]
    checks: tuple[str, ...] = ()
    zone: tzinfo | None = None

    def cells(self, row: Mapping[str, str | None]) -> dict[str, str]:
        """Return field → text of one line; an empty cell is a missing one."""
        read = {field: (row.get(column) or "").strip() for field, column in self.mapped.items()}
        return {**self.fixed, **{field: text for field, text in read.items() if text}}

    def body(self, cells: Mapping[str, str]) -> dict[str, Any]:
        """Return the rating that one line's cells say; Unreadable names every cell that cannot be read."""
        body: dict[str, Any] = {}
        faults: list[Fault] = []
        for field, text in cells.items():
            head, _, rest = field.partition(".")
            if head == "check":
                continue
            try:
                value = read(field, text, self.zone)
            except ValueError as error:
                faults.append(Fault("/" + field.replace(".", "/"), "unreadable", str(error)))
                continue
            if rest:
                body.setdefault(head, {})[rest] = value
            else:
                body[field] = value
        if faults:
            raise Unreadable(*faults)
        return body


def read(field: str, text: str, zone: tzinfo | None = None) -> Any:
    """Return the value that a cell's text says for a field; ValueError says what is needed, never what stood there."""
    if field == "not_alone":
        if text.lower() not in TRUTH:
            raise ValueError("Yes or no is needed.")
        return TRUTH[text.lower()]
    if field == "record_version":
        if not (text.isascii() and text.isdigit() and len(text) <= 18):
            raise ValueError("A whole number is needed.")
        return int(text)
    if field in TIMES:
        return _moment(text, zone)
    return number(text) if field.partition(".")[0] in OPEN else text


def number(text: str) -> float:
    """Return a cell's number; a whole one stays whole, so that it reads on the wire as it did in the file."""
    try:
        value = float(text)
    except ValueError:
        value = float("nan")
    if not isfinite(value) or "_" in text:
        raise ValueError("A number with a decimal point is needed.")
    return int(value) if text.lstrip("+-").isdigit() else value


def _moment(text: str, zone: tzinfo | None) -> str:
    """Return a time with its offset; a day alone means its noon."""
    try:
        read = datetime.fromisoformat(text)
    except ValueError:
        raise ValueError("A time such as 2026-11-02T16:00:00+01:00 is needed.") from None
    if read.tzinfo is not None:
        return read.isoformat()
    if zone is None:
        raise ValueError("The time has no offset; --zone says where it is meant.")
    if len(text) <= len("2026-11-02"):
        read = datetime.combine(read.date(), time(12))
    return read.replace(tzinfo=zone).isoformat()


def columns_of(maps: Sequence[str], sets: Sequence[str], checks: Sequence[str], header: Sequence[str]) -> Columns:
    """Return the columns as `--map column=field`, `--set field=value` and `--check dimension` say for this file.

    A dimension to check stands in the column mapped to `check.<dimension>`, else in the one that is called like it.
    Misuse says what cannot be meant.
    """
    pairs = [_pair(text, last=True) for text in maps]
    mapped = {field: column for column, field in pairs}
    fixed = dict(_pair(text, last=False) for text in sets)
    given = [field for _, field in pairs] + [_pair(text, last=False)[0] for text in sets]
    for field in given:
        if given.count(field) > 1:
            raise Misuse(f"the field {field} is given twice")
    for check in checks:
        mapped.setdefault(f"check.{check}", check)
    _refuse_unknown(mapped, fixed, header)
    return Columns(mapped, fixed, tuple(checks))


def _pair(text: str, last: bool) -> tuple[str, str]:
    """Return the two sides of an equals sign; a column's own name may hold one, a fixed value too."""
    left, sign, right = text.rpartition("=") if last else text.partition("=")
    if not (sign and left.strip() and right.strip()):
        raise Misuse("--map takes column=field and --set takes field=value")
    return left.strip(), right.strip()


def _refuse_unknown(mapped: Mapping[str, str], fixed: Mapping[str, str], header: Sequence[str]) -> None:
    for field in (*mapped, *fixed):
        head, dot, rest = field.partition(".")
        if field not in FIELDS and not (head in OPEN and dot and rest):
            raise Misuse(f"there is no field {field}; fields are {', '.join(FIELDS)}, answers.ITEM, scores.DIMENSION")
    for column in mapped.values():
        if header.count(column) != 1:
            raise Misuse(f"the file has {header.count(column) or 'no'} columns called {column}")
