"""Submit one demand: derive its id, seal what is personal, append, and answer replays from the stream itself."""

from __future__ import annotations

from collections.abc import Mapping

from pydantic_core import to_json

from libs.chassis.auth import Caller, digest_of, enterprise_token
from libs.chassis.commands import CommandDesk, Seal, key_of, request_mac, sealer
from libs.chassis.keyring import KeyPool
from libs.demand import INITIAL, DemandState, evolve
from libs.directory import Directory, Network
from libs.events import Actor, DemandSubmitted, Refused, Unavailable
from libs.events.execute import Done, Fold, Order, execute, find
from libs.events.names import command_id, demand_id, demand_subject, enterprise_id
from services.intake.codes import Codes, check_codes
from services.intake.domain import SubmitDemand, decide
from services.intake.former import FormerCase, history_imported
from services.intake.shapes import DemandInput

COMMAND = "SubmitDemand"


class NoOpenCell(Unavailable):
    """No cell takes new demands now."""

    code = "no_open_cell"


async def submit(
    desk: CommandDesk,
    pool: KeyPool,
    directory: Directory,
    salt: bytes,
    caller: Caller,
    actor: Actor,
    key: str,
    body: DemandInput,
    headers: Mapping[str, str],
    former: FormerCase | None = None,
) -> Done[DemandState]:
    """Run SubmitDemand. The same party and key always reach the same stream; the stored request tells a replay from a misuse.

    `former`: what a former system tells about the demand; it goes into the same commit.
    Raises Refused (codes, idempotency_key_reused, personal_data_erased), Unavailable (store away, pool empty, no open cell).
    """
    network, demand, identity = _names(directory, salt, caller, key)
    try:
        codes = check_codes(network, body)
        data_key = pool.take()
    except (Refused, Unavailable):
        # Codes may have changed since, or keys may be short: what was answered before is answered again all the same.
        earlier = await _earlier(desk, demand, identity)
        if earlier is None:
            raise
        await _require_same_request(desk, earlier, body)
        return earlier
    seal = sealer(data_key, demand=demand, command_id=identity, random_bytes=desk.random_bytes)
    event = _submitted(network, demand, salt, caller, body, codes, seal, former)
    command = SubmitDemand(event, history_imported(former, seal) if former is not None else None)
    order: Order[DemandState] = Order(
        subject=demand_subject(demand),
        entity=demand,
        command=COMMAND,
        command_id=identity,
        actor=actor,
        decide=lambda state: decide(command, state),
        request=request_mac(data_key, body),
        known=Fold(INITIAL),
        headers=headers,
    )
    done = await execute(desk.store, order, initial=INITIAL, evolve=evolve, now=desk.now)
    if done.replayed:
        await _require_same_request(desk, done, body)
    else:
        desk.keys.remember(data_key)  # a replay soon after needs no query
    return done


async def find_submission(
    desk: CommandDesk, directory: Directory, salt: bytes, caller: Caller, key: str, body: DemandInput
) -> Done[DemandState] | None:
    """Tell what submitting would meet: the stored submission, or None if it would create one. Raises like `submit`, changes nothing."""
    network, demand, identity = _names(directory, salt, caller, key)
    earlier = await _earlier(desk, demand, identity)
    if earlier is None:
        check_codes(network, body)
    else:
        await _require_same_request(desk, earlier, body)
    return earlier


def _submitted(
    network: Network, demand: str, salt: bytes, caller: Caller, body: DemandInput, codes: Codes, seal: Seal, former: FormerCase | None
) -> DemandSubmitted:
    """The event a submission becomes: its codes as the lists have them, what is personal sealed."""
    assert codes.region is not None
    return DemandSubmitted(
        network=network.name,
        channel=body.channel,
        category=codes.category,
        region=codes.region,
        carrier=codes.carrier,
        industry=codes.industry,
        urgency=body.urgency,
        partner_ref=body.partner_ref,
        party=caller.party,
        enterprise=enterprise_id(network.name, salt=salt, uscc=body.requester.uscc),
        desk=network.hub.id,
        sample=body.sample,
        title=seal("title", body.title),
        description=seal("description", body.description),
        requester=seal("requester", to_json(body.requester).decode()),
        submitter_node=caller.node,
        link=digest_of(enterprise_token(demand, salt=salt)),
        received_at=former.received_at if former is not None else None,
    )


def _names(directory: Directory, salt: bytes, caller: Caller, key: str) -> tuple[Network, str, str]:
    """The network, the demand's id and the command's id: the same for the same party and key."""
    network = network_of(directory, caller)
    demand = demand_id(network.name, open_cell(directory), salt=salt, party=caller.party, key=key)
    return network, demand, command_id(demand, COMMAND, caller.party, key)


async def _earlier(desk: CommandDesk, demand: str, identity: str) -> Done[DemandState] | None:
    """The stored submission of this very command, if there is one."""
    _, earlier = find(INITIAL, await desk.store.load(demand_subject(demand)), evolve, identity)
    return earlier


async def _require_same_request(desk: CommandDesk, done: Done[DemandState], body: DemandInput) -> None:
    """The fold of a replay is that after its first commit; whether it was erased since, is told by where it stands now."""
    assert done.commit is not None
    assert done.latest is not None
    if request_mac(await key_of(desk, done.commit.entity, done.latest.state), body) != done.commit.request:
        raise Refused("idempotency_key_reused")


def network_of(directory: Directory, caller: Caller) -> Network:
    """The network a key belongs to. Raises Refused(network_unknown)."""
    network = directory.networks.get(caller.network or "")
    if network is None:
        raise Refused("network_unknown")
    return network


def open_cell(directory: Directory) -> str:
    """The youngest open cell. Raises NoOpenCell."""
    cells = [cell for cell, status in directory.cells.items() if status == "open"]
    if not cells:
        raise NoOpenCell("no open cell")
    return cells[-1]
