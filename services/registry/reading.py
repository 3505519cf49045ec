"""HTTP reads of the registry: networks, nodes, the tree, code lists. Everything comes from the folded directory."""

from __future__ import annotations

from datetime import date
from typing import Annotated, Any, Final

from fastapi import APIRouter, Depends, Query, Request

from libs.chassis.auth import Caller
from libs.chassis.caller import CallerDep
from libs.chassis.http import Limit, decode_cursor, encode_cursor
from libs.chassis.problems import PROBLEM_RESPONSES
from libs.directory import Network, Node, Proposal, digest, to_sections
from libs.events import NotFound
from services.registry.revisions import content_of
from services.registry.rooms import Rooms
from services.registry.shapes import (
    CodeListOut,
    CodeOut,
    Content,
    ContentPart,
    NetworkList,
    NetworkSummary,
    NodeList,
    NodeOut,
    ProposalList,
    ProposalOut,
)

routes = APIRouter(tags=["名录 · registry"], responses=PROBLEM_RESPONSES)
CODE_LISTS: Final = ("channels", "urgency", "return_reasons", "resolve_results", "industries")


async def rooms_of(request: Request) -> Rooms:
    """The running registry's rooms."""
    rooms: Rooms = request.app.state.rooms
    return rooms


RoomsDep = Annotated[Rooms, Depends(rooms_of)]
NetworkName = Annotated[str | None, Query(description="网络 · network; default: the key's own", max_length=32)]


def network_for(rooms: Rooms, caller: Caller, name: str | None) -> Network:
    """The network asked for, if the caller belongs to it. Raises NotFound(network_not_found)."""
    wanted = name or caller.network
    if wanted is None and len(rooms.follower.directory.networks) == 1:
        wanted = next(iter(rooms.follower.directory.networks))
    network = rooms.follower.directory.networks.get(wanted or "")
    if network is None or (caller.network is not None and caller.network != network.name):
        raise NotFound("network_not_found")
    return network


@routes.get("/v1/networks", response_model_exclude_none=True, summary="网络列表 · Networks")
async def networks(caller: CallerDep, rooms: RoomsDep) -> NetworkList:
    """Every network the caller belongs to; administrators without a network see all."""
    found = rooms.follower.directory.networks.values()
    return NetworkList(items=[_summary(network) for network in found if caller.network in (None, network.name)])


@routes.get("/v1/networks/{name}", response_model_exclude_none=True, summary="网络 · One network")
async def one_network(name: str, caller: CallerDep, rooms: RoomsDep) -> NetworkSummary:
    """The revision in force and its size."""
    return _summary(network_for(rooms, caller, name))


@routes.get("/v1/networks/{name}/content", response_model_exclude_none=True, summary="网络全文 · Whole content of a network")
async def content(name: str, caller: CallerDep, rooms: RoomsDep) -> Content:
    """All sections of the revision in force; `liandong network apply` compares against it."""
    network = network_for(rooms, caller, name)
    parts = [ContentPart(section=part.name, items=list(part.items)) for part in to_sections(network.content)]
    return Content(network=network.name, revision=network.revision, digest=network.digest, sections=parts)


@routes.get("/v1/networks/{name}/proposals", response_model_exclude_none=True, summary="待核发版本 · Proposals")
async def proposals(name: str, caller: CallerDep, rooms: RoomsDep) -> ProposalList:
    """The revision that changes rules in force and waits for a second person, if there is one: the newest that was proposed."""
    proposal = rooms.follower.directory.proposals.get(network_for(rooms, caller, name).name)
    return ProposalList(items=[proposal_out(proposal)] if proposal is not None else [])


@routes.get(
    "/v1/networks/{name}/revisions/{revision}/content",
    response_model_exclude_none=True,
    summary="版本全文 · Whole content of a revision",
)
async def revision_content(name: str, revision: str, caller: CallerDep, rooms: RoomsDep) -> Content:
    """All sections of a proposed or published revision; who releases it compares it with what is in force."""
    network = network_for(rooms, caller, name)
    said = content_of(rooms.follower.directory, network.name, revision)
    parts = [ContentPart(section=part.name, items=list(part.items)) for part in to_sections(said)]
    return Content(network=network.name, revision=revision, digest=digest(said), sections=parts)


