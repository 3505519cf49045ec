"""(c) One routing decision with explanation, in networks of 100 and of 10,000 nodes grown from Ningbo's data."""

from __future__ import annotations

import time

from bench.results import Figure
from cli.machine.folder import CHECKOUT
from libs.directory import Network, NetworkContent, Node, Region, load_network
from libs.events import Basis, RoutingInputs
from services.router.policy import decide_route

DECISIONS = 5_000
SIZES = (100, 10_000)
TOWNSHIPS_PER_NODE = 3


def measure() -> list[Figure]:
    """Time decisions over changing demands and loads; the reference of the large network is the small one."""
    base = load_network(CHECKOUT / "networks" / "ningbo")
    small, large = (_micros(grown(base, size)) for size in SIZES)
    return [
        Figure("route_100", small, "µs", None, f"{DECISIONS} decisions"),
        Figure("route_10000", large, "µs", small, "reference: 100 nodes; goal ≤ 200 µs and ≤ 2 ×"),
    ]


def grown(base: NetworkContent, size: int) -> Network:
    """A network with `size` assignable windows under the county hubs: more townships, not more windows in one township."""
    hubs = [node for node in base.nodes if node.kind in ("city_hub", "county_hub")]
    counties = [region for region in base.regions if region.kind == "county"]
    pattern = next(node for node in base.nodes if node.kind == "window_township")
    codes = [category.code for category in base.taxonomy.categories]
    townships, windows = [], []
    for number in range(size - len(hubs)):
        if number % TOWNSHIPS_PER_NODE == 0:
            serial = number // TOWNSHIPS_PER_NODE
            county_code = counties[serial % len(counties)].code
            townships.append(
                Region(code=f"{county_code}{serial // len(counties):03d}", title=f"样例街道{serial}", parent=county_code, kind="township")
            )
        place = townships[-1]
        offered = tuple(codes[(number + shift) % len(codes)] for shift in range(4))
        parent = next((hub.id for hub in hubs if place.parent in hub.regions), base.network.hub)
        windows.append(
            pattern.model_copy(update={"id": f"nb-x-{number}", "parent": parent, "regions": (place.code,), "categories": offered})
        )
    regions = (*(region for region in base.regions if region.kind != "township"), *townships)
    return Network(base.model_copy(update={"nodes": _bare(hubs, windows), "regions": regions, "carriers": ()}), revision="bench", seq=1)


def _bare(hubs: list[Node], windows: list[Node]) -> tuple[Node, ...]:
    kept = [hub.model_copy(update={"regions": tuple(code for code in hub.regions if len(code) == 6), "carriers": ()}) for hub in hubs]
    return tuple(sorted((*kept, *windows), key=lambda node: node.id))


def _micros(network: Network) -> float:
    places = [region.code for region in network.content.regions if region.kind == "township"]
    codes = [category.code for category in network.content.taxonomy.categories]
    inputs = [
        RoutingInputs(category=codes[number % len(codes)], region=places[number * 7 % len(places)], urgency="normal")
        for number in range(DECISIONS)
    ]
    basis = Basis(registry_seq=1, figures_date="2026-11-23")
    load: dict[str, int] = {}
    for item in inputs:  # the caches of a running router are warm
        decide_route(network, network.content.routing, item, load, basis)
    start = time.perf_counter()
    for item in inputs:
        chosen = decide_route(network, network.content.routing, item, load, basis).chosen
        load[chosen] = load.get(chosen, 0) + 1
    return (time.perf_counter() - start) / DECISIONS * 1e6
