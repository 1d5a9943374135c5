import asyncio
import os
import shutil
import signal
import stat
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import nullcontext
from pathlib import Path

import asyncpg
import pytest

from service.db import embedded
from service.db.embedded import EmbeddedServer, EmbeddedServerError

# A process that uses the server until its standard input ends.
USER_PROCESS = """
import sys
from pathlib import Path
from service.db.embedded import EmbeddedServer
with EmbeddedServer(Path(sys.argv[1]), fast=True).running():
    print("running", flush=True)
    sys.stdin.read()
"""


@pytest.fixture
def folder() -> Iterator[Path]:
    """Return a folder that the server's user can get through, unlike pytest's own."""
    folder = Path(tempfile.mkdtemp(prefix="evenkeel-tests-"))
    folder.chmod(0o711)
    yield folder
    shutil.rmtree(folder)


@pytest.fixture(scope="module")
def made() -> Iterator[Path]:
    """Return a data folder that was used before: making one costs most of a start."""
    folder = Path(tempfile.mkdtemp(prefix="evenkeel-tests-"))
    folder.chmod(0o711)
    with EmbeddedServer(folder / "data", fast=True).running():
        pass
    yield folder / "data"
    shutil.rmtree(folder)


def _ask(url: str, query: str) -> str:
    async def ask() -> str:
        connection = await asyncpg.connect(url)
        try:
            return str(await connection.fetchval(query))
        finally:
            await connection.close()

    return asyncio.run(ask())


def _postmaster(data: Path) -> int | None:
    """Return the process id of the running server."""
    file = data / "postgres" / "postmaster.pid"
    return int(file.read_text().split("\n")[0]) if file.exists() else None


def _user(data: Path) -> subprocess.Popen[bytes]:
    command = [sys.executable, "-c", USER_PROCESS, str(data)]
    user = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE)
    assert user.stdout is not None
    assert user.stdout.readline() == b"running\n"
    return user


def test_a_server_starts_in_an_empty_folder_and_keeps_what_it_is_told(folder: Path) -> None:
    server = EmbeddedServer(folder / "a" / "data", fast=True)
    with server.running() as url:
        assert _ask(url, "SHOW server_version").startswith("18")
        assert _ask(url, "SHOW listen_addresses") == ""
        _ask(url, "CREATE TABLE kept AS SELECT 7 AS seven")
    assert _postmaster(server.data_dir) is None
    with server.running() as url:
        assert _ask(url, "SELECT seven FROM kept") == "7"


def test_only_its_own_user_gets_in(made: Path) -> None:
    with EmbeddedServer(made, fast=True).running() as url:
        password = (made / "password").read_text()
        with pytest.raises(asyncpg.InvalidPasswordError):
            _ask(url.replace(password, "guess"), "SELECT 1")
    for path in (made, made / "postgres", made / "socket"):
        assert stat.S_IMODE(path.stat().st_mode) == 0o700
    for path in (made / "password", made / "server.log"):
        assert stat.S_IMODE(path.stat().st_mode) == 0o600


def test_without_fast_nothing_that_was_committed_can_be_lost(made: Path) -> None:
    with EmbeddedServer(made).running() as url:
        for setting in ("fsync", "synchronous_commit", "full_page_writes"):
            assert _ask(url, f"SHOW {setting}") == "on"


def test_a_second_user_joins_and_the_last_one_stops_the_server(made: Path) -> None:
    with EmbeddedServer(made, fast=True).running() as url:
        pid = _postmaster(made)
        user = _user(made)
        assert _postmaster(made) == pid
        user.communicate()
        assert _ask(url, "SELECT 1") == "1"
    assert _postmaster(made) is None


def test_the_server_outlives_its_starter_for_the_others(made: Path) -> None:
    user = _user(made)
    with EmbeddedServer(made, fast=True).running() as url:
        user.communicate()
        assert _ask(url, "SELECT 1") == "1"
    assert _postmaster(made) is None


