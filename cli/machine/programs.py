"""A program to keep running, as a value, and the operating system's part in starting one."""

import ctypes
import os
import pwd
import signal
import sys
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO

_PR_SET_PDEATHSIG = 1
_libc = ctypes.CDLL(None, use_errno=True) if sys.platform == "linux" else None


@dataclass(frozen=True, slots=True)
class Program:
    """What to run, where its output goes and how it stops.

    `stop_signal` asks it to end; after `stop_within` seconds it is killed. `death_signal` reaches it when our own process dies,
    even by kill -9. `user` runs it as somebody else (root only). `inherit` are descriptors that stay open in it.
    """

    name: str
    command: tuple[str, ...]
    log: Path
    directory: Path
    environment: Mapping[str, str] = field(default_factory=dict)
    stop_signal: signal.Signals = signal.SIGTERM
    stop_within: float = 5.0
    death_signal: signal.Signals = signal.SIGKILL
    user: str | None = None
    inherit: tuple[int, ...] = ()


@dataclass(frozen=True, slots=True)
class Account:
    """As whom a process is started; nothing but None: as ourselves."""

    user: int | None = None
    group: int | None = None
    groups: tuple[int, ...] | None = None

    @staticmethod
    def of(name: str | None) -> "Account":
        """Look up a system user, without any of our own groups."""
        if name is None:
            return Account()
        entry = pwd.getpwnam(name)
        return Account(entry.pw_uid, entry.pw_gid, ())


def die_with_parent(death_signal: signal.Signals) -> Callable[[], None]:
    """Make the hook that a child runs before exec, so that it gets `death_signal` when this process dies (Linux; elsewhere nothing)."""
    parent = os.getpid()

    def arrange() -> None:
        if _libc is None:
            return
        _libc.prctl(_PR_SET_PDEATHSIG, int(death_signal))
        if os.getppid() != parent:  # The parent died before the call above: its signal will never come.
            os._exit(1)

    return arrange


def open_log(path: Path) -> IO[bytes]:
    """Open a log for a child's output; appending, so that it may be cut while the child writes."""
    return path.open("ab", buffering=0)
