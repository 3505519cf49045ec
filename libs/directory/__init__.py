"""The directory 名录: networks, nodes, routing policy, credentials and cells as pure values.

Owns the shapes of a network's data, the rules between its parts, the reading of its files, and the value folded from the
registry's events. Never does I/O beyond reading a folder it is given; knows no clock that runs, no service and no HTTP.
"""

from libs.directory.calendar import NetworkClocks, WorkingCalendar, calendar_of, network_clocks
from libs.directory.checks import check_content
from libs.directory.clocks import (
    CalendarRule,
    ClockPack,
    ClockRules,
    DayOverride,
    DemoClocks,
    ExtensionRule,
    ResolveSpans,
    SamplingRule,
    Span,
    UrgencySpans,
)
from libs.directory.differences import ContentDiff, FieldChange, RowChange, TableDiff, diff
from libs.directory.files import load_network
from libs.directory.graph import STEPS, Fit, Network
from libs.directory.model import (
    Carrier,
    Category,
    CodeEntry,
    CodeList,
    NetworkContent,
    NetworkInfo,
    Node,
    NodeKind,
    Region,
    Taxonomy,
    Term,
)
from libs.directory.policy import Predicate, RoutingPolicy
from libs.directory.problems import BrokenContent, FileProblem, Finding, NetworkFileError
from libs.directory.sections import Section, digest, from_sections, to_sections
from libs.directory.shapes import CodeListName, PredicateName, Step
from libs.directory.state import Credential, Directory, Fault, Proposal, evolve, in_force_on

__all__ = [
    "STEPS",
    "BrokenContent",
    "CalendarRule",
    "Carrier",
    "Category",
    "ClockPack",
    "ClockRules",
    "CodeEntry",
    "CodeList",
    "CodeListName",
    "ContentDiff",
    "Credential",
    "DayOverride",
    "DemoClocks",
    "Directory",
    "ExtensionRule",
    "Fault",
    "FieldChange",
    "FileProblem",
    "Finding",
    "Fit",
    "Network",
    "NetworkClocks",
    "NetworkContent",
    "NetworkFileError",
    "NetworkInfo",
    "Node",
    "NodeKind",
    "Predicate",
    "PredicateName",
    "Proposal",
    "Region",
    "ResolveSpans",
    "RoutingPolicy",
    "RowChange",
    "SamplingRule",
    "Section",
    "Span",
    "Step",
    "TableDiff",
    "Taxonomy",
    "Term",
    "UrgencySpans",
    "WorkingCalendar",
    "calendar_of",
    "check_content",
    "diff",
    "digest",
    "evolve",
    "from_sections",
    "in_force_on",
    "load_network",
    "network_clocks",
    "to_sections",
]
