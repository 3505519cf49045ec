"""The `.liandong/` folder: where everything of one checkout lies, its locks, its secrets and the two files that tell the truth.

```
.liandong/
  endpoints.json  keys.json  ports.json  processes.json
  secrets/  nats/  postgres/  log/
  run.lock      held by the running command alone
  servers.lock  inherited by NATS and PostgreSQL, so that a killed run is only followed once they are gone
```
"""

import contextlib
import fcntl
import json
import os
import secrets
import shutil
import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

from cli.machine.trouble import Trouble, disk_full

CHECKOUT = Path(__file__).resolve().parents[2]
DEFAULT_FOLDER = CHECKOUT / ".liandong"
NEEDED_BYTES = 500 * 1024 * 1024


@dataclass(frozen=True, slots=True)
class Folder:
    """Paths of one machine's folder; nothing is created before `create()`."""

    root: Path

    @property
    def secrets(self) -> Path:
        """The folder of the secrets, mode 0700; every file in it 0600."""
        return self.root / "secrets"

    @property
    def logs(self) -> Path:
        """The folder of the logs, one file a program."""
        return self.root / "log"

    @property
    def nats(self) -> Path:
        """The folder of NATS: its configuration and the JetStream store."""
        return self.root / "nats"

    @property
    def postgres(self) -> Path:
        """The folder of PostgreSQL; the cluster lies in `data`."""
        return self.root / "postgres"

    @property
    def endpoints_file(self) -> Path:
        """`{"intake": "http://127.0.0.1:8101", …, "nats": …, "postgres": …}`."""
        return self.root / "endpoints.json"

    @property
    def keys_file(self) -> Path:
        """`{"partner": …, "clerk": …, …}`: development keys, mode 0600."""
        return self.root / "keys.json"

    @property
    def ports_file(self) -> Path:
        """The ports NATS and PostgreSQL had last time."""
        return self.root / "ports.json"

    @property
    def processes_file(self) -> Path:
        """`{"intake": 4711, …}`: process ids of what runs now."""
        return self.root / "processes.json"

    def create(self) -> None:
        """Create the folders; raises Trouble when less than 500 MB are free."""
        self.root.mkdir(parents=True, exist_ok=True)
        if shutil.disk_usage(self.root).free < NEEDED_BYTES:
            raise disk_full(self.root)
        for folder in (self.logs, self.nats, self.postgres):
            folder.mkdir(exist_ok=True)
        self.secrets.mkdir(mode=0o700, exist_ok=True)
        self.secrets.chmod(0o700)

    def secret_file(self, name: str) -> Path:
        """Return the file of a secret: 32 random bytes in hex; made once, then kept for ever."""
        path = self.secrets / name
        if not path.exists():
            write_atomically(path, secrets.token_hex(32) + "\n", mode=0o600)
        return path

    def secret(self, name: str) -> str:
        """Return a secret's text; made once, then kept for ever."""
        return self.secret_file(name).read_text().strip()

    @contextlib.contextmanager
    def run_lock(self, patience: float = 10.0) -> Iterator[int]:
        """Hold this folder for one run; yields the descriptor that NATS and PostgreSQL shall inherit.

        Raises Trouble when another run holds it, or when the servers of a killed run are still there after `patience` seconds.
        """
        with (self.root / "run.lock").open("a") as mine, (self.root / "servers.lock").open("a") as theirs:
            if not _try_lock(mine.fileno()):
                raise Trouble(
                    f"本目录已有一个联动在运行（{self.root}），请先停止它。",
                    f"Liandong already runs in this checkout ({self.root}); stop it first.",
                )
            deadline = time.monotonic() + patience
            while not _try_lock(theirs.fileno()):
                if time.monotonic() > deadline:
                    raise Trouble(
                        f"上一次运行的 NATS 或 PostgreSQL 仍在使用 {self.root}，请稍后再试。",
                        f"NATS or PostgreSQL of an earlier run still use {self.root}; try again in a moment.",
                    )
                time.sleep(0.05)
            yield theirs.fileno()


def write_atomically(path: Path, text: str, *, mode: int = 0o644) -> None:
    """Replace a file so that a reader, or a crash, sees the old or the new text and nothing between."""
    temporary = path.with_name(f".{path.name}.{os.getpid()}.new")
    descriptor = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, mode)
    with os.fdopen(descriptor, "w") as file:
        os.fchmod(file.fileno(), mode)
        file.write(text)
        file.flush()
        os.fsync(file.fileno())
    temporary.replace(path)


def write_json(path: Path, value: Mapping[str, object], *, mode: int = 0o644) -> None:
    """Replace a JSON file atomically."""
    write_atomically(path, json.dumps(value, ensure_ascii=False, indent=2) + "\n", mode=mode)


def read_json(path: Path) -> dict[str, str]:
    """Read a flat JSON object of texts; a missing or damaged file is an empty one."""
    try:
        value = json.loads(path.read_text())
    except (FileNotFoundError, ValueError):
        return {}
    return {str(name): str(item) for name, item in value.items()} if isinstance(value, dict) else {}


def _try_lock(descriptor: int) -> bool:
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True
