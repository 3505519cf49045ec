"""What every entry of the problem catalogue says."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class ProblemKind:
    """A kind of problem: HTTP status, title and advice in both languages, seconds for Retry-After where waiting helps."""

    code: str
    status: int
    zh: str
    en: str
    do_zh: str
    do_en: str
    retry_after: int | None = None
