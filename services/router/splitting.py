"""Ids of the parts of a split: derived from the whole, so that a half-done split is finished and never done twice. Pure."""

from __future__ import annotations

import hashlib

from libs.events.names import crockford, parse_demand_id


def part_id(demand: str, part: str) -> str:
    """The demand id of a part, in its parent's network and cell: 80 bits of SHA-256 over parent and part. Raises NotFound."""
    network, cell = parse_demand_id(demand)
    token = hashlib.sha256(f"{demand}\x00part\x00{part}".encode()).digest()[:10]
    return f"{network}-{cell}-{crockford(token)}"
