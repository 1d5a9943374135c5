import pytest
from typer.testing import CliRunner

from service.cli import app

COMMANDS = (
    ("migrate",),
    ("serve",),
    ("worker",),
    ("demo",),
    ("import",),
    ("organization", "create"),
    ("organization", "list"),
    ("key", "create"),
    ("key", "list"),
    ("key", "revoke"),
    ("key", "rotate"),
    ("provider", "set"),
    ("provider", "show"),
    ("provider", "remove"),
    ("rule", "list"),
    ("rule", "set"),
    ("rule", "reset"),
    ("calibrate",),
    ("reassess",),
    ("renew-secrets",),
    ("restored",),
    ("backtest",),
    ("doctor",),
)


@pytest.mark.parametrize("command", COMMANDS, ids=" ".join)
def test_every_command_explains_itself(command: tuple[str, ...]) -> None:
    told = CliRunner().invoke(app, [*command, "--help"])
    assert told.exit_code == 0
    assert "Usage: " in told.stdout


def test_alone_it_lists_its_commands() -> None:
    told = CliRunner().invoke(app, [])
    assert told.exit_code == 2
    assert {command[0] for command in COMMANDS} == {
        line.split()[0] for line in told.output.partition("Commands:")[2].splitlines() if line.startswith("  ")
    } - {""}


@pytest.mark.parametrize("arguments", [["unheard-of"], ["serve", "--unheard-of"], ["import"], ["key", "revoke"]])
def test_a_wrong_call_is_two_and_a_hint(arguments: list[str]) -> None:
    told = CliRunner().invoke(app, arguments)
    assert (told.exit_code, told.stdout) == (2, "")
    assert "--help" in told.stderr
