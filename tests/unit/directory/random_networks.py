"""Random but sound networks for property tests."""

from __future__ import annotations

from datetime import date
from functools import cache
from random import Random
from typing import Any

from hypothesis import strategies as st

from libs.directory import NetworkContent

CATEGORIES = ("quality", "digital", "market")
REGIONS: tuple[tuple[str, str | None, str], ...] = (
    ("330200", None, "city"),
    ("330203", "330200", "county"),
    ("330205", "330200", "county"),
    ("330203001", "330203", "township"),
    ("330203002", "330203", "township"),
    ("330205001", "330205", "township"),
)
CARRIERS = ("zone-a", "park-b")
INDUSTRIES = ("C", "C33", "C36", "I", "I65")

regions = st.sampled_from([code for code, _, _ in REGIONS])
carriers = st.none() | st.sampled_from(CARRIERS)
industries = st.none() | st.sampled_from([*INDUSTRIES, "3392", "C3670", "Z99"])
categories = st.sampled_from(CATEGORIES)


CLOCKS: dict[str, Any] = {
    "version": 1,
    "in_force_from": "2020-01-01",
    "calendar": {"base": "china", "hours": ["08:30-12:00", "14:00-17:30"], "overrides": [{"day": "2027-02-08", "work": False}]},
    "rules": {
        "accept": {"normal": "1wd", "urgent": "2h", "critical": "30min"},
        "return": "2wd",
        "first_answer": {"normal": "2wd", "urgent": "24h", "critical": "2h"},
        "resolve": {"normal": "5wd", "complex": "15wd", "urgent": "24h", "critical": "2h"},
        "complex_categories": ["digital"],
        "assist": "3wd",
        "completion": "5wd",
        "extension": {"times": 1, "most": "10wd", "asked_before": "1wd"},
        "suspension_most": "10wd",
        "arbitration": "0wd",
        "dispute": "1wd",
        "confirm": "5wd",
        "reopen": "15wd",
        "follow_up": "5wd",
        "supervision": "3wd",
        "warn_before": "1wd",
        "chase_every": "1wd",
        "take_back": "10min",
        "triage": "1wd",
        "sampling": {"percent": 10, "least_per_node_and_month": 1},
    },
}
"""Time limits as they stand in a section; without demo limits."""


def node(id: str, kind: str, parent: str | None = None, **more: Any) -> dict[str, Any]:
    """A node as it stands in a section; defaults fit any kind."""
    plain = {"id": id, "kind": kind, "title_zh": id, "title_en": id, "capacity": 10, "fee": "welfare", "status": "active", "sample": True}
    return {**plain, "in_force_from": "2020-01-01", **({"parent": parent} if parent else {}), **more}


def _kind(code: str, parents: list[str], *, assignable: bool = True, hub: bool = False) -> dict[str, Any]:
    return {"code": code, "title_zh": code, "title_en": code, "parents": parents, "assignable": assignable, "hub": hub, "source": "test"}


def content_of(nodes: list[dict[str, Any]]) -> NetworkContent:
    """A small network whose hub is `hub-0`; kinds: root, county (hubs, nested), window, organisation."""
    return NetworkContent.model_validate({**dict(_everything_but_nodes()), "nodes": nodes})


@cache
def _everything_but_nodes() -> NetworkContent:
    single = {code: [{"code": "x", "title_zh": "x"}] for code in ("channels", "urgency", "return_reasons", "resolve_results")}
    lists = {**single, "industries": [{"code": c, "title_zh": c, **({"parent": c[0]} if len(c) > 1 else {})} for c in INDUSTRIES]}
    return NetworkContent.model_validate(
        {
            "nodes": (),
            "network": {
                "name": "testnet",
                "title_zh": "测试",
                "title_en": "Test",
                "region": "330200",
                "time_zone": "Asia/Shanghai",
                "hub": "hub-0",
                "in_force_from": "2020-01-01",
                "source": "test",
            },
            "node_kinds": [
                _kind("root", [], hub=True),
                _kind("county", ["root", "county"], hub=True),
                _kind("window", ["root", "county"]),
                _kind("organisation", ["county", "window"], assignable=False),
            ],
            "taxonomy": {
                "version": 1,
                "in_force_from": date(2020, 1, 1),
                "categories": [
                    {
                        "code": code,
                        "title_zh": f"类{code}",
                        "title_en": code,
                        "aliases": [f"别名{code}"],
                        "definition_zh": "无",
                        "definition_en": "none",
                        "terms": [{"term": code, "weight": 5}],
                    }
                    for code in CATEGORIES
                ],
            },
            "regions": [
                {"code": code, "title": code, "kind": kind, **({"parent": parent} if parent else {})} for code, parent, kind in REGIONS
            ],
            "carriers": [{"id": id, "title_zh": id, "kind": "park", "regions": ["330203"], "sample": True} for id in CARRIERS],
            "codes": [{"name": name, "entries": entries} for name, entries in lists.items()],
            "routing": {
                "version": 1,
                "in_force_from": "2020-01-01",
                "eligibility": [{"name": name} for name in ("assignable", "covers_territory", "offers_category", "active")],
                "score": {
                    "nearness": {"weight": 40, "steps": {"carrier": 100, "township": 80, "industry": 60, "county": 40, "city": 20}},
                    "depth": {"weight": 20, "kinds": ["window"], "points": [100]},
                    "load": {"weight": 20},
                    "welfare_first": {"weight": 20, "fees": {"welfare": 100, "low_fee": 50, "market": 0}},
                },
                "return_budget": 2,
                "fallback": "lowest_hub",
                "classification": {"minimum_score": 5, "minimum_margin": 2},
                "explanation": {"candidates": 32},
            },
            "clocks": CLOCKS,
        },
    )


def _some(rng: Random, values: tuple[str, ...], least: int = 0) -> list[str]:
    return rng.sample(values, rng.randint(least, min(3, len(values))))


@st.composite
def contents(draw: st.DrawFn) -> NetworkContent:
    """A sound network: a hub, up to 5 nested county hubs, up to 12 windows, up to 6 organisations.

    Sizes are drawn (so failures shrink), the wiring comes from a drawn seed (so a network costs one millisecond).
    """
    rng = Random(draw(st.integers(0, 2**32)))
    nodes = [node("hub-0", "root", regions=["330200"])]
    codes = tuple(code for code, _, _ in REGIONS)
    hubs = ["hub-0"]
    for number in range(draw(st.integers(0, 5))):
        id, parent, status = f"county-{number}", rng.choice(hubs), rng.choice(["active", "active", "suspended", "closed"])
        covered = {"regions": _some(rng, codes, 1), "carriers": _some(rng, CARRIERS), "categories": _some(rng, CATEGORIES)}
        nodes.append(node(id, "county", parent, status=status, **covered))
        hubs.append(id)
    windows = [f"window-{number}" for number in range(draw(st.integers(0, 12)))]
    for id in windows:
        covered = {"regions": _some(rng, codes), "carriers": _some(rng, CARRIERS), "industries": _some(rng, INDUSTRIES, 1)}
        nodes.append(node(id, "window", rng.choice(hubs), categories=_some(rng, CATEGORIES, 1), **covered))
    nodes += [
        node(f"organisation-{number}", "organisation", rng.choice(windows), regions=["330200"], categories=["quality"])
        for number in range(draw(st.integers(0, 6)) if windows else 0)
    ]
    return content_of(nodes)
