"""All settings, prefix EVENKEEL_; the only reader of the environment."""

import os
import re
import tempfile
from base64 import b64decode
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Annotated, Any, Literal
from urllib.parse import urlsplit

from pydantic import AfterValidator, Field, FilePath, SecretStr, ValidationError
from pydantic_settings import BaseSettings, SettingsConfigDict

LEAST_KEY_BYTES = 32

MAILBOX = re.compile(r"[A-Za-z0-9.!#$%&'*+/=?^_`{|}~-]{1,64}@[A-Za-z0-9](?:[A-Za-z0-9.-]{0,251}[A-Za-z0-9])?")
ORIGIN = re.compile(r"https://[a-z0-9.-]+(:\d{1,5})?|http://(localhost|127\.0\.0\.1)(:\d{1,5})?")
MailSecurity = Literal["starttls", "tls", "none"]


class FileTrouble(Exception):
    """A file that a setting names cannot be used; the message names the setting and repeats nothing of the file."""


def default_data_dir() -> Path:
    """Return where the embedded database lives: outside any home folder as root, else in the user's data folder."""
    if os.geteuid() == 0:
        return Path("/var/lib/evenkeel")
    return Path(os.environ.get("XDG_DATA_HOME") or Path.home() / ".local" / "share") / "evenkeel"


def _postgresql(url: SecretStr) -> SecretStr:
    """Return a database address in its plain form; anything but PostgreSQL is refused without repeating it."""
    scheme, _, rest = url.get_secret_value().partition("://")
    if scheme.split("+")[0] not in ("postgresql", "postgres") or not rest:
        raise ValueError("must be a postgresql:// address")
    try:
        parts = urlsplit(f"postgresql://{rest}")
        _ = parts.port if "," not in parts.netloc else None  # several hosts have several ports
    except ValueError:
        raise ValueError("must be a well-formed postgresql:// address") from None
    return SecretStr(f"postgresql://{rest}")


def _secret_keys(text: SecretStr) -> SecretStr:
    """Return keys for secrets, one or several; each is base64 of at least 32 random bytes."""
    try:
        lengths = [len(key) for key in _decoded(text)]
    except ValueError:
        lengths = []
    if not lengths or min(lengths) < LEAST_KEY_BYTES:
        raise ValueError("must be keys of 32 random bytes or more in base64, separated by commas or lines")
    return text


def _decoded(text: SecretStr) -> list[bytes]:
    return [
        b64decode(key, altchars=b"-_", validate=True) for key in re.split(r"[\s,]+", text.get_secret_value()) if key
    ]


def _mailbox(address: str) -> str:
    """Return a plain address of mail; whatever else could stand in a header is refused."""
    if not MAILBOX.fullmatch(address):
        raise ValueError("must be a plain address like evenkeel@clinic.example")
    return address


def _origins(text: str) -> str:
    """Return the origins of web pages, plain; anything that could let in more than is meant is refused."""
    for origin in _listed(text):
        if not ORIGIN.fullmatch(origin):
            raise ValueError("must be origins like https://app.clinic.example, by commas; http for localhost alone")
    return text


def _listed(text: str) -> list[str]:
    return [item.strip() for item in text.split(",") if item.strip()]


def _given(text: SecretStr) -> SecretStr:
    if not text.get_secret_value():
        raise ValueError("must not be empty")
    return text


def _held(name: str, file: Path | None, checked: Callable[[SecretStr], SecretStr]) -> SecretStr | None:
    """Return the secret that a file holds; raises FileTrouble for one that holds none, or cannot be read."""
    if file is None:
        return None
    try:
        return checked(SecretStr(file.read_text(encoding="utf-8").strip()))
    except UnicodeError:
        trouble = "is no text"
    except ValueError as error:
        trouble = str(error)
    except OSError as error:
        trouble = f"cannot be read ({type(error).__name__})"
    raise FileTrouble(f"EVENKEEL_{name.upper()}: {trouble}")


@dataclass(frozen=True, slots=True)
class Mail:
    """A mail server that takes messages for others, and by whom they are sent."""

    host: str
    port: int
    security: MailSecurity
    sender: str
    user: str | None = None
    password: str | None = field(default=None, repr=False)
    authorities: Path | None = None


