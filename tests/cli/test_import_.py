"""A file goes in through a real server process, is interrupted, goes in again."""

import re
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import httpx
import pytest
from typer.testing import CliRunner, Result

from service.cli import app
from tests.cli.processes import COMMAND, environment, invoke, running

MAP = (
    "--map=pair=case_id", "--map=visit=session_id", "--map=relationship=answers.relationship",
    "--map=goals=answers.goals", "--map=method=answers.approach", "--map=overall=answers.overall",
    "--map=pair=rater.id", "--set=rater.role=client", "--set=instrument=srs",
    "--start=2025-01-06", "--every=7d", "--check=total",
)  # fmt: skip
HEADER = "pair,visit,relationship,goals,method,overall,total"


@dataclass
class Clinic:
    """A running service, a key to it, and a file to send."""

    address: str
    key: str
    file: Path

    def write(self, *rows: str) -> None:
        self.file.write_text("\n".join([HEADER, *rows]) + "\n")

    def load(self) -> Result:
        return invoke("import", str(self.file), "--url", self.address, *MAP, env=environment(api_key=self.key))

    def get(self, path: str) -> Any:
        headers = {"Authorization": f"Bearer {self.key}"}
        return httpx.get(self.address + path, headers=headers, trust_env=False, timeout=30).json()


@pytest.fixture(scope="module")
def server(database_url: str) -> Iterator[str]:
    """Return the address of a service on the test database."""
    with running("serve", "--port", "0", env=environment(database_url=database_url, drain_seconds="0")) as process:
        yield process.address


@pytest.fixture
def clinic(server: str, database_url: str, tmp_path: Path) -> Clinic:
    env = environment(database_url=database_url)
    organization_id = invoke("organization", "create", tmp_path.name + server, env=env).stdout.strip()
    key = invoke("key", "create", organization_id, "--scope", "all", env=env).stdout.strip()
    return Clinic(server, key, tmp_path / "forms.csv")


def form(pair: int, visit: int) -> str:
    """Return a line whose total is the sum of its marks."""
    marks = (7.0 + visit / 10, 8.5, 9.0 - pair / 100, 6.3)
    marks = tuple(round(mark, 1) for mark in marks)  # type: ignore[assignment]
    return f"{pair},{visit},{','.join(map(str, marks))},{round(sum(marks), 1)}"


def test_a_file_goes_in_once_however_often_it_is_sent(clinic: Clinic) -> None:
    clinic.write(*[form(pair, visit) for pair in range(1, 11) for visit in range(1, 4)])
    first, second = clinic.load(), clinic.load()
    assert (first.exit_code, first.stdout) == (0, "30 forms: 30 new, 0 same, 0 changed, 0 refused\n"), first.stderr
    assert (second.exit_code, second.stdout) == (0, "30 forms: 0 new, 30 same, 0 changed, 0 refused\n")
    sessions = clinic.get("/v1/cases/4/course")["sessions"]
    assert [(item["session_id"], item["held_at"]) for item in sessions] == [
        ("1", "2025-01-06T12:00:00.000Z"),
        ("2", "2025-01-13T12:00:00.000Z"),
        ("3", "2025-01-20T12:00:00.000Z"),
    ]
    assert [item["ratings"][0]["scores"]["total"]["raw"] for item in sessions] == [30.9, 31.0, 31.1]


def test_lines_that_do_not_add_up_are_never_sent_and_their_neighbours_are(clinic: Clinic) -> None:
    clinic.write(form(1, 1), "1,2,7.0,8.0,9.0,6.0,31.0", "1,3,7.0,8.0,9.0,6.0,30.0")
    done = clinic.load()
    assert (done.exit_code, done.stdout) == (1, "3 forms: 2 new, 0 same, 0 changed, 1 refused\n")
    assert "line 3: does-not-add-up at /check/total." in done.stderr
    assert "31.0" not in done.stderr
    assert [item["session_id"] for item in clinic.get("/v1/cases/1/sessions")["items"]] == ["1", "3"]


