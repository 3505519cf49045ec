"""Settings fail at start with one sentence that names the variable and never its value."""

from __future__ import annotations

from pathlib import Path

import pytest
from pydantic_settings import SettingsConfigDict

from libs.chassis.settings import BadSetting, ServiceSettings, load_settings, read_secret
from tests.unit.chassis.sample_app import sample_settings

GOOD = {
    "PORT": "8101",
    "NATS_URL": "nats://127.0.0.1:4222",
    "NATS_USER": "intake",
    "NATS_PASSWORD": "nats-secret",
    "NATS_MONITOR_URL": "http://127.0.0.1:8222",
}


class IntakeLike(ServiceSettings):
    model_config = SettingsConfigDict(env_prefix="INTAKE_")


def read(monkeypatch: pytest.MonkeyPatch, **more: str | None) -> IntakeLike:
    for name, value in {**GOOD, **more}.items():
        if value is not None:
            monkeypatch.setenv(f"INTAKE_{name}", value)
    return load_settings(IntakeLike)


def test_settings_come_from_the_environment_with_the_services_prefix(monkeypatch: pytest.MonkeyPatch) -> None:
    settings = read(monkeypatch, DATABASE_URL="postgresql://u:p@db.test:5432/liandong?sslmode=require")

    assert (settings.service, settings.port, settings.host, settings.cell) == ("intake", 8101, "127.0.0.1", "26a")
    assert settings.async_database_url == "postgresql+asyncpg://u:p@db.test:5432/liandong?ssl=require"
    assert "nats-secret" not in repr(settings)


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("PORT", None),
        ("PORT", "x7markerx7"),
        ("PORT", "70000"),
        ("NATS_URL", "x7markerx7"),
        ("NATS_PASSWORD", None),
        ("DATABASE_URL", "mysql://x7markerx7"),
        ("CELL", "X7MARKERX7!"),
        ("REGISTRY_MAX_AGE_SECONDS", "0"),
    ],
)
def test_a_bad_setting_ends_the_start_with_a_sentence(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], name: str, value: str | None
) -> None:
    with pytest.raises(SystemExit) as left:
        read(monkeypatch, **{name: value})

    told = capsys.readouterr().err
    assert left.value.code == 2
    assert told.startswith(f"Cannot start: INTAKE_{name} ")
    assert told.count("\n") == 1
    assert "x7marker" not in told.lower()
    assert "Traceback" not in told


def test_all_bad_settings_are_named_at_once(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        read(monkeypatch, PORT=None, NATS_USER=None)

    told = capsys.readouterr().err
    assert "INTAKE_PORT is missing" in told
    assert "INTAKE_NATS_USER is missing" in told


def test_a_missing_database_address_is_named_when_it_is_needed() -> None:
    with pytest.raises(BadSetting, match="DATABASE_URL is missing"):
        _ = sample_settings().async_database_url


def test_a_secret_is_64_hex_digits_in_a_file(tmp_path: Path) -> None:
    file = tmp_path / "kek"
    file.write_text("ab" * 32 + "\n")
    assert read_secret(file) == b"\xab" * 32

    for bad in ("ab" * 31, "zz" * 32, "密钥"):
        file.write_text(bad, encoding="utf-8")
        with pytest.raises(BadSetting, match="64 hex digits") as told:
            read_secret(file)
        assert bad not in str(told.value)
    with pytest.raises(BadSetting, match="absent"):
        read_secret(tmp_path / "absent")
