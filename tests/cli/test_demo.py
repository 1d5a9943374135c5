"""The demo as a newcomer sees it: start, copy the first line, read the answer."""

import shlex
from datetime import UTC, datetime, timedelta
from itertools import pairwise
from pathlib import Path
from typing import Any

import httpx

from tests.cli.processes import Process, environment, postmaster, running

PATIENCE = 60


def curl(line: str) -> httpx.Response:
    """Send what a printed curl line would send."""
    words = shlex.split(line.partition(" | ")[0])
    assert words[:2] == ["curl", "-s"]
    url, options = words[2], words[3:]
    headers = dict(text.split(": ", 1) for flag, text in pairwise(options) if flag == "-H")
    bodies = [text for flag, text in pairwise(options) if flag == "-d"]
    method = "POST" if bodies else "GET"
    content = bodies[0] if bodies else None
    return httpx.request(method, url, headers=headers, content=content, trust_env=False, timeout=PATIENCE)


def printed(demo: Process) -> tuple[str, str, list[str]]:
    """Return the key, the address of the documentation and the curl lines that the demo prints."""
    key = demo.wait_for_line(r"API key +(\S+)")[1]
    docs = demo.wait_for_line(r"API docs +(\S+)")[1]
    return key, docs, [demo.wait_for_line(r"^(curl .*)$")[1] for _ in range(3)]


def alerts_of(body: dict[str, Any]) -> dict[str, str]:
    return {alert["rule"]: alert["severity"] for alert in body["alerts"]}


def test_a_newcomers_first_post_answers_with_scores_balances_and_alerts(data_dir: Path) -> None:
    env = environment(data_dir=str(data_dir), drain_seconds="0")
    with running("demo", "--port", "0", env=env) as demo:
        key, docs, lines = printed(demo)
        assert key.startswith("ek_test_")
        assert httpx.get(docs, trust_env=False, timeout=PATIENCE).status_code == 200
        posted = curl(lines[0])
        assert posted.status_code == 201, posted.text
        body = posted.json()
        assert body["scores"]["total"]["raw"] == 26.6  # 4.6 + 8.0 + 7.3 + 6.7
        (balance,) = [item for item in body["balances"] if item["group"]["rater_kind"] == "member"]
        assert balance["dimensions"]["total"]["weakest"]["members"] == ["youth-1"]
        assert body["missing_raters"] == []
        # the bond fell from 8.0 to 4.6 after siding was reported: trust, asymmetry, and siding now critical; the youth
        # has been low from the start, is the low one of a split and was hostile: three points
        assert alerts_of(body) == {
            "trust-bond-loss": "critical",
            "bond-asymmetry": "info",
            "side-taking": "critical",
            "dropout-risk": "warning",
        }
        listed = curl(lines[1]).json()["items"]
        assert {alert["case_id"] for alert in listed} == {"example-torn-family", "example-drifting-couple"}
        course = curl(lines[2]).json()
        assert [session["number"] for session in course["sessions"]] == [1, 2, 3, 4, 5, 6, 7]
        newest = datetime.fromisoformat(course["sessions"][-1]["held_at"])
        assert timedelta(0) < datetime.now(UTC) - newest < timedelta(days=2)
        assert demo.end() == 0
    assert postmaster(data_dir / "demo") is None


def test_the_demo_starts_again_with_what_is_there_and_a_new_key(data_dir: Path) -> None:
    env = environment(data_dir=str(data_dir), drain_seconds="0", database_url="postgresql://never:asked@127.0.0.1:1/x")
    with running("demo", "--port", "0", env=env) as demo:
        old, _, lines = printed(demo)
        first = curl(lines[0])
        assert demo.end() == 0
    with running("demo", "--port", "0", env=env) as demo:
        new, _, lines = printed(demo)
        assert new != old
        again = curl(lines[0])
        assert (first.status_code, again.status_code) == (201, 200)
        assert again.json()["rating_id"] == first.json()["rating_id"]
        assert again.json()["replayed"] is True
        assert alerts_of(again.json()) == alerts_of(first.json())
        refused = curl(lines[1].replace(new, old))
        assert refused.status_code == 401  # keys of earlier runs have ended
        assert demo.end() == 0
