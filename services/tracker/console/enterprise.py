"""The enterprise's own page `/e/{token}` and the slip a counter prints: addresses only. No session: the link itself is the key.

Opening a page changes nothing, whoever opens it how often. An act is a form that works without scripts: it is handed to intake under
the same link, and the browser is sent back to the page. What is sent is in `forms.py`.
"""

from __future__ import annotations

import secrets
from collections.abc import Callable, Coroutine
from dataclasses import dataclass, replace
from typing import Annotated, Any, Final, get_args
from urllib.parse import quote, urlencode, urlsplit

from fastapi import APIRouter, Depends
from fastapi.exceptions import RequestValidationError
from fastapi.routing import APIRoute
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import RedirectResponse, Response

from libs.chassis.auth import enterprise_caller
from libs.chassis.problems import CATALOGUE, code_of
from libs.demand import Status
from libs.directory import Network
from libs.events import LiandongError, NotFound
from libs.events.closing import Grade
from services.tracker.console import times
from services.tracker.console.affair import affair, named_nodes, possible
from services.tracker.console.forms import ACCEPTED, LIMIT, Filled, NotFilled, Trouble, fill_in, trouble_of
from services.tracker.console.outward import NotTaken
from services.tracker.console.phrases import PHRASES, phrase
from services.tracker.console.progress import steps
from services.tracker.console.qr import qr_code
from services.tracker.console.source import Linked
from services.tracker.console.speech import Speech
from services.tracker.console.times import Lang
from services.tracker.console.visit import SECURITY, ForeignOrigin, Visit, visit_of
from services.tracker.console.wording import Say

QUIET: Final = {"Referrer-Policy": "no-referrer", "X-Robots-Tag": "noindex, nofollow, noarchive", "Cache-Control": "no-store"}
"""The address is a secret: it is told to no other site, and no search engine or cache keeps it."""


TURN: Final = (Status.AWAITING_ENTERPRISE, Status.RESOLVED)
"""Where the enterprise is asked for something."""


class LinkRoute(APIRoute):
    """A route whose errors are pages an enterprise understands, and whose answers keep the address to themselves."""

    def get_route_handler(self) -> Callable[[Request], Coroutine[Any, Any, Response]]:
        """Wrap the handler."""
        answer = super().get_route_handler()

        async def handle(request: Request) -> Response:
            try:
                if request.method == "POST":
                    require_this_page(request)
                response = await answer(request)
            except ForeignOrigin:
                response = _plainly(request, "page", 403)
            except (NotFound, RequestValidationError):
                response = _plainly(request, "link", 404)
            except LiandongError as error:
                kind = CATALOGUE.get(code_of(error))
                response = _plainly(request, "away", kind.status if kind is not None else 503)
            response.headers.update(SECURITY | QUIET)
            return response

        return handle


routes = APIRouter(route_class=LinkRoute, include_in_schema=False)


@dataclass(frozen=True, slots=True)
class Opened:
    """What a true link opened: the visit in its language, the demand with its state or one of its parts, and its network."""

    visit: Visit
    token: str
    linked: Linked
    network: Network | None
    part: str = ""

    @property
    def lang(self) -> Lang:
        """The language of the page."""
        return self.visit.speech.say.lang

    def address(self, *, lang: str = "", part: str | None = None, **query: str) -> str:
        """The page's own address; in another language, or of another part (empty: of the whole)."""
        return f"/e/{self.token}{self.query(lang=lang, part=part, **query)}"

    def query(self, *, lang: str = "", part: str | None = None, **more: str) -> str:
        """What follows the path of every address: which part, in which language."""
        pairs = {"part": self.part if part is None else part} | more
        pairs["lang"] = "en" if (lang or self.lang) == "en" else ""
        said = {name: value for name, value in pairs.items() if value}
        return f"?{urlencode(said)}" if said else ""


async def opened_by_link(request: Request, token: str, v: int = 0, part: str = "") -> Opened:
    """Prove a link by the demand's own first commit. Raises NotFound for any other."""
    caller = enterprise_caller(f"Bearer {token}")
    if caller is None or caller.link is None:
        raise NotFound("demand_not_found")
    linked = await visit_of(request).console.source.linked(caller, version=v, part=part)
    network = request.app.state.follower.directory.networks.get(linked.state.network)
    return Opened(_spoken(request, linked.state.network), token, linked, network, part)


OpenedByLink = Annotated[Opened, Depends(opened_by_link)]


@routes.api_route("/e/{token}", methods=["GET", "HEAD"])
async def page(opened: OpenedByLink, said: str = "", v: int = 0) -> Response:
    """Show the enterprise its demand."""
    return _page(opened, said=said if f"said_{said}" in PHRASES else "", behind=opened.linked.version < v)


@routes.api_route("/e/{token}/{act}", methods=["GET", "HEAD"])
async def reloaded(opened: OpenedByLink, act: str) -> Response:
    """Lead whoever reloads or previews the address of a form back to the page."""
    return RedirectResponse(opened.address(), 303)


