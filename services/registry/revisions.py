"""A revision on its way into force: what its staged parts add up to, checked before anything is proposed or published."""

from __future__ import annotations

from libs.directory import BrokenContent, Directory, NetworkContent, digest, from_sections
from libs.events import NotFound, Refused
from libs.events.registry import RuledSection
from services.registry.domain import CheckedRevision


def checked_revision(directory: Directory, network: str, revision: str, parts: int, wanted: str) -> CheckedRevision:
    """Return a staged revision once it is whole, sound and of the digest asked for, with the rules it changes.

    Raises Refused(revision_incomplete, network_file_invalid, policy_version_used).
    """
    published = (earlier for earlier in directory.history.get(network, ()) if (earlier.revision, earlier.digest) == (revision, wanted))
    earlier = next(published, None)  # a way back: its parts were staged and checked when it was first published
    content = earlier.content if earlier is not None else staged_content(directory, network, revision, parts)
    if content.network.name != network:
        raise Refused("network_file_invalid", field="network")
    if earlier is None and digest(content) != wanted:
        raise Refused("network_file_invalid", field="digest")
    _require_new_versions(directory, network, content)
    base, changes = directory.published.get(network), changed_rules(directory, network, content)
    return CheckedRevision(network, revision, wanted, parts, content.network.in_force_from, len(content.nodes), base, changes)


def _require_new_versions(directory: Directory, network: str, content: NetworkContent) -> None:
    """Rules that were never in force have a greater version than all that were: explanations and promises name the version only."""
    past = [earlier.content for earlier in directory.history.get(network, ())]
    rules = (
        ("routing", content.routing, [earlier.routing for earlier in past]),
        ("clocks", content.clocks, [earlier.clocks for earlier in past]),
    )
    for name, wanted, known in rules:
        if known and wanted not in known and wanted.version <= max(one.version for one in known):
            raise Refused("policy_version_used", field=f"{name}.version")


def changed_rules(directory: Directory, network: str, content: NetworkContent) -> tuple[RuledSection, ...]:
    """Name the rules in force that a content changes: none for a first revision, all where what was published cannot be read."""
    base = directory.published.get(network)
    if base is None:
        return ()
    in_force = directory.networks.get(network)
    if in_force is None or in_force.digest != base:
        return ("routing", "clocks")
    before = in_force.content
    found: list[RuledSection] = []
    if content.routing != before.routing:
        found.append("routing")
    if content.clocks != before.clocks:
        found.append("clocks")
    return tuple(found)


def content_of(directory: Directory, network: str, revision: str) -> NetworkContent:
    """Return what a proposed or published revision says. Raises NotFound(revision_not_found), Refused."""
    proposal = directory.proposals.get(network)
    if proposal is not None and proposal.revision == revision and (network, revision) in directory.staged:
        return staged_content(directory, network, revision, proposal.parts)
    for past in reversed(directory.history.get(network, ())):
        if past.revision == revision:
            return past.content
    raise NotFound("revision_not_found")


def staged_content(directory: Directory, network: str, revision: str, parts: int) -> NetworkContent:
    """Put the staged parts together. Raises Refused."""
    staged = directory.staged.get((network, revision), {})
    if any(part not in staged for part in range(1, parts + 1)):
        raise Refused("revision_incomplete", field="parts")
    try:
        return from_sections(staged[part] for part in range(1, parts + 1))
    except BrokenContent as error:
        raise Refused("network_file_invalid", field="items") from error
