"""Real processes of `python -m service …`, each with a data folder of its own."""

import os
import queue
import re
import signal
import subprocess
import sys
import threading
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from typer.testing import CliRunner, Result

from service.cli import app

COMMAND = [sys.executable, "-m", "service"]
PATIENCE = 60.0  # seconds; a busy machine, a first initdb
LISTENING = re.compile(r"listening on (http://\S+)")


def environment(**settings: str) -> dict[str, str]:
    """Return the environment of a process with only these settings of ours."""
    ours = {f"EVENKEEL_{name.upper()}": value for name, value in settings.items()}
    kept = {name: value for name, value in os.environ.items() if not name.startswith("EVENKEEL_")}
    return {**kept, **ours, "PYTHONUNBUFFERED": "1"}


def invoke(*arguments: str, env: Mapping[str, str]) -> Result:
    """Run a command in this process, which starts much sooner."""
    return CliRunner().invoke(app, list(arguments), env=dict(env))


def call(*arguments: str, env: Mapping[str, str]) -> "subprocess.CompletedProcess[str]":
    """Run a command in a process of its own to its end."""
    return subprocess.run(
        [*COMMAND, *arguments], env=env, capture_output=True, text=True, timeout=PATIENCE, check=False
    )


@dataclass
class Process:
    """A command that runs on; what it says is read while it runs, so that a full pipe never stops it."""

    popen: "subprocess.Popen[str]"
    said: list[str] = field(default_factory=list)
    address: str = ""
    _lines: "queue.Queue[str | None]" = field(default_factory=queue.Queue)

    def read_on(self) -> None:
        assert self.popen.stdout is not None
        for line in self.popen.stdout:
            self.said.append(line.rstrip("\n"))
            self._lines.put(line.rstrip("\n"))
        self._lines.put(None)

    def wait_for_line(self, pattern: str) -> "re.Match[str]":
        """Return the first line still unread that matches; AssertionError with all that was said if none comes."""
        while (line := self._lines.get(timeout=PATIENCE)) is not None:
            if found := re.search(pattern, line):
                return found
        raise AssertionError("the process ended and said:\n" + "\n".join(self.said))

    def end(self, how: signal.Signals = signal.SIGTERM) -> int:
        """Send a signal and return the exit code."""
        self.popen.send_signal(how)
        return self.popen.wait(PATIENCE)


@contextmanager
def running(
    *arguments: str, env: Mapping[str, str], command: Sequence[str] = COMMAND, cwd: Path | None = None
) -> Iterator[Process]:
    """Yield a process once it listens; it is ended with the block, come what may."""
    with started(*arguments, env=env, command=command, cwd=cwd) as process:
        process.address = process.wait_for_line(LISTENING.pattern)[1]
        yield process


@contextmanager
def started(
    *arguments: str, env: Mapping[str, str], command: Sequence[str] = COMMAND, cwd: Path | None = None
) -> Iterator[Process]:
    """Yield a process at once; it is ended with the block, come what may."""
    popen = subprocess.Popen(
        [*command, *arguments], env=env, cwd=cwd, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True
    )
    process = Process(popen)
    reader = threading.Thread(target=process.read_on)
    reader.start()
    try:
        yield process
    finally:
        if popen.poll() is None:
            popen.terminate()
            try:
                popen.wait(PATIENCE)
            except subprocess.TimeoutExpired:
                popen.kill()
        popen.wait()
        reader.join()
        assert popen.stdout is not None
        popen.stdout.close()


def postmaster(data_dir: Path) -> int | None:
    """Return the process id of the embedded server of a data folder; None if it does not run."""
    try:
        pid = int((data_dir / "postgres" / "postmaster.pid").read_text().split()[0])
        os.kill(pid, 0)
    except (FileNotFoundError, ProcessLookupError):
        return None
    return pid
