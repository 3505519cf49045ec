"""Who acts, and what its place in the network lets it do (权限): the part of a decision that depends on the actor. Pure.

Rights follow the `supervises` tree alone: a clerk acts for its own node, a coordinator also for every node under its own. Supervising
means standing strictly above: nobody approves, arbitrates or judges its own work. Above the network's hub stands the bureau.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from libs.demand.state import DemandState
from libs.directory import Network
from libs.events import Refused

ActorRole = Literal["enterprise", "partner", "clerk", "coordinator", "bureau", "county_bureau", "system", "other"]


@dataclass(frozen=True, slots=True)
class Standing:
    """One actor in one network. An enterprise's link opens one demand only; the shell has seen to it that it is this one."""

    role: ActorRole
    party: str
    network: Network
    node: str | None = None

    def acts_for(self, node: str) -> bool:
        """Tell whether it may act as a node: a clerk as its own, a coordinator also as the nodes of its subtree."""
        if self.node is None:
            return False
        if self.role == "clerk":
            return self.node == node
        return self.role == "coordinator" and self.network.is_within(node, self.node)

    def supervises(self, node: str) -> bool:
        """Tell whether it stands strictly above a node: a coordinator of a node above it, or the bureau above the hub itself."""
        if self.role == "bureau":
            return node == self.network.hub.id
        return self.role == "coordinator" and self.node is not None and self.node != node and self.network.is_within(node, self.node)

    def is_hub(self) -> bool:
        """Tell whether it is a coordinator of the network's hub."""
        return self.role == "coordinator" and self.node == self.network.hub.id

    def require_acts_for(self, node: str) -> None:
        """Raise Refused(wrong_actor) unless it may act as the node."""
        if not self.acts_for(node):
            raise Refused("wrong_actor")

    def require_supervises(self, node: str) -> None:
        """Raise Refused(wrong_actor) unless it stands above the node."""
        if not self.supervises(node):
            raise Refused("wrong_actor")

    def speaks_for_enterprise(self, state: DemandState) -> bool:
        """Tell whether it speaks for who submitted: by the enterprise's own link, or as the submitting party."""
        return self.role == "enterprise" or self.party == state.party


def own_work(network: Network, state: DemandState) -> bool:
    """Tell whether who submitted is who resolved: the node or its unit, that unit as a partner, or the very person (requirements A14)."""
    if state.resolved_by is None:
        return False
    if same_hands(network, state.submitter_node, state.resolved_by) or state.party == state.resolved_person:
        return True
    return network.has(state.resolved_by) and network.node(state.resolved_by).operator == state.party


def same_hands(network: Network, one: str | None, other: str | None) -> bool:
    """Tell whether two nodes are the same or have the same operating unit (requirements A14): nobody confirms its own work."""
    if one is None or other is None:
        return False
    if one == other:
        return True
    if not (network.has(one) and network.has(other)):
        return False
    operator = network.node(one).operator
    return operator is not None and operator == network.node(other).operator