def test_what_the_service_refuses_is_told_by_line_and_pointer(clinic: Clinic) -> None:
    clinic.write(form(1, 1), "no spaces,1,7.0,8.0,9.0,6.0,30.0", form(2, 1))
    done = clinic.load()
    assert (done.exit_code, done.stdout) == (1, "3 forms: 2 new, 0 same, 0 changed, 1 refused\n")
    refused = [line for line in done.stderr.splitlines() if line.startswith("line ")]
    assert [line.partition(" at ")[2].partition(".")[0] for line in refused] == ["/case_id", "/rater/id"]
    assert all(line.startswith("line 3: ") for line in refused)
    assert "no spaces" not in done.stderr


def test_a_form_that_was_corrected_in_the_file_is_refused_and_not_overwritten(clinic: Clinic) -> None:
    clinic.write(form(1, 1))
    clinic.load()
    clinic.write("1,1,1.0,1.0,1.0,1.0,4.0")
    done = clinic.load()
    assert (done.exit_code, done.stdout) == (1, "1 forms: 0 new, 0 same, 0 changed, 1 refused\n")
    assert "line 2: rating-differs." in done.stderr
    assert "line 2: differs at /answers/goals." in done.stderr


def test_an_interrupted_run_is_finished_by_the_same_command(clinic: Clinic) -> None:
    """The first run is killed once something of it is stored, with most of the file still to come."""
    clinic.write(*[form(pair, visit) for pair in range(1, 401) for visit in range(1, 4)])
    command = [*COMMAND, "import", str(clinic.file), "--url", clinic.address, *MAP]
    with subprocess.Popen(
        command, env=environment(api_key=clinic.key), stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
    ) as first:
        while first.poll() is None and not clinic.get("/v1/cases?limit=1")["items"]:
            pass
        first.kill()
    again, third = clinic.load(), clinic.load()
    told = re.fullmatch(r"1200 forms: (\d+) new, (\d+) same, 0 changed, 0 refused\n", again.stdout)
    assert told is not None, again.output
    assert int(told[1]) + int(told[2]) == 1200
    assert int(told[2]) > 0
    assert third.stdout == "1200 forms: 0 new, 1200 same, 0 changed, 0 refused\n"


def test_a_key_that_ended_or_may_not_write_is_told_so(clinic: Clinic, database_url: str) -> None:
    clinic.write(*[form(pair, 1) for pair in range(1, 11)])
    env, organization = environment(database_url=database_url), clinic.key.split("_")[1]
    reader = invoke("key", "create", organization, "--scope", "course:read", env=env).stdout.strip()
    done = replace(clinic, key=reader).load()
    assert (done.exit_code, done.stdout) == (1, "")
    assert "the key in EVENKEEL_API_KEY may not write ratings" in done.stderr
    assert invoke("key", "revoke", clinic.key.split("_")[2], env=env).exit_code == 0
    done = clinic.load()
    assert (done.exit_code, done.stdout) == (1, "")
    assert "does not know the key in EVENKEEL_API_KEY" in done.stderr
    assert clinic.key not in done.stderr


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("--map", "nowhere=case_id"), "no columns called nowhere"),
        (("--url", "ftp://127.0.0.1"), "--url takes"),
        (("--url", "http://user:secret@127.0.0.1"), "--url takes"),
        (("--url", "http://127.0.0.1:99999"), "--url takes"),
        (("--url", "http://[::1"), "--url takes"),
        (("--url", "http:///v1"), "--url takes"),
        (("--url", "http://127.0.0.1"), "EVENKEEL_API_KEY is not set to a key"),  # ek_secret is none
        (("--zone", "Mars/Olympus"), "--zone takes"),
        (("--delimiter", ";;"), "--delimiter takes"),
        (("--start", "yesterday"), "--start"),
    ],
)
def test_what_cannot_be_meant_is_said_before_anything_is_sent(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, arguments: tuple[str, ...], said: str
) -> None:
    monkeypatch.setenv("EVENKEEL_API_KEY", "ek_secret")
    file = tmp_path / "forms.csv"
    file.write_text(HEADER + "\n" + form(1, 1) + "\n")
    found = CliRunner().invoke(app, ["import", str(file), *arguments])
    assert (found.exit_code, found.stdout) == (2, "")
    assert said in found.stderr
    assert "secret" not in found.stderr


def test_without_a_key_it_says_where_to_get_one(tmp_path: Path) -> None:
    file = tmp_path / "forms.csv"
    file.write_text(HEADER + "\n")
    found = CliRunner().invoke(app, ["import", str(file)])
    assert found.exit_code == 2
    assert "evenkeel key create" in found.stderr
