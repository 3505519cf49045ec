"""HTTP commands of the registry: stage, propose and publish a revision, issue and revoke keys. No rules here."""

from __future__ import annotations

from typing import Annotated, Any

from fastapi import APIRouter, Path, Response
from pydantic_core import to_json

from libs.chassis.auth import Caller, new_key, require_role
from libs.chassis.caller import CallerDep, Incoming, IncomingDep
from libs.chassis.problems import PROBLEM_RESPONSES
from libs.directory import Credential
from libs.events import Actor, NotFound, Refused
from libs.events.names import command_id, crockford
from services.registry.domain import IssueCredential, ProposeRevision, PublishRevision, RevokeCredential, StageRevision
from services.registry.reading import RoomsDep, network_for, one_network, proposal_out
from services.registry.revisions import checked_revision
from services.registry.rooms import Rooms
from services.registry.shapes import (
    CredentialInput,
    CredentialList,
    CredentialOut,
    NetworkSummary,
    PartInput,
    ProposalInput,
    ProposalOut,
    PublicationInput,
    RevocationInput,
    Slug,
    Staged,
)

routes = APIRouter(tags=["名录 · registry"], responses=PROBLEM_RESPONSES)
NODE_ROLES = ("clerk", "coordinator", "county_bureau")
Name = Annotated[str, Path(pattern=r"^[a-z][a-z0-9]{1,31}$")]


@routes.put(
    "/v1/networks/{name}/revisions/{revision}/parts/{part}", response_model_exclude_none=True, summary="暂存 · Stage a part of a revision"
)
async def stage(
    name: Name,
    revision: Slug,
    part: Annotated[int, Path(ge=1, le=2_000)],
    body: PartInput,
    caller: CallerDep,
    rooms: RoomsDep,
) -> Staged:
    """Lay one part ready; nothing takes effect. Staging the same part again changes nothing."""
    require_role(caller, "system_admin", "bureau")
    _own(caller, name)
    command = StageRevision(name, revision, part, body.parts, body.section, tuple(body.items))
    await rooms.run(command, actor_of(caller), f"{revision}/{part}", body)
    return Staged(network=name, revision=revision, part=part)


@routes.post(
    "/v1/networks/{name}/revisions/{revision}/proposal",
    status_code=201,
    response_model_exclude_none=True,
    summary="提请核发 · Propose a revision",
)
async def propose(name: Name, revision: Slug, body: ProposalInput, incoming: IncomingDep) -> ProposalOut:
    """派单策略或时限规则的变更先提请，再由另一人发布。后来的提请或任一版本的发布使此前的提请失效。

    A change of routing or clocks is proposed by one person and published by another. A later proposal, or any publication, ends it.
    """
    rooms, caller = _rooms(incoming), incoming.caller
    require_role(caller, "system_admin", "bureau")
    _own(caller, name)
    checked = checked_revision(rooms.follower.directory, name, revision, body.parts, body.digest)
    await rooms.run(ProposeRevision(checked, caller.party), actor_of(caller), incoming.key, body)
    proposal = rooms.follower.directory.proposals.get(name)
    if proposal is None or proposal.revision != revision:
        raise Refused("conflict")  # it is in force already, or was published while this request was on its way
    return proposal_out(proposal)


@routes.post("/v1/networks/{name}/publication", response_model_exclude_none=True, summary="发布 · Publish a revision")
async def publish(name: Name, body: PublicationInput, incoming: IncomingDep) -> NetworkSummary:
    """Put a completely staged, sound revision in force by one event. Publishing what is in force changes nothing.

    A revision that changes routing or clocks in force must have been proposed by another person (`second_person_needed`).
    """
    rooms, caller = _rooms(incoming), incoming.caller
    require_role(caller, "system_admin", "bureau")
    _own(caller, name)
    in_force = rooms.follower.directory.networks.get(name)
    if in_force is None or in_force.digest != body.digest:
        checked = checked_revision(rooms.follower.directory, name, body.revision, body.parts, body.digest)
        await rooms.run(PublishRevision(checked, caller.party), actor_of(caller), incoming.key, body)
    return await one_network(name, caller, rooms)


