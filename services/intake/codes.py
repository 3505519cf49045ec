"""Check the codes of a demand against the network's own lists. Pure; names the field, never the value."""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache

from stdnum.cn import uscc as social_credit

from libs.directory import Network
from libs.events import Refused
from services.intake.shapes import CorrectionInput, DemandInput


@dataclass(frozen=True, slots=True)
class Codes:
    """The coded members of a demand in canonical form (an alias becomes its category's code)."""

    category: str | None
    region: str | None
    carrier: str | None
    industry: str | None
    urgency: str | None


def check_codes(network: Network, body: DemandInput | CorrectionInput) -> Codes:
    """Return canonical codes. Raises Refused(unknown_category, unknown_region, …) with the field."""
    category = None
    if body.category is not None:
        found = network.category(body.category)
        if found is None:
            raise Refused("unknown_category", field="category")
        category = found.code
    if body.region is not None and network.region(body.region) is None:
        raise Refused("unknown_region", field="region")
    if body.carrier is not None and body.carrier not in _carriers(network):
        raise Refused("unknown_carrier", field="carrier")
    if body.industry is not None and network.industry(body.industry) is None:
        raise Refused("unknown_industry", field="industry")
    if body.urgency is not None and network.code("urgency", body.urgency) is None:
        raise Refused("unknown_urgency", field="urgency")
    if isinstance(body, DemandInput) and network.code("channels", body.channel) is None:
        raise Refused("unknown_channel", field="channel")
    if body.requester is not None:
        check_uscc(body.requester.uscc)
    return Codes(category, body.region, body.carrier, body.industry, body.urgency)


def check_uscc(code: str) -> None:
    """Verify form and check digit of a unified social credit code (GB 32100-2015). Raises Refused(invalid_uscc)."""
    if not social_credit.is_valid(code):
        raise Refused("invalid_uscc", field="requester.uscc")


@lru_cache(maxsize=8)
def _carriers(network: Network) -> frozenset[str]:
    return frozenset(carrier.id for carrier in network.content.carriers)
