"""A revision on its way into force: what its staged parts add up to, checked before anything is published."""

from __future__ import annotations

from libs.directory import BrokenContent, Directory, NetworkContent, digest, from_sections
from libs.events import Refused
from services.registry.domain import PublishRevision


def checked_publication(directory: Directory, network: str, revision: str, parts: int, wanted: str) -> PublishRevision:
    """Return the command that publishes a staged revision. Raises Refused(revision_incomplete, network_file_invalid)."""
    published = (earlier for earlier in directory.history.get(network, ()) if (earlier.revision, earlier.digest) == (revision, wanted))
    earlier = next(published, None)  # a way back: its parts were staged and checked when it was first published
    content = earlier.content if earlier is not None else staged_content(directory, network, revision, parts)
    if content.network.name != network:
        raise Refused("network_file_invalid", field="network")
    if digest(content) != wanted:
        raise Refused("network_file_invalid", field="digest")
    return PublishRevision(network, revision, wanted, parts, content.network.in_force_from, len(content.nodes))


def staged_content(directory: Directory, network: str, revision: str, parts: int) -> NetworkContent:
    """Put the staged parts together. Raises Refused."""
    staged = directory.staged.get((network, revision), {})
    if any(part not in staged for part in range(1, parts + 1)):
        raise Refused("revision_incomplete", field="parts")
    try:
        return from_sections(staged[part] for part in range(1, parts + 1))
    except BrokenContent as error:
        raise Refused("network_file_invalid", field="items") from error
