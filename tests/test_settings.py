import os
from base64 import b64encode, urlsafe_b64encode
from pathlib import Path

import pytest

from service.settings import Settings, default_data_dir, read_settings

SECRET = "hunter2"
PLAIN = f"postgresql://eva:{SECRET}@db.example:5433/evenkeel"


@pytest.mark.parametrize(
    ("given", "address"),
    [
        (PLAIN, PLAIN),
        (PLAIN.replace("postgresql://", "postgres://"), PLAIN),
        (PLAIN.replace("postgresql://", "postgresql+psycopg://"), PLAIN),
        (PLAIN + "?sslmode=require", PLAIN + "?sslmode=require"),
        ("postgresql://a:5432,b:5433/evenkeel", "postgresql://a:5432,b:5433/evenkeel"),
        ("postgresql:///evenkeel?host=/run/postgresql", "postgresql:///evenkeel?host=/run/postgresql"),
    ],
)
def test_addresses(monkeypatch: pytest.MonkeyPatch, given: str, address: str) -> None:
    monkeypatch.setenv("EVENKEEL_DATABASE_URL", given)
    assert read_settings().address == address


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("DATABASE_URL", f"mysql://eva:{SECRET}@db.example/evenkeel"),
        ("DATABASE_URL", f"postgresql://eva:{SECRET}@db.example:port/evenkeel"),
        ("DATABASE_URL", "postgresql://"),
        ("LISTEN_DATABASE_URL", f"mysql://eva:{SECRET}@db.example/evenkeel"),
        ("POOL_SIZE", f"1{SECRET}"),
        ("POOL_SIZE", "1"),
        ("STATEMENT_SECONDS", "0"),
        ("PORT", "65536"),
        ("QUEUE_LIMIT", "0"),
        ("LOG_LEVEL", SECRET),
        ("SECRET_KEYS", SECRET),
    ],
)
def test_what_is_wrong_is_named_and_not_repeated(monkeypatch: pytest.MonkeyPatch, name: str, value: str) -> None:
    monkeypatch.setenv(f"EVENKEEL_{name}", value)
    with pytest.raises(SystemExit) as caught:
        read_settings()
    assert f"EVENKEEL_{name}: " in str(caught.value)
    assert SECRET not in str(caught.value)


def test_the_address_may_lie_in_a_file(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    file = tmp_path / "address"
    file.write_text(PLAIN + "\n", encoding="utf-8")
    monkeypatch.setenv("EVENKEEL_DATABASE_URL_FILE", str(file))
    assert read_settings().address == PLAIN


def test_the_database_tells_of_changes_where_no_pooler_stands_between(monkeypatch: pytest.MonkeyPatch) -> None:
    assert Settings().with_database(PLAIN).listen_address == PLAIN  # the embedded server
    monkeypatch.setenv("EVENKEEL_DATABASE_URL", PLAIN)
    assert read_settings().listen_address is None
    monkeypatch.setenv("EVENKEEL_LISTEN_DATABASE_URL", PLAIN.replace("5433", "5432"))
    assert read_settings().listen_address == PLAIN.replace("5433", "5432")


@pytest.mark.parametrize("content", [f"mysql://eva:{SECRET}@db", None])
def test_a_file_without_an_address_is_named(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, content: str | None
) -> None:
    file = tmp_path / "address"
    if content is not None:
        file.write_text(content, encoding="utf-8")
    monkeypatch.setenv("EVENKEEL_DATABASE_URL_FILE", str(file))
    with pytest.raises(SystemExit) as caught:
        read_settings()
    assert "EVENKEEL_DATABASE_URL_FILE: " in str(caught.value)
    assert SECRET not in str(caught.value)


KEY, OLD_KEY = bytes(range(32)), bytes(range(100, 140))
KEYS = b64encode(KEY).decode(), urlsafe_b64encode(OLD_KEY).decode()


@pytest.mark.parametrize("between", [",", ", ", "\n", " \n"])
def test_keys_for_secrets(monkeypatch: pytest.MonkeyPatch, tmp_path: Path, between: str) -> None:
    assert Settings().keys == []
    file = tmp_path / "keys"
    file.write_text(between.join(KEYS) + "\n", encoding="utf-8")
    monkeypatch.setenv("EVENKEEL_SECRET_KEYS_FILE", str(file))
    assert read_settings().keys == [KEY, OLD_KEY]
    monkeypatch.setenv("EVENKEEL_SECRET_KEYS", between.join(reversed(KEYS)))
    settings = read_settings()
    assert settings.keys == [OLD_KEY, KEY]
    assert KEYS[0] not in repr(settings)


NO_KEYS = [b"", b",", f"{SECRET}!".encode(), b64encode(KEY[1:]), f"{KEYS[0]},{SECRET}".encode(), b"\xff", None]


@pytest.mark.parametrize("content", NO_KEYS)
def test_what_is_no_key_is_named_and_not_repeated(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, content: bytes | None
) -> None:
    file = tmp_path / "keys"
    if content is not None:
        file.write_bytes(content)
    monkeypatch.setenv("EVENKEEL_SECRET_KEYS_FILE", str(file))
    with pytest.raises(SystemExit) as caught:
        read_settings()
    assert "EVENKEEL_SECRET_KEYS_FILE: " in str(caught.value)
    assert SECRET not in str(caught.value)


def test_no_secret_is_shown(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("EVENKEEL_DATABASE_URL", PLAIN)
    assert SECRET not in repr(read_settings())


@pytest.mark.parametrize(
    ("url", "prepare", "expected"),
    [(None, None, True), (PLAIN, None, False), (PLAIN, True, True), (None, False, False)],
)
def test_prepared_statements_are_for_servers_that_we_know(
    monkeypatch: pytest.MonkeyPatch, url: str | None, prepare: bool | None, expected: bool
) -> None:
    for name, value in (("DATABASE_URL", url), ("DATABASE_PREPARE", prepare)):
        if value is not None:
            monkeypatch.setenv(f"EVENKEEL_{name}", str(value))
    assert Settings().prepare is expected


@pytest.mark.parametrize(("chosen", "expected"), [(None, True), (False, False), (True, True)])
def test_the_embedded_server_takes_prepared_statements_unless_told_otherwise(
    chosen: bool | None, expected: bool
) -> None:
    settings = Settings(database_prepare=chosen).with_database(PLAIN)
    assert (settings.address, settings.prepare) == (PLAIN, expected)


def test_without_a_database_there_is_no_address() -> None:
    with pytest.raises(LookupError, match="EVENKEEL_DATABASE_URL"):
        _ = Settings().address


@pytest.mark.parametrize(
    ("user", "xdg", "expected"),
    [
        (0, "/data", "/var/lib/evenkeel"),
        (1000, "/data", "/data/evenkeel"),
        (1000, "", "/home/eva/.local/share/evenkeel"),
    ],
)
def test_where_the_embedded_database_lives(monkeypatch: pytest.MonkeyPatch, user: int, xdg: str, expected: str) -> None:
    monkeypatch.setattr(os, "geteuid", lambda: user)
    monkeypatch.setenv("XDG_DATA_HOME", xdg)
    monkeypatch.setenv("HOME", "/home/eva")
    assert default_data_dir() == Path(expected)


def test_every_setting_says_what_it_is() -> None:
    assert [name for name, field in Settings.model_fields.items() if not field.description] == []
