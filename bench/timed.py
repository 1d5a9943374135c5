"""Our service with clocks in it: how long it loads courses, folds them, stores carries and cases and reconciles alerts.

`python -m bench.timed serve …` does what `evenkeel serve` does, and at the end writes the seconds as JSON to the file
that BENCH_CLOCKS names.
"""

import json
import os
import sys
import time
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

import service.writing
from service.cli import app

CLOCKS = {"load_parts": 0.0, "fold_parts": 0.0, "_store_courses": 0.0, "reconcile_alerts": 0.0}


def clocked(name: str, function: Callable[..., Awaitable[Any]]) -> Callable[..., Awaitable[Any]]:
    """Return the function with its time added to its clock."""

    async def timed(*arguments: Any, **named: Any) -> Any:
        begun = time.perf_counter()
        try:
            return await function(*arguments, **named)
        finally:
            CLOCKS[name] += time.perf_counter() - begun

    return timed


if __name__ == "__main__":
    for code in CLOCKS:
        setattr(service.writing, code, clocked(code, getattr(service.writing, code)))
    try:
        app(sys.argv[1:])
    finally:
        Path(os.environ["BENCH_CLOCKS"]).write_text(json.dumps(CLOCKS), encoding="utf-8")
