"""`python -m bench.detection [--quick] [--seed N]`: how well ruptures are seen, ours and others' detectors in one run.

Prints the tables and writes them, with seed and version, to RESULTS.md beside this file; a quick run only prints.
"""

import argparse
import platform
import subprocess
import sys
from importlib.metadata import version
from pathlib import Path

from bench.detection.charts import CHARTS, EARLIER_LIMIT, LATER_LIMITS, OWN_LIMIT
from bench.detection.measure import ANY, LOUD, Bench, own_detectors
from bench.detection.packages import packages
from bench.detection.plot import draw
from bench.detection.report import Run, report
from bench.detection.scenarios import FAMILIES, SCENARIOS, SIDING, SINGLE, WORLDS

HERE = Path(__file__).parent
RESULTS, PLOT = HERE / "RESULTS.md", HERE / "results.svg"
FAMILIES_EACH, QUICK, SEED = 250, 10, 20260105
DRAWN = (SINGLE.name, SIDING.name)


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m bench.detection", description="How well ruptures are seen.")
    parser.add_argument("--quick", action="store_true", help="a few families, to see that it runs; writes nothing")
    parser.add_argument("--seed", type=int, default=SEED)
    asked = parser.parse_args()
    run, bench = measured(QUICK if asked.quick else FAMILIES_EACH, asked.seed)
    if asked.quick:
        print(report(run, None))
        return
    shown = [ANY, LOUD, bench.own.name, *run.peers]
    drawn = draw(run.world(FAMILIES.name), [run.scenario(name) for name in DRAWN], shown, PLOT)
    page = report(run, PLOT.name if drawn else None)
    RESULTS.write_text(page, encoding="utf-8")
    print(page)


def measured(families: int, seed: int) -> tuple[Run, Bench]:
    """Return a run over so many families in each line of the table."""
    found, absent = packages()
    bench = Bench(OWN_LIMIT, [EARLIER_LIMIT, *LATER_LIMITS], [*CHARTS, *found], families, seed, frozenset(DRAWN))
    clean, injected = [], []
    for quiet, ruptured in bench.run(SCENARIOS, WORLDS):
        print(f"{quiet.world.name} …", file=sys.stderr, flush=True)
        clean.append(quiet)
        injected += ruptured
    head = [
        f"Evenkeel {version('evenkeel')}, {_commit()}, Python {platform.python_version()}",
        f"seed {seed}, {families} families of ten sessions in each world and scenario",
        f"not installed, so not here: {', '.join(absent)} (group `bench` of pyproject.toml)" if absent else "",
    ]
    return Run(clean, injected, [line for line in head if line], frozenset(own_detectors())), bench


def _commit() -> str:
    """Return which state of the source ran."""
    told = subprocess.run(
        ["git", "describe", "--always", "--dirty=, changed since"],
        cwd=HERE,
        capture_output=True,
        text=True,
        check=False,
    )
    return f"commit {told.stdout.strip()}" if told.returncode == 0 else "outside a checkout"


if __name__ == "__main__":
    main()
