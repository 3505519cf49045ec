"""Settings of a process, read once from the environment. A bad one stops the start with one sentence that names the variable.

Never echoes a value: a setting may be a secret.
"""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Annotated, Any, Final, TypeVar
from urllib.parse import urlsplit, urlunsplit

from pydantic import Field, SecretStr, ValidationError, field_validator
from pydantic_settings import BaseSettings

from libs.events.errors import LiandongError

BAD_SETTINGS_EXIT: Final = 2
SECRET_BYTES: Final = 32
S = TypeVar("S", bound=BaseSettings)


class BadSetting(LiandongError):
    """A setting is missing or cannot be used. The message is one sentence for the operator, without the value."""


class ServiceSettings(BaseSettings):
    """What all services read; a service adds its own members and `SettingsConfigDict(env_prefix="INTAKE_")`."""

    host: str = Field("127.0.0.1", description="address to listen on")
    port: Annotated[int, Field(ge=0, le=65535, description="TCP port to listen on, 0 for any free one")]
    socket_fd: Annotated[int | None, Field(ge=3, description="descriptor of a socket that listens already, instead of host and port")] = (
        None
    )
    nats_url: Annotated[str, Field(pattern=r"^(nats|tls)://\S+$", description="nats://host:port")]
    nats_user: Annotated[str, Field(min_length=1, description="this service's NATS user")]
    nats_password: Annotated[SecretStr, Field(description="password of the NATS user")]
    nats_monitor_url: Annotated[str, Field(pattern=r"^https?://\S+$", description="http://host:port of the NATS monitor")]
    database_url: str | None = Field(None, description="postgresql://user:password@host:port/database")
    kek_file: Path | None = Field(None, description="file with the key-encryption key, 64 hex digits")
    salt_file: Path | None = Field(None, description="file with the network salt, 64 hex digits")
    cell: Annotated[str, Field(pattern=r"^[a-z0-9]{1,8}$", description="cell whose stream must exist at start")] = "26a"
    replicas: Annotated[int, Field(ge=1, le=5, description="stream replicas, 1 or 3")] = 1
    registry_max_age_seconds: Annotated[float, Field(gt=0, description="seconds after which an unconfirmed registry is refused")] = 30

    @field_validator("database_url")
    @classmethod
    def _is_postgresql(cls, url: str | None) -> str | None:
        if url is not None and urlsplit(url).scheme not in ("postgresql", "postgres"):
            raise ValueError("not a PostgreSQL address")
        return url

    @property
    def service(self) -> str:
        """The service's name: its environment prefix in lower case."""
        return prefix_of(type(self)).rstrip("_").lower()

    @property
    def async_database_url(self) -> str:
        """The database address for SQLAlchemy on asyncpg. Raises BadSetting when none is set."""
        if self.database_url is None:
            raise BadSetting(f"{prefix_of(type(self))}DATABASE_URL is missing (postgresql://user:password@host:port/database).")
        parts = urlsplit(self.database_url)
        # asyncpg calls libpq's `sslmode` `ssl`.
        return urlunsplit(parts._replace(scheme="postgresql+asyncpg", query=parts.query.replace("sslmode=", "ssl=")))


def prefix_of(settings: type[BaseSettings]) -> str:
    """The environment prefix of a settings class, e.g. `INTAKE_`."""
    return settings.model_config.get("env_prefix", "")


def load_settings(settings: type[S]) -> S:
    """Read settings from the environment; on a missing or bad one write one sentence to stderr and exit 2."""
    values: dict[str, Any] = {}
    try:
        return settings(**values)
    except ValidationError as error:
        sys.stderr.write(f"Cannot start: {'; '.join(sentences(settings, error))}.\n")
        sys.exit(BAD_SETTINGS_EXIT)


def sentences(settings: type[BaseSettings], error: ValidationError) -> list[str]:
    """One clause per bad variable: its name, what is wrong, what belongs there; never the value."""
    clauses = []
    for item in error.errors(include_input=False, include_context=False, include_url=False):
        name = str(item["loc"][0]) if item["loc"] else ""
        field = settings.model_fields.get(name)
        wanted = f" ({field.description})" if field is not None and field.description else ""
        wrong = "is missing" if item["type"] == "missing" else "has a value that cannot be used"
        clauses.append(f"{prefix_of(settings)}{name.upper()} {wrong}{wanted}")
    return clauses


def read_secret(path: Path) -> bytes:
    """Read a 32-byte secret from a file of 64 hex digits. Raises BadSetting naming the file."""
    try:
        secret = bytes.fromhex(path.read_text("ascii").strip())
    except (OSError, ValueError) as error:
        raise BadSetting(f"The secret file {path} cannot be read; it must hold 64 hex digits.") from error
    if len(secret) != SECRET_BYTES:
        raise BadSetting(f"The secret file {path} holds {len(secret)} bytes; it must hold 64 hex digits.")
    return secret
