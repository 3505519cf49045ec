"""Logs of the machine's programs, kept below a size: the newest part stays, one older part is kept beside it."""

import shutil
from pathlib import Path

CAP = 16 * 1024 * 1024


def cut(log: Path, cap: int = CAP) -> bool:
    """Move a log beyond `cap` bytes to `<name>.log.1` and empty it; tells whether it did.

    Programs keep the file open in append mode, hence copy and truncate instead of a rename; lines written between the two are lost.
    """
    if not log.exists() or log.stat().st_size <= cap:
        return False
    shutil.copyfile(log, log.with_name(log.name + ".1"))
    with log.open("r+b") as file:
        file.truncate(0)
    return True
