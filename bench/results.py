"""Figures of one run, as a table for people and as `.liandong/bench.json` for programs."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from rich.console import Console
from rich.table import Table


@dataclass(frozen=True, slots=True)
class Figure:
    """One measured value; `reference` was measured in the same run, None where there is none. `note` says what it is."""

    name: str
    value: float
    unit: str
    reference: float | None = None
    note: str = ""

    @property
    def ratio(self) -> float | None:
        """Value by reference."""
        return self.value / self.reference if self.reference else None


def show(figures: Sequence[Figure]) -> None:
    """Print the table."""
    table = Table(title="联动 bench")
    for column in ("name", "value", "unit", "reference", "ratio", "note"):
        table.add_column(column, justify="right" if column in ("value", "reference", "ratio") else "left", overflow="fold")
    for figure in figures:
        reference = "" if figure.reference is None else f"{figure.reference:,.1f}"
        ratio = "" if figure.ratio is None else f"{figure.ratio:.2f}"
        table.add_row(figure.name, f"{figure.value:,.1f}", figure.unit, reference, ratio, figure.note)
    Console().print(table)


def write(figures: Sequence[Figure], path: Path) -> None:
    """Write `{name: {value, unit, reference, ratio, note}}`."""
    path.parent.mkdir(parents=True, exist_ok=True)
    document = {
        figure.name: {
            "value": round(figure.value, 3),
            "unit": figure.unit,
            "reference": figure.reference and round(figure.reference, 3),
            "ratio": figure.ratio and round(figure.ratio, 3),
            "note": figure.note,
        }
        for figure in figures
    }
    path.write_text(json.dumps(document, ensure_ascii=False, indent=2) + "\n", "utf-8")
