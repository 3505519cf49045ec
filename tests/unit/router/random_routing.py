"""Random nodes in the real Ningbo frame (kinds, regions, policy), and a routing decision written down naively."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date
from functools import cache
from pathlib import Path

from hypothesis import strategies as st

from libs.directory import Network, NetworkContent, Node, load_network
from libs.directory.policy import RoutingPolicy
from libs.events import Basis, RoutingInputs

NINGBO = Path(__file__).parents[3] / "networks" / "ningbo"
DAY = date(2026, 3, 2)
BASIS = Basis(registry_seq=7, figures_date=DAY.isoformat())
REGIONS = ("330200", "330203", "330205", "330203001", "330203002", "330205001")
CARRIERS = ("qianwan", "hitech")
INDUSTRIES = ("C", "C33", "C36")
CATEGORIES = ("quality", "digital", "market")
KINDS = ("window_township", "window_park", "window_industry", "specialist", "organisation", "county_hub")


@cache
def frame() -> NetworkContent:
    """The real network; its nodes are replaced."""
    return load_network(NINGBO)


def node(id: str, kind: str = "window_township", **more: object) -> Node:
    """A node; defaults cover the whole city and offer quality."""
    plain: dict[str, object] = {
        "id": id,
        "kind": kind,
        "title_zh": id,
        "title_en": id,
        "parent": "nb-hub",
        "regions": ("330200",),
        "categories": ("quality",),
        "capacity": 10,
        "fee": "welfare",
        "in_force_from": date(2020, 1, 1),
        "status": "active",
        "sample": True,
    }
    return Node.model_validate({**plain, **more})


def network_of(*nodes: Node, hub_categories: tuple[str, ...] = ()) -> Network:
    """A network of these nodes under the hub."""
    hub = node("nb-hub", "city_hub", parent=None, categories=hub_categories)
    everyone = tuple(sorted((hub, *nodes), key=lambda one: one.id))
    return Network(frame().model_copy(update={"nodes": everyone}), revision="r1", seq=7)


def _some(values: tuple[str, ...], least: int = 0) -> st.SearchStrategy[tuple[str, ...]]:
    return st.lists(st.sampled_from(values), min_size=least, max_size=3, unique=True).map(tuple)


@st.composite
def networks(draw: st.DrawFn, most: int = 24) -> Network:
    """Up to `most` nodes of any kind, state, date and size."""
    nodes = [
        node(
            f"node-{number:03d}",
            draw(st.sampled_from(KINDS)),
            regions=draw(_some(REGIONS)),
            carriers=draw(_some(CARRIERS)),
            industries=draw(_some(INDUSTRIES)),
            categories=draw(_some(CATEGORIES)),
            capacity=draw(st.integers(0, 6)),
            fee=draw(st.sampled_from(["welfare", "low_fee", "market"])),
            status=draw(st.sampled_from(["active", "active", "active", "suspended", "closed"])),
            in_force_to=draw(st.none() | st.sampled_from([date(2025, 1, 1), date(2027, 1, 1)])),
        )
        for number in range(draw(st.integers(0, most)))
    ]
    return network_of(*nodes, hub_categories=draw(_some(CATEGORIES)))


@st.composite
def inputs_in(draw: st.DrawFn, network: Network) -> RoutingInputs:
    """A demand's facts; any nodes may have returned it."""
    ids = [one.id for one in network.content.nodes]
    return RoutingInputs(
        category=draw(st.none() | st.sampled_from(CATEGORIES)),
        region=draw(st.sampled_from([*REGIONS, "999999"])),
        carrier=draw(st.none() | st.sampled_from(CARRIERS)),
        industry=draw(st.none() | st.sampled_from([*INDUSTRIES, "3392"])),
        urgency="normal",
        returned_by=tuple(draw(st.lists(st.sampled_from(ids), max_size=20, unique=True))),
    )


def policies() -> st.SearchStrategy[RoutingPolicy]:
    """The real policy, told by few or many candidates, so that small networks overflow it too."""
    routing = frame().routing
    return st.sampled_from((1, 3, 5, 8, 32)).map(
        lambda most: routing.model_copy(update={"explanation": routing.explanation.model_copy(update={"candidates": most})})
    )


def loads_in(network: Network) -> st.SearchStrategy[dict[str, int]]:
    """Open assignments of any nodes."""
    return st.dictionaries(st.sampled_from([one.id for one in network.content.nodes]), st.integers(0, 8), max_size=60)


def naive_choice(network: Network, policy: RoutingPolicy, inputs: RoutingInputs, load: Mapping[str, int]) -> str:
    """Look at every node, without an index, and choose."""
    if inputs.category is None:
        return network.hub.id
    scored: list[tuple[int, str, Node]] = []
    for one in network.content.nodes:
        step = network.nearness(one, inputs.region, inputs.carrier, inputs.industry)
        possible = network.kind(one).assignable and step is not None and inputs.category in one.categories
        if not possible or not one.in_force(DAY) or one.status != "active" or one.id in inputs.returned_by:
            continue
        parts = policy.score
        depth = parts.depth.points[len(one.categories) - 1] if one.kind in parts.depth.kinds and len(one.categories) <= 2 else 0
        fee = {"welfare": parts.welfare_first.fees.welfare, "low_fee": parts.welfare_first.fees.low_fee, "market": 0}[one.fee]
        fixed = parts.nearness.weight * parts.nearness.steps.points(step) + parts.depth.weight * depth + parts.welfare_first.weight * fee
        scored.append((-fixed, one.id, one))
    scored.sort(key=lambda item: item[:2])
    told = policy.explanation.candidates
    most = told - told // 4
    roomy = [item for item in scored if load.get(item[1], 0) < item[2].capacity][:most]
    best = []
    for minus, id, one in roomy or scored[:most]:
        free = max(one.capacity - load.get(id, 0), 0) * 100 // one.capacity if one.capacity else 0
        best.append((minus - policy.score.load.weight * free, id))
    if best:
        return min(best)[1]
    hubs = network.hubs(inputs.region, inputs.carrier)
    fit = [hub.id for hub in hubs if hub.status == "active" and hub.in_force(DAY) and hub.id not in inputs.returned_by]
    return fit[0] if fit else network.hub.id
