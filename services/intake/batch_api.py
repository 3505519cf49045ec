"""HTTP of batches: a file in, a line per row out while it is worked through. No rules here."""

from __future__ import annotations

import asyncio
import re
from collections.abc import AsyncGenerator, Callable
from contextlib import ExitStack, aclosing
from typing import Annotated, Any, Final
from zoneinfo import ZoneInfo

from fastapi import APIRouter, Query, Request, Response
from fastapi.responses import StreamingResponse
from pydantic import BaseModel, Field, ValidationError
from starlette.types import Receive, Scope, Send

from libs.chassis.auth import require_role
from libs.chassis.caller import IncomingDep
from libs.chassis.commands import actor_of, trace_headers
from libs.chassis.edge import Upload
from libs.chassis.field_errors import FieldError, field_errors
from libs.chassis.http import read_upload
from libs.chassis.problems import PROBLEM_RESPONSES, problem_response
from libs.events import Unavailable
from services.intake.batch import BYTES, FORMATS, BadFile, BatchFile, Format, read_csv, read_lines
from services.intake.batch_run import Batch, BatchRun, Outcome
from services.intake.batch_sheet import read_workbook
from services.intake.commanding import SUBMITTERS
from services.intake.rooms import Rooms
from services.intake.shapes import ImportedDemand
from services.intake.submission import network_of, open_cell

PATH: Final = "/v1/demands/batch"
UPLOAD: Final = Upload(re.compile(re.escape(PATH)), BYTES)
AT_ONCE: Final = 2
SOURCE: Final = r"^[a-z0-9_-]{1,40}$"

batches = APIRouter(tags=["受理 · intake"])


class BatchBusy(Unavailable):
    """As many files are being worked through as fit into memory."""

    code = "batch_busy"


class BatchHall:
    """Bounds what files may take of this process: two in work, one being read."""

    def __init__(self) -> None:
        self._in_work = 0
        self._reading = asyncio.Lock()

    def enter(self) -> Callable[[], None]:
        """Take a place; returns what gives it back. Raises BatchBusy."""
        if self._in_work >= AT_ONCE:
            raise BatchBusy("no place for another batch")
        self._in_work += 1
        return self._leave

    def _leave(self) -> None:
        self._in_work -= 1

    async def read(self, data: bytes, kind: Format, zone: ZoneInfo) -> BatchFile:
        """Read a file in a thread, one at a time, so that single submissions go on. Raises BadFile."""
        async with self._reading:
            return await asyncio.to_thread(_read, data, kind, zone)


class RowProblem(BaseModel):
    """Why a row was not taken; never what it said."""

    code: str = Field(examples=["invalid_uscc"])
    title: str = Field(examples=["统一社会信用代码有误"])
    title_en: str = Field(examples=["The social credit code is not valid"])
    detail: str
    detail_en: str
    field: str | None = Field(None, examples=["requester.uscc"])


class BatchLine(BaseModel):
    """每行一个结果，最后一行为合计（`totals`）。 / One line per row; the last line has `totals` instead."""

    row: int | None = Field(None, description="行号，与电子表格一致 · row number as a spreadsheet shows it", examples=[2])
    result: Outcome | None = None
    id: str | None = Field(None, description="诉求号 · demand id")
    partner_ref: str | None = None
    link: str | None = Field(None, description="企业自己的链接，只交给该企业 · the enterprise's own link, for that enterprise only")
    problem: RowProblem | None = None
    totals: dict[str, int] | None = Field(None, description="合计 · rows, and how many of each result")
    format: Format | None = None
    encoding: str | None = Field(None, description="按何种编码读取 · what the text was taken for", examples=["gb18030"])
    dry_run: bool | None = None


def _inlined(schema: Any, definitions: dict[str, Any]) -> Any:
    """Put definitions where they are referred to: this schema stands in a place without a list of its own."""
    if isinstance(schema, dict):
        if "$ref" in schema:
            return _inlined(definitions[schema["$ref"].rpartition("/")[2]], definitions)
        return {name: _inlined(value, definitions) for name, value in schema.items() if name != "$defs"}
    return [_inlined(item, definitions) for item in schema] if isinstance(schema, list) else schema


