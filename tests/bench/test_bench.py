"""The benchmark's own parts: what it sends is new and accepted, and its neighbours answer. Nothing is timed."""

import asyncio
import json
from collections.abc import Iterator
from itertools import islice
from pathlib import Path

import asyncpg
import httpx
import pytest
from sqlalchemy.engine import make_url

from bench.__main__ import table
from bench.clocks import per_request
from bench.load import Load, Seen, run
from bench.pgbench import document, quoted
from bench.rows import Row, ratio, row_of
from bench.stage import Server, serving
from bench.workload import MEMBERS, Past, Posts

ANSWER, PAGE = b'{"rating_id": "r1"}', b'{"items": []}'


@pytest.fixture(scope="module")
def noop(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    folder = tmp_path_factory.mktemp("noop")
    files = [folder / "rating.json", folder / "alerts.json"]
    for file, content in zip(files, (ANSWER, PAGE), strict=True):
        file.write_bytes(content)
    with serving("bench.noop", *map(str, files)) as server:
        yield server


def sent(posts: Posts, each: int) -> list[dict[str, object]]:
    return [json.loads(body) for client in range(posts.clients) for body in islice(posts.of(client), each)]


@pytest.mark.parametrize("together", [False, True])
def test_no_rating_is_sent_twice_and_every_session_gets_its_four(together: bool) -> None:
    bodies = sent(Posts("f-", 40, 1, 16, together=together), 8)
    keys = {(body["case_id"], body["session_id"], json.dumps(body["rater"])) for body in bodies}
    sessions = {(body["case_id"], body["session_id"]) for body in bodies}
    assert len(keys) == len(bodies) == 128  # 16 clients · 8 ratings
    assert len(sessions) == 32  # 128 ratings by 4 members each


def test_two_runs_send_different_sessions_and_later_ones() -> None:
    first, second = (sent(Posts("f-", 40, number, 4, first=10), 8) for number in (1, 2))
    assert {str(body["session_id"]) for body in first} & {str(body["session_id"]) for body in second} == set()
    assert max(str(body["held_at"]) for body in first) < min(str(body["held_at"]) for body in second)
    assert max(str(body["held_at"]) for body in Past("f-", 1, 10).ratings) < min(str(body["held_at"]) for body in first)


def test_the_past_is_cases_and_then_their_ratings() -> None:
    lines = [json.loads(line) for line in Past("f-", 2, 3).lines.splitlines()]
    assert [line["type"] for line in lines] == ["case"] * 2 + ["rating"] * 2 * 3 * len(MEMBERS)


def test_the_load_counts_what_is_answered(noop: Server) -> None:
    posts = {"prefix": "f-", "cases": 4, "run": 1, "clients": 2}
    seen = asyncio.run(run(Load(noop.port, 2, seconds=0.2, warm=0.1, posts=posts)))
    assert seen.good == 1.0
    assert seen.answered >= seen.rate * 0.2 > 0
    assert 0 < seen.p50 <= seen.p99
    pages = asyncio.run(run(Load(noop.port, 2, seconds=0.2, warm=0.0, path="/v1/alerts?limit=50")))
    assert pages.rate > 0


def test_the_load_refuses_a_server_that_only_fails(noop: Server) -> None:
    with pytest.raises(RuntimeError, match="404"):
        asyncio.run(run(Load(noop.port, 1, seconds=0.1, warm=0.0, path="/nowhere")))


def test_the_noop_checks_the_body_and_answers_the_bytes(noop: Server) -> None:
    (body,) = islice(Posts("f-", 4, 1, 1).of(0), 1)
    headers = {"Content-Type": "application/json"}
    answer = httpx.post(f"{noop.address}/v1/ratings", content=body, headers=headers, trust_env=False)
    assert (answer.status_code, answer.content) == (201, ANSWER)
    assert httpx.post(f"{noop.address}/v1/ratings", json={"case_id": "c"}, trust_env=False).status_code == 422


def test_the_tutorial_service_judges_by_our_rules(empty_database_url: str) -> None:
    """One member far below the others: our balance, by another way of storing."""
    address = make_url(empty_database_url).set(drivername="postgresql+psycopg").render_as_string(hide_password=False)
    past = json.dumps({"prefix": "f-", "cases": 2, "sessions": 3})
    low = {"relationship": 2.0, "goals": 2.0, "approach": 2.0, "overall": 2.0}
    with serving("bench.tutorial", address, past) as server:
        for body in islice(Posts("f-", 2, 1, 1, first=3).of(0), len(MEMBERS)):
            rating = json.loads(body)
            answers = low if rating["rater"]["id"] == "ana" else {line: 9.0 for line in low}
            sent_body = {**rating, "answers": answers}
            answer = httpx.post(f"{server.address}/v1/ratings", json=sent_body, trust_env=False, timeout=30)
            assert answer.status_code == 201
    (balance,) = answer.json()["figures"]["balances"]
    total = balance["dimensions"]["total"]
    assert (total["n"], total["gap"], total["weakest"]["members"]) == (4, 70.0, ["ana"])  # 90 − 20 percent points
    assert "trust-bond-loss" in {alert["rule"] for alert in answer.json()["alerts"]}


def test_a_document_reaches_postgresql_as_it_is(server_url: str) -> None:
    """pgbench reads `:name` as a variable, so no colon may be left in a literal."""
    told = {"at": "16:00:00", "said": 'it\'s \\ "so"', ":rater": [1, 2.5, None]}
    literal = document(json.dumps(told))
    assert literal.count(":") == 1  # the parameter's
    url = make_url(server_url).set(drivername="postgresql").render_as_string(hide_password=False)

    async def read() -> object:
        connection = await asyncpg.connect(url)
        try:
            return await connection.fetchval(f"SELECT {literal.replace(':rater', '3')}")
        finally:
            await connection.close()

    assert json.loads(str(asyncio.run(read()))) == told
    assert quoted("a:b") == "E'a\\x3ab'"


def test_ratios_are_medians_of_the_rounds_own_ratios() -> None:
    assert ratio([10.0, 30.0, 8.0], [100.0, 100.0, 20.0]) == 0.3  # of 0.1, 0.3, 0.4
    row = row_of("what", [Seen(rate, 1.0, 2.0, 1.0) for rate in (5.0, 7.0, 6.0)])
    assert row.rate == 6.0


def test_errors_of_a_neighbour_are_told() -> None:
    assert row_of("what", [Seen(5.0, 1.0, 2.0, 0.75)], note="n").note == "n; 25% of its answers were errors"


def test_the_table_leaves_out_what_was_not_measured() -> None:
    line = table([Row("what", 12.4, ratio=0.256)]).splitlines()[-1]
    assert line == "| what | 12 |  |  |  |  | 0.26 |  |"


def test_processor_time_is_per_request() -> None:
    assert per_request(1.0, 1.5, 1000) == 500.0  # 0.5 s over 1000 requests, in microseconds
    assert str(per_request(None, 1.5, 1000)) == "nan"


def test_nothing_of_the_benchmark_is_left_in_the_repository() -> None:
    root = Path(__file__).parent.parent.parent
    assert sorted(path.suffix for path in (root / "bench").iterdir() if path.is_file() and path.suffix != ".py") == []
