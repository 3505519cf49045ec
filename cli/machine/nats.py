"""The embedded NATS server: its configuration, its command and how one sees that it is ready."""

import json
import shutil
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from cli.machine.acl import accounts, inbox_prefix
from cli.machine.folder import write_atomically
from cli.machine.programs import Program
from cli.machine.trouble import Trouble
from cli.machine.waiting import answers


@dataclass(frozen=True, slots=True)
class Nats:
    """One NATS server on loopback. `passwords` per user, `sys` included; `cells` whose streams the services may use."""

    folder: Path
    port: int
    monitor_port: int
    passwords: Mapping[str, str]
    cells: tuple[str, ...]

    @property
    def url(self) -> str:
        """The address of clients."""
        return f"nats://127.0.0.1:{self.port}"

    @property
    def monitor_url(self) -> str:
        """The address of the monitoring endpoint; it tells the store's settings."""
        return f"http://127.0.0.1:{self.monitor_port}"

    def settings(self, user: str) -> dict[str, Any]:
        """Return what `nats.connect(**…)` needs to act as a user."""
        return {
            "servers": self.url,
            "user": user,
            "password": self.passwords[user],
            "inbox_prefix": inbox_prefix(user).encode(),
        }

    def write_config(self) -> Path:
        """Write the server's configuration, readable by us alone, and return its path."""
        config = {
            "server_name": "liandong",
            "listen": f"127.0.0.1:{self.port}",
            "http": f"127.0.0.1:{self.monitor_port}",
            "max_payload": 1024 * 1024,
            # The default acknowledges before fsync and syncs every two minutes: a power cut would lose acknowledged demands.
            "jetstream": {"store_dir": str(self.folder / "store"), "sync_interval": "always"},
            "accounts": accounts(dict(self.passwords), self.cells),
            "system_account": "SYS",
        }
        path = self.folder / "nats.conf"
        # The server's own format is a superset of JSON; this one has no quoting traps in paths and passwords.
        write_atomically(path, json.dumps(config, indent=2) + "\n", mode=0o600)
        return path

    def program(self, log: Path, inherit: tuple[int, ...] = ()) -> Program:
        """Write the configuration and return the program to run."""
        config = self.write_config()
        return Program(
            name="nats",
            command=(str(server_binary()), "-c", str(config)),
            log=log,
            directory=self.folder,
            stop_within=4.0,
            inherit=inherit,
        )

    def is_ready(self) -> bool:
        """Tell whether the server and its JetStream answer."""
        return answers(f"{self.monitor_url}/healthz?js-enabled-only=true")


def server_binary() -> Path:
    """Find `nats-server` of this virtual environment, else in PATH; raises Trouble."""
    beside = Path(sys.executable).parent / "nats-server"
    if beside.exists():
        return beside
    found = shutil.which("nats-server")
    if found is None:
        raise Trouble("没有找到 nats-server，请先运行 make install。", "nats-server is not installed; run make install first.")
    return Path(found)
