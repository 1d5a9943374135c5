from uuid import UUID, uuid4

from tests.cli.conftest import Evenkeel


def test_create_prints_the_id_alone(evenkeel: Evenkeel) -> None:
    made = evenkeel("organization", "create", f"clinic {uuid4()}")
    assert made.exit_code == 0
    assert str(UUID(made.stdout.strip())) == made.stdout.strip()


def test_list_shows_live_and_test_organizations(evenkeel: Evenkeel) -> None:
    live, test = f"clinic {uuid4()}", f"trial {uuid4()}"
    ids = [
        evenkeel("organization", "create", live).stdout.strip(),
        evenkeel("organization", "create", test, "--test").stdout.strip(),
    ]
    lines = [line.split(maxsplit=3) for line in evenkeel("organization", "list").stdout.splitlines()]
    assert [(line[0], line[2], line[3]) for line in lines if line[0] in ids] == [
        (ids[0], "live", live),
        (ids[1], "test", test),
    ]


def test_a_name_that_is_taken_is_refused_in_one_line(evenkeel: Evenkeel) -> None:
    name = f"clinic {uuid4()}"
    evenkeel("organization", "create", name)
    again = evenkeel("organization", "create", name)
    assert (again.exit_code, again.stdout) == (1, "")
    assert again.stderr == "evenkeel: Another organization has this name.\n"


def test_alone_it_says_what_it_can(evenkeel: Evenkeel) -> None:
    found = evenkeel("organization")
    assert found.exit_code == 2
    assert "create" in found.output
    assert "list" in found.output
