"""The locks, held without a network: whole, exact, hashed, and naming no registry."""

import re
import tomllib
from importlib.metadata import PackageNotFoundError, requires, version
from pathlib import Path

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

ROOT = Path(__file__).parent.parent
LOCKS = {name: ROOT / f"{name}.lock" for name in ("requirements", "requirements-build", "requirements-dev")}
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))


def entries(lock: Path) -> list[str]:
    """Return the entries of a lock, each with its hashes in one string."""
    lines = [line for line in lock.read_text(encoding="utf-8").splitlines() if not line.lstrip().startswith("#")]
    return re.split(r"\n(?=\S)", "\n".join(lines))


def pinned(lock: Path) -> dict[str, Requirement]:
    found = [Requirement(entry.split(" \\\n")[0]) for entry in entries(lock)]
    return {canonicalize_name(item.name): item for item in found}


def release(item: Requirement) -> str:
    return next(iter(item.specifier)).version


def group(name: str) -> list[Requirement]:
    found = []
    for need in PROJECT["dependency-groups"][name]:
        found += group(need["include-group"]) if isinstance(need, dict) else [Requirement(need)]
    return found


def wanted(name: str) -> list[Requirement]:
    """Return what the project asks a lock to hold."""
    project = [Requirement(need) for need in PROJECT["project"]["dependencies"]]
    match name:
        case "requirements":
            return project
        case "requirements-build":
            return group("build")
        case _:
            return project + group("dev")


def needs(item: Requirement) -> list[Requirement]:
    """Return what an installed package needs here, with the extras that were asked for."""
    try:
        declared = [Requirement(need) for need in requires(item.name) or ()]
    except PackageNotFoundError:
        return []
    extras = item.extras or {""}
    return [need for need in declared if need.marker is None or any(need.marker.evaluate({"extra": e}) for e in extras)]


@pytest.mark.parametrize("name", LOCKS)
def test_every_entry_is_one_release_with_its_hashes(name: str) -> None:
    found = entries(LOCKS[name])
    assert len(found) > 1
    exact = re.compile(
        r"[a-z0-9-]+(\[[a-z0-9,-]+\])?==[0-9][^ ]*( ; [^\\]+)?( \\\n    --hash=sha256:[0-9a-f]{64})+", re.M
    )
    assert [entry.split("\n")[0] for entry in found if not exact.fullmatch(entry)] == []


@pytest.mark.parametrize("name", LOCKS)
def test_no_lock_names_an_address(name: str) -> None:
    text = LOCKS[name].read_text(encoding="utf-8")
    assert re.findall(r"\w+://\S*|--(?:index|extra-index|find-links)\S*| @ ", text) == []


@pytest.mark.parametrize("name", LOCKS)
def test_a_lock_holds_all_that_the_project_asks_for_and_what_that_needs(name: str) -> None:
    locked = pinned(LOCKS[name])
    waiting, seen = wanted(name), set()
    while waiting:
        item = waiting.pop()
        if str(item) in seen or (item.marker is not None and not item.marker.evaluate({"extra": ""})):
            continue
        seen.add(str(item))
        pin = locked[canonicalize_name(item.name)]
        assert item.specifier.contains(release(pin), prereleases=True), item.name
        # an extra's own marker was evaluated by `needs`; what it asks for is asked for without condition
        waiting += [Requirement(str(need).split(";")[0]) for need in needs(item)]
    assert len(seen) > 3


def test_the_locks_agree() -> None:
    everything = pinned(LOCKS["requirements-dev"])
    for name in ("requirements", "requirements-build"):
        for code, item in pinned(LOCKS[name]).items():
            assert release(everything[code]) == release(item), code


def test_what_runs_here_is_what_is_locked() -> None:
    found = {}
    for code, item in pinned(LOCKS["requirements-dev"]).items():
        if item.marker is None or item.marker.evaluate():
            found[code] = (version(item.name), release(item))
    assert {code: both for code, both in found.items() if both[0] != both[1]} == {}
