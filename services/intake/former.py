"""Open cases of a former system (原系统在办件): what may be imported, and what of it the event says. Pure."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Final

from libs.events import HistoryImported, ImportedStep, Refused, Sealed
from services.intake.shapes import STEP_WORDS, ImportedDemand

NOTES: Final = 20_000
"""Characters of all notes of one case: a commit must fit into one message."""
_CLOSED: Final = frozenset({"办结", "归档", "关闭", "撤回", "不予受理", "resolved", "closed", "withdrawn", "refused", "archived"})
_STEPS: Final = frozenset(STEP_WORDS.values())


@dataclass(frozen=True, slots=True)
class Step:
    """One step, its note still in the clear."""

    at: datetime
    step: str
    node: str | None = None
    note: str | None = None


@dataclass(frozen=True, slots=True)
class FormerCase:
    """What a former system tells about a demand. `received_at` starts the demand's clock."""

    source: str
    reference: str
    received_at: datetime | None
    steps: tuple[Step, ...]


def former_case(body: ImportedDemand, source: str, now: datetime) -> FormerCase | None:
    """Return what a row tells about a former system, None if nothing. Raises Refused (batch_*).

    The status at the time of the import becomes the last step, dated `now`; words without a code are kept as its note.
    """
    if body.received_at is None and body.former_status is None and not body.history:
        return None
    if body.partner_ref is None:
        raise Refused("batch_ref_missing", field="partner_ref")
    if _is_closed(body.former_status):
        raise Refused("batch_case_closed", field="former_status")
    _check_times(body, now)
    if sum(len(step.note or "") for step in body.history) > NOTES:
        raise Refused("batch_history_too_long", field="history")
    steps = [Step(_exact(step.at), step.step, step.node, step.note) for step in body.history]
    if body.former_status is not None:
        steps.append(_status_step(body.former_status, now))
    received_at = body.received_at or (body.history[0].at if body.history else None)
    return FormerCase(source, body.partner_ref, None if received_at is None else _exact(received_at), tuple(steps))


def history_imported(case: FormerCase, seal: Callable[[str, str], Sealed]) -> HistoryImported:
    """Seal the notes, each as `steps.<index>.note`, and return the event."""
    steps = tuple(
        ImportedStep(
            at=step.at, step=step.step, node=step.node, note=seal(f"steps.{index}.note", step.note) if step.note is not None else None
        )
        for index, step in enumerate(case.steps)
    )
    return HistoryImported(source=case.source, former_id=case.reference, steps=steps)


def _check_times(body: ImportedDemand, now: datetime) -> None:
    before = body.received_at
    if before is not None and before > now:
        raise Refused("batch_time_in_future", field="received_at")
    for index, step in enumerate(body.history):
        field = f"history.{index}.at"
        if step.at > now:
            raise Refused("batch_time_in_future", field=field)
        if before is not None and step.at < before:
            raise Refused("batch_history_order", field=field)
        before = step.at


def _is_closed(status: str | None) -> bool:
    return status is not None and status.casefold().removeprefix("已") in _CLOSED


def _status_step(status: str, now: datetime) -> Step:
    code = STEP_WORDS.get(status, status if status in _STEPS else "other")
    return Step(_exact(now), code, note=status if code == "other" and status != "other" else None)


def _exact(moment: datetime) -> datetime:
    """UTC with milliseconds, as commits are stored."""
    utc = moment.astimezone(UTC)
    return utc.replace(microsecond=utc.microsecond // 1000 * 1000)
