"""The published contract against a real server: whatever is sent, no 5xx, and no answer that it does not describe."""

import asyncio
import os
import subprocess
import sys
from datetime import UTC, datetime, timedelta
from pathlib import Path
from uuid import uuid4

from service.db.engine import make_engine
from service.db.identity import ALL, create_key, create_organization
from service.settings import Settings
from tests import ndjson
from tests.api.contract import OPENAPI
from tests.conftest import SECRET_KEYS
from tests.serving import serving

LEFT_OUT = (
    "positive_data_acceptance",  # what fits the schema may still not fit the course: a member of nobody's family
    "use_after_free",  # what was retracted stays to be read
    "ensure_resource_availability",  # a rating's case is there only once it was not refused
    "object_level_authorization",  # another organization's keys: tests/api/test_matrix.py
)
PHASES = ("examples", "coverage", "fuzzing", "stateful")
EXAMPLES = 8  # random ones of each call; more than a thousand at the edges of the schemas come on top
SEED = 20260105
PATIENCE = 200.0  # seconds

# a batch is text to the contract; each of its lines, or acts, is refused for itself. A stream has no end to wait for
OPERATIONS = """
[[operations]]
include-name = "POST /v1/batch"

[operations.checks]
negative_data_rejection.enabled = false

[[operations]]
include-name = "POST /v1/handling/batch"

[operations.checks]
negative_data_rejection.enabled = false

[[operations]]
include-name = "GET /v1/changes/stream"
enabled = false
"""


def _configuration() -> str:
    return "[checks]\n" + "".join(f"{check}.enabled = false\n" for check in LEFT_OUT) + OPERATIONS


async def _new_key(settings: Settings) -> str:
    engine = make_engine(settings)
    at = datetime.now(UTC) - timedelta(hours=1)
    try:
        organization = await create_organization(engine, f"any clinic {uuid4()}", True, at)
        return await create_key(engine, organization.organization_id, [ALL], at)
    finally:
        await engine.dispose()


def _run(address: str, key: str, folder: Path) -> "subprocess.CompletedProcess[str]":
    (folder / "schemathesis.toml").write_text(_configuration(), encoding="utf-8")
    command = [
        *(sys.executable, "-m", "schemathesis.cli", "run", f"{address}/openapi.json"),
        *("--header", f"Authorization: Bearer {key}"),
        *("--phases", ",".join(PHASES)),
        *("--max-examples", str(EXAMPLES), "--seed", str(SEED), "--no-shrink", "--warnings", "off", "--no-color"),
    ]
    env = {**os.environ, "SCHEMATHESIS_HOOKS": ndjson.__name__, "PYTHONPATH": str(Path(__file__).parents[1])}
    return subprocess.run(command, cwd=folder, env=env, capture_output=True, text=True, timeout=PATIENCE, check=False)


def test_whatever_is_sent(database_url: str, settings: Settings, tmp_path: Path) -> None:
    with serving(database_url, secret_keys=SECRET_KEYS) as process:
        done = _run(process.address, asyncio.run(_new_key(settings)), tmp_path)
        unforeseen = [line for line in process.said if '"unforeseen"' in line or '"level": "error"' in line]
    assert done.returncode == 0, done.stdout[-20_000:] + done.stderr[-2_000:]
    calls = sum(len(methods) for methods in OPENAPI["paths"].values()) - 1  # the stream
    assert f"{calls} selected" in done.stdout
    assert unforeseen == []