class Settings(BaseSettings):
    """What an operator may set; each field is EVENKEEL_<NAME>."""

    model_config = SettingsConfigDict(env_prefix="EVENKEEL_", hide_input_in_errors=True)

    database_url: Annotated[SecretStr, AfterValidator(_postgresql)] | None = Field(
        default=None, description="PostgreSQL 15 or newer; without it an embedded server starts in the data folder"
    )
    database_url_file: Path | None = Field(default=None, description="a file that holds the database address")
    listen_database_url: Annotated[SecretStr, AfterValidator(_postgresql)] | None = Field(
        default=None,
        description="the database itself, past any pooler, which then tells of changes at once",
    )
    listen_database_url_file: Path | None = Field(default=None, description="a file that holds that address")
    database_prepare: bool | None = Field(
        default=None, description="named prepared statements; default: yes for embedded, no for a given address"
    )
    data_dir: Path = Field(default_factory=default_data_dir, description="the embedded database, as an absolute path")
    pool_size: int = Field(default=8, ge=2, le=200, description="database connections of one process")
    pool_seconds: float = Field(default=5.0, gt=0, le=60, description="how long a request waits for a connection")
    statement_seconds: float = Field(default=30.0, gt=0, le=600, description="how long one statement may take")
    host: str = Field(default="127.0.0.1", description="address to listen on")
    port: int = Field(default=8000, ge=0, le=65535, description="port to listen on; 0 takes a free one")
    metrics_port: int | None = Field(default=None, ge=0, le=65535, description="a port of its own for /metrics")
    drain_seconds: float = Field(default=5.0, ge=0, le=600, description="how long to serve on after SIGTERM, not ready")
    queue_limit: int = Field(default=1000, ge=1, le=100_000, description="waiting writes of one organization, then 503")
    job_processes: int = Field(
        default=1, ge=0, le=64, description="processes for jobs beside the service; 0: another one does them"
    )
    spool_dir: Path = Field(
        default_factory=lambda: Path(tempfile.gettempdir()), description="where batches lie while they are read"
    )
    secret_keys: Annotated[SecretStr, AfterValidator(_secret_keys)] | None = Field(
        default=None,
        description="keys that encrypt and sign: the first is used, all are accepted; "
        "each 32 random bytes or more in base64, separated by commas",
    )
    secret_keys_file: Path | None = Field(default=None, description="a file that holds the keys, one a line")
    worker: Literal["none", "embedded"] = Field(
        default="none", description="embedded: `serve` also delivers, as `evenkeel worker` does beside it"
    )
    webhook_allow_loopback: bool = Field(
        default=False, description="webhooks may go to this machine itself, over plain http too; for tests and demos"
    )
    webhook_ca_file: FilePath | None = Field(
        default=None, description="certificates of authorities to trust for webhooks instead of the public ones"
    )
    provider_allow_loopback: bool = Field(
        default=False, description="an OpenID provider's keys may come from this machine itself; for tests and demos"
    )
    smtp_host: str | None = Field(default=None, description="the mail server that takes mail for people; none: no mail")
    smtp_port: int = Field(default=587, ge=1, le=65535, description="its port")
    smtp_security: MailSecurity = Field(
        default="starttls", description="starttls, tls from the first byte, or none, for a server on this machine"
    )
    smtp_user: str | None = Field(default=None, description="as whom to log in there")
    smtp_password: SecretStr | None = Field(default=None, description="and by which password")
    smtp_password_file: Path | None = Field(default=None, description="a file that holds it")
    smtp_sender: Annotated[str, AfterValidator(_mailbox)] | None = Field(default=None, description="who sends the mail")
    smtp_ca_file: FilePath | None = Field(
        default=None, description="certificates of authorities to trust for it instead of the public ones"
    )
    api_key: SecretStr | None = Field(default=None, description="the key that `evenkeel import` sends; not for `serve`")
    allowed_origins: Annotated[str, AfterValidator(_origins)] = Field(
        default="", description="web pages that may call from a browser, such as https://app.clinic.example, by commas"
    )
    log_level: str = Field(default="info", pattern="^(debug|info|warning|error)$", description="the least level to log")

    def model_post_init(self, context: Any) -> None:
        self.database_url = self.database_url or _held("database_url_file", self.database_url_file, _postgresql)
        self.listen_database_url = self.listen_database_url or _held(
            "listen_database_url_file", self.listen_database_url_file, _postgresql
        )
        self.smtp_password = self.smtp_password or _held("smtp_password_file", self.smtp_password_file, _given)
        self.secret_keys = self.secret_keys or _held("secret_keys_file", self.secret_keys_file, _secret_keys)

    @property
    def keys(self) -> list[bytes]:
        """Return the keys for secrets, that which encrypts first; none if none were given."""
        return [] if self.secret_keys is None else _decoded(self.secret_keys)

    @property
    def origins(self) -> list[str]:
        """Return the origins of web pages that may call from a browser."""
        return _listed(self.allowed_origins)

    @property
    def mail(self) -> Mail | None:
        """Return the mail server; None where none was given, or nobody who sends."""
        if self.smtp_host is None or self.smtp_sender is None:
            return None
        password = None if self.smtp_password is None else self.smtp_password.get_secret_value()
        return Mail(
            host=self.smtp_host,
            port=self.smtp_port,
            security=self.smtp_security,
            sender=self.smtp_sender,
            user=self.smtp_user,
            password=password,
            authorities=self.smtp_ca_file,
        )

    @property
    def prepare(self) -> bool:
        """Tell whether named prepared statements may be used."""
        return self.database_url is None if self.database_prepare is None else self.database_prepare

    def with_database(self, url: str) -> "Settings":
        """Return the settings with the address of the embedded server: no pooler stands before it."""
        prepare = True if self.database_prepare is None else self.database_prepare
        address = _postgresql(SecretStr(url))
        listen = self.listen_database_url or address
        return self.model_copy(
            update={"database_url": address, "listen_database_url": listen, "database_prepare": prepare}
        )

    @property
    def address(self) -> str:
        """Return the database address; LookupError while there is none."""
        if self.database_url is None:
            raise LookupError("no database: set EVENKEEL_DATABASE_URL or start the embedded server")
        return self.database_url.get_secret_value()

    @property
    def listen_address(self) -> str | None:
        """Return the address at which the database itself tells of changes; None where it is to be asked."""
        return None if self.listen_database_url is None else self.listen_database_url.get_secret_value()


def read_settings() -> Settings:
    """Return the settings of this process; SystemExit names what is wrong and never its value."""
    try:
        return Settings()
    except ValidationError as error:
        lines = [f"EVENKEEL_{'_'.join(map(str, item['loc'])).upper()}: {item['msg']}" for item in error.errors()]
        raise SystemExit("\n".join(lines)) from None
    except FileTrouble as trouble:
        raise SystemExit(str(trouble)) from None
