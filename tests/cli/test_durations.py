from datetime import timedelta

import pytest
import typer

from service.cli.durations import duration


@pytest.mark.parametrize(
    ("text", "span"),
    [
        ("1s", timedelta(seconds=1)),
        ("90m", timedelta(minutes=90)),
        ("12h", timedelta(hours=12)),
        (" 7d ", timedelta(days=7)),
        ("2w", timedelta(days=14)),
    ],
)
def test_reads_spans_as_people_write_them(text: str, span: timedelta) -> None:
    assert duration(text) == span


@pytest.mark.parametrize("text", ["", "7", "d", "0d", "-1d", "1.5h", "7 days", "7D", "4000d", "9999999d", "٧d"])
def test_refuses_what_is_no_span(text: str) -> None:
    with pytest.raises(typer.BadParameter):
        duration(text)