@routes.get("/v1/nodes", response_model_exclude_none=True, summary="节点列表 · Nodes")
async def nodes(
    caller: CallerDep,
    rooms: RoomsDep,
    limit: Limit = 50,
    network: NetworkName = None,
    parent: Annotated[str | None, Query(max_length=40)] = None,
    kind: Annotated[str | None, Query(max_length=40)] = None,
    as_of: Annotated[date | None, Query(description="只列当日在效 · in force on this day")] = None,
    after: Annotated[str | None, Query(max_length=200)] = None,
) -> NodeList:
    """Nodes in order of id, by parent and kind, in force on a day."""
    found = network_for(rooms, caller, network)
    start = str(decode_cursor(after).get("id", "")) if after is not None else ""
    chosen = [
        node
        for node in found.content.nodes
        if node.id > start
        and (parent is None or node.parent == parent)
        and (kind is None or node.kind == kind)
        and (as_of is None or node.in_force(as_of))
    ]
    more = encode_cursor({"id": chosen[limit - 1].id}) if len(chosen) > limit else None
    return NodeList(items=[_node(found, node) for node in chosen[:limit]], next=more)


@routes.get("/v1/nodes/{node}", response_model_exclude_none=True, summary="节点 · One node")
async def one_node(node: str, caller: CallerDep, rooms: RoomsDep, network: NetworkName = None) -> NodeOut:
    """One node by id."""
    found = network_for(rooms, caller, network)
    return _node(found, _known(found, node))


@routes.get("/v1/nodes/{node}/subtree", response_model_exclude_none=True, summary="下级节点 · Subtree")
async def subtree(
    node: str,
    caller: CallerDep,
    rooms: RoomsDep,
    limit: Limit = 50,
    network: NetworkName = None,
    after: Annotated[str | None, Query(max_length=200)] = None,
) -> NodeList:
    """The node and everything under it, in order of id."""
    found = network_for(rooms, caller, network)
    start = str(decode_cursor(after).get("id", "")) if after is not None else ""
    ids = [identity for identity in sorted(found.subtree(_known(found, node).id)) if identity > start]
    more = encode_cursor({"id": ids[limit - 1]}) if len(ids) > limit else None
    return NodeList(items=[_node(found, found.node(identity)) for identity in ids[:limit]], next=more)


@routes.get("/v1/nodes/{node}/path", response_model_exclude_none=True, summary="上级路径 · Path up")
async def path_up(node: str, caller: CallerDep, rooms: RoomsDep, network: NetworkName = None) -> NodeList:
    """The node, its supervisors, the network's hub last."""
    found = network_for(rooms, caller, network)
    return NodeList(items=[_node(found, step) for step in found.path_up(_known(found, node).id)])


@routes.get("/v1/codes/{name}", response_model_exclude_none=True, summary="代码表 · Code list")
async def codes(name: str, caller: CallerDep, rooms: RoomsDep, network: NetworkName = None) -> CodeListOut:
    """categories, regions, carriers, node_kinds, industries, channels, urgency, return_reasons, resolve_results."""
    found = network_for(rooms, caller, network)
    items = _codes(found, name)
    if items is None:
        raise NotFound("code_list_not_found")
    return CodeListOut(name=name, network=found.name, items=items)


def _codes(network: Network, name: str) -> list[CodeOut] | None:
    content = network.content
    rows: Any
    match name:
        case "categories":
            return [
                CodeOut(
                    code=row.code,
                    title_zh=row.title_zh,
                    title_en=row.title_en,
                    aliases=list(row.aliases),
                    definition_zh=row.definition_zh,
                    definition_en=row.definition_en,
                )
                for row in content.taxonomy.categories
            ]
        case "regions":
            return [CodeOut(code=row.code, title_zh=row.title, parent=row.parent) for row in content.regions]
        case "carriers":
            return [CodeOut(code=row.id, title_zh=row.title_zh) for row in content.carriers]
        case "node_kinds":
            return [CodeOut(code=row.code, title_zh=row.title_zh, title_en=row.title_en) for row in content.node_kinds]
        case _:
            rows = next((network.codes(known) for known in CODE_LISTS if known == name), None)
            if rows is None:
                return None
            return [CodeOut(code=row.code, title_zh=row.title_zh, title_en=row.title_en, parent=row.parent) for row in rows]


def _known(network: Network, node: str) -> Node:
    if not network.has(node):
        raise NotFound("node_not_found")
    return network.node(node)


def proposal_out(proposal: Proposal) -> ProposalOut:
    """A proposal as the API tells it."""
    return ProposalOut(
        network=proposal.network,
        revision=proposal.revision,
        digest=proposal.digest,
        parts=proposal.parts,
        by=proposal.by,
        changes=list(proposal.changes),
    )


def _summary(network: Network) -> NetworkSummary:
    info = network.content.network
    return NetworkSummary(
        name=network.name,
        title_zh=info.title_zh,
        title_en=info.title_en,
        region=info.region,
        hub=info.hub,
        revision=network.revision,
        digest=network.digest,
        registry_seq=network.seq,
        in_force_from=info.in_force_from,
        nodes=len(network.content.nodes),
    )


def _node(network: Network, node: Node) -> NodeOut:
    return NodeOut(network=network.name, assignable=network.kind(node).assignable, **node.model_dump())
