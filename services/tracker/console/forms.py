"""The enterprise's forms: what a browser sent, checked as far as a person can be helped, and as the command intake knows.

The random id of each rendered form together with what was written is the Idempotency-Key: a double tap is one act, another text sent
from the same page another one. Refusals are told in words of the page, and what was typed is never lost.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Final, get_args

from markupsafe import Markup, escape
from starlette.datastructures import FormData, UploadFile

from libs.chassis.bodies import is_visible
from libs.chassis.edge import Upload
from libs.chassis.problems import CATALOGUE
from libs.events import NotFound
from libs.events.closing import Grade
from services.tracker.console.affair import COMMANDS, Act
from services.tracker.console.outward import NOT_SURE, File
from services.tracker.console.phrases import phrase
from services.tracker.console.times import Lang


@dataclass(frozen=True, slots=True)
class Limit:
    """What a form has room for: characters, files, bytes of each file."""

    text: int = 5_000
    files: int = 3
    bytes: int = 10 * 1024 * 1024


LIMIT: Final = Limit()
UPLOADS: Final = (
    Upload(re.compile(r"/e/[^/]+/completion"), (LIMIT.files + 1) * LIMIT.bytes + 64 * 1024),
    Upload(re.compile(r"/e/[^/]+/[a-z]+"), 64 * 1024),
)
"""Addresses that take HTML forms and files, for the edge of the app."""

_PATHS: Final[dict[Act, str]] = {
    "supplement": "supplements",
    "completion": "completion",
    "confirmation": "confirmation",
    "dispute": "dispute",
    "rating": "rating",
    "reopening": "reopening",
    "complaint": "complaints",
}
_FORM_ID: Final = re.compile(r"[0-9a-f]{32}")
_NODE: Final = re.compile(r"[a-z0-9][a-z0-9-]{0,39}")
_TYPES: Final = {
    "pdf": "application/pdf",
    "jpg": "image/jpeg",
    "jpeg": "image/jpeg",
    "png": "image/png",
    "docx": "application/vnd.openxmlformats-officedocument.wordprocessingml.document",
    "xlsx": "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet",
}
"""Phones often do not know the type of a document; its name tells. The router looks into the file in any case."""

ACCEPTED: Final = ",".join(sorted({*_TYPES.values(), *(f".{ending}" for ending in _TYPES)}))
"""For the upload field: asking for JPEG makes phones convert their own picture formats."""

_WRONG: Final = {
    "illegal_transition": "moved_on",
    "conflict": "moved_on",
    "stale_version": "moved_on",
    "rated_already": "rated",
    "reopening_too_late": "reopening",
    "self_confirmation": "own_work",
    "confirmation_needs_link": "own_work",
    "missing_field": "empty",
    "nothing_chosen": "grade",
    "invalid_field": "long",
    "rate_limited": "often",
    "body_too_large": "size",
    "file_too_large": "size",
    "foreign_origin": "page",
    NOT_SURE: "not_sure",
}


@dataclass(frozen=True, slots=True)
class Filled:
    """A form as sent: its own random id (empty: none), what was typed, and the command it becomes."""

    act: Act
    form: str
    note: str = ""
    grade: str = ""
    node: str = ""
    files: tuple[File, ...] = ()
    body: dict[str, Any] = field(default_factory=dict)

    @property
    def path(self) -> str:
        """Intake's address of the command, within the demand."""
        return _PATHS[self.act]

    @property
    def key(self) -> str:
        """The Idempotency-Key of the command."""
        said = [self.act, self.note, self.grade, self.node, *(_digest(file.content) for file in self.files)]
        return f"page-{self.form}-{_digest(chr(0).join(said).encode())}"

    def key_of(self, file: File) -> str:
        """The Idempotency-Key of a file."""
        return f"file-{self.form}-{_digest(file.content)}"


class NotFilled(Exception):
    """Something is missing or too long; nothing was sent on."""

    def __init__(self, code: str, status: int, filled: Filled) -> None:
        super().__init__(code)
        self.code = code
        self.status = status
        self.filled = filled


@dataclass(frozen=True, slots=True)
class Trouble:
    """What went wrong and what to do; `act` is the form it happened in."""

    title: Markup
    advice: Markup
    act: Act | None


async def fill_in(act: str, form: FormData) -> Filled:
    """Read a form. Raises NotFound for a form there is not, NotFilled."""
    known = next((known for known in COMMANDS if known == act), None)
    if known is None:
        raise NotFound("not_found")
    files = [item for item in form.getlist("files") if isinstance(item, UploadFile) and item.filename] if known == "completion" else []
    filled = Filled(known, _text(form, "form"), _text(form, "note"), _text(form, "grade"), _text(form, "node"))
    if _FORM_ID.fullmatch(filled.form) is None:
        raise NotFilled("foreign_origin", 403, Filled(known, "", filled.note))
    if known not in ("confirmation", "rating") and not filled.note:
        raise NotFilled("missing_field", 422, filled)
    if known == "rating" and filled.grade not in get_args(Grade):
        raise NotFilled("nothing_chosen", 422, filled)
    if len(filled.note) > LIMIT.text:
        raise NotFilled("invalid_field", 422, filled)
    if len(files) > LIMIT.files or any((item.size or 0) > LIMIT.bytes for item in files):
        raise NotFilled("file_too_large", 413, filled)
    sent = tuple([File(item.filename or "", _type_of(item), await item.read()) for item in files])
    return Filled(known, filled.form, filled.note, filled.grade, filled.node, sent, _body(filled))


def trouble_of(code: str, act: Act, lang: Lang) -> Trouble:
    """Put a refusal into words: the page's own, else those of the catalogue."""
    what = _WRONG.get(code)
    if what is not None:
        return Trouble(phrase(lang, f"wrong_{what}"), phrase(lang, f"wrong_{what}_help", go=phrase(lang, f"{act}_go")), act)
    kind = CATALOGUE.get(code)
    if kind is None:
        return Trouble(phrase(lang, "wrong_other"), escape(code), act)
    title, advice = (kind.zh, kind.do_zh) if lang == "zh" else (kind.en, kind.do_en)
    return Trouble(escape(title), escape(advice), act)


def _body(filled: Filled) -> dict[str, Any]:
    found: Mapping[str, Any]
    match filled.act:
        case "confirmation":
            found = {}
        case "rating":
            found = {"grade": filled.grade, "note": filled.note}
        case "complaint":
            found = {"note": filled.note, "node": filled.node if _NODE.fullmatch(filled.node) else ""}
        case _:
            found = {"note": filled.note}
    return {name: value for name, value in found.items() if value}


def _text(form: FormData, name: str) -> str:
    """A field as text: browsers send line ends as two characters, and PostgreSQL and people know no NUL."""
    value = form.get(name, "")
    text = value.replace("\r\n", "\n").replace("\x00", "").strip() if isinstance(value, str) else ""
    return text if is_visible(text) else ""


def _type_of(item: UploadFile) -> str:
    ending = (item.filename or "").rpartition(".")[2].lower()
    return _TYPES.get(ending, item.content_type or "application/octet-stream")


def _digest(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()[:24]
