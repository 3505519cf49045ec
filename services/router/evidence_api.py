"""HTTP of the router: evidence 佐证材料 up and down. What a file is and whether it is allowed is told by `services.router.evidence`."""

from __future__ import annotations

import asyncio
import re
from typing import Annotated, Final
from urllib.parse import unquote

from fastapi import APIRouter, Header, Path, Request, Response
from pydantic import BaseModel
from starlette.responses import Response as Answer

from libs.chassis.auth import require_role, standing_of
from libs.chassis.bodies import is_visible
from libs.chassis.caller import Incoming, LinkedCallerDep, LinkedIncomingDep
from libs.chassis.commands import Seal, key_of
from libs.chassis.edge import Upload
from libs.chassis.http import IfMatch, read_upload
from libs.chassis.problems import PROBLEM_RESPONSES
from libs.demand import DemandState, Standing, Timing
from libs.events import EvidenceAttached, NotFound, Role
from services.router.commanding import DemandId, RoomsDep, documented, run, see, see_history
from services.router.domain import AttachEvidence, NodeCommand, decide
from services.router.evidence import LARGEST, FileFacts, file_id, inspect_file
from services.router.files import open_file, seal_file
from services.router.rooms import Rooms

ATTACHING: Final[tuple[Role, ...]] = ("partner", "clerk", "coordinator")
UPLOAD: Final = Upload(re.compile(r"/v1/demands/[^/]+/files"), LARGEST)
TITLE: Final = 120
NONCE_BYTES: Final = 12

routes = APIRouter(prefix="/v1/demands/{demand}/files", tags=["材料 · evidence"])
FileId = Annotated[str, Path(description="材料编号 · file id", max_length=40, pattern=r"^f-[0-9a-z]+$")]
FileTitle = Annotated[
    str | None,
    Header(alias="X-File-Title", max_length=TITLE * 9, description="材料名称，百分号编码 · title, percent-encoded UTF-8; stored encrypted"),
]


class _Sent(BaseModel):
    """What makes two uploads the same."""

    digest: str
    title: str | None


@routes.post(
    "",
    status_code=201,
    responses=documented(),
    summary="上传材料 · Attach a file",
    openapi_extra={
        "requestBody": {
            "required": True,
            "content": {
                kind: {"schema": {"type": "string", "format": "binary"}}
                for kind in (
                    "application/pdf",
                    "image/jpeg",
                    "image/png",
                    "application/vnd.openxmlformats-officedocument.wordprocessingml.document",
                    "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet",
                )
            },
        }
    },
)
async def attach(
    demand: DemandId, request: Request, incoming: LinkedIncomingDep, x_file_title: FileTitle = None, if_match: IfMatch = None
) -> Response:
    """PDF、JPEG、PNG、DOCX、XLSX，不超过 10 MB；类型按内容核对，含宏或脚本的不收；用诉求自己的密钥加密保存。

    The raw bytes are the body. Type and harmlessness are read from the bytes; stored under the demand's own key.
    """
    rooms: Rooms = incoming.state.rooms
    if incoming.caller.link is None:
        require_role(incoming.caller, *ATTACHING)
    await see(rooms, incoming.caller, demand)
    content = await read_upload(request)
    facts = await asyncio.to_thread(inspect_file, content, request.headers.get("content-type"))
    stored = file_id(demand, facts.digest)
    await _store(rooms, incoming, demand, stored, facts, content)
    title = _title(x_file_title)

    def command(_state: DemandState, by: Standing, _timing: Timing, seal: Seal) -> NodeCommand:
        return AttachEvidence(stored, facts.digest, facts.media_type, facts.size, by, seal("title", title) if title is not None else None)

    sent = _Sent(digest=facts.digest, title=title)
    answer = await run(incoming, "AttachEvidence", demand, if_match, sent, command, roles=ATTACHING)
    answer.headers["Location"] = f"/v1/demands/{demand}/files/{stored}"
    return answer


@routes.get("/{file}", responses=PROBLEM_RESPONSES, summary="下载材料 · Download a file", response_class=Answer)
async def download(demand: DemandId, file: FileId, caller: LinkedCallerDep, rooms: RoomsDep) -> Response:
    """只供能看到诉求内容的人下载。 For those who may read the demand's text."""
    if caller.link is None:
        require_role(caller, *ATTACHING)
    fold, commits = await see_history(rooms, caller, demand)
    key = await key_of(rooms.desk, demand, fold.state)
    attached = [event for commit in commits for event in commit.events if isinstance(event, EvidenceAttached) and event.file == file]
    if not attached:
        raise NotFound("file_not_found")
    found = attached[-1]
    content = await asyncio.to_thread(open_file, await rooms.files.get(demand, file), key, demand=demand, file_id=file)
    extension = found.media_type.rpartition("/")[2].rpartition(".")[2]
    headers = {
        "Content-Disposition": f'attachment; filename="{file}.{_EXTENSIONS.get(extension, extension)}"',
        "Cache-Control": "private, no-store",
        "X-Content-Type-Options": "nosniff",
    }
    return Answer(content, media_type=found.media_type, headers=headers)


_EXTENSIONS: Final = {"jpeg": "jpg", "document": "docx", "sheet": "xlsx"}


def _title(header: str | None) -> str | None:
    """What the file is called; nothing where there is nothing to read."""
    title = unquote(header or "", errors="replace").strip()[:TITLE]
    return title if is_visible(title) else None


async def _store(rooms: Rooms, incoming: Incoming, demand: str, stored: str, facts: FileFacts, content: bytes) -> None:
    """Store the sealed bytes before the event names them; whoever may not attach them stores nothing."""
    state = (await see(rooms, incoming.caller, demand)).state
    standing = standing_of(incoming.caller, rooms.follower.directory)
    decide(state, AttachEvidence(stored, facts.digest, facts.media_type, facts.size, standing))
    key = await key_of(rooms.desk, demand, state)
    nonce = rooms.desk.random_bytes(NONCE_BYTES)
    sealed = await asyncio.to_thread(seal_file, content, key, demand=demand, file_id=stored, nonce=nonce)
    await rooms.files.put(demand, stored, sealed)
