"""The image's recipe, read: what it copies exists, what it runs is ours, and it runs as nobody in particular."""

import ast
import json
import re
import shlex
import tomllib
from fnmatch import fnmatch
from pathlib import Path
from typing import Any

import yaml

from service.settings import Settings

ROOT = Path(__file__).parent.parent
COMPOSE: dict[str, Any] = yaml.safe_load((ROOT / "compose.yaml").read_text(encoding="utf-8"))
SCRIPTS = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]["scripts"]


def steps() -> list[tuple[str, str]]:
    """Return the Dockerfile's steps, (INSTRUCTION, the rest)."""
    lines = (ROOT / "Dockerfile").read_text(encoding="utf-8").splitlines()
    kept = "\n".join(line for line in lines if not line.lstrip().startswith("#"))
    joined = re.sub(r"\\\n\s*", " ", kept)
    return [(step.split(" ", 1)[0], step.split(" ", 1)[1]) for step in joined.splitlines() if step.strip()]


def stages() -> list[list[tuple[str, str]]]:
    found: list[list[tuple[str, str]]] = []
    for step in steps():
        if step[0] == "FROM":
            found.append([])
        found[-1].append(step)
    return found


def health_command() -> list[str]:
    """Return the health check's command; tests/test_wheel.py runs it against a service."""
    (rest,) = [rest for name, rest in stages()[-1] if name == "HEALTHCHECK"]
    command: list[str] = json.loads(rest.split(" CMD ", 1)[1])
    return command


def environment(stage: list[tuple[str, str]]) -> dict[str, str]:
    pairs = [pair for name, rest in stage if name == "ENV" for pair in shlex.split(rest)]
    return dict(pair.split("=", 1) for pair in pairs)


def test_every_command_is_in_exec_form() -> None:
    """No shell stands between: signals reach the service, and no variable is expanded by surprise."""
    commands = [rest for name, rest in steps() if name in ("RUN", "ENTRYPOINT", "CMD")]
    assert len(commands) >= 6
    assert [rest for rest in commands if not isinstance(json.loads(rest), list)] == []
    assert health_command()[0] == "python"
    ast.parse(health_command()[2])


def test_what_is_copied_is_there_and_let_through() -> None:
    ignored = (ROOT / ".dockerignore").read_text(encoding="utf-8").splitlines()
    let_through = [line[1:] for line in ignored if line.startswith("!")]
    copied = [
        source
        for name, rest in steps()
        if name == "COPY" and not rest.startswith("--from")
        for source in rest.split()[:-1]
    ]
    assert "service" in copied
    assert [source for source in copied if not (ROOT / source).exists()] == []
    assert [source for source in copied if not any(fnmatch(source, pattern) for pattern in let_through)] == []


def test_every_package_is_checked_by_its_hash() -> None:
    installs = [json.loads(rest) for name, rest in steps() if name == "RUN" and '"install"' in rest]
    assert len(installs) == 3
    for command in installs:
        assert ("--require-hashes" in command) != ("--no-index" in command)
    named = {part.removeprefix("--requirement=") for command in installs for part in command if "requirement=" in part}
    assert named == {"requirements.lock", "requirements-build.lock"}


def test_the_last_stage_runs_as_an_unprivileged_user_and_stops_on_sigterm() -> None:
    last = dict(stages()[-1])
    assert re.fullmatch(r"[1-9]\d*:[1-9]\d*", last["USER"])
    assert last["STOPSIGNAL"] == "SIGTERM"
    (command,) = json.loads(last["ENTRYPOINT"])
    assert command in SCRIPTS
    assert json.loads(last["CMD"])[0] == "serve"
    assert "pip" not in last["CMD"]


def test_only_settings_that_exist_are_set() -> None:
    known = {f"EVENKEEL_{name.upper()}" for name in Settings.model_fields}
    used = {name for name in environment(stages()[-1]) if name.startswith("EVENKEEL_")}
    for service in ("migrate", "service"):
        used |= set(COMPOSE["services"][service]["environment"])
    assert used
    assert used <= known


def test_base_images_are_named_with_their_version() -> None:
    bases = [rest.split()[0] for name, rest in steps() if name == "FROM"]
    images = [*bases, COMPOSE["services"]["database"]["image"]]
    assert [image for image in images if not re.fullmatch(r"[a-z]+:\d+(\.\d+)*(-[a-z]+)?", image)] == []
    assert len(set(bases)) == 1


def test_compose_writes_only_where_it_may() -> None:
    spool = environment(stages()[-1])["EVENKEEL_SPOOL_DIR"]
    for name in ("migrate", "service"):
        service = COMPOSE["services"][name]
        assert service["read_only"] is True
        assert service["cap_drop"] == ["ALL"]
        assert [entry for entry in service["tmpfs"] if entry.split(":")[0] == spool]
    database = COMPOSE["services"]["database"]
    assert database["read_only"] is True
    assert [volume.split(":")[1] for volume in database["volumes"]] == ["/var/lib/postgresql"]


def test_compose_migrates_before_it_serves_and_keeps_secrets_in_files() -> None:
    services = COMPOSE["services"]
    assert services["migrate"]["command"] == ["migrate"]
    assert services["service"]["depends_on"]["migrate"] == {"condition": "service_completed_successfully"}
    assert services["migrate"]["depends_on"]["database"] == {"condition": "service_healthy"}
    assert "command" not in services["service"]
    used = {secret for service in services.values() for secret in service["secrets"]}
    assert used == set(COMPOSE["secrets"])
    assert all(set(secret) == {"file"} for secret in COMPOSE["secrets"].values())
    plain = [value for service in services.values() for value in service["environment"].values()]
    assert [value for value in plain if "://" in value] == []


def test_compose_waits_longer_for_the_service_than_it_drains() -> None:
    drain = Settings.model_fields["drain_seconds"].default
    assert int(COMPOSE["services"]["service"]["stop_grace_period"].rstrip("s")) > drain + 10
