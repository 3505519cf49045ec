"""What a person is told instead of a traceback: one sentence in Chinese and English."""

import errno
from pathlib import Path


class Trouble(Exception):
    """A foreseeable failure of the machine.

    Drawn as a sentence by the command line; `zh` and `en` say the same thing and name what to do next.
    """

    def __init__(self, zh: str, en: str) -> None:
        super().__init__(f"{zh} / {en}")
        self.zh = zh
        self.en = en


def disk_full(where: Path) -> Trouble:
    """The sentence for a disk without room."""
    return Trouble(
        f"磁盘空间不足：{where} 所在磁盘至少需要 500 MB 可用空间。", f"Disk full: at least 500 MB must be free on the disk of {where}."
    )


def from_os_error(error: OSError, where: Path) -> Trouble | None:
    """Name the sentence of an operating system error, or None if it has none of its own."""
    if error.errno in {errno.ENOSPC, errno.EDQUOT}:
        return disk_full(where)
    if error.errno in {errno.EACCES, errno.EPERM, errno.EROFS, errno.ENOENT, errno.ENOTDIR}:
        path = error.filename or where
        return Trouble(f"无法读写 {path}。", f"{path} cannot be read or written.")
    return None


def did_not_start(name: str, log: Path) -> Trouble:
    """The sentence for a program that is not ready in time; quotes the last line of its log."""
    lines = tail(log)
    if any("No space left on device" in line for line in lines):
        return disk_full(log)
    last = f" [{lines[-1].strip()[:200]}]" if lines else ""
    return Trouble(f"{name} 没有按时就绪，请看 {log}。", f"{name} did not become ready in time, see {log}.{last}")


def tail(log: Path, limit: int = 8192) -> list[str]:
    """Read the last non-empty lines of a log, at most `limit` bytes."""
    try:
        with log.open("rb") as file:
            file.seek(0, 2)
            file.seek(max(0, file.tell() - limit))
            text = file.read().decode(errors="replace")
    except FileNotFoundError:
        return []
    return [line for line in text.splitlines() if line.strip()]