_ROW: Final = ImportedDemand.model_json_schema()
_FILE: Final = {"schema": {"type": "string", "format": "binary"}}
_BODY: Final[dict[str, Any]] = {
    "requestBody": {
        "required": True,
        "description": "至多 10 MB、5000 行 · at most 10 MB and 5,000 rows; docs/import.md",
        "content": {kind: {"schema": _inlined(_ROW, _ROW["$defs"])} if form == "ndjson" else _FILE for kind, form in FORMATS.items()},
    }
}
_DOCUMENTED: Final[dict[int | str, dict[str, Any]]] = {
    **PROBLEM_RESPONSES,
    200: {
        "description": "逐行结果 · a result per row",
        "content": {"application/x-ndjson": {"schema": _inlined(_LINE := BatchLine.model_json_schema(), _LINE["$defs"])}},
    },
}
DryRun = Annotated[bool, Query(description="只检查，不受理 · check only, take nothing")]
Source = Annotated[str, Query(pattern=SOURCE, description="原系统代号 · code of the former system")]


@batches.post(PATH, response_class=Response, responses=_DOCUMENTED, openapi_extra=_BODY, summary="批量导入诉求 · Import a batch of demands")
async def import_batch(request: Request, incoming: IncomingDep, dry_run: DryRun = False, source: Source = "former") -> Response:
    """每行与单件提交走同一条路，逐行回答；同一批次号再次发送即续传，不会重复。

    Each row takes the path of a single submission and is answered as soon as it is durable. Sending the file again under the same
    Idempotency-Key resumes without duplicates. An answer without the line of totals is incomplete: send the file again.
    """
    rooms: Rooms = incoming.state.rooms
    hall: BatchHall = incoming.state.batches
    caller = incoming.caller
    require_role(caller, *SUBMITTERS)
    directory = rooms.follower.directory
    zone = ZoneInfo(network_of(directory, caller).content.network.time_zone)
    open_cell(directory)
    kind = FORMATS.get(request.headers.get("content-type", "").partition(";")[0].strip().lower())
    if kind is None:
        return problem_response("batch_media_type", request)
    with ExitStack() as place:
        place.callback(hall.enter())
        try:
            file = await hall.read(await read_upload(request), kind, zone)
        except BadFile as bad:
            errors = [FieldError(mistake.field, mistake.code) for mistake in bad.mistakes]
            return problem_response(bad.code, request, field=bad.field, errors=errors)
        batch = Batch(incoming.key, source, dry_run, caller, actor_of(caller), trace_headers())
        run = BatchRun(rooms, batch, file, lambda error: _field_errors(request, error))
        return _Lines(run.lines(), place.pop_all(), rows=len(file.rows), encoding=file.encoding)


class _Lines(StreamingResponse):
    """Streams the lines, ends the run when nobody listens any more, and gives the place in the hall back."""

    def __init__(self, lines: AsyncGenerator[bytes, None], place: ExitStack, *, rows: int, encoding: str) -> None:
        super().__init__(lines, media_type="application/x-ndjson", headers={"Batch-Rows": str(rows), "Batch-Encoding": encoding})
        self._lines = lines
        self._place = place

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        with self._place:
            async with aclosing(self._lines):
                await super().__call__(scope, receive, send)


def _read(data: bytes, kind: Format, zone: ZoneInfo) -> BatchFile:
    match kind:
        case "ndjson":
            return read_lines(data)
        case "csv":
            return read_csv(data, zone)
        case "xlsx":
            return read_workbook(data, zone)


def _field_errors(request: Request, error: ValidationError) -> list[FieldError]:
    found = error.errors(include_url=False, include_context=False, include_input=False)
    return field_errors([{**item, "loc": ("body", *item["loc"])} for item in found], request.app)
