"""The caller of a request as a FastAPI dependency: key, freshness of the registry, rate limit, in this order of cost."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Annotated

from fastapi import Depends
from fastapi.security.http import HTTPBase
from starlette.requests import Request

from libs.chassis.auth import Caller, authenticate
from libs.chassis.follower import DirectoryFollower
from libs.chassis.limits import ALLOWANCE, RateLimits


class BearerKey(HTTPBase):
    """Bearer authentication by machine key; documented in OpenAPI as `machine_key`.

    Reads `app.state.follower` and `app.state.rate_limits`. Raises Refused (key_*), RegistryStale, RateLimited.
    """

    def __init__(self) -> None:
        super().__init__(
            scheme="bearer",
            scheme_name="machine_key",
            description="密钥 `ld_…`，由安全管理员签发。 / A key `ld_…`, issued by the security administrator.",
            auto_error=False,
        )
        self.model.bearerFormat = "ld_<key id>_<secret>"  # type: ignore[attr-defined]

    async def __call__(self, request: Request) -> Caller:  # type: ignore[override]
        """Tell who calls."""
        state = request.app.state
        follower: DirectoryFollower = state.follower
        follower.check_fresh()
        caller = authenticate(follower.directory, request.headers.get("authorization"), datetime.now(UTC))
        limits: RateLimits = state.rate_limits
        request.scope[ALLOWANCE] = limits.check(caller.key_id)
        return caller


CallerDep = Annotated[Caller, Depends(BearerKey())]
"""Use as a parameter of every endpoint: `async def show(caller: CallerDep)`."""
