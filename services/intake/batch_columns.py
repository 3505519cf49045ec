"""The columns of a table of demands, in both languages, and how their cells become members of a demand's body. Pure."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, tzinfo
from typing import Any, Final


@dataclass(frozen=True, slots=True)
class Column:
    """A column: its English and Chinese name, the member it fills, and whether the header must have it."""

    name: str
    zh: str
    member: str
    required: bool = False

    @property
    def names(self) -> tuple[str, str]:
        """What the header may call it, without spaces and in lower case."""
        return self.name, self.zh


COLUMNS: Final = (
    Column("title", "标题", "title", required=True),
    Column("description", "内容", "description", required=True),
    Column("category", "类别", "category"),
    Column("region", "地区", "region", required=True),
    Column("carrier", "载体", "carrier"),
    Column("industry", "行业", "industry"),
    Column("urgency", "紧急程度", "urgency"),
    Column("channel", "渠道", "channel"),
    Column("partner_ref", "外部编号", "partner_ref"),
    Column("name", "企业名称", "requester.name", required=True),
    Column("uscc", "统一社会信用代码", "requester.uscc", required=True),
    Column("contact_name", "联系人", "requester.contact.name", required=True),
    Column("contact_phone", "联系电话", "requester.contact.phone", required=True),
    Column("received_at", "受理时间", "received_at"),
    Column("former_status", "原状态", "former_status"),
    Column("sample", "样例", "sample"),
)
HISTORY: Final = (
    Column("partner_ref", "外部编号", "partner_ref", required=True),
    Column("at", "时间", "at", required=True),
    Column("step", "环节", "step", required=True),
    Column("node", "节点", "node"),
    Column("note", "说明", "note"),
)
DEFAULT_CHANNEL: Final = "partner"
_MEMBERS: Final = {column.name: column.member.split(".") for column in COLUMNS}
_TIMES: Final = frozenset({"received_at", "at"})
_WORDS: Final = {"sample": {"是": "true", "否": "false"}}
_MOMENT: Final = re.compile(
    r"(\d{4})(?:-|/|\.|年)(\d{1,2})(?:-|/|\.|月)(\d{1,2})日?(?:(?:\s+|T)(\d{1,2})(?::|时)(\d{1,2})分?(?::(\d{1,2})(?:\.\d+)?)?)?"
)


def nested(values: Mapping[str, str], zone: tzinfo) -> dict[str, object]:
    """Turn cells by column name into the JSON body of a demand. The channel is `partner` unless the table says otherwise."""
    requester: dict[str, object] = {"contact": {}}
    body: dict[str, Any] = {"channel": DEFAULT_CHANNEL, "requester": requester}
    for name, text in values.items():
        place = body
        *outer, member = _MEMBERS[name]
        for part in outer:
            place = place[part]
        place[member] = _WORDS.get(name, {}).get(text, local_moment(text, zone) if name in _TIMES else text)
    return body


def step_of(values: Mapping[str, str], zone: tzinfo) -> dict[str, object]:
    """Turn cells of the history sheet into a step."""
    return {name: local_moment(text, zone) if name in _TIMES else text for name, text in values.items()}


def local_moment(text: str, zone: tzinfo) -> str:
    """Spell a date and time without a zone, as people write them in tables, as ISO 8601 in `zone`; leave anything else as it is."""
    found = _MOMENT.fullmatch(text)
    if found is None:
        return text
    year, month, day, hour, minute, second = (int(part or 0) for part in found.groups())
    try:
        return datetime(year, month, day, hour, minute, second, tzinfo=zone).isoformat()
    except ValueError:
        return text
