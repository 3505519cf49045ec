"""Machine keys and rights 权限: who calls, and what that caller may see and do. Pure; territory comes from the directory.

A key is `ld_<key_id>_<secret>` and belongs to one person or system. Only its digest is a registry fact, so every service checks it
locally. Rights follow the `supervises` tree alone (design: territory).
"""

from __future__ import annotations

import hmac
import re
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from typing import Final, Literal

from libs.demand import DemandState, Standing
from libs.demand.standing import ActorRole
from libs.directory import Directory
from libs.events.algorithms import digest
from libs.events.errors import NotFound, Refused
from libs.events.names import crockford, parse_demand_id
from libs.events.registry import Role

KEY_ID_CHARS: Final = 12
SECRET_BYTES: Final = 32
SECRET_CHARS: Final = 52
_KEY: Final = re.compile(rf"^ld_([0-9a-hjkmnp-tv-z]{{{KEY_ID_CHARS}}})_[0-9a-hjkmnp-tv-z]{{{SECRET_CHARS}}}$")
_LINK: Final = re.compile(r"^lde_([a-z0-9-]{1,60})_([0-9a-hjkmnp-tv-z]{26})$")
_ACTING: Final[dict[str, ActorRole]] = {
    "enterprise": "enterprise",
    "partner": "partner",
    "clerk": "clerk",
    "coordinator": "coordinator",
    "bureau": "bureau",
    "county_bureau": "county_bureau",
}
_NO_DIGEST: Final = "sha256:" + "0" * 64
_WHOLE_NETWORK: Final = frozenset({"bureau", "centre", "operator", "auditor"})
_SUBTREE: Final = frozenset({"coordinator", "county_bureau"})


@dataclass(frozen=True, slots=True)
class NewKey:
    """A fresh key: `key` is shown once to its owner, `digest` is what the registry stores."""

    key_id: str
    key: str
    digest: str


@dataclass(frozen=True, slots=True)
class Caller:
    """Who calls, by pseudonymous ids only."""

    key_id: str
    party: str
    role: Role | Literal["enterprise"]
    network: str | None
    node: str | None
    label: str
    link: EnterpriseLink | None = None


@dataclass(frozen=True, slots=True)
class EnterpriseLink:
    """What an enterprise's own link claims: a demand, and the digest of the secret in it. The demand's state tells whether it is true."""

    demand: str
    digest: str


def new_key(random_bytes: Callable[[int], bytes], key_id: str | None = None) -> NewKey:
    """Make a key with 256 random bits. `random_bytes` is `secrets.token_bytes` outside tests; `key_id` is random unless given."""
    key_id = key_id or crockford(random_bytes(8))[:KEY_ID_CHARS]
    key = f"ld_{key_id}_{crockford(random_bytes(SECRET_BYTES))}"
    return NewKey(key_id, key, digest_of(key))


def digest_of(key: str) -> str:
    """The named digest of a key, `sha256:<hex>`. The secret has 256 bits, so a slow hash would add nothing."""
    return digest(key.encode())


def key_id_of(key: str) -> str | None:
    """The key id inside a key; None if it is not one."""
    match = _KEY.match(key)
    return match[1] if match is not None else None


def authenticate(directory: Directory, authorization_header: str | None, now: datetime) -> Caller:
    """Tell who calls. Raises Refused: key_missing, key_invalid, key_revoked (only to who holds the very key), key_expired."""
    if not authorization_header:
        raise Refused("key_missing")
    scheme, _, key = authorization_header.partition(" ")
    key = key.strip()
    key_id = key_id_of(key) if scheme.lower() == "bearer" else None
    if key_id is None:
        raise Refused("key_invalid")
    credential = directory.credentials.get(key_id)
    expected = credential.digest if credential is not None else _NO_DIGEST
    if not hmac.compare_digest(digest_of(key), expected) or credential is None:
        raise Refused("key_invalid")
    if credential.revoked:
        raise Refused("key_revoked")
    if credential.expires is not None and now >= credential.expires:
        raise Refused("key_expired")
    return Caller(credential.key_id, credential.party, credential.role, credential.network, credential.node, credential.label)


