"""The page for who builds an app: its code, as it stands there, against a real service."""

import json
import re
import subprocess
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest

from tests.api.bodies import DEVICE, hostile
from tests.cli.processes import Process
from tests.conftest import SECRET_KEYS
from tests.node import NODE
from tests.serving import serving
from tests.worlds import World, caller, new_world

PAGE = Path(__file__).parents[1] / "openapi/mobile.md"
BLOCK = re.compile(r"^```js\n(.*?)^```$", re.M | re.S)

BEFORE = """
import { EventSource } from 'eventsource'
const [EVENKEEL, KEY] = process.argv.slice(2)
const happen = async (caseId, session = 's1') => {
  const answer = await fetch(`${EVENKEEL}/v1/cases/${caseId}/sessions/${session}`, {
    method: 'PUT',
    headers: { Authorization: `Bearer ${KEY}`, 'Content-Type': 'application/json' },
    body: JSON.stringify(HOSTILE),
  })
  if (!answer.ok) throw new Error(await answer.text())
}
const until = async (true_) => {
  while (!true_()) await new Promise((wake) => setTimeout(wake, 20))
}
const cases = () => [...kept.alerts.values()].map((alert) => alert.case_id).sort()
const told = {}
"""

AFTER = """
told.first = cases()
await happen('fam-2')
const waited = catchUp(30)
await waited
told.polled = cases()
token = 'ef_that_is_over'
const source = await listen()
await happen('fam-3')
await until(() => kept.alerts.size === 3)
told.streamed = cases()
source.close()
const [one] = kept.alerts.keys()
act(one, 'acknowledge')
act('01a21092-0000-7000-8000-000000000000', 'acknowledge')
queue.push({ ...queue[0] })
await sendQueue()
told.left = queue.length
told.handling = kept.alerts.get(one).handling
told.title = kept.alerts.get(one).title
told.device = await register(async (key) => ({ ...DEVICE, key: undefined }))
kept.cursor = null
kept.alerts.clear()
await catchUp()
told.anew = cases()
console.log(JSON.stringify(told))
"""


@pytest.fixture
def process(database_url: str) -> Iterator[Process]:
    with serving(database_url, listen_database_url=database_url, secret_keys=SECRET_KEYS) as process:
        yield process


@pytest.fixture
def world(database_url: str) -> World:
    return new_world(database_url)


def test_every_step_does_what_it_says(scripts: Path, process: Process, world: World) -> None:
    blocks = BLOCK.findall(PAGE.read_text(encoding="utf-8"))
    assert len(blocks) == 7
    key = world.key()
    with caller(process.address, key) as client:
        put(client, "fam-1", "dr-7")
        put(client, "of-another", "dr-9")
        session = hostile(therapists=["dr-7"])
        given = f"const HOSTILE = {json.dumps(session)}\nconst DEVICE = {json.dumps(DEVICE)}\n"
        script = scripts / "page.mjs"
        script.write_text(BEFORE.replace("const told", f"{given}const told") + "\n".join(blocks) + AFTER, "utf-8")
        ran = subprocess.run(
            [NODE, script, process.address, key], capture_output=True, text=True, timeout=120, check=False
        )
        assert ran.returncode == 0, ran.stderr
        told = json.loads(ran.stdout.splitlines()[-1])
        settings = client.get("/v1/persons/dr-7/delivery-settings").json()
    assert told["first"] == ["fam-1"]
    assert told["polled"] == ["fam-1", "fam-2"]
    assert told["streamed"] == told["anew"] == ["fam-1", "fam-2", "fam-3"]
    assert (told["left"], told["handling"]) == (0, "acknowledged")
    assert told["title"] != client_title(process, key)  # it was asked for in German
    assert (told["device"]["subscription_id"], told["device"]["state"]) == ("dr-7:this-phone", "active")
    assert settings["set"]["most_per_day"] == 5


def put(client: httpx.Client, case_id: str, therapist: str) -> None:
    client.put(f"/v1/cases/{case_id}", json={"therapists": [therapist]}).raise_for_status()
    client.put(f"/v1/cases/{case_id}/sessions/s1", json=hostile(therapists=[therapist])).raise_for_status()


def client_title(process: Process, key: str) -> str:
    with caller(process.address, key) as client:
        return str(client.get("/v1/alerts", params={"case_id": "fam-1"}).json()["items"][0]["title"])