@routes.post("/e/{token}/{act}")
async def acted(request: Request, opened: OpenedByLink, act: str) -> Response:
    """Hand an act to intake and come back to the page."""
    try:
        async with request.form(max_files=LIMIT.files + 1, max_fields=20) as form:
            filled = await fill_in(act, form)
    except NotFilled as missing:
        return _refused(opened, missing.code, missing.status, missing.filled)
    except HTTPException:  # More files, fields or bytes than the form has room for.
        return _page(opened, 413, trouble=trouble_of("body_too_large", "completion", opened.lang))
    try:
        version = await _hand_on(opened, filled)
    except NotTaken as refused:
        return _refused(await opened_by_link(request, opened.token, part=opened.part), refused.code, refused.status, filled)
    return RedirectResponse(opened.address(said=filled.act, v=str(version)), 303)


async def _hand_on(opened: Opened, filled: Filled) -> int:
    """Give the files to the router and the act to intake; the demand's version afterwards. Raises NotTaken."""
    outward, demand = opened.visit.console.outward, opened.linked.demand
    files = [await outward.hand_over(opened.token, demand, file, filled.key_of(file)) for file in filled.files]
    body = filled.body | ({"files": files} if files else {})
    return await outward.tell(opened.token, demand, filled.path, body, filled.key)


def _refused(opened: Opened, code: str, status: int, filled: Filled) -> Response:
    """Show the page as it stands now, with what went wrong, and what was typed in its form again."""
    return _page(opened, status, trouble=trouble_of(code, filled.act, opened.lang), filled=filled)


@routes.api_route("/slip/{token}", methods=["GET", "HEAD"])
async def slip(request: Request, opened: OpenedByLink) -> Response:
    """Show what a counter prints: the code that opens the page, the number, one sentence. The link itself is needed to see it."""
    link = f"{request.url.scheme}://{request.url.netloc}/e/{opened.token}"
    other = f"/slip/{opened.token}" + ("?lang=en" if opened.lang == "zh" else "")
    state = opened.linked.state
    at = state.submitted_at or opened.visit.now
    asked = f"{times.date_words(at, opened.lang, year=True)} {times.clock(at)}"
    return opened.visit.page("slip.html", linked=opened.linked, state=state, code=qr_code(link), asked=asked, other=other)


def _spoken(request: Request, network: str = "") -> Visit:
    """A visit in the language of the address: a phone keeps no cookie of ours."""
    plain = visit_of(request)
    lang: Lang = "en" if request.query_params.get("lang") == "en" else "zh"
    return replace(plain, speech=Speech(Say(lang), plain.console.names, network, plain.now))


def _page(
    opened: Opened, status: int = 200, *, said: str = "", behind: bool = False, trouble: Trouble | None = None, filled: Filled | None = None
) -> Response:
    visit, state, commits = opened.visit, opened.linked.state, opened.linked.trail.commits
    speech = visit.speech
    acts = possible(state, opened.network, visit.now)
    until = state.deadlines.get("reopen")
    return visit.page(
        "enterprise.html",
        status,
        linked=opened.linked,
        state=state,
        affair=affair(state, commits, speech, opened.network),
        acts=acts,
        steps=steps(commits, speech),
        # The same form sent again is the same act; anything else begins anew.
        form=filled.form if filled is not None and filled.form else secrets.token_hex(16),
        token=opened.token,
        query=opened.query(),
        here=opened.address(),
        other=opened.address(lang="en" if opened.lang == "zh" else "zh"),
        parts=[(one, opened.address(part=name), one.state.status in TURN) for name, one in opened.linked.parts.items()],
        up=opened.address(part=""),
        said=phrase(opened.lang, f"said_{said}") if said else None,
        behind=behind,
        trouble=trouble,
        filled=filled,
        accepted=ACCEPTED,
        grades=get_args(Grade),
        nodes=named_nodes(state),
        until=times.due(until.at, visit.now, opened.lang) if until is not None else "",
        due_words=lambda at: times.due(at, visit.now, opened.lang),
    )


def _plainly(request: Request, what: str, status: int) -> Response:
    visit = _spoken(request)
    token = request.path_params.get("token", "")
    back = f"/e/{quote(token, safe='')}" if what in ("page", "away") else None
    lang = visit.speech.say.lang
    trouble = Trouble(phrase(lang, f"wrong_{what}"), phrase(lang, f"wrong_{what}_help"), None)
    return visit.page("enterprise_problem.html", status, trouble=trouble, back=back)


def require_this_page(request: Request) -> None:
    """Let a POST pass unless a browser says that another site sent it. Raises ForeignOrigin.

    The page keeps its address to itself, so browsers name `null` as the origin; older ones on phones say nothing more. That is enough:
    no cookie or key comes along by itself, whoever sends a form must know the link.
    """
    if request.headers.get("sec-fetch-site", "same-origin") not in ("same-origin", "none"):
        raise ForeignOrigin
    origin = request.headers.get("origin", "null")
    if origin != "null" and urlsplit(origin).netloc != request.headers.get("host"):
        raise ForeignOrigin
