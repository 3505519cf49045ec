"""Names on the wire: demand ids, partitions, subjects, streams, command ids, pseudonyms. All pure."""

from __future__ import annotations

import hashlib
import hmac
import re
import zlib
from typing import Final

from libs.events.errors import NotFound

PARTITIONS: Final = 64
REGISTRY_STREAM: Final = "REGISTRY"
REGISTRY_SUBJECTS: Final = "registry.>"
PRIVACY_STREAM: Final = "PRIVACY"
PRIVACY_SUBJECTS: Final = "privacy.>"
TIMERS_STREAM: Final = "TIMERS"
TIMERS_SUBJECTS: Final = "timer.>"
TIMERS_CONSUMER: Final = "router_timers"
TIMERS_DUE: Final = "timer.due.>"
_CROCKFORD: Final = "0123456789abcdefghjkmnpqrstvwxyz"
_PAIRS: Final = tuple(high + low for high in _CROCKFORD for low in _CROCKFORD)
"""All numbers of ten bits, spelled."""
_DEMAND_ID: Final = re.compile(r"^(?P<network>[a-z][a-z0-9]{1,31})-(?P<cell>[a-z0-9]{1,8})-(?P<hash>[0-9a-hjkmnp-tv-z]{16})\Z")


def crockford(data: bytes) -> str:
    """Spell bytes in lower-case Crockford base32, bits left over filled with zeros; 10 bytes give 16 characters."""
    length = -(-len(data) * 8 // 5)
    ten = -(-length // 2)
    number = int.from_bytes(data) << (ten * 10 - len(data) * 8)
    return "".join([_PAIRS[number >> shift & 1023] for shift in range(ten * 10 - 10, -1, -10)])[:length]


def demand_id(network: str, cell: str, *, salt: bytes, party: str, key: str) -> str:
    """Derive the demand id from who asks and its Idempotency-Key: 80 bits of HMAC-SHA256 under the network salt.

    The same party and key always name the same stream, so the stream itself is the idempotency record.
    """
    token = hmac.digest(salt, f"{network}\x00{party}\x00{key}".encode(), "sha256")[:10]
    return f"{network}-{cell}-{crockford(token)}"


def enterprise_id(network: str, *, salt: bytes, uscc: str) -> str:
    """Pseudonym of an enterprise: equal codes give equal pseudonyms, the code cannot be read back without the salt."""
    return "ent-" + crockford(hmac.digest(salt, f"{network}\x00uscc\x00{uscc}".encode(), "sha256")[:10])


def command_id(demand: str, command: str, party: str, key: str) -> str:
    """Identity of a command: the same party repeating its key repeats the command. 32 hex digits."""
    return hashlib.sha256("\x00".join((demand, command, party, key)).encode()).hexdigest()[:32]


def partition(demand: str) -> int:
    """Partition 0..63 of a demand, fixed for ever: crc32(id) mod 64."""
    return zlib.crc32(demand.encode()) % PARTITIONS


def parse_demand_id(demand: str) -> tuple[str, str]:
    """Return (network, cell) of a demand id. Raises NotFound if it is not one."""
    match = _DEMAND_ID.match(demand)
    if match is None:
        raise NotFound("demand_not_found")
    return match["network"], match["cell"]


def demand_subject(demand: str) -> str:
    """`demand.<cell>.<network>.<part>.<id>`. Raises NotFound if `demand` is not a demand id."""
    network, cell = parse_demand_id(demand)
    return f"demand.{cell}.{network}.{partition(demand):02d}.{demand}"


def timer_subject(demand: str) -> str:
    """`timer.at.<network>.<part>.<id>`: where the one timer of a demand stands. Raises NotFound if `demand` is not a demand id."""
    network, _ = parse_demand_id(demand)
    return f"timer.at.{network}.{partition(demand):02d}.{demand}"


def timer_target(demand: str) -> str:
    """`timer.due.<network>.<part>.<id>`: where it fires to. Raises NotFound if `demand` is not a demand id."""
    network, _ = parse_demand_id(demand)
    return f"timer.due.{network}.{partition(demand):02d}.{demand}"


def privacy_subject(demand: str) -> str:
    """`privacy.<network>.<demand>`: where the order to destroy a demand's key stands. Raises NotFound."""
    return f"privacy.{parse_demand_id(demand)[0]}.{demand}"


def demand_of(subject: str) -> str:
    """The demand id at the end of its subject, or of its timer's."""
    return subject.rpartition(".")[2]


def demand_stream(cell: str) -> str:
    """`DEMANDS_<cell>`."""
    return f"DEMANDS_{cell}"


def entity_of(subject: str) -> str:
    """The entity whose commits a subject holds: what every commit on it must name."""
    return demand_of(subject) if subject.startswith("demand.") else registry_entity(subject)


def stream_of(subject: str) -> str:
    """Name of the stream that stores a subject. Raises NotFound for a foreign subject."""
    head, _, rest = subject.partition(".")
    if head == "demand":
        return demand_stream(rest.partition(".")[0])
    if head == "registry":
        return REGISTRY_STREAM
    if head == "privacy":
        return PRIVACY_STREAM
    raise NotFound("unknown_subject")


def registry_subject(entity: str) -> str:
    """`registry.<entity>`; entity is `<network>.graph`, `<network>.credential.<id>`, `system.cell.<cell>` …"""
    return f"registry.{entity}"


def registry_entity(subject: str) -> str:
    """The entity of a registry subject."""
    return subject.partition(".")[2]
