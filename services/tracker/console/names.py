"""Titles of nodes and codes from the directory, asked anew each time, so that a new revision shows at once."""

from __future__ import annotations

from libs.directory import Network
from services.tracker.console.source import NodeCard
from services.tracker.console.visit import Follower


class DirectoryNames:
    """The registry's titles in both languages; where the directory has no English title, the Chinese one stands."""

    def __init__(self, follower: Follower) -> None:
        self._follower = follower

    def node(self, network: str, node: str, lang: str) -> NodeCard | None:
        """Describe a node, also one of an earlier revision as far as it is still listed."""
        known = self._network(network)
        if known is None or not known.has(node):
            return None
        found = known.node(node)
        kind, above = known.kind(found), known.path_up(node)[1:2]
        return NodeCard(
            id=node,
            title=_pick(found.title_zh, found.title_en, lang),
            kind=_pick(kind.title_zh, kind.title_en, lang),
            above=_pick(above[0].title_zh, above[0].title_en, lang) if above else None,
            sample=found.sample,
        )

    def title(self, network: str, kind: str, code: str, lang: str) -> str | None:
        """Title of a category, region, carrier, industry or channel."""
        known = self._network(network)
        if known is None:
            return None
        match kind:
            case "region":
                return _region(known, code)
            case "carrier":
                return next((carrier.title_zh for carrier in known.content.carriers if carrier.id == code), None)
            case "category":
                category = known.category(code)
                return _pick(category.title_zh, category.title_en, lang) if category is not None else None
            case "industry":
                entry = known.industry(code)
            case "channel":
                entry = known.code("channels", code)
            case _:
                return None
        return _pick(entry.title_zh, entry.title_en, lang) if entry is not None else None

    def _network(self, network: str) -> Network | None:
        return self._follower.directory.networks.get(network)


def _region(network: Network, code: str) -> str | None:
    """北仑区 大碶街道: from the county down; the city itself by its own name."""
    found = [region for part in network.territory(code) if (region := network.region(part)) is not None]
    below_city = [region.title for region in found if region.kind != "city"]
    return " ".join(reversed(below_city)) if below_city else found[0].title if found else None


def _pick(zh: str, en: str | None, lang: str) -> str:
    return zh if lang == "zh" or not en else en
