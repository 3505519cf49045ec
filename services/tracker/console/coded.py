"""What kind of word each coded member of an event's sentence is: `codewords.CODES[kind]` holds the words. Pure data.

Everything that tells an event in plain words, the API's trail and the console alike, looks here, so that both say the same.
"""

from __future__ import annotations

from typing import Final

WORD_KINDS: Final[dict[str, str]] = {
    "AssignmentReturned.reason": "return_reason",
    "AssignmentRecalled.reason": "recall_reason",
    "DemandRefused.reason": "refusal_reason",
    "DemandForwarded.reason": "forward_reason",
    "ArbitrationOpened.cause": "arbitration_cause",
    "AssistanceDeclined.reason": "decline_reason",
    "DemandUnmerged.reason": "unmerge_reason",
    "DemandSuspended.reason": "suspension_reason",
    "DemandResumed.cause": "resume_cause",
    "ServiceRecorded.mode": "service_mode",
    "ServiceRecorded.fee": "service_fee",
    "DeadlineWarned.limit": "limit",
    "DeadlineMissed.limit": "limit",
    "DemandResolved.result": "result",
    "ResolutionConfirmed.by": "confirmed_by",
    "ResolutionDisputed.by": "confirmed_by",
    "DemandReopened.cause": "reopen_cause",
    "DemandClosed.outcome": "outcome",
    "FollowUpOrdered.reason": "follow_up_reason",
    "FollowUpRecorded.outcome": "follow_up_outcome",
    "DemandRated.grade": "grade",
    "ActTakenBack.act": "own_act",
}
"""`Event.member` → kind of word, for every member with a closed set of codes that a sentence names."""

OFFERED_BESIDE: Final = frozenset({"return_reason", "recall_reason", "result"})
"""Kinds whose code stands beside the word on the pages, for partners who send these codes themselves."""

NODE_MEMBERS: Final = frozenset({"node", "desk", "to", "assistant", "arbiter", "by"})
"""Members that name a node, unless they are coded."""


def word_kind(event: str, member: str) -> str | None:
    """The kind of word of an event's member; None if it is not a code."""
    return WORD_KINDS.get(f"{event}.{member}")
