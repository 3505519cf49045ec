"""The root of the published language: what every event class carries."""

from __future__ import annotations

from typing import ClassVar

from pydantic import BaseModel, ConfigDict


class Event(BaseModel):
    """A fact in the past tense. Readers are tolerant (unknown members are ignored), writers are typed.

    `zh` and `en` are sentence templates over the event's own members; people read these, programs read the members.
    """

    model_config = ConfigDict(frozen=True, extra="ignore")

    schema_version: ClassVar[int] = 1
    zh: ClassVar[str]
    en: ClassVar[str]

    @classmethod
    def name(cls) -> str:
        """The event's type on the wire: the class name."""
        return cls.__name__


class Part(BaseModel):
    """A value inside an event; as tolerant and as frozen as the event itself."""

    model_config = ConfigDict(frozen=True, extra="ignore")