def enterprise_token(demand: str, *, salt: bytes) -> str:
    """The secret of an enterprise's own link `lde_<demand>_<secret>`: 130 bits of HMAC-SHA256, so that a replay gives the same link."""
    return f"lde_{demand}_{crockford(hmac.digest(salt, f'link{chr(0)}{demand}'.encode(), 'sha256'))[:26]}"


def enterprise_caller(authorization_header: str | None) -> Caller | None:
    """Read an enterprise's link as a caller; None if the header holds something else. Nothing is proved yet: see `require_link`."""
    scheme, _, token = (authorization_header or "").partition(" ")
    match = _LINK.match(token.strip()) if scheme.lower() == "bearer" else None
    if match is None:
        return None
    network, _ = parse_demand_id(match[1])
    link = EnterpriseLink(match[1], digest_of(token.strip()))
    # The key id counts requests: by the secret claimed, so that who invents secrets uses up nobody's allowance but its own.
    return Caller(f"lde-{link.digest[-24:]}", f"enterprise:{match[1]}", "enterprise", network, None, "enterprise link", link)


def require_link(caller: Caller, demand: str, state: DemandState) -> None:
    """Let an enterprise's link pass only to the very demand whose submission names its digest, and to the parts it was split into.

    Raises NotFound demand_not_found.
    """
    if caller.link is None:
        return
    if caller.link.demand not in (demand, state.parent) or not hmac.compare_digest(caller.link.digest, state.link or _NO_DIGEST):
        raise NotFound("demand_not_found")


def require_cell(directory: Directory, demand: str) -> None:
    """Let ids of a known network and cell pass: about any other the store would be asked in vain, until its patience ends.

    Raises NotFound demand_not_found.
    """
    network, cell = parse_demand_id(demand)
    if network not in directory.networks or cell not in directory.cells:
        raise NotFound("demand_not_found")


def standing_of(caller: Caller, directory: Directory) -> Standing:
    """What the rules of a demand may know of a caller. Raises NotFound for a caller without a network."""
    network = directory.networks.get(caller.network or "")
    if network is None:
        raise NotFound("demand_not_found")
    node = caller.node if caller.node is not None and network.has(caller.node) else None
    return Standing(role=_ACTING.get(caller.role, "other"), party=caller.party, network=network, node=node)


def require_role(caller: Caller, *roles: Role | Literal["enterprise"]) -> None:
    """Let only these roles pass. Raises Refused forbidden."""
    if caller.role not in roles:
        raise Refused("forbidden")


def sees_whole_network(caller: Caller, directory: Directory) -> bool:
    """Tell whether a caller sees everything in its network: bureau, centre, operator (metadata), auditor, and the hub's coordinator."""
    if caller.role in _WHOLE_NETWORK:
        return True
    network = directory.networks.get(caller.network or "")
    return caller.role == "coordinator" and network is not None and caller.node == network.hub.id


def visible_nodes(caller: Caller, directory: Directory) -> frozenset[str] | None:
    """The nodes whose demands a caller sees; None means everything in its network.

    A clerk sees its own node, a coordinator and a county bureau their subtree. A partner sees demands by its own party, never by
    node, so its set is empty; so is that of the three administrators, who see no demands.
    """
    if sees_whole_network(caller, directory):
        return None
    network = directory.networks.get(caller.network or "")
    if network is None or caller.node is None or not network.has(caller.node):
        return frozenset()
    if caller.role in _SUBTREE:
        return network.subtree(caller.node)
    return frozenset({caller.node}) if caller.role == "clerk" else frozenset()


def sees_demand(caller: Caller, directory: Directory, *, network: str, party: str, nodes: frozenset[str]) -> bool:
    """Tell whether a caller sees a demand of `party` that `nodes` hold or held, or whose hub they are."""
    if caller.network != network:
        return False
    if caller.role == "partner":
        return caller.party == party
    visible = visible_nodes(caller, directory)
    return visible is None or not visible.isdisjoint(nodes)


def may_act_for(caller: Caller, directory: Directory, network: str, node: str) -> bool:
    """Tell whether a caller may act as a node: a clerk as its own, a coordinator also as the nodes of its subtree."""
    if caller.network != network or caller.node is None:
        return False
    if caller.role == "clerk":
        return caller.node == node
    found = directory.networks.get(network)
    return caller.role == "coordinator" and found is not None and found.is_within(node, caller.node)
