import shutil
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from typer.testing import CliRunner, Result

from service.cli import app

Evenkeel = Callable[..., Result]


@pytest.fixture
def data_dir() -> Iterator[Path]:
    """Return a data folder that is not there yet, in a place where an embedded server may live, as root too."""
    folder = Path(tempfile.mkdtemp(prefix="evenkeel-cli-"))
    folder.chmod(0o711)
    yield folder / "data"
    shutil.rmtree(folder)


@pytest.fixture
def evenkeel(database_url: str, monkeypatch: pytest.MonkeyPatch) -> Evenkeel:
    """Return what runs a command in this process on the test database."""
    monkeypatch.setenv("EVENKEEL_DATABASE_URL", database_url)
    return lambda *arguments: CliRunner().invoke(app, list(arguments))