@routes.post(
    "/v1/credentials",
    status_code=201,
    responses={200: {"model": CredentialOut, "description": "重复请求，不再显示密钥 · a replay; the key is not shown again"}},
    response_model=CredentialOut,
    summary="签发密钥 · Issue a key",
)
async def issue(body: CredentialInput, incoming: IncomingDep) -> Any:
    """Issue a key to one person or system. The key is shown in this answer only; the registry keeps its digest."""
    rooms, caller, idempotency = _rooms(incoming), incoming.caller, incoming.key
    require_role(caller, "security_admin")
    if caller.network is not None and body.network != caller.network:
        raise Refused("forbidden", field="network")
    _check_place(body, caller, rooms)
    identity = crockford(bytes.fromhex(_fingerprint(caller.party, idempotency))[:7])[:12]
    known = rooms.follower.directory.credentials.get(identity)
    if known is not None:
        if (known.role, known.party, known.network, known.node, known.label, known.expires) != (
            body.role,
            body.party,
            body.network,
            body.node,
            body.label,
            body.expires,
        ):
            raise Refused("idempotency_key_reused")
        return _json(_credential(known), 200)
    made = new_key(rooms.random_bytes, key_id=identity)
    command = IssueCredential(made.key_id, made.digest, body.party, body.role, body.network, body.node, body.label, body.expires)
    done = await rooms.run(command, actor_of(caller), idempotency, body)
    issued = _credential(rooms.follower.directory.credentials[made.key_id])
    if done.replayed:
        return _json(issued, 200)
    return _json(issued.model_copy(update={"key": made.key}), 201)


@routes.get("/v1/credentials", response_model_exclude_none=True, summary="密钥列表 · Keys")
async def credentials(caller: CallerDep, rooms: RoomsDep) -> CredentialList:
    """All keys the caller may administer or audit, without the keys themselves."""
    require_role(caller, "security_admin", "audit_admin", "auditor")
    found = rooms.follower.directory.credentials.values()
    return CredentialList(items=[_credential(known) for known in found if caller.network in (None, known.network)])


@routes.post("/v1/credentials/{key_id}/revocation", response_model_exclude_none=True, summary="吊销密钥 · Revoke a key")
async def revoke(key_id: Slug, body: RevocationInput, incoming: IncomingDep) -> CredentialOut:
    """Make a key invalid for every service. Revoking a revoked key changes nothing."""
    rooms, caller = _rooms(incoming), incoming.caller
    require_role(caller, "security_admin")
    known = rooms.follower.directory.credentials.get(key_id)
    if known is None or caller.network not in (None, known.network):
        raise NotFound("credential_not_found")
    if key_id == caller.key_id:
        raise Refused("self_revocation")
    await rooms.run(RevokeCredential(key_id, body.reason), actor_of(caller), incoming.key, body)
    return _credential(rooms.follower.directory.credentials[key_id])


def _rooms(incoming: Incoming) -> Rooms:
    rooms: Rooms = incoming.state.rooms
    return rooms


def actor_of(caller: Caller) -> Actor:
    """Who acts, by pseudonymous ids."""
    return Actor(kind="person", id=caller.party, role=caller.role, node=caller.node)


def _own(caller: Caller, network: str) -> None:
    if caller.network not in (None, network):
        raise NotFound("network_not_found")


def _check_place(body: CredentialInput, caller: Caller, rooms: Rooms) -> None:
    """A network's key names an existing network; a node's staff names an existing node."""
    if body.network is None:
        if body.role not in ("system_admin", "security_admin", "audit_admin"):
            raise Refused("missing_field", field="network")
        return
    network = network_for(rooms, caller, body.network)
    if body.node is None:
        if body.role in NODE_ROLES:
            raise Refused("missing_field", field="node")
    elif not network.has(body.node):
        raise NotFound("node_not_found")


def _fingerprint(party: str, idempotency: str) -> str:
    return command_id("system", "IssueCredential", party, idempotency)


def _credential(known: Credential) -> CredentialOut:
    return CredentialOut(
        key_id=known.key_id,
        label=known.label,
        role=known.role,
        party=known.party,
        network=known.network,
        node=known.node,
        expires=known.expires,
        revoked=known.revoked,
    )


def _json(body: CredentialOut, status: int) -> Response:
    headers = {"Idempotent-Replay": "true"} if status == 200 else {}
    return Response(to_json(body, exclude_none=True), status_code=status, media_type="application/json", headers=headers)
