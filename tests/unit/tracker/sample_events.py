"""One event of any type, for everything that has to cope with all of them."""

from __future__ import annotations

from datetime import datetime
from typing import Any, get_args

from libs.events import Deadline, Event, Sealed
from libs.events.testing import sealed
from tests.unit.tracker.histories import HUB, START, WINDOW, assignment_to

SAMPLES: dict[str, Any] = {
    "explanation": assignment_to(WINDOW, "a1").explanation,
    "node": WINDOW,
    "desk": HUB,
    "fields": ("title", "region"),
    "evidence": ("f1", "f2"),
    "files": ("f1",),
    "span": "5wd",
    "sample": False,
    "deadlines": {"resolve": Deadline(at=START)},
    "score": 80,
    "size": 2048,
    "media_type": "application/pdf",
}


def sample(event: type[Event]) -> Event:
    """An event of this type; of every closed set of codes the first."""
    values: dict[str, Any] = {}
    for name, field in event.model_fields.items():
        codes = [code for code in get_args(field.annotation) if isinstance(code, str)]
        values[name] = codes[0] if codes else SAMPLES.get(name, _plain(field.annotation))
    return event.model_construct(None, **values)


def _plain(annotation: Any) -> Any:
    """A value of the type; of a list nothing."""
    if annotation is Sealed:
        return sealed()
    if annotation is datetime:
        return START
    return () if getattr(annotation, "__origin__", None) is tuple else "x"
