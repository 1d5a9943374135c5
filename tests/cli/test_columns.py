from datetime import UTC, tzinfo
from typing import Any
from zoneinfo import ZoneInfo

import pytest

from service.cli.columns import Columns, Unreadable, columns_of, read
from service.cli.ending import Misuse

VIENNA = ZoneInfo("Europe/Vienna")
HEADER = ["case", "session", "bond", "goals", "total", "a=b"]


def test_a_line_becomes_the_body_of_a_rating() -> None:
    columns = columns_of(
        ["case=case_id", "session=session_id", "bond=answers.relationship", "goals=answers.goals"],
        ["rater.id=ana", "rater.role=youth", "instrument=srs"],
        [],
        HEADER,
    )
    cells = columns.cells({"case": " fam-42 ", "session": "7", "bond": "8.5", "goals": "9", "total": "17.5"})
    assert columns.body(cells) == {
        "case_id": "fam-42",
        "session_id": "7",
        "rater": {"id": "ana", "role": "youth"},
        "instrument": "srs",
        "answers": {"relationship": 8.5, "goals": 9},
    }


def test_an_empty_cell_is_a_missing_answer_and_never_a_zero() -> None:
    columns = Columns({"answers.relationship": "bond", "answers.goals": "goals"}, {})
    assert columns.body(columns.cells({"bond": "  ", "goals": "0"})) == {"answers": {"goals": 0}}


def test_a_cell_goes_before_the_value_for_every_line() -> None:
    columns = Columns({"rater.id": "who"}, {"rater.id": "ana"})
    assert columns.cells({"who": "tom"}) == {"rater.id": "tom"}
    assert columns.cells({"who": ""}) == {"rater.id": "ana"}


@pytest.mark.parametrize(
    ("field", "text", "zone", "value"),
    [
        ("case_id", "007", None, "007"),
        ("answers.1", "7", None, 7),
        ("answers.1", "-2", None, -2),
        ("answers.goals", "8.50", None, 8.5),
        ("scores.total", "1e1", None, 10.0),
        ("record_version", "3", None, 3),
        ("not_alone", "Yes", None, True),
        ("not_alone", "0", None, False),
        ("locale", "nl-BE", None, "nl-BE"),
        ("held_at", "2026-11-02T16:00:00+01:00", None, "2026-11-02T16:00:00+01:00"),
        ("held_at", "2026-11-02T15:00:00Z", VIENNA, "2026-11-02T15:00:00+00:00"),
        ("held_at", "2026-11-02 16:00", VIENNA, "2026-11-02T16:00:00+01:00"),
        ("held_at", "2026-07-02", VIENNA, "2026-07-02T12:00:00+02:00"),  # a day alone is its noon, in summer time
        ("answered_at", "2026-11-02T16:00", UTC, "2026-11-02T16:00:00+00:00"),
    ],
)
def test_reads_a_cell_for_its_field(field: str, text: str, zone: tzinfo | None, value: Any) -> None:
    found = read(field, text, zone)
    assert found == value
    assert type(found) is type(value)


@pytest.mark.parametrize(
    ("field", "text"),
    [
        ("answers.goals", "8,5"),
        ("answers.goals", "often"),
        ("answers.goals", "nan"),
        ("answers.goals", "inf"),
        ("answers.goals", "1e400"),
        ("answers.goals", "1_0"),
        ("record_version", "1.0"),
        ("record_version", "9" * 30),
        ("not_alone", "perhaps"),
        ("held_at", "2026-11-02"),
        ("held_at", "2026-11-02T16:00"),
        ("held_at", "last monday"),
    ],
)
def test_refuses_a_cell_by_its_place_and_never_by_its_value(field: str, text: str) -> None:
    with pytest.raises(Unreadable) as raised:
        Columns({field: "x"}, {}).body({field: text})
    (fault,) = raised.value.faults
    assert fault.pointer == "/" + field.replace(".", "/")
    assert text not in fault.detail


def test_names_every_unreadable_cell_of_a_line() -> None:
    with pytest.raises(Unreadable) as raised:
        Columns({}, {}).body({"answers.goals": "x", "answers.overall": "y", "case_id": "fam-42"})
    assert [fault.pointer for fault in raised.value.faults] == ["/answers/goals", "/answers/overall"]


def test_a_check_takes_the_column_mapped_to_it_else_the_one_called_like_it() -> None:
    assert columns_of([], [], ["total"], HEADER).mapped == {"check.total": "total"}
    assert columns_of(["goals=check.total"], [], ["total"], HEADER).mapped == {"check.total": "goals"}


def test_a_column_may_hold_several_fields() -> None:
    columns = columns_of(["case=case_id", "case=rater.id", "total=scores.total"], [], ["total"], HEADER)
    cells = columns.cells({"case": "fam-42", "total": "17.5"})
    assert cells == {"case_id": "fam-42", "rater.id": "fam-42", "scores.total": "17.5", "check.total": "17.5"}


def test_a_name_may_hold_an_equals_sign() -> None:
    columns = columns_of(["a=b=answers.1"], ["record_id=x=y"], [], HEADER)
    assert (dict(columns.mapped), dict(columns.fixed)) == ({"answers.1": "a=b"}, {"record_id": "x=y"})


@pytest.mark.parametrize(
    ("maps", "sets", "checks", "said"),
    [
        (["case"], [], [], "column=field"),
        (["=case_id"], [], [], "column=field"),
        ([], ["instrument="], [], "field=value"),
        (["case=case"], [], [], "no field case"),
        (["case=answers"], [], [], "no field answers"),
        ([], ["rater=ana"], [], "no field rater"),
        (["nowhere=case_id"], [], [], "no columns called nowhere"),
        (["case=case_id", "session=case_id"], [], [], "given twice"),
        (["case=case_id"], ["case_id=1"], [], "given twice"),
        ([], [], ["bonds"], "no columns called bonds"),
        (["case=case_id"], ["phase=pre", "phase=post"], [], "given twice"),
    ],
)
def test_refuses_what_cannot_be_meant(maps: list[str], sets: list[str], checks: list[str], said: str) -> None:
    with pytest.raises(Misuse, match=said):
        columns_of(maps, sets, checks, HEADER)


def test_two_columns_of_one_name_cannot_be_mapped() -> None:
    with pytest.raises(Misuse, match="2 columns called case"):
        columns_of(["case=case_id"], [], [], ["case", "case"])
