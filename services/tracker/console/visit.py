"""One visit of a browser: who it is, in which language; and how every answer of the console is dressed.

Each request asks the registry anew whether the session's key is still valid. Errors become pages, not JSON.
"""

from __future__ import annotations

from collections.abc import Callable, Coroutine, Mapping
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from typing import Annotated, Any, Final, Protocol
from urllib.parse import quote, urlsplit

import jinja2
from fastapi import Depends
from fastapi.exceptions import RequestValidationError
from fastapi.routing import APIRoute
from starlette.requests import Request
from starlette.responses import HTMLResponse, RedirectResponse, Response

from libs.chassis.auth import Caller, authenticate
from libs.chassis.problems import CATALOGUE, TRACE_ID, code_of
from libs.directory import Directory
from libs.events import LiandongError
from services.tracker.console import files
from services.tracker.console.alarm import Alarm, Unwatched, Watch, is_told
from services.tracker.console.outward import HttpOutward, Outward
from services.tracker.console.phrases import phrase
from services.tracker.console.sessions import Sessions
from services.tracker.console.source import ConsoleSource, Names
from services.tracker.console.speech import Speech
from services.tracker.console.times import Lang
from services.tracker.console.wording import TEXTS, Say

LANGUAGE_COOKIE: Final = "liandong_language"
ENTRANCE: Final = "/console/enter"
HOME: Final = "/console/demands"
PRECEDENT_READERS: Final = frozenset({"coordinator", "bureau", "county_bureau"})
"""Who edits routing policies or is bound by them, and so reads the precedents."""
SECURITY: Final = {
    "Content-Security-Policy": (
        "default-src 'self'; img-src 'self' data:; object-src 'none'; base-uri 'none'; form-action 'self'; frame-ancestors 'none'"
    ),
    "Cross-Origin-Opener-Policy": "same-origin",
}


class Follower(Protocol):
    """The part of the directory follower the console needs: `app.state.follower`."""

    @property
    def directory(self) -> Directory:
        """The registry's facts."""
        ...

    def check_fresh(self) -> None:
        """Raise RegistryStale unless the facts are fresh."""
        ...


@dataclass(frozen=True, slots=True)
class Console:
    """Everything the pages are made from: `app.state.console`. `router` tells the routing interface's address, if known."""

    source: ConsoleSource
    names: Names
    sessions: Sessions
    router: Callable[[], str | None] = lambda: None
    outward: Outward = field(default_factory=lambda: HttpOutward(lambda _service: None))
    watch: Watch = field(default_factory=Unwatched)
    clock: Callable[[], datetime] = lambda: datetime.now(UTC)
    assets: Mapping[str, files.StaticFile] = field(default_factory=files.load)


class ForeignOrigin(Exception):
    """A page of another site sent this; it is not carried out."""


class EnterFirst(Exception):
    """Nobody has entered, or the entry is over. `over` tells a returning visitor why."""

    def __init__(self, *, over: bool) -> None:
        super().__init__("enter first")
        self.over = over


@dataclass(frozen=True, slots=True)
class Visit:
    """One request: the console, the language, the moment, and the caller once known."""

    request: Request
    console: Console
    speech: Speech
    caller: Caller | None = None
    alarm: Alarm | None = None

    @property
    def now(self) -> datetime:
        """The moment of the request."""
        return self.speech.now

    def page(self, template: str, status: int = 200, **values: Any) -> HTMLResponse:
        """Render a page in the visitor's language."""
        address = self.request.url.path + (f"?{self.request.url.query}" if self.request.url.query else "")
        shared = {
            "s": self.speech,
            "t": self.speech.text,
            "p": partial(phrase, self.speech.say.lang),
            "lang": self.speech.say.lang,
            "caller": self.caller,
            "alarm": self.alarm,
            "reads_precedents": self.caller is not None and self.caller.role in PRECEDENT_READERS,
            "assets": self.console.assets,
            "address": address,
        }
        html = _PAGES.get_template(template).render(shared | values)
        return HTMLResponse(html, status, {"Cache-Control": "no-store", "Vary": "Cookie"})

    def problem(self, code: str, status: int) -> HTMLResponse:
        """Render a problem: what happened, what to do, code and trace id."""
        kind = CATALOGUE.get(code)
        say = self.speech.say
        if f"problem_{code}" in TEXTS:
            title, advice = str(say.text(f"problem_{code}")), str(say.text(f"problem_{code}_help"))
        elif kind is not None:
            title, advice = (kind.zh, kind.do_zh) if say.lang == "zh" else (kind.en, kind.do_en)
        else:
            title, advice = str(say.text("problem_refused")), str(say.text("problem_refused_help"))
        trace = self.request.scope.get(TRACE_ID)
        return self.page("problem.html", status, title=title, advice=advice, problem=code, trace=trace)


