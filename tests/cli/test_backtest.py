"""`evenkeel backtest`: what would differ, rule by rule; what cannot be tried is said in one line."""

import pytest

from tests.cli.conftest import Evenkeel
from tests.cli.test_reassess import world
from tests.worlds import World

__all__ = ["world"]

LOSS = "trust-bond-loss"


def test_what_would_differ(evenkeel: Evenkeel, world: World) -> None:
    name, before = str(world.organization_id), world.stored()
    done = evenkeel("backtest", name, "--mode", f"{LOSS}=off", "--set", "early-low.first=4", "--processes", "2")
    assert done.exit_code == 0
    rows = {line.split()[0]: line.split()[1:] for line in done.stdout.splitlines()[1:-1]}
    assert rows[LOSS] == ["2", "0", "0", "2", "0"]
    assert done.stdout.splitlines()[-1] == "cases: 2, member-sessions: 10"
    kept = {table: rows for table, rows in world.stored().items() if table not in ("jobs", "chunks", "audit")}
    assert kept == {table: before[table] for table in kept}


def test_for_a_program_alone(evenkeel: Evenkeel, world: World) -> None:
    done = evenkeel("backtest", str(world.organization_id), "--mode", f"{LOSS}=off", "--program", "trauma")
    assert [line.split()[1:] for line in done.stdout.splitlines() if line.startswith(LOSS)] == [list("22000")]


@pytest.mark.parametrize(
    ("arguments", "line"),
    [
        ((), "--set or --mode says what to try"),
        (("--mode", f"{LOSS}=loud"), "--mode takes RULE=on, RULE=shadow or RULE=off"),
        (("--set", f"{LOSS}.bond_below=low"), "--set takes RULE.PARAMETER=VALUE, the value as JSON"),
        (("--set", f"{LOSS}.bond_below=-4"), f"{LOSS}/parameters/bond_below: From 0 to 100 is taken in."),
        (("--set", f"{LOSS}.z_warning=-4"), f"{LOSS}/parameters/z_warning: It must not lie below z_critical."),
        (("--set", f"{LOSS}=4"), f"{LOSS}/parameters: The rule has no such parameter."),
        (("--mode", "no-rule=off"), "no-rule: There is no such rule."),
    ],
)
def test_what_cannot_be_tried(evenkeel: Evenkeel, world: World, arguments: tuple[str, ...], line: str) -> None:
    refused = evenkeel("backtest", str(world.organization_id), *arguments)
    assert world.count("jobs") == 0
    assert (refused.exit_code, refused.stdout, refused.stderr) == (2, "", f"evenkeel: {line}\n")
