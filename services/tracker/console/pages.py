"""The console's addresses: entrance, list, one demand, live line, language, static files. No rules, no queries."""

from __future__ import annotations

from typing import Annotated, Final
from urllib.parse import urlencode

from fastapi import APIRouter, Form
from starlette.requests import Request
from starlette.responses import RedirectResponse, Response

from libs.chassis.auth import require_role
from libs.events import NotFound, Refused
from services.tracker.console import files, live
from services.tracker.console.codewords import CODES
from services.tracker.console.demands import demand_list, one_demand
from services.tracker.console.sessions import LIFETIME
from services.tracker.console.source import DemandFilter
from services.tracker.console.visit import (
    ENTRANCE,
    HOME,
    LANGUAGE_COOKIE,
    Entered,
    PageRoute,
    caller_by_key,
    safe_back,
    session_cookie,
    visit_of,
)

_YEAR: Final = 365 * 24 * 3600
_LONGEST_SEARCH: Final = 80

FORM_PATHS: Final = frozenset({ENTRANCE, "/console/leave", "/console/language"})
"""Addresses that take HTML forms, for the edge of the app."""

routes = APIRouter(route_class=PageRoute, include_in_schema=False)


@routes.get("/")
@routes.get("/console")
async def home() -> Response:
    """Go to the list."""
    return RedirectResponse(HOME, 303)


@routes.get(ENTRANCE)
async def entrance(request: Request, back: str = HOME, over: str = "") -> Response:
    """Ask for the key."""
    return visit_of(request).page("entrance.html", back=safe_back(back), wrong=False, over=bool(over))


@routes.post(ENTRANCE)
async def enter(request: Request, key: Annotated[str, Form()] = "", back: Annotated[str, Form()] = HOME) -> Response:
    """Check the key and begin a session."""
    visit = visit_of(request)
    try:
        caller = caller_by_key(request.app.state.follower, key.strip(), visit.now)
    except Refused:
        return visit.page("entrance.html", 401, back=safe_back(back), wrong=True, over=False)
    old = request.cookies.get(session_cookie(request))
    if old:
        await visit.console.sessions.close(old)
    token = await visit.console.sessions.open(caller.key_id, visit.now)
    response = RedirectResponse(safe_back(back), 303)
    response.set_cookie(
        session_cookie(request),
        token,
        max_age=int(LIFETIME.total_seconds()),
        path="/console",
        secure=request.url.scheme == "https",
        httponly=True,
        samesite="strict",
    )
    return response


@routes.post("/console/leave")
async def leave(request: Request) -> Response:
    """End the session."""
    token = request.cookies.get(session_cookie(request))
    if token:
        await visit_of(request).console.sessions.close(token)
    response = RedirectResponse(ENTRANCE, 303)
    response.delete_cookie(session_cookie(request), path="/console", httponly=True, samesite="strict")
    return response


@routes.post("/console/language")
async def language(request: Request, to: Annotated[str, Form()] = "zh", back: Annotated[str, Form()] = HOME) -> Response:
    """Switch the language and come back."""
    response = RedirectResponse(safe_back(back), 303)
    chosen = "en" if to == "en" else "zh"
    response.set_cookie(
        LANGUAGE_COOKIE, chosen, max_age=_YEAR, path="/console", secure=request.url.scheme == "https", httponly=True, samesite="strict"
    )
    return response


@routes.get(HOME)
async def demands(
    entry: Entered, status: str = "", category: str = "", holder: str = "", overdue: str = "", q: str = "", after: str = ""
) -> Response:
    """List demands."""
    visit, caller = entry
    wanted = DemandFilter(
        status=status if status in CODES["status"] else None,
        category=category or None,
        holder=caller.node if holder == "ours" else None,
        overdue=bool(overdue),
        text=q.strip()[:_LONGEST_SEARCH],
        after=after or None,
    )
    chosen = {
        "status": wanted.status or "",
        "category": category,
        "holder": "ours" if wanted.holder else "",
        "overdue": "1" if wanted.overdue else "",
        "q": wanted.text,
    }
    kept = {name: value for name, value in chosen.items() if value}

    def narrowed(**change: str) -> str:
        pairs = {name: value for name, value in (kept | change).items() if value}
        return HOME + (f"?{urlencode(pairs)}" if pairs else "")

    return visit.page("demands.html", **await demand_list(visit, caller, wanted), wanted=wanted, narrowed=narrowed)


@routes.get(HOME + "/{demand}")
async def demand(entry: Entered, demand: str) -> Response:
    """Show one demand and its trail."""
    visit, caller = entry
    return visit.page("demand.html", **await one_demand(visit, caller, demand))


@routes.get("/console/precedents")
async def precedents(entry: Entered, after: str = "") -> Response:
    """Show what was arbitrated, to whoever edits the routing policy or is bound by it."""
    visit, caller = entry
    require_role(caller, "coordinator", "bureau", "county_bureau")
    return visit.page("precedents.html", page=await visit.console.source.precedents(caller, after=after or None), after=after)


@routes.get("/console/live")
async def changes(entry: Entered, after: str, demand: str = "") -> Response:
    """Stream changes."""
    visit, caller = entry
    return live.stream(visit, caller, after=after, demand=demand or None)


@routes.get("/console/assets/{digest}/{name}")
async def asset(request: Request, digest: str, name: str) -> Response:
    """Serve a static file by its digest."""
    found = visit_of(request).console.assets.get(name)
    if found is None or found.digest != digest:
        raise NotFound("not_found")
    return Response(found.content, media_type=found.media_type, headers={"Cache-Control": files.FOREVER})


@routes.get("/console/{rest:path}")
async def nowhere(rest: str) -> Response:
    """Say that there is no such page."""
    raise NotFound("not_found")