_PAGES: Final = jinja2.Environment(
    loader=jinja2.FileSystemLoader(Path(__file__).parent / "templates"),
    autoescape=True,
    undefined=jinja2.StrictUndefined,
    trim_blocks=True,
    lstrip_blocks=True,
)


def session_cookie(request: Request) -> str:
    """Name of the session cookie. Cookies do not know ports, and several networks may run side by side on one machine."""
    return f"liandong_session_{request.url.port or 'default'}"


def visit_of(request: Request) -> Visit:
    """The visit before anybody is known."""
    console: Console = request.app.state.console
    lang: Lang = "en" if request.cookies.get(LANGUAGE_COOKIE) == "en" else "zh"
    caller: Caller | None = getattr(request.state, "caller", None)
    network = caller.network if caller is not None and caller.network is not None else ""
    return Visit(request, console, Speech(Say(lang), console.names, network, console.clock()), caller)


async def entered(request: Request) -> tuple[Visit, Caller]:
    """The visit of somebody who entered. Raises EnterFirst, RegistryStale."""
    visit = visit_of(request)
    token = request.cookies.get(session_cookie(request))
    key_id = await visit.console.sessions.find(token, visit.now) if token else None
    caller = caller_by_id(request.app.state.follower, key_id, visit.now) if key_id is not None else None
    if caller is None:
        raise EnterFirst(over=token is not None)
    request.state.caller = caller
    told = is_told(caller, request.app.state.follower.directory)
    return replace(visit_of(request), caller=caller, alarm=await visit.console.watch.look() if told else None), caller


Entered = Annotated[tuple[Visit, Caller], Depends(entered)]


def caller_by_key(follower: Follower, key: str, now: datetime) -> Caller:
    """Whose key this is. Raises Refused key_*, RegistryStale."""
    follower.check_fresh()
    return authenticate(follower.directory, f"Bearer {key}", now)


def caller_by_id(follower: Follower, key_id: str, now: datetime) -> Caller | None:
    """The caller of a key that is valid now, else None. Raises RegistryStale."""
    follower.check_fresh()
    known = follower.directory.credentials.get(key_id)
    if known is None or not known.valid(now):
        return None
    return Caller(known.key_id, known.party, known.role, known.network, known.node, known.label)


def require_own_origin(request: Request) -> None:
    """Let a POST pass only if a page of this console sent it. Raises ForeignOrigin.

    Browsers always name the origin; one that was told to keep it to itself sends `null`, but says whether the sites are the same.
    """
    origin = request.headers.get("origin", "null")
    if origin == "null" and request.headers.get("sec-fetch-site") == "same-origin":
        return
    if urlsplit(origin).netloc != request.headers.get("host"):
        raise ForeignOrigin


class PageRoute(APIRoute):
    """A route whose errors are pages, whose POSTs come from here, and whose answers carry the security headers."""

    def get_route_handler(self) -> Callable[[Request], Coroutine[Any, Any, Response]]:
        """Wrap the handler."""
        answer = super().get_route_handler()

        async def handle(request: Request) -> Response:
            try:
                if request.method == "POST":
                    require_own_origin(request)
                response = await answer(request)
            except EnterFirst as missing:
                response = _to_entrance(request, missing)
            except ForeignOrigin:
                response = visit_of(request).problem("foreign_origin", 403)
            except RequestValidationError:
                response = visit_of(request).problem("bad_request", 400)
            except LiandongError as error:
                response = _problem(request, error)
            response.headers.update(SECURITY)
            return response

        return handle


def _problem(request: Request, error: LiandongError) -> Response:
    code = code_of(error)
    kind = CATALOGUE.get(code)
    response = visit_of(request).problem(code, kind.status if kind is not None else 503)
    if kind is not None and kind.retry_after is not None:
        response.headers["Retry-After"] = str(kind.retry_after)
    return response


def _to_entrance(request: Request, missing: EnterFirst) -> Response:
    """Send a page to the entrance and back; let a fragment or stream tell its page to go there."""
    here = request.url.path + (f"?{request.url.query}" if request.url.query else "")
    target = f"{ENTRANCE}?{'over=1&' if missing.over else ''}back={quote(here, safe='/')}"
    if request.headers.get("hx-request"):
        return Response(status_code=401, headers={"HX-Redirect": ENTRANCE + ("?over=1" if missing.over else "")})
    if request.headers.get("sec-fetch-site") == "cross-site" and request.method == "GET":
        # A strict cookie does not travel with a link from elsewhere; asking again from our own page brings it along.
        return visit_of(request).page("again.html", address=here)
    return RedirectResponse(target, 303)


def safe_back(back: str) -> str:
    """Where to go after entering: an address of the console, never of another site."""
    return back if back.startswith("/console/") and "\\" not in back and "//" not in back else HOME
