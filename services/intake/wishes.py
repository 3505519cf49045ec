"""What the enterprise, or who submitted for it, says about a demand: the bodies of those commands. Unknown members are refused."""

from __future__ import annotations

from pydantic import ConfigDict, Field

from libs.chassis.bodies import FileId, NodeCode, Strict, Text
from libs.events.closing import Grade


class CompletionInput(Strict):
    """Provide what the node asked for (补正)."""

    model_config = ConfigDict(json_schema_extra={"examples": [{"note": "样例：设备清单已上传。", "files": []}]})

    note: Text
    files: tuple[FileId, ...] = Field((), max_length=20, description="已上传材料的编号 · ids of uploaded files")


class ConfirmationInput(Strict):
    """Confirm the result (确认). Nothing more to say."""


class DisputeInput(Strict):
    """Dispute the result (异议)."""

    model_config = ConfigDict(json_schema_extra={"examples": [{"note": "样例：问题还没有解决。"}]})

    note: Text


class ReopeningInput(Strict):
    """Have an ended demand handled again (重办), within the term."""

    model_config = ConfigDict(json_schema_extra={"examples": [{"note": "样例：问题又出现了。"}]})

    note: Text


class RatingInput(Strict):
    """Rate a resolution in five grades (评价，GB/T 39735)."""

    model_config = ConfigDict(json_schema_extra={"examples": [{"grade": "very_satisfied"}]})

    grade: Grade
    note: Text | None = None


class ComplaintInput(Strict):
    """Complain about a node that had the demand (投诉)."""

    model_config = ConfigDict(json_schema_extra={"examples": [{"note": "样例：多次联系没有回应。"}]})

    note: Text
    node: NodeCode | None = Field(None, description="被投诉节点，默认当前或办结节点 · the node; default: who has or resolved it")
