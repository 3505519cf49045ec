"""`liandong run` where it must refuse: one sentence, exit code 1, no traceback."""

import socket
import subprocess
import sys
from pathlib import Path

import pytest

from cli.machine.folder import CHECKOUT, Folder


def run(*arguments: str, code: str = "from cli.main import main; main()") -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-c", code, "run", *arguments], cwd=CHECKOUT, capture_output=True, text=True, timeout=60, check=False
    )


def refused(done: subprocess.CompletedProcess[str], zh: str, en: str) -> bool:
    return done.returncode == 1 and zh in done.stderr and en in done.stderr and "Traceback" not in done.stderr and not done.stdout


def test_a_second_run_in_the_same_checkout(tmp_path: Path) -> None:
    folder = Folder(tmp_path)
    folder.create()
    with folder.run_lock():
        assert refused(run("--json", "--folder", str(tmp_path)), "已有一个联动在运行", "already runs in this checkout")


@pytest.mark.parametrize("name", ["intake", "registry"])
def test_a_port_somebody_else_has(tmp_path: Path, name: str) -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]
        done = run("--json", "--folder", str(tmp_path), f"--{name}-port", str(port))

    assert refused(done, f"端口 {port}（{name}）已被占用", f"Port {port} for {name} is taken"), done.stderr


def test_a_disk_without_room(tmp_path: Path) -> None:
    code = (
        "import shutil, collections; shutil.disk_usage = lambda p: collections.namedtuple('u', 'free')(1);from cli.main import main; main()"
    )

    assert refused(run("--json", "--folder", str(tmp_path), code=code), "磁盘空间不足", "Disk full")


def test_a_folder_that_cannot_be_written(tmp_path: Path) -> None:
    done = run("--json", "--folder", "/proc/liandong")

    assert done.returncode == 1
    assert "Traceback" not in done.stderr
