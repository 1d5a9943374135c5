from uuid import uuid4

import pytest

from tests.cli.conftest import Evenkeel

TOLD = ("--issuer", "https://id.clinic.example/", "--audience", "evenkeel", "--scope", "alerts:read")
PUBLIC = ("--jwks", "https://id.clinic.example/jwks")


@pytest.fixture
def name(evenkeel: Evenkeel) -> str:
    """Return the name of a new organization."""
    name = f"clinic {uuid4()}"
    assert evenkeel("organization", "create", name).exit_code == 0
    return name


def test_set_show_and_remove(evenkeel: Evenkeel, name: str) -> None:
    assert evenkeel("provider", "show", name).exit_code == 1
    done = evenkeel("provider", "set", name, *TOLD, *PUBLIC, "--scope", "course:read", "--person-claim", "therapist")
    assert done.exit_code == 0
    assert "Evenkeel-Organization" in done.stderr
    assert evenkeel("provider", "show", name).stdout.splitlines() == [
        "issuer https://id.clinic.example/",
        "audience evenkeel",
        "jwks https://id.clinic.example/jwks",
        "person-claim therapist",
        "therapists-claim none",
        "scopes alerts:read,course:read",
    ]
    assert evenkeel("provider", "remove", name).exit_code == 0
    assert evenkeel("provider", "remove", name).exit_code == 1


@pytest.mark.parametrize(
    "told",
    [
        (*TOLD, "--jwks", "http://id.clinic.example/jwks"),
        (*TOLD, "--jwks", "https://127.0.0.1/jwks"),
        (*TOLD, "--jwks", "https://169.254.169.254/jwks"),
        (*TOLD, "--jwks", "https://user@id.clinic.example/jwks"),
        (*TOLD, *PUBLIC, "--scope", "ratings:write"),
        (*TOLD, *PUBLIC, "--scope", "all"),
        (*TOLD, *PUBLIC, "--person-claim", ""),
        (*TOLD[2:], *PUBLIC, "--issuer", "x" * 1001),
    ],
)
def test_what_is_refused_changes_nothing(evenkeel: Evenkeel, name: str, told: tuple[str, ...]) -> None:
    assert evenkeel("provider", "set", name, *told).exit_code == 1
    assert evenkeel("provider", "show", name).exit_code == 1
