from uuid import uuid4

import pytest

from service.domain.rules import rules
from tests.cli.conftest import Evenkeel

LOSS = "trust-bond-loss"


@pytest.fixture
def name(evenkeel: Evenkeel) -> str:
    """Return the name of a new organization."""
    name = f"clinic {uuid4()}"
    assert evenkeel("organization", "create", name).exit_code == 0
    return name


def line_of(evenkeel: Evenkeel, name: str, *options: str) -> list[str]:
    """Return what the list says of one rule."""
    shown = evenkeel("rule", "list", name, *options).stdout.splitlines()
    assert len(shown) == len(rules())
    (line,) = [line.split() for line in shown if line.startswith(LOSS)]
    return line[1:]


def test_a_list_shows_every_rule_and_what_is_set_otherwise(evenkeel: Evenkeel, name: str) -> None:
    assert line_of(evenkeel, name) == ["on"]
    done = evenkeel("rule", "set", name, LOSS, "--mode", "shadow", "--set", "bond_below=70", "--set", "z_warning=-3")
    assert (done.exit_code, done.stdout) == (0, "")
    assert "from now on" in done.stderr
    assert line_of(evenkeel, name) == ["shadow", "z_warning=-3.0", "bond_below=70.0"]


def test_what_is_not_named_stays(evenkeel: Evenkeel, name: str) -> None:
    evenkeel("rule", "set", name, LOSS, "--mode", "shadow")
    evenkeel("rule", "set", name, LOSS, "--set", "bond_below=70")
    assert line_of(evenkeel, name) == ["shadow", "bond_below=70.0"]
    evenkeel("rule", "set", name, LOSS, "--program", "trauma", "--set", "bond_below=60")
    assert line_of(evenkeel, name, "--program", "trauma") == ["shadow", "bond_below=60.0"]
    assert evenkeel("rule", "reset", name, LOSS, "--program", "trauma").exit_code == 0
    assert line_of(evenkeel, name, "--program", "trauma") == ["shadow", "bond_below=70.0"]
    assert evenkeel("rule", "reset", name, LOSS).exit_code == 0
    assert line_of(evenkeel, name) == ["on"]


@pytest.mark.parametrize(
    ("arguments", "code", "said"),
    [
        (("list", "nobody-here"), 1, "No organization has this name"),
        (("set", "NAME", LOSS), 2, "--mode or --set"),
        (("set", "NAME", "no-such-rule", "--mode", "off"), 2, "no such rule"),
        (("set", "NAME", LOSS, "--mode", "quiet"), 2, "quiet"),
        (("set", "NAME", LOSS, "--set", "bond_below=low"), 2, "PARAMETER=VALUE"),
        (("set", "NAME", LOSS, "--set", "bond_below"), 2, "PARAMETER=VALUE"),
        (
            ("set", "NAME", LOSS, "--set", 'bond_below="low"', "--set", "z_warning=3"),
            2,
            "bond_below: A number is needed.",
        ),
        (("set", "NAME", LOSS, "--set", "bond=70"), 2, "bond: The rule has no such parameter."),
        (("set", "NAME", LOSS, "--set", "z_warning=-4"), 2, "z_warning: It must not lie below z_critical."),
        (("set", "NAME", LOSS, "--mode", "off", "--program", "Trauma"), 2, "kebab-case"),
        (("list", "NAME", "--program", "Trauma"), 2, "kebab-case"),
    ],
)
def test_what_does_not_work(evenkeel: Evenkeel, name: str, arguments: tuple[str, ...], code: int, said: str) -> None:
    done = evenkeel("rule", *(name if item == "NAME" else item for item in arguments))
    assert (done.exit_code, said in done.stderr) == (code, True), done.stderr
    assert "Traceback" not in done.stderr
    assert line_of(evenkeel, name) == ["on"]
