"""What actors of the sample traffic see of a demand, and what they can do with it: plain values."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any, Literal

Who = Literal["hub", "second", "bureau", "partner", "enterprise"]
"""`hub` handles for all nodes, `second` is another person there, who judges what `hub` did."""
Service = Literal["intake", "router"]


@dataclass(frozen=True, slots=True)
class View:
    """A demand as its actors see it: the tracker's answer, what has happened so far, and how long it has been quiet."""

    demand: Mapping[str, Any]
    happened: Counter[str]
    events: tuple[Mapping[str, Any], ...]
    quiet: timedelta
    now: datetime
    parents: Mapping[str, str]
    hub: str

    @property
    def id(self) -> str:
        """The demand's id."""
        return str(self.demand["id"])

    @property
    def holder(self) -> str:
        """The node that holds it now."""
        return str((self.demand.get("holder") or {}).get("node", self.hub))

    @property
    def assignment(self) -> str:
        """Its assignment, if any."""
        return str((self.demand.get("holder") or {}).get("assignment", ""))

    @property
    def age(self) -> timedelta:
        """Since it was submitted."""
        return self.now - datetime.fromisoformat(self.demand["submitted_at"])

    def last(self, event: str) -> Mapping[str, Any]:
        """The data of the last event of a type."""
        return next((found["data"] for found in reversed(self.events) if found["type"] == event), {})


@dataclass(frozen=True, slots=True)
class Act:
    """One call: by whom, at which service, path below `/v1/demands/{id}`, body. `file` sends bytes instead of JSON."""

    who: Who
    service: Service
    path: str
    body: Mapping[str, Any] = field(default_factory=dict)
    file: bool = False


@dataclass(frozen=True, slots=True)
class Step:
    """Done when `event` has happened `times` times. Possible in `when`; `make` None: the system does it, we wait."""

    event: str
    when: frozenset[str]
    make: Callable[[View], Act] | None
    times: int = 1
    after: int = 3
