"""`evenkeel import`: the forms of a CSV file, sent to a running service; repeatable and resumable."""

import sys
from dataclasses import replace
from datetime import datetime, timedelta
from pathlib import Path
from typing import Annotated
from urllib.parse import urlsplit
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

import httpx
import typer

from service.cli.batches import PATIENCE, Tally, in_batches, send
from service.cli.columns import Columns, columns_of
from service.cli.durations import duration
from service.cli.ending import FAILED, Misuse, note
from service.cli.sheet import Calendar, Sheet
from service.db.identity import parse_token
from service.settings import read_settings

LOOPBACK = frozenset({"127.0.0.1", "::1", "localhost"})


def import_csv(
    file: Annotated[Path, typer.Argument(help="A CSV file in UTF-8 with a header, one form a line.", metavar="FILE")],
    url: Annotated[str, typer.Option(metavar="URL", help="Address of the running service.")] = "http://127.0.0.1:8000",
    maps: Annotated[list[str], typer.Option("--map", metavar="COLUMN=FIELD", help="What a column holds; repeat.")] = [],  # noqa: B006
    sets: Annotated[
        list[str], typer.Option("--set", metavar="FIELD=VALUE", help="The same for every line; repeat.")
    ] = [],  # noqa: B006
    checks: Annotated[
        list[str], typer.Option("--check", metavar="SCORE", help="A score to add up again, such as total; repeat.")
    ] = [],  # noqa: B006
    start: Annotated[
        datetime | None, typer.Option(formats=["%Y-%m-%d"], metavar="DATE", help="Day of each case's first session.")
    ] = None,
    every: Annotated[
        timedelta, typer.Option(parser=duration, metavar="SPAN", help="From one session to the next, with --start.")
    ] = "7d",  # type: ignore[assignment]  # the parser reads the default too
    zone: Annotated[
        str | None, typer.Option(metavar="ZONE", help="Time zone of times without one, such as Europe/Vienna.")
    ] = None,
    delimiter: Annotated[str, typer.Option(metavar="CHAR", help="What stands between two columns.")] = ",",
    deliver: Annotated[bool, typer.Option("--deliver", help="These forms are news: what follows may be sent.")] = False,
) -> None:
    """Send the forms of a CSV file to a running service.

    The key is read from EVENKEEL_API_KEY. Fields: case_id, session_id, rater.id, rater.role, instrument, held_at,
    about, phase, record_id, answers.ITEM, scores.DIMENSION. A second run changes nothing; an interrupted one is
    finished by the same command.
    """
    if len(delimiter) != 1:
        raise Misuse("--delimiter takes one character")
    sheet = Sheet(file, delimiter)
    columns = replace(columns_of(maps, sets, checks, sheet.header()), zone=_zone(zone))
    calendar = Calendar(start.date(), every, sheet.places(columns)) if start else None
    tally = Tally()
    with _client(url) as client:
        _send_all(client, f"/v1/batch?deliver={str(deliver).lower()}", sheet, columns, calendar, tally)
    _report(tally)


def _send_all(
    client: httpx.Client, path: str, sheet: Sheet, columns: Columns, calendar: Calendar | None, tally: Tally
) -> None:
    """Send every line that can be read, batch by batch, and show how far it is."""
    with typer.progressbar(length=sheet.count(), label="forms", file=sys.stderr) as bar:
        for batch in in_batches(sheet.lines(columns, calendar)):
            tally.refused.update({line.number: line.faults for line in batch if line.faults})
            send(client, path, [line for line in batch if not line.faults], tally)
            bar.update(len(batch))


def _client(url: str) -> httpx.Client:
    """Return a client of the service with the key of the environment."""
    near = _checked(url) in LOOPBACK
    key = read_settings().api_key
    if key is None or parse_token(key.get_secret_value()) is None:
        raise Misuse("EVENKEEL_API_KEY is not set to a key; `evenkeel key create` makes one")
    if url.startswith("http:") and not near:
        note("Note: over http the key and the forms can be read on their way; use https outside a private network.")
    headers = {"Authorization": f"Bearer {key.get_secret_value()}"}
    return httpx.Client(base_url=url, headers=headers, timeout=PATIENCE, trust_env=not near)


def _checked(url: str) -> str:
    """Return the host of an address that a client can use and that holds no secret."""
    try:
        parts = urlsplit(url)
        wellformed = parts.scheme in ("http", "https") and parts.port != 0 and url.isascii() and url.isprintable()
    except ValueError:
        wellformed = False
    if not (wellformed and parts.hostname) or parts.username or parts.query or parts.fragment:
        raise Misuse("--url takes http://host or https://host, without key or password")
    return parts.hostname


def _zone(name: str | None) -> ZoneInfo | None:
    try:
        return ZoneInfo(name) if name else None
    except (ZoneInfoNotFoundError, ValueError, OSError):
        raise Misuse("--zone takes the name of a time zone, such as Europe/Vienna") from None


def _report(tally: Tally) -> None:
    """Say what became of the lines; a refused one is a failure."""
    for number in sorted(tally.refused):
        for fault in tally.refused[number]:
            place = f" at {fault.pointer}" if fault.pointer else ""
            note(f"line {number}: {fault.code}{place}. {fault.detail}".rstrip())
    refused = len(tally.refused)
    forms = tally.created + tally.same + tally.changed + refused
    typer.echo(f"{forms} forms: {tally.created} new, {tally.same} same, {tally.changed} changed, {refused} refused")
    if refused:
        raise typer.Exit(FAILED)