def test_the_server_of_a_killed_process_is_adopted_and_stopped(made: Path) -> None:
    user = _user(made)
    pid = _postmaster(made)
    user.kill()
    user.communicate()
    assert _postmaster(made) == pid
    with EmbeddedServer(made, fast=True).running() as url:
        assert _postmaster(made) == pid
        assert _ask(url, "SELECT 1") == "1"
    assert _postmaster(made) is None


def test_a_killed_server_is_started_anew(made: Path) -> None:
    user = _user(made)
    pid = _postmaster(made)
    assert pid is not None
    os.kill(pid, signal.SIGKILL)
    user.kill()
    user.communicate()
    with EmbeddedServer(made, fast=True).running() as url:
        assert _ask(url, "SELECT 1") == "1"
        assert _postmaster(made) != pid


def test_a_leftover_that_names_somebody_elses_process_is_no_server(made: Path) -> None:
    (made / "postgres" / "postmaster.pid").write_text(f"{os.getpid()}\n")
    with EmbeddedServer(made, fast=True).running() as url:
        assert _ask(url, "SELECT 1") == "1"
        assert _postmaster(made) != os.getpid()


def test_a_server_that_lost_its_socket_is_replaced(made: Path) -> None:
    with EmbeddedServer(made, fast=True).running():
        pid = _postmaster(made)
        shutil.rmtree(made / "socket")
        with EmbeddedServer(made, fast=True).running() as url:
            assert _ask(url, "SELECT 1") == "1"
            assert _postmaster(made) != pid


def test_many_who_start_at_once_share_one_server(made: Path) -> None:
    command = [sys.executable, "-c", USER_PROCESS, str(made)]
    users = [subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE) for _ in range(4)]
    assert [user.stdout.readline() for user in users if user.stdout] == [b"running\n"] * 4
    assert _postmaster(made) is not None
    for user in users:
        user.communicate()
    assert [user.returncode for user in users] == [0] * 4
    assert _postmaster(made) is None


def test_a_half_made_cluster_is_made_anew(folder: Path) -> None:
    server = EmbeddedServer(folder / "data", fast=True)
    partial = folder / "data" / "postgres.partial"
    partial.mkdir(parents=True)
    (partial / "PG_VERSION").write_text("18\n")
    with server.running() as url:
        assert _ask(url, "SELECT 1") == "1"
    assert not partial.exists()


@pytest.mark.parametrize("name", ["a" * 100, "it's a strange, (long) name"])
def test_a_folder_with_any_name_will_do(folder: Path, name: str) -> None:
    server = EmbeddedServer(folder / name, fast=True)
    with server.running() as url:
        assert _ask(url, "SELECT 1") == "1"
    short = Path((server.data_dir / "socket-dir").read_text())
    assert stat.S_IMODE(short.stat().st_mode) == 0o700
    short.rmdir()  # as a sweeper of temporary folders would
    with server.running() as url:
        assert _ask(url, "SELECT 1") == "1"
    Path((server.data_dir / "socket-dir").read_text()).rmdir()


def test_a_server_that_cannot_start_says_where_to_look(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(embedded, "START_TRIES", 1)
    server = EmbeddedServer(folder / "data", fast=True)
    with server.running():
        pass
    (folder / "data" / "postgres" / "postgresql.conf").write_text("nonsense = on\n")
    with pytest.raises(EmbeddedServerError, match=r"server\.log"), server.running():
        pass
    assert "nonsense" in (folder / "data" / "server.log").read_text()


def test_the_server_is_never_root(made: Path) -> None:
    with EmbeddedServer(made, fast=True).running():
        assert Path(f"/proc/{_postmaster(made)}").stat().st_uid != 0


def test_no_parents_rights_change(folder: Path) -> None:
    folder.chmod(0o700)  # nobody but ourselves gets through, so as root the server's user cannot
    root = os.geteuid() == 0
    with pytest.raises(EmbeddedServerError, match="EVENKEEL_DATA_DIR") if root else nullcontext():
        with EmbeddedServer(folder / "data", fast=True).running():
            pass
    assert stat.S_IMODE(folder.stat().st_mode) == 0o700
