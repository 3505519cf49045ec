"""Which nodes may hold demands today (可用): in the network, active, in force. Pure."""

from __future__ import annotations

from datetime import datetime
from zoneinfo import ZoneInfo

from libs.directory import Directory, Network


def is_available(network: Network, node: str, now: datetime) -> bool:
    """Tell whether a node may hold demands at an instant."""
    if not network.has(node):
        return False
    found = network.node(node)
    return found.status == "active" and found.in_force(now.astimezone(ZoneInfo(network.content.network.time_zone)).date())


def is_gone(directory: Directory, network: str, node: str, now: datetime) -> bool:
    """Tell whether a holder must give its demands back. Never the network's hub: there is nobody else, the check reports it."""
    found = directory.networks.get(network)
    return found is not None and node != found.hub.id and not is_available(found, node, now)
