"""Settings of the tracker; environment prefix `TRACKER_`."""

from __future__ import annotations

from pathlib import Path

from pydantic import Field
from pydantic_settings import SettingsConfigDict

from libs.chassis.settings import ServiceSettings


class TrackerSettings(ServiceSettings):
    """`endpoints_file` tells the console where the other services are."""

    model_config = SettingsConfigDict(env_prefix="TRACKER_")

    port: int = Field(8103, ge=0, le=65535, description="TCP port to listen on, 0 for any free one")
    endpoints_file: Path | None = Field(None, description="JSON file with the addresses of the other services")
    pool_size: int = Field(12, ge=4, le=100, description="database connections; one per cell is kept by its writer")
