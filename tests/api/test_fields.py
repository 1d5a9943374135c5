"""The kinds of value that requests carry."""

from datetime import UTC, datetime, timedelta, timezone
from typing import Any

import pytest
from pydantic import TypeAdapter, ValidationError

from service.api import fields
from service.api.fields import shown_time


def taken(kind: Any, value: Any) -> Any:
    return TypeAdapter(kind).validate_python(value)


@pytest.mark.parametrize(
    ("kind", "value"),
    [
        (fields.Id, "a"),
        (fields.Id, "fam-42.B:7_x"),
        (fields.Id, "7" * 64),
        (fields.Id, "therapist"),
        (fields.PersonId, "therapists"),
        (fields.Code, "side-taking-2"),
        (fields.Reference, "family"),
        (fields.Reference, "member/ana"),
        (fields.Reference, "subsystem/parents"),
        (fields.About, "therapist"),
        (fields.About, "therapist/dr-7"),
        (fields.ItemId, "36"),
        (fields.InstrumentCode, "wai_sr"),
        (fields.Number, 7),
        (fields.Number, -2.5),
        (fields.Flag, False),
        (fields.Version, 0),
        (fields.Version, 2**53),
        (fields.Day, "2028-02-29"),
    ],
)
def test_what_fits_stays_as_it_is(kind: Any, value: Any) -> None:
    assert taken(kind, value) == value


@pytest.mark.parametrize(
    ("kind", "values"),
    [
        (fields.Id, ["", "-a", ".a", "a b", "a/b", "ä", "a" * 65, "a\n", "a\x00", 7, None, True]),
        (fields.PersonId, ["therapist", "family", ""]),
        (fields.Code, ["", "A", "a_b", "-a", "a-", "a--b", "a" * 65, 3]),
        (fields.Reference, ["ana", "member/", "Member/ana", "family/x", "member/a/b", "friend/ana", "family\n"]),
        (fields.About, ["member", "observer/o1", "therapist/", "families"]),
        (fields.Number, ["7", True, None, float("nan"), float("inf"), "", [], 10**400]),
        (fields.Flag, [0, 1, "true", None]),
        (fields.Version, [-1, 1.0, "1", True, 2**53 + 1, None]),
        (fields.Day, ["2027-02-29", "2026-2-3", "20260203", "2026-02-03T00:00:00Z", 20260203, None, "2026-13-01"]),
    ],
)
def test_what_does_not_fit(kind: Any, values: list[Any]) -> None:
    for value in values:
        with pytest.raises((ValidationError, OverflowError)):
            taken(kind, value)


MOMENT = datetime(2026, 11, 2, 15, 0, tzinfo=UTC)


@pytest.mark.parametrize(
    ("text", "moment"),
    [
        ("2026-11-02T16:00:00+01:00", MOMENT),
        ("2026-11-02T15:00:00Z", MOMENT),
        ("2026-11-02t15:00:00z", MOMENT),
        ("2026-11-02 15:00:00Z", MOMENT),
        ("2026-11-01T23:30:00-15:30", MOMENT),
        ("2026-11-02T15:00:00.123456789Z", MOMENT + timedelta(milliseconds=123)),  # kept to the millisecond
        ("2026-11-02T15:00:00.9999Z", MOMENT + timedelta(milliseconds=999)),
        ("1900-01-01T00:00:00Z", datetime(1900, 1, 1, tzinfo=UTC)),
    ],
)
def test_times(text: str, moment: datetime) -> None:
    found = taken(fields.Time, text)
    assert (found, found.utcoffset()) == (moment, timedelta(0))


@pytest.mark.parametrize(
    "value",
    [
        "2026-11-02T15:00:00",  # no offset
        "2026-11-02T15:00Z",
        "2026-11-02",
        "2026-11-02T24:00:00Z",
        "2026-11-02T15:00:60Z",
        "2026-02-30T15:00:00Z",
        "2026-11-02T15:00:00+0100",
        "2026-11-02T15:00:00+25:00",
        "2026-11-02T15:00:00.Z",
        "0000-01-01T00:00:00Z",
        "0001-01-01T00:00:00+14:00",
        "9999-12-31T23:59:59-12:00",
        "1899-12-31T23:59:59Z",
        "２０２６-11-02T15:00:00Z",
        "now",
        "",
        1793631600,
        1793631600.5,
        None,
        True,
    ],
)
def test_times_that_are_none(value: Any) -> None:
    with pytest.raises(ValidationError) as raised:
        taken(fields.Time, value)
    assert raised.value.errors()[0]["msg"].endswith("bad-time")


@pytest.mark.parametrize(
    ("moment", "shown"),
    [
        (None, None),
        (MOMENT, "2026-11-02T15:00:00.000Z"),
        (MOMENT.astimezone(timezone(timedelta(hours=5, minutes=30))), "2026-11-02T15:00:00.000Z"),
        (MOMENT + timedelta(microseconds=1999), "2026-11-02T15:00:00.001Z"),
    ],
)
def test_times_go_out_in_utc_with_milliseconds(moment: datetime | None, shown: str | None) -> None:
    assert shown_time(moment) == shown


def test_zero_has_no_sign() -> None:
    assert str(taken(fields.Number, -0.0)) == "0.0"


def test_a_field_that_nobody_knows_is_refused() -> None:
    with pytest.raises(ValidationError) as raised:
        fields.Body.model_validate({"hello": "canary"})
    assert "canary" not in str(raised.value)
