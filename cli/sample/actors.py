"""What sample nodes do with a sample demand, decided from the demand alone, so that a restart goes on where it was."""

from __future__ import annotations

import zlib
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

RETURN_EVERY = 8
PROGRESS_UNTIL_VERSION = 6


@dataclass(frozen=True, slots=True)
class Act:
    """One call: path below the assignment, body, Idempotency-Key."""

    path: str
    body: Mapping[str, Any]
    key: str


def next_act(demand: Mapping[str, Any], now: datetime) -> Act | None:
    """What the holder of this demand does now; None: it waits, or it is nobody's sample."""
    holder = demand.get("holder") or {}
    if not demand.get("sample") or "assignment" not in holder:
        return None
    identity, version = demand["id"], int(demand["version"])
    mood = zlib.crc32(f"{identity}/{version}".encode())
    waited = now - datetime.fromisoformat(demand["updated_at"])
    if waited < timedelta(seconds=2 + mood % 12):
        return None
    base = f"/v1/demands/{identity}/assignments/{holder['assignment']}"
    key = f"sample-{identity}-{version}"
    if demand["status"] == "assigned":
        if mood % RETURN_EVERY == 0 and holder["assignment"] == "a1":
            return Act(f"{base}/return", {"reason": "no_capacity", "note": "样例：本周在办已满，请改派。"}, key)
        return Act(f"{base}/acceptance", {}, key)
    if demand["status"] == "in_progress":
        if mood % 3 and version < PROGRESS_UNTIL_VERSION:
            return Act(f"{base}/progress", {"note": "样例：已与企业联系，约定上门时间。"}, key)
        return Act(f"{base}/resolution", {"result": "solved", "note": "样例：已对接服务机构，企业表示满意。"}, key)
    return None
