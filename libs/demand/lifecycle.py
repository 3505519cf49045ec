"""Which command is possible when: the life-cycle rules that intake and router share. docs/lifecycle.md is drawn from this table."""

from __future__ import annotations

from typing import Final

from libs.demand.state import ASSISTING, ENDED, HELD, OPEN, WORKING, Assignment, Assistance, DemandState, Status
from libs.events import NotFound, Refused

_S = Status
ROUTABLE: Final = frozenset({_S.SUBMITTED, _S.TRIAGE})
HANDLING: Final = frozenset({_S.ASSIGNED, _S.IN_PROGRESS, _S.AWAITING_ENTERPRISE, _S.SUSPENDED})
STARTED: Final = frozenset({_S.IN_PROGRESS, _S.AWAITING_ENTERPRISE, _S.SUSPENDED})
_IN_PROGRESS: Final = frozenset({_S.IN_PROGRESS})
_EVER: Final = frozenset(_S)

ALLOWED: Final[dict[str, frozenset[Status]]] = {
    # The submitter's and the enterprise's (intake).
    "SupplementDemand": OPEN,
    "CorrectDemand": frozenset({_S.SUBMITTED, _S.TRIAGE, _S.ASSIGNED}),
    "WithdrawDemand": WORKING,
    "ProvideCompletion": frozenset({_S.AWAITING_ENTERPRISE}),
    "ConfirmResolution": frozenset({_S.RESOLVED}),
    "DisputeResolution": frozenset({_S.RESOLVED}),
    "RequestReopening": frozenset({_S.CLOSED, _S.REFUSED}),
    "RateDemand": frozenset({_S.RESOLVED, _S.CLOSED}),
    "RaiseComplaint": _EVER - {_S.SUBMITTED},
    # Triage (router).
    "ClassifyDemand": ROUTABLE,
    "ReclassifyDemand": ROUTABLE | HANDLING,
    "RefuseDemand": ROUTABLE | {_S.ASSIGNED, _S.IN_PROGRESS},
    "MergeDemand": ROUTABLE | HANDLING,
    "UnmergeDemand": frozenset({_S.MERGED}),
    "AssignDemand": ROUTABLE,
    "ArbitrateAssignment": frozenset({_S.TRIAGE}),
    # A node's own (router).
    "AcceptAssignment": frozenset({_S.ASSIGNED}),
    "ReturnAssignment": frozenset({_S.ASSIGNED, _S.IN_PROGRESS}),
    "ForwardAssignment": frozenset({_S.ASSIGNED, _S.IN_PROGRESS}),
    "NameHandler": HANDLING,
    "ReportProgress": STARTED,
    "RecordService": STARTED,
    "RequestCompletion": _IN_PROGRESS,
    "RequestExtension": _IN_PROGRESS,
    "RequestAssistance": STARTED,
    "SplitDemand": _IN_PROGRESS,
    "ResolveDemand": _IN_PROGRESS,
    "TakeBackAct": frozenset({_S.TRIAGE, _S.ASSIGNED, _S.IN_PROGRESS, _S.RESOLVED}),
    "AttachEvidence": OPEN | {_S.CLOSED},
    # An assisting node's.
    "AcceptAssistance": STARTED,
    "DeclineAssistance": STARTED,
    "DeliverAssistance": STARTED,
    # A supervisor's.
    "DecideExtension": _IN_PROGRESS,
    "SuspendDemand": _IN_PROGRESS,
    "ResumeDemand": frozenset({_S.AWAITING_ENTERPRISE, _S.SUSPENDED}),
    "DecideDispute": frozenset({_S.DISPUTED}),
    "OpenSupervision": OPEN,
    "CloseSupervision": _EVER,
    "RecordFollowUp": frozenset({_S.RESOLVED, _S.CLOSED}),
    "DecideComplaint": _EVER,
    "RequestErasure": frozenset({_S.CLOSED, _S.WITHDRAWN, _S.REFUSED, _S.MERGED}),
    "ApproveErasure": frozenset({_S.CLOSED, _S.WITHDRAWN, _S.REFUSED, _S.MERGED}),
    # The system's.
    "KeepTime": OPEN | {_S.CLOSED},
    "ReleaseHolder": HANDLING,
    "ReplaceArbiter": frozenset({_S.TRIAGE}),
    "OrderFollowUp": frozenset({_S.RESOLVED, _S.CLOSED}),
    "SuggestDuplicates": OPEN,
    "ReceiveMerge": OPEN,
    "CompletePart": _EVER,
    "ReopenPart": _EVER,
    "EraseWithWhole": ENDED,
}
"""In which status a command is possible at all; who may give it, and what else must hold, is decided by the command's own rule."""


def require_allowed(state: DemandState, command: str) -> None:
    """Raise NotFound if there is no demand, Refused(illegal_transition) if `command` is not possible in its status."""
    if state.status is None:
        raise NotFound("demand_not_found")
    if state.erased:
        raise Refused("personal_data_erased")
    if state.status not in ALLOWED[command]:
        raise Refused("illegal_transition")


def require_current(state: DemandState, assignment: str) -> Assignment:
    """Return the assignment if it is the one in force. Raises NotFound(assignment_not_found) or Refused(illegal_transition)."""
    found = state.assignment(assignment)
    if found is None:
        raise NotFound("assignment_not_found")
    if found.status not in HELD or state.current != found:
        raise Refused("illegal_transition")
    return found


def require_assistance(state: DemandState, assistance: str) -> Assistance:
    """Return the assistance if it still runs. Raises NotFound(assistance_not_found) or Refused(illegal_transition)."""
    found = state.assistance(assistance)
    if found is None:
        raise NotFound("assistance_not_found")
    if found.status not in ASSISTING:
        raise Refused("illegal_transition")
    return found


def require_files(state: DemandState, files: tuple[str, ...], field: str = "evidence") -> None:
    """Raise Refused(unknown_evidence) unless every file was attached to this demand."""
    if any(file not in state.files for file in files):
        raise Refused("unknown_evidence", field=field)
