"""Settings of the router; environment prefix `ROUTER_`."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field
from pydantic_settings import SettingsConfigDict

from libs.chassis.limits import DEFAULT_RATE
from libs.chassis.settings import ServiceSettings


class RouterSettings(ServiceSettings):
    """`balance_seconds`: how often routers share out the partitions; `rate` is per key.

    `sweep_seconds`, `grace_seconds`: how often overdue demands are looked for, and how late a timer may be before; `release_seconds`:
    how often holders are looked at; `check_seconds`: how often the check for orphans runs.
    """

    model_config = SettingsConfigDict(env_prefix="ROUTER_")

    port: Annotated[int, Field(ge=0, le=65535, description="TCP port to listen on, 0 for any free one")] = 8102
    balance_seconds: Annotated[float, Field(gt=0, description="seconds between two looks at who owns which partition")] = 1.0
    sweep_seconds: Annotated[float, Field(gt=0, description="seconds between two looks for overdue demands")] = 5.0
    grace_seconds: Annotated[float, Field(gt=0, description="seconds a timer may be late before its demand is swept up")] = 30.0
    release_seconds: Annotated[float, Field(gt=0, description="seconds between two looks at holders that fell away")] = 15.0
    check_seconds: Annotated[float, Field(gt=0, description="seconds between two checks for orphans")] = 15.0
    rate: str = DEFAULT_RATE
