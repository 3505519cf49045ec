"""Who may say and hear what on NATS: every service its own work and nothing else.

Wildcards stand for whole tokens (`DEMANDS_*` is no pattern), therefore the streams of all cells are named one by one. Nobody may change,
purge or delete a stream, or delete a message; `keeper`, used while the machine starts, may create streams.

What this does not stop (nats-server 2.15.1, measured): a request's reply subject is not checked, so a user who may only read can name
`demand.…` as the place of the answer, and the stream stores the answer: an API document or a copy of a stored commit, never one of the
user's making. Readers meet it as a commit that breaks the chain. Only an account per service would close it.
"""

from collections.abc import Iterable, Sequence

SERVICES = ("intake", "router", "tracker", "registry")
KEEPER = "keeper"
USERS = (KEEPER, *SERVICES)

REGISTRY = "REGISTRY"
PRIVACY = "PRIVACY"
TIMERS = "TIMERS"
TIMERS_CONSUMER = "router_timers"


def demand_stream(cell: str) -> str:
    """Name the stream of a cell."""
    return f"DEMANDS_{cell}"


def inbox_prefix(user: str) -> str:
    """Name the inbox prefix of a user, the only place where it may listen."""
    return f"_INBOX_{user}"


def may_publish(user: str, cells: Iterable[str]) -> list[str]:
    """List the subjects a user may publish to, sorted; the JetStream API is subjects too."""
    demands = [demand_stream(cell) for cell in cells]
    subjects = {"$JS.API.INFO"}
    for stream in [REGISTRY, PRIVACY, TIMERS, *demands]:
        subjects.add(f"$JS.API.STREAM.INFO.{stream}")
    if user == KEEPER:
        subjects |= {f"$JS.API.STREAM.CREATE.{stream}" for stream in [REGISTRY, PRIVACY, TIMERS, *demands]}
        return sorted(subjects)
    subjects |= _read(REGISTRY) | _consume(REGISTRY)
    if user in {"intake", "router", "tracker"}:
        subjects |= {subject for stream in demands for subject in _read(stream)}
    if user in {"router", "tracker"}:
        subjects |= {subject for stream in demands for subject in _consume(stream)}
    if user in {"intake", "router"}:
        subjects.add("demand.>")
    if user == "router":
        subjects |= _keep_timers() | _read(PRIVACY) | _consume(PRIVACY) | {"privacy.>"}
    if user == "registry":
        subjects.add("registry.>")
    return sorted(subjects)


def accounts(passwords: dict[str, str], cells: Sequence[str]) -> dict[str, object]:
    """Build the `accounts` part of the server configuration; `passwords` has every name of USERS and `sys`."""
    users = [
        {
            "user": user,
            "password": passwords[user],
            "permissions": {
                "publish": {"allow": may_publish(user, cells)},
                "subscribe": {"allow": [f"{inbox_prefix(user)}.>"]},
            },
        }
        for user in USERS
    ]
    return {"SYS": {"users": [{"user": "sys", "password": passwords["sys"]}]}, "APP": {"jetstream": "enabled", "users": users}}


def _read(stream: str) -> set[str]:
    return {f"$JS.API.STREAM.MSG.GET.{stream}", f"$JS.API.DIRECT.GET.{stream}", f"$JS.API.DIRECT.GET.{stream}.>"}


def _consume(stream: str) -> set[str]:
    consumer = "$JS.API.CONSUMER"
    return {
        f"{consumer}.CREATE.{stream}",
        f"{consumer}.CREATE.{stream}.>",
        f"{consumer}.INFO.{stream}.>",
        f"{consumer}.MSG.NEXT.{stream}.>",
        f"{consumer}.DELETE.{stream}.>",
    }


def _keep_timers() -> set[str]:
    """Arm and look at timers, and work off fired ones through the one consumer; never fire one by hand."""
    return {
        "timer.at.>",
        f"$JS.API.DIRECT.GET.{TIMERS}",
        f"$JS.API.CONSUMER.CREATE.{TIMERS}.{TIMERS_CONSUMER}.timer.due.>",
        f"$JS.API.CONSUMER.INFO.{TIMERS}.{TIMERS_CONSUMER}",
        f"$JS.API.CONSUMER.MSG.NEXT.{TIMERS}.{TIMERS_CONSUMER}",
        f"$JS.ACK.{TIMERS}.{TIMERS_CONSUMER}.>",
    }
