"""What a running intake holds: built once by the composition root, closed in reverse."""

from __future__ import annotations

from dataclasses import dataclass

from libs.chassis.commands import CommandDesk
from libs.chassis.follower import DirectoryFollower
from libs.chassis.keyring import KeyPool


@dataclass(frozen=True, slots=True)
class Rooms:
    """Open connections and the values requests need."""

    desk: CommandDesk
    pool: KeyPool
    follower: DirectoryFollower
    salt: bytes
    tracker_url: str
