"""What `tools/install.py` says when a machine is not as it should be, run as people run it."""

import ast
import os
import subprocess
import sys
from pathlib import Path

import pytest

INSTALL = Path(__file__).resolve().parents[3] / "tools" / "install.py"
# The Python people install with, outside any virtual environment.
PYTHON = getattr(sys, "_base_executable", sys.executable)


def install(*arguments: str, prelude: str = "pass", **environment: str) -> subprocess.CompletedProcess[str]:
    code = f"import runpy, sys; sys.argv = ['install.py', *sys.argv[1:]]; {prelude}; runpy.run_path({str(INSTALL)!r}, run_name='__main__')"
    return subprocess.run(
        [PYTHON, "-c", code, *arguments],
        capture_output=True,
        text=True,
        env={**os.environ, **environment},
        timeout=120,
        check=False,
    )


def a_sentence_in_both_languages(done: subprocess.CompletedProcess[str], zh: str, en: str) -> bool:
    return done.returncode == 1 and zh in done.stderr and en in done.stderr and "Traceback" not in done.stderr + done.stdout


def test_the_installer_can_be_read_by_python_3_8() -> None:
    ast.parse(INSTALL.read_text(), feature_version=(3, 8))


def test_the_installer_needs_the_standard_library_only() -> None:
    tree = ast.parse(INSTALL.read_text())
    modules = {alias.name for node in ast.walk(tree) if isinstance(node, ast.Import) for alias in node.names}
    modules |= {node.module or "" for node in ast.walk(tree) if isinstance(node, ast.ImportFrom)}
    assert {module.partition(".")[0] for module in modules} <= sys.stdlib_module_names


def test_an_old_python_is_told_the_version_it_needs(tmp_path: Path) -> None:
    done = install("--venv", str(tmp_path / "venv"), prelude="sys.version_info = (3, 9, 2, 'final', 0)")

    assert a_sentence_in_both_languages(done, "需要 Python 3.11", "Python 3.11 or newer is needed, this is 3.9.2")


def test_an_old_python_is_told_of_a_newer_one_in_the_path(tmp_path: Path) -> None:
    newer = tmp_path / "python3.12"
    newer.write_text("#!/bin/sh\n")
    newer.chmod(0o755)

    done = install("--venv", str(tmp_path / "venv"), prelude="sys.version_info = (3, 9, 2, 'final', 0)", PATH=str(tmp_path))

    assert "make PYTHON=python3.12" in done.stderr


def test_a_full_disk_is_one_sentence(tmp_path: Path) -> None:
    prelude = "import shutil, collections; shutil.disk_usage = lambda path: collections.namedtuple('u', 'free')(1000)"

    done = install("--venv", str(tmp_path / "venv"), prelude=prelude)

    assert a_sentence_in_both_languages(done, "磁盘空间不足", "Disk full")
    assert not (tmp_path / "venv").exists()


@pytest.mark.parametrize("dev", [True, False])
def test_an_unreachable_package_index_is_one_sentence(tmp_path: Path, dev: bool) -> None:
    venv = tmp_path / "venv"
    subprocess.run([PYTHON, "-m", "venv", "--without-pip", str(venv)], check=True)
    nowhere = {
        "PIP_CONFIG_FILE": os.devnull,
        "PIP_INDEX_URL": "http://127.0.0.1:9/simple",
        "PIP_EXTRA_INDEX_URL": "",
        "PIP_FIND_LINKS": "",
        "PIP_NO_CACHE_DIR": "1",
        "PIP_RETRIES": "0",
        "HOME": str(tmp_path),
    }

    done = install("--venv", str(venv), *(["--dev"] if dev else []), **nowhere)

    assert a_sentence_in_both_languages(done, "无法连接软件包源", "No package index can be reached"), done.stderr


def test_no_index_host_is_named_in_what_is_installed_from() -> None:
    root = INSTALL.parents[1]
    files = [INSTALL, root / "Makefile", root / "package.json", *(root / "requirements").iterdir(), root / ".ci" / "run"]
    for path in files:
        assert "://" not in path.read_text(), path
    assert '"resolved"' not in (root / "package-lock.json").read_text()
