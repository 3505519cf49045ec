"""The four services as programs: the environment each of them gets, and nothing more than it needs (docs/architecture.md)."""

import json
import secrets
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from cli.machine.acl import SERVICES
from cli.machine.folder import CHECKOUT, Folder, write_atomically
from cli.machine.nats import Nats
from cli.machine.postgres import Postgres
from cli.machine.programs import Program
from libs.chassis.auth import new_key

DATABASE_ROLES = {"intake": "ld_intake", "router": "ld_router", "tracker": "ld_tracker"}
FIRST_CELL = "26a"
"""The cell that exists from the start; further ones are opened by registry facts."""


@dataclass(frozen=True, slots=True)
class Surroundings:
    """What all services share on one machine, per service or database role; `sockets` are descriptors that listen already."""

    folder: Folder
    nats: Nats
    postgres: Postgres
    database: str
    role_passwords: Mapping[str, str]
    ports: Mapping[str, int]
    sockets: Mapping[str, int]

    def endpoints(self) -> dict[str, str]:
        """Return what endpoints.json tells; addresses carry no passwords."""
        services = {name: f"http://127.0.0.1:{self.ports[name]}" for name in SERVICES}
        return {**services, "nats": self.nats.url, "postgres": f"postgresql://127.0.0.1:{self.postgres.port}/{self.database}"}

    def program(self, name: str) -> Program:
        """Return the program of a service."""
        return Program(
            name=name,
            command=(sys.executable, "-m", f"services.{name}"),
            log=self.folder.logs / f"{name}.log",
            directory=CHECKOUT,
            environment={**common_environment(self.folder), **self.environment(name)},
            inherit=(self.sockets[name],),
        )

    def environment(self, name: str) -> dict[str, str]:
        """Return a service's own settings."""
        settings = {
            "HOST": "127.0.0.1",
            "PORT": str(self.ports[name]),
            "SOCKET_FD": str(self.sockets[name]),
            "NATS_URL": self.nats.url,
            "NATS_USER": name,
            "NATS_PASSWORD": self.nats.passwords[name],
            "NATS_MONITOR_URL": self.nats.monitor_url,
            "CELL": FIRST_CELL,
        }
        if role := DATABASE_ROLES.get(name):
            settings["DATABASE_URL"] = self.postgres.url(role, self.role_passwords[role], self.database)
            settings["KEK_FILE"] = str(self.folder.secret_file("kek"))
        if name == "intake":
            settings["SALT_FILE"] = str(self.folder.secret_file("salt"))
            settings["TRACKER_URL"] = f"http://127.0.0.1:{self.ports['tracker']}"
        if name == "registry":
            settings["BOOTSTRAP_KEY"] = bootstrap_key(self.folder)
        if name == "tracker":
            settings["ENDPOINTS_FILE"] = str(self.folder.endpoints_file)
        return {f"{name.upper()}_{key}": value for key, value in settings.items()}


def common_environment(folder: Folder) -> dict[str, str]:
    """Return what every child of the machine gets."""
    return {
        "LIANDONG_FOLDER": str(folder.root),
        "PYTHONUNBUFFERED": "1",
        # Compiling everything anew at each start would cost a killed service a good part of its two seconds.
        "PYTHONDONTWRITEBYTECODE": "",
        # The embedded server speaks no TLS; without this asyncpg looks for certificates in a home that may not be readable.
        "PGSSLMODE": "disable",
    }


def bootstrap_key(folder: Folder) -> str:
    """Return the first security administrator's key; it exists on this machine only."""
    return bootstrap_key_file(folder).read_text("ascii").strip()


def bootstrap_key_file(folder: Folder) -> Path:
    """Return the file of that key."""
    path = folder.secrets / "bootstrap_key"
    if not path.exists():
        write_atomically(path, new_key(secrets.token_bytes).key + "\n", mode=0o600)
    return path


def summary(endpoints: Mapping[str, str], keys: Mapping[str, str]) -> str:
    """Return the one line that `liandong run --json` prints when everything is ready."""
    return json.dumps({"console": console_url(endpoints), "endpoints": dict(endpoints), "keys": dict(keys)})


def console_url(endpoints: Mapping[str, str]) -> str:
    """Return the console's address."""
    return f"{endpoints['tracker']}/console"
