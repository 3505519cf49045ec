"""What a running tracker holds: built once by the composition root, closed in reverse."""

from __future__ import annotations

from dataclasses import dataclass

from sqlalchemy.ext.asyncio import AsyncEngine

from libs.chassis.follower import DirectoryFollower
from libs.events import EventStore
from services.tracker.consumers import Followers
from services.tracker.feed import Bell
from services.tracker.projector import DataKeys
from services.tracker.views import Views


@dataclass(frozen=True, slots=True)
class Rooms:
    """Open connections and the values requests need. The console builds on `views`, `keys`, `follower` and `bell`."""

    engine: AsyncEngine
    store: EventStore
    follower: DirectoryFollower
    keys: DataKeys
    views: Views
    bell: Bell
    followers: Followers
