from datetime import date, timedelta
from pathlib import Path

import pytest

from service.cli.columns import Columns, columns_of
from service.cli.ending import Failure
from service.cli.sheet import Calendar, Line, Sheet

MAPS = ["case=case_id", "session=session_id", "r=answers.relationship", "g=answers.goals", "a=answers.approach"]
SRS = [*MAPS, "o=answers.overall"]
WHO = ["rater.id=ana", "rater.role=youth", "instrument=srs"]


def sheet(folder: Path, text: str, delimiter: str = ",") -> Sheet:
    file = folder / "forms.csv"
    file.write_bytes(text.encode())
    return Sheet(file, delimiter)


def read(found: Sheet, checks: list[str] = [], calendar: Calendar | None = None) -> list[Line]:  # noqa: B006
    return list(found.lines(columns_of(SRS, WHO, checks, found.header()), calendar))


def test_each_line_is_a_line_of_a_batch(tmp_path: Path) -> None:
    (line,) = read(sheet(tmp_path, "case,session,r,g,a,o\nfam-1,s-1,8.5,9.0,7.5,8.0\n"))
    assert line == Line(
        2,
        {
            "type": "rating",
            "case_id": "fam-1",
            "session_id": "s-1",
            "rater": {"id": "ana", "role": "youth"},
            "instrument": "srs",
            "answers": {"relationship": 8.5, "goals": 9.0, "approach": 7.5, "overall": 8.0},
        },
    )


@pytest.mark.parametrize(
    ("text", "delimiter"),
    [
        ("\ufeffcase,session,r,g,a,o\r\nf,s,1,2,3,4\r\n", ","),  # as a spreadsheet writes it
        ("case;session;r;g;a;o\nf;s;1;2;3;4\n", ";"),
        (' case , session ,r,g,a,o\n"f",s,1,2,3,4', ","),
        ("case,session,r,g,a,o,extra\nf,s,1,2,3,4,x,y,z\n", ","),
    ],
)
def test_reads_what_spreadsheets_write(tmp_path: Path, text: str, delimiter: str) -> None:
    found = sheet(tmp_path, text, delimiter)
    assert [line.body and line.body["answers"]["overall"] for line in read(found)] == [4]
    assert found.count() == 1


def test_names_lines_as_the_file_counts_them(tmp_path: Path) -> None:
    text = 'case,session,r,g,a,o,remark\nf,s1,x,2,3,4,"two\nlines"\nf,s2,1,2,3,y,\n'
    assert [(line.number, line.faults[0].pointer) for line in read(sheet(tmp_path, text))] == [
        (3, "/answers/relationship"),
        (4, "/answers/overall"),
    ]


@pytest.mark.parametrize(
    ("total", "code"),
    [
        ("34.3", None),  # 8.5 + 9.0 + 8.0 + 8.8, whose binary sum is not 34.3
        ("34.30", None),
        ("34.2", "does-not-add-up"),
        ("34", "does-not-add-up"),  # a sum is exact
        ("", "missing"),
        ("many", "unreadable"),
    ],
)
def test_adds_a_form_up_again(tmp_path: Path, total: str, code: str | None) -> None:
    (line,) = read(sheet(tmp_path, f"case,session,r,g,a,o,total\nf,s,8.5,9.0,8.0,8.8,{total}\n"), ["total"])
    assert [fault.code for fault in line.faults] == ([code] if code else [])
    assert [fault.pointer for fault in line.faults] == (["/check/total"] if code else [])
    assert (line.body is None) == bool(code)


def test_a_form_that_makes_no_score_cannot_be_added_up(tmp_path: Path) -> None:
    text = "case,session,r,g,a,o,total\nf,s,8.5,,8.0,8.8,25.3\nf,s,8.5,9,8,11,36.5\n"
    assert [line.faults[0].code for line in read(sheet(tmp_path, text), ["total"])] == ["no-score", "out-of-range"]


def test_a_prorated_total_may_have_been_written_with_fewer_digits(tmp_path: Path) -> None:
    """Eleven of twelve items of the WAI-SR answered, 10 · 3 + 4 = 34; 34 · 12 / 11 = 37.0909…"""
    columns = [f"i{item}" for item in range(1, 13)]
    form = ",".join(["3"] * 10 + ["4", ""])
    found = sheet(
        tmp_path, f"{','.join(columns)},total\n{form},37.09\n{form},37\n{form},37.1\n{form},37.2\n{form},34\n"
    )
    maps = [f"{column}=answers.{column[1:]}" for column in columns]
    read_as = columns_of(maps, ["instrument=wai_sr"], ["total"], found.header())
    wrong = ["does-not-add-up"]
    assert [[fault.code for fault in line.faults] for line in found.lines(read_as, None)] == [[], [], [], wrong, wrong]


def test_a_form_nobody_knows_cannot_be_added_up(tmp_path: Path) -> None:
    found = sheet(tmp_path, "x,total\n1,1\n")
    columns = columns_of(["x=answers.1"], ["instrument=unheard-of"], ["total"], found.header())
    assert [line.faults[0].code for line in found.lines(columns, None)] == ["unknown-instrument"]


def dates(found: Sheet, start: date, every: timedelta) -> list[str]:
    columns = Columns({"case_id": "case", "session_id": "session", "held_at": "when"}, {})
    lines = found.lines(columns, Calendar(start, every, found.places(columns)))
    return [line.body["held_at"] for line in lines if line.body]


def test_dates_sessions_by_their_order_in_each_case(tmp_path: Path) -> None:
    text = "case,session\nf,intake\nf,intake\nf,second\ng,x\nf,third\n"
    assert dates(sheet(tmp_path, text), date(2026, 1, 5), timedelta(days=7)) == [
        "2026-01-05T12:00:00+00:00",
        "2026-01-05T12:00:00+00:00",
        "2026-01-12T12:00:00+00:00",
        "2026-01-05T12:00:00+00:00",
        "2026-01-19T12:00:00+00:00",
    ]


def test_numbered_sessions_go_by_number_wherever_they_stand(tmp_path: Path) -> None:
    text = "case,session\nf,10\nf,2\nf,1\n"
    assert [when[:10] for when in dates(sheet(tmp_path, text), date(2026, 1, 5), timedelta(days=1))] == [
        "2026-01-07",
        "2026-01-06",
        "2026-01-05",
    ]


def test_a_time_in_the_file_goes_before_the_calendar(tmp_path: Path) -> None:
    text = "case,session,when\nf,1,2020-02-02T10:00:00Z\nf,2,\n"
    assert [when[:10] for when in dates(sheet(tmp_path, text), date(2026, 1, 5), timedelta(days=7))] == [
        "2020-02-02",
        "2026-01-12",
    ]


@pytest.mark.parametrize("content", [b"case\n\xff\xfe\n", b'case\n"open\n', b"case\n" + b"x" * 70_000])
def test_says_when_a_file_is_no_csv(tmp_path: Path, content: bytes) -> None:
    file = tmp_path / "forms.csv"
    file.write_bytes(content)
    with pytest.raises(Failure, match="not CSV in UTF-8"):
        Sheet(file).count()


def test_says_when_there_is_no_file(tmp_path: Path) -> None:
    with pytest.raises(Failure, match="cannot be read"):
        Sheet(tmp_path / "nowhere.csv").header()
