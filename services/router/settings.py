"""Settings of the router; environment prefix `ROUTER_`."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field
from pydantic_settings import SettingsConfigDict

from libs.chassis.limits import DEFAULT_RATE
from libs.chassis.settings import ServiceSettings


class RouterSettings(ServiceSettings):
    """`balance_seconds`: how often routers share out the partitions; `rate` is per key."""

    model_config = SettingsConfigDict(env_prefix="ROUTER_")

    port: Annotated[int, Field(ge=0, le=65535, description="TCP port to listen on, 0 for any free one")] = 8102
    balance_seconds: Annotated[float, Field(gt=0, description="seconds between two looks at who owns which partition")] = 1.0
    rate: str = DEFAULT_RATE
