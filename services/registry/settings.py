"""Settings of the registry; environment prefix `REGISTRY_`."""

from __future__ import annotations

from pydantic import SecretStr
from pydantic_settings import SettingsConfigDict

from libs.chassis.settings import ServiceSettings


class RegistrySettings(ServiceSettings):
    """`bootstrap_key`: the first security administrator's whole key; issued as an event if it is not there yet."""

    model_config = SettingsConfigDict(env_prefix="REGISTRY_")

    port: int = 8104
    bootstrap_key: SecretStr | None = None
