"""A CSV file as ratings: each line read, dated, added up again, or refused with the place and never a value."""

import csv
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, time, timedelta
from pathlib import Path
from typing import Any

from service.cli.columns import Columns, Unreadable, number
from service.cli.ending import Failure
from service.domain.errors import DomainError, Fault
from service.domain.instruments import instruments
from service.domain.scoring import DIGITS, score_answers

LONGEST = 64 * 1024  # characters of one cell


@dataclass(frozen=True, slots=True)
class Calendar:
    """When sessions were held if the file does not say: the first of each case at `start`, then one `every` so often.

    `places` is (case, session) → place in that case's own order: by number where all its sessions have numbers, else
    as they come in the file.
    """

    start: date
    every: timedelta
    places: Mapping[tuple[str, str], int] = field(default_factory=dict)

    def held_at(self, case_id: str, session_id: str) -> str:
        """Return the time of a session of a case; noon, so that the day is the same nearly everywhere."""
        first = datetime.combine(self.start, time(12), UTC)
        return (first + self.every * self.places[case_id, session_id]).isoformat()


@dataclass(frozen=True, slots=True)
class Line:
    """One form of the file: its line number there, and a line of a batch or the faults that keep it from being one."""

    number: int
    body: Mapping[str, Any] | None = None
    faults: tuple[Fault, ...] = ()


@dataclass(frozen=True, slots=True)
class Sheet:
    """A CSV file and how to read it."""

    path: Path
    delimiter: str = ","

    def header(self) -> list[str]:
        """Return the names of the columns."""
        with self._rows() as rows:
            return [name.strip() for name in rows.fieldnames or ()]

    def count(self) -> int:
        """Return how many forms the file has."""
        with self._rows() as rows:
            return sum(1 for _ in rows)

    def lines(self, columns: Columns, calendar: Calendar | None) -> Iterator[Line]:
        """Yield every form of the file in order."""
        with self._rows() as rows:
            for row in rows:
                yield _line(rows.line_num, columns, columns.cells(row), calendar)

    def places(self, columns: Columns) -> dict[tuple[str, str], int]:
        """Return the place of every session in the order of its case."""
        cases: dict[str, dict[str, None]] = {}
        with self._rows() as rows:
            for row in rows:
                cells = columns.cells(row)
                cases.setdefault(cells.get("case_id", ""), {}).setdefault(cells.get("session_id", ""))
        return {(case, session): place for case in cases for place, session in enumerate(_ordered([*cases[case]]))}

    @contextmanager
    def _rows(self) -> Iterator["csv.DictReader[str]"]:
        csv.field_size_limit(LONGEST)
        try:
            with self.path.open(encoding="utf-8-sig", newline="") as file:
                rows = csv.DictReader(file, delimiter=self.delimiter, strict=True)
                rows.fieldnames = [name.strip() for name in rows.fieldnames or ()]
                yield rows
        except OSError as error:
            raise Failure(f"the file cannot be read ({type(error).__name__})") from None
        except (UnicodeDecodeError, csv.Error):
            raise Failure("the file is not CSV in UTF-8") from None


def _ordered(sessions: list[str]) -> list[str]:
    numbered = all(session.isascii() and session.isdigit() for session in sessions)
    return sorted(sessions, key=int) if numbered else sessions


def _line(number_: int, columns: Columns, cells: Mapping[str, str], calendar: Calendar | None) -> Line:
    try:
        body = columns.body(cells)
        for dimension in columns.checks:
            _check(dimension, body, cells)
    except DomainError as error:
        return Line(number_, faults=error.faults)
    if calendar is not None and "held_at" not in body and "case_id" in body and "session_id" in body:
        body["held_at"] = calendar.held_at(body["case_id"], body["session_id"])
    return Line(number_, {"type": "rating", **body})


def _check(dimension: str, body: Mapping[str, Any], cells: Mapping[str, str]) -> None:
    """Add a form's answers up again; DomainError if they do not make what its own column says."""
    pointer = f"/check/{dimension}"
    instrument = instruments().get(body.get("instrument", ""))
    if instrument is None:
        raise Unreadable(Fault("/instrument", "unknown-instrument", "No form that can be added up has this code."))
    stated = cells.get(f"check.{dimension}")
    if stated is None:
        raise Unreadable(Fault(pointer, "missing", "The column to compare with is empty."))
    score = score_answers(instrument, body.get("answers", {})).get(dimension)
    if score is None:
        raise Unreadable(Fault(pointer, "no-score", "The answers do not make this score."))
    try:
        wanted = float(number(stated))
    except ValueError as error:
        raise Unreadable(Fault(pointer, "unreadable", str(error))) from None
    # a sum is exact; what was divided may have been written with fewer digits
    exact = instrument.dimensions[dimension].raw == "sum" and not score.prorated
    digits = DIGITS if exact else len(stated.partition(".")[2])
    if abs(score.raw - wanted) > 0.5 * 10.0**-digits + 10.0**-DIGITS:
        raise Unreadable(Fault(pointer, "does-not-add-up", "The answers do not make what this column says."))
