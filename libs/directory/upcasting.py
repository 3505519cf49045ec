"""Older shapes of a network's sections, read as today's. Staged parts stay in the registry's stream for ever. Pure.

A revision staged before clock packs held spans names its limits in plain working days and had no demonstration clock. No service
acted on those limits, so what they did not tell takes common practice (requirements Part 2).
"""

from __future__ import annotations

from typing import Any


def clocks_upcast(item: dict[str, Any]) -> dict[str, Any]:
    """Return a clocks section in today's shape; what is neither shape is returned as it is, for the model to refuse."""
    if "rules" in item or "urgency_hours" not in item:
        return item
    try:
        return _from_working_days(item)
    except (KeyError, TypeError):
        return item


def _from_working_days(old: dict[str, Any]) -> dict[str, Any]:
    hours, answer, extension = old["urgency_hours"], old["answer"], old["extension"]
    urgency = {"urgent": f"{hours['urgent']}h", "critical": f"{hours['critical']}h"}
    return {
        "version": old["version"],
        "in_force_from": old["in_force_from"],
        "calendar": {"base": "china"},
        "rules": {
            "accept": dict.fromkeys(("normal", "urgent", "critical"), _days(old["accept"])),
            "return": _days(old["return"]),
            "first_answer": {"normal": _days(answer["ordinary"]), **urgency},
            "resolve": {"normal": _days(answer["ordinary"]), "complex": _days(answer["complex"]), **urgency},
            "assist": _days(old["assist"]),
            "completion": "5wd",
            "extension": {
                "times": extension["times"] if extension["days"] else 0,
                "most": _days(extension["days"] or 1),
                "asked_before": _days(extension["asked_before"]),
            },
            "suspension_most": _days(old["suspension_total"]),
            "arbitration": _days(old["arbitration"]),
            "dispute": "1wd",
            "confirm": _days(old["silence_after_resolution"] or 1),
            "reopen": _days(old["reopening"]),
            "follow_up": "5wd",
            "supervision": "3wd",
            "warn_before": "1wd",
            "chase_every": "1wd",
            "take_back": "10min",
            "triage": _days(old["accept"]),
            "sampling": old["follow_up"],
        },
    }


def _days(number: int) -> str:
    return f"{number}wd"
