"""How much processor time processes took, where the system tells (Linux's /proc): the steadiest figure of all."""

import os
from pathlib import Path

TICKS = os.sysconf("SC_CLK_TCK")
PROC = Path("/proc")


def _stat(pid: int) -> list[str]:
    """Return what follows a process's name in its stat; fields 0 state, 1 parent, 11-14 its and its children's time."""
    return (PROC / str(pid) / "stat").read_text().rsplit(")", 1)[1].split()


def process_seconds(pid: int) -> float | None:
    """Return the processor time of one process."""
    if not (PROC / str(pid)).exists():
        return None
    fields = _stat(pid)
    return (int(fields[11]) + int(fields[12])) / TICKS


def postgres_seconds(data_dir: Path) -> float | None:
    """Return the processor time of a PostgreSQL: of its postmaster, its processes, and those that have ended."""
    postmaster = int((data_dir / "postgres" / "postmaster.pid").read_text().split()[0])
    if not (PROC / str(postmaster)).exists():
        return None
    total = sum(int(ticks) for ticks in _stat(postmaster)[11:15])
    for entry in PROC.glob("[0-9]*"):
        try:
            fields = _stat(int(entry.name))
        except (FileNotFoundError, ProcessLookupError):
            continue
        if int(fields[1]) == postmaster:
            total += int(fields[11]) + int(fields[12])
    return total / TICKS


def per_request(before: float | None, after: float | None, requests: int) -> float:
    """Return microseconds a request; not a number where the system tells nothing."""
    return float("nan") if before is None or after is None or not requests else 1e6 * (after - before) / requests
