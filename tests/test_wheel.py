"""The built wheel, in an environment of its own and outside the repository: it migrates, serves and stops."""

import shutil
import subprocess
import sys
import sysconfig
import tempfile
import zipfile
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest

from tests.cli.processes import environment, running
from tests.test_dockerfile import health_command

ROOT = Path(__file__).parent.parent


def run(*command: str | Path, cwd: Path, env: dict[str, str] | None = None) -> str:
    done = subprocess.run(
        [str(part) for part in command], cwd=cwd, env=env, capture_output=True, text=True, timeout=120, check=False
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


@pytest.fixture(scope="module")
def elsewhere() -> Iterator[Path]:
    """Return a folder outside the repository that the embedded server's user can enter."""
    folder = Path(tempfile.mkdtemp(prefix="evenkeel-wheel-"))
    folder.chmod(0o711)
    yield folder
    shutil.rmtree(folder)


@pytest.fixture(scope="module")
def wheel(elsewhere: Path) -> Path:
    run(sys.executable, "-m", "hatchling", "build", "--target", "wheel", "--directory", elsewhere / "dist", cwd=ROOT)
    (built,) = (elsewhere / "dist").glob("*.whl")
    return built


@pytest.fixture(scope="module")
def installed(elsewhere: Path, wheel: Path) -> Path:
    """Return the programs of an environment that has the wheel, and what it depends on from this one."""
    venv = elsewhere / "venv"
    run(sys.executable, "-m", "venv", "--without-pip", venv, cwd=elsewhere)
    python = venv / "bin" / "python"
    pip = (sys.executable, "-m", "pip", "--disable-pip-version-check", "--python", python)
    run(*pip, "install", "--quiet", "--no-index", "--no-deps", wheel, cwd=elsewhere)
    packages = Path(run(python, "-c", "import sysconfig; print(sysconfig.get_path('purelib'))", cwd=elsewhere).strip())
    # a folder named in a .pth file lends its packages, but its own .pth files, such as our editable install, count not
    (packages / "dependencies.pth").write_text(sysconfig.get_path("purelib") + "\n", encoding="utf-8")
    return venv / "bin"


def test_it_holds_the_service_the_migrations_and_nothing_else(wheel: Path) -> None:
    with zipfile.ZipFile(wheel) as archive:
        names = archive.namelist()
    assert {name.split("/")[0] for name in names} == {"service", f"{wheel.name.rsplit('-', 3)[0]}.dist-info"}
    assert "service/_migrations/env.py" in names
    migrations = {path.name for path in (ROOT / "alembic" / "versions").glob("*.py")}
    assert {Path(name).name for name in names if name.startswith("service/_migrations/versions/")} == migrations
    assert [name for name in names if "__pycache__" in name or "/tests/" in name] == []
    files = {path.relative_to(ROOT).as_posix() for kind in ("*.py", "*.po") for path in (ROOT / "service").rglob(kind)}
    assert files <= set(names)


def test_it_migrates_serves_and_stops_outside_the_repository(elsewhere: Path, installed: Path) -> None:
    env = environment(data_dir=str(elsewhere / "data"), drain_seconds="0")
    place = run(installed / "python", "-c", "import service; print(service.__file__)", cwd=elsewhere, env=env)
    assert Path(place.strip()).is_relative_to(elsewhere)
    assert run(installed / "evenkeel", "migrate", cwd=elsewhere, env=env).startswith("The database is at ")
    run(installed / "evenkeel", "migrate", "--check", cwd=elsewhere, env=env)
    command = [str(installed / "evenkeel")]
    with running("serve", "--port", "0", env=env, command=command, cwd=elsewhere) as server:
        assert httpx.get(f"{server.address}/readyz", trust_env=False).status_code == 200
        check_health(installed, server.address, elsewhere)
        assert server.end() == 0
    assert not (elsewhere / "data" / "postgres" / "postmaster.pid").exists()


def check_health(installed: Path, address: str, elsewhere: Path) -> None:
    """Run the image's health check: it passes against the service and fails against a port where nobody listens."""
    program, *arguments = health_command()
    port = address.rsplit(":", 1)[1]
    run(installed / program, *arguments, cwd=elsewhere, env=environment(port=port))
    silent = subprocess.run(
        [installed / program, *arguments], cwd=elsewhere, env=environment(port="1"), capture_output=True, check=False
    )
    assert silent.returncode != 0
