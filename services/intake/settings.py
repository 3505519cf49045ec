"""Settings of intake; environment prefix `INTAKE_`."""

from __future__ import annotations

from pydantic_settings import SettingsConfigDict

from libs.chassis.limits import DEFAULT_RATE
from libs.chassis.settings import ServiceSettings


class IntakeSettings(ServiceSettings):
    """`tracker_url` is what links in answers point to; the key pool holds `key_pool` data keys ahead of use; `rate` is per key."""

    model_config = SettingsConfigDict(env_prefix="INTAKE_")

    port: int = 8101
    tracker_url: str = ""
    key_pool: int = 4_000
    rate: str = DEFAULT_RATE
