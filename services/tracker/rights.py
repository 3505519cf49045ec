"""What a caller may see, as values that queries understand. Pure.

==========================  =========================================  ==========
role                        demands                                    their text
==========================  =========================================  ==========
partner                     its own party's                            yes
clerk                       those its node holds, held, assists or     yes
                            took in
coordinator                 those of its subtree; the hub's: all       yes
county bureau               those of its subtree                       no
bureau, centre, operator,   all of its network                         no
auditor
administrators              none                                       no
==========================  =========================================  ==========
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from libs.chassis.auth import Caller, require_role, visible_nodes
from libs.directory import Directory
from libs.events import Role

READERS: Final[tuple[Role, ...]] = ("partner", "clerk", "coordinator", "bureau", "county_bureau", "centre", "operator", "auditor")
_READ_TEXT: Final = frozenset({"partner", "clerk", "coordinator"})


@dataclass(frozen=True, slots=True)
class Scope:
    """Demands of `network`; of `party` alone if given; of any of `nodes` (`DemandRow.nodes`: those that may know it) if given.

    `reads_text`: titles and names.
    """

    network: str
    party: str | None
    nodes: frozenset[str] | None
    reads_text: bool


def scope_of(caller: Caller, directory: Directory) -> Scope:
    """Cut a caller's rights to a scope. Raises Refused forbidden for roles that see no demands."""
    require_role(caller, *READERS)
    reads_text = caller.role in _READ_TEXT
    if caller.role == "partner":
        return Scope(caller.network or "", caller.party, None, reads_text)
    return Scope(caller.network or "", None, visible_nodes(caller, directory), reads_text)
