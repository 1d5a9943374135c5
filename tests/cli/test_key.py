from uuid import uuid4

import pytest

from service.db.identity import parse_token
from tests.cli.conftest import Evenkeel


@pytest.fixture
def name(evenkeel: Evenkeel) -> str:
    """Return the name of a new organization."""
    name = f"clinic {uuid4()}"
    assert evenkeel("organization", "create", name).exit_code == 0
    return name


def key_id(token: str) -> str:
    parsed = parse_token(token.strip())
    assert parsed is not None
    return parsed.key_id


def test_create_prints_the_key_alone_on_standard_output(evenkeel: Evenkeel, name: str) -> None:
    made = evenkeel("key", "create", name, "--scope", "all")
    assert made.exit_code == 0
    assert made.stdout == made.stdout.strip() + "\n"
    assert parse_token(made.stdout.strip()) is not None
    assert "shown once" in made.stderr


def test_the_organization_may_be_named_by_its_id(evenkeel: Evenkeel) -> None:
    organization_id = evenkeel("organization", "create", f"clinic {uuid4()}", "--test").stdout.strip()
    made = evenkeel("key", "create", organization_id, "--scope", "all")
    assert made.stdout.startswith(f"ek_test_{organization_id.replace('-', '')}_")


def test_list_shows_ids_states_and_scopes_and_never_a_secret(evenkeel: Evenkeel, name: str) -> None:
    tokens = [
        evenkeel("key", "create", name, "--scope", "all").stdout.strip(),
        evenkeel("key", "create", name, "--scope", "ratings:write", "--scope", "cases:write").stdout.strip(),
        evenkeel("key", "create", name, "--scope", "alerts:read", "--expires", "90d").stdout.strip(),
    ]
    shown = evenkeel("key", "list", name).stdout
    lines = [line.split(maxsplit=2) for line in shown.splitlines()]
    assert [line[0] for line in lines] == [key_id(token) for token in tokens]
    assert lines[0][2] == "valid  all"
    assert lines[1][2] == "valid  cases:write,ratings:write"
    assert lines[2][2].startswith("valid until ")
    assert not any(token.rsplit("_")[-1] in shown for token in tokens)


def test_revoke_ends_a_key_by_its_id_alone(evenkeel: Evenkeel, name: str) -> None:
    kept = evenkeel("key", "create", name, "--scope", "all").stdout
    lost = evenkeel("key", "create", name, "--scope", "all").stdout
    assert evenkeel("key", "revoke", key_id(lost)).exit_code == 0
    states = {line.split()[0]: line.split()[2] for line in evenkeel("key", "list", name).stdout.splitlines()}
    assert states == {key_id(kept): "valid", key_id(lost): "revoked"}


def test_rotate_prints_a_new_key_and_lets_the_old_one_end(evenkeel: Evenkeel, name: str) -> None:
    old = evenkeel("key", "create", name, "--scope", "course:read").stdout
    new = evenkeel("key", "rotate", key_id(old), "--overlap", "7d")
    assert new.exit_code == 0
    lines = {line.split()[0]: line.split(maxsplit=2)[2] for line in evenkeel("key", "list", name).stdout.splitlines()}
    assert lines[key_id(new.stdout)] == "valid  course:read"
    assert lines[key_id(old)].startswith("valid until ")


@pytest.mark.parametrize(
    ("arguments", "code", "said"),
    [
        (("create", "nobody-here", "--scope", "all"), 1, "No organization has this name"),
        (("list", "nobody-here"), 1, "No organization has this name"),
        (("revoke", "nosuchkey000"), 1, "No organization has a key"),
        (("rotate", "nosuchkey000", "--overlap", "7d"), 1, "No organization has a key"),
        (("rotate", "nosuchkey000"), 2, "--overlap"),
        (("rotate", "nosuchkey000", "--overlap", "soon"), 2, "90m, 12h, 7d"),
        (("create", "nobody-here"), 2, "--scope"),
    ],
)
def test_says_in_a_line_what_cannot_be_done(
    evenkeel: Evenkeel, arguments: tuple[str, ...], code: int, said: str
) -> None:
    found = evenkeel("key", *arguments)
    assert (found.exit_code, found.stdout) == (code, "")
    assert said in found.stderr


def test_an_unknown_scope_is_refused(evenkeel: Evenkeel, name: str) -> None:
    found = evenkeel("key", "create", name, "--scope", "everything")
    assert (found.exit_code, found.stdout) == (1, "")
    assert "scopes" in found.stderr
