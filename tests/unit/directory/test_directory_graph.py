"""The network as a graph: tree, territories, coverage, candidates, hubs."""

from __future__ import annotations

from datetime import date
from pathlib import Path

import pytest
from hypothesis import given

from libs.directory import STEPS, Network, NetworkContent, Node, load_network
from tests.unit.directory.random_networks import carriers, categories, content_of, contents, industries, node, regions


@pytest.fixture(scope="module")
def ningbo() -> Network:
    return Network(load_network(Path("networks/ningbo")), revision="r1", seq=7)


def covers(network: Network, of: Node, region: str, carrier: str | None, industry: str | None) -> bool:
    """The coverage rule, written a second time and without indexes."""
    by_region = any(region.startswith(code) or (code == "330200") for code in of.regions)
    entry = network.industry(industry) if industry else None
    by_industry = entry is not None and any(code in (entry.code, entry.parent) for code in of.industries)
    return by_region or by_industry or carrier in of.carriers


@given(contents(), categories, regions, carriers, industries)
def test_candidates_are_exactly_the_nodes_a_full_scan_finds(
    content: NetworkContent, category: str, region: str, carrier: str | None, industry: str | None
) -> None:
    network = Network(content)
    assignable = [n for n in content.nodes if network.kind(n).assignable]
    covering = {n.id for n in assignable if covers(network, n, region, carrier, industry)}
    offering = {n.id for n in assignable if n.id in covering and category in n.categories}
    assert {n.id for n in network.candidates(category, region, carrier, industry)} == offering
    assert network.covering(region, carrier, industry) == covering
    assert network.assignable_count == len(assignable)
    assert network.covering_count(region, carrier, industry) == len(covering)
    assert network.candidate_count(category, region, carrier, industry) == len(offering)


@given(contents(), categories, regions, carriers, industries)
def test_fits_are_told_nearest_first_and_agree_with_nearness(
    content: NetworkContent, category: str, region: str, carrier: str | None, industry: str | None
) -> None:
    network = Network(content)
    fits = network.fits(category, region, carrier, industry)
    assert [fit.step for fit in fits] == [network.nearness(fit.node, region, carrier, industry) for fit in fits]
    assert [STEPS.index(fit.step) for fit in fits] == sorted(STEPS.index(fit.step) for fit in fits)
    assert network.fits(category, region, carrier, industry) is fits


@given(contents())
def test_paths_up_and_subtrees_are_inverse(content: NetworkContent) -> None:
    network = Network(content)
    for n in content.nodes:
        path = [above.id for above in network.path_up(n.id)]
        assert path[0] == n.id
        assert path[-1] == network.hub.id
        for other in content.nodes:
            assert (n.id in network.subtree(other.id)) == (other.id in path)
            assert network.is_within(n.id, other.id) == (other.id in path)
    assert network.subtree(network.hub.id) == {n.id for n in content.nodes}


@given(contents(), regions, carriers)
def test_there_is_always_a_lowest_hub_and_it_is_active_unless_it_is_the_root(
    content: NetworkContent, region: str, carrier: str | None
) -> None:
    network = Network(content)
    hub = network.lowest_hub(region, carrier)
    assert network.kind(hub).hub
    assert hub == network.hub or (hub.status == "active" and covers(network, hub, region, carrier, None))
    assert network.hubs(region, carrier)[-1] == network.hub
    assert len({h.id for h in network.hubs(region, carrier)}) == len(network.hubs(region, carrier))


def test_the_lowest_hub_is_the_nearest_then_the_deepest() -> None:
    county = node("county-a", "county", "hub-0", regions=["330203"])
    nested = node("county-b", "county", "county-a", regions=["330203"])
    zone = node("county-c", "county", "hub-0", carriers=["zone-a"])
    network = Network(content_of([node("hub-0", "root", regions=["330200"]), county, nested, zone]))
    assert network.lowest_hub("330203001").id == "county-b"
    assert network.lowest_hub("330203001", "zone-a").id == "county-c"
    assert network.lowest_hub("330205001").id == "hub-0"
    assert network.lowest_hub("999999").id == "hub-0"


def test_a_hub_that_is_not_yet_in_force_is_passed_over() -> None:
    future = node("county-a", "county", "hub-0", regions=["330203"], in_force_from="2030-01-01")
    network = Network(content_of([node("hub-0", "root", regions=["330200"]), future]))
    assert network.lowest_hub("330203", day=date(2026, 1, 1)).id == "hub-0"
    assert network.lowest_hub("330203", day=date(2030, 1, 1)).id == "county-a"


def test_a_territory_runs_from_the_township_to_the_city(ningbo: Network) -> None:
    assert ningbo.territory("330212121") == ("330212121", "330212", "330200")
    assert ningbo.territory("110101") == ()


def test_a_category_is_found_by_code_title_and_alias(ningbo: Network) -> None:
    found = [ningbo.category(name) for name in ("training", "人力培训", "人才培训", " TRAINING ")]
    assert {category.code for category in found if category is not None} == {"training"}
    assert None not in found
    assert ningbo.category("投融资") is None


@pytest.mark.parametrize(
    ("code", "listed"),
    [("C", "C"), ("C33", "C33"), ("33", "C33"), ("3392", "C33"), ("C3392", "C33"), ("A33", None), ("Z", None), ("98", None)],
)
def test_an_industry_code_is_read_down_to_its_division(ningbo: Network, code: str, listed: str | None) -> None:
    entry = ningbo.industry(code)
    assert (entry.code if entry else None) == listed


def test_every_township_of_ningbo_has_a_hub_below_the_city_hub(ningbo: Network) -> None:
    townships = [region.code for region in ningbo.content.regions if region.kind == "township"]
    assert len(townships) == 157
    assert [code for code in townships if ningbo.lowest_hub(code) == ningbo.hub] == []


def test_a_zone_hub_comes_before_the_county_hub_for_the_zone_and_its_townships(ningbo: Network) -> None:
    assert [hub.id for hub in ningbo.hubs("330206007")] == ["nb-daxie", "nb-beilun", "nb-hub"]
    assert [hub.id for hub in ningbo.hubs("330206001", "bonded")] == ["nb-bonded", "nb-beilun", "nb-hub"]


def test_an_industry_window_hangs_directly_under_the_city_hub(ningbo: Network) -> None:
    windows = [n for n in ningbo.content.nodes if n.kind == "window_industry"]
    assert {tuple(above.id for above in ningbo.path_up(n.id))[1:] for n in windows} == {("nb-hub",)}


def test_organisations_are_never_candidates(ningbo: Network) -> None:
    kinds = {n.kind for region in ("330212121", "330282118") for n in ningbo.candidates("quality", region, "qianwan", "C33")}
    assert kinds >= {"window_zone", "specialist"}
    assert "organisation" not in kinds


def test_ten_thousand_nodes_do_not_slow_a_lookup_down_to_a_scan() -> None:
    windows = [node(f"window-{n}", "window", "hub-0", regions=["330205001"], categories=["market"]) for n in range(10_000)]
    near = node("window-near", "window", "hub-0", regions=["330203001"], categories=["quality"])
    network = Network(content_of([node("hub-0", "root", regions=["330200"]), near, *windows]))
    looked_at = sum(len(network.indexes.offering.get(("quality", "region", code), ())) for code in network.territory("330203001"))
    assert [n.id for n in network.candidates("quality", "330203001")] == ["window-near"]
    assert looked_at == 1
