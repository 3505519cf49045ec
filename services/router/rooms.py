"""What a running router holds: built once by the composition root, closed in reverse."""

from __future__ import annotations

from dataclasses import dataclass

from sqlalchemy.ext.asyncio import AsyncEngine

from libs.chassis.commands import CommandDesk
from libs.chassis.follower import DirectoryFollower
from libs.events.privacy import PrivacyLedger
from services.router.files import FileStore


@dataclass(frozen=True, slots=True)
class Rooms:
    """Open connections and the values requests need."""

    desk: CommandDesk
    engine: AsyncEngine
    follower: DirectoryFollower
    ledger: PrivacyLedger
    files: FileStore
