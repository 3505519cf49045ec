"""The `liandong` command against a running system: networks are applied once, broken files are told line by line, keys come and go."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from cli.machine.folder import CHECKOUT
from cli.machine.testing import Machine
from tests.e2e.conftest import Outside

pytestmark = [pytest.mark.servers]
NETWORK = CHECKOUT / "networks" / "ningbo"


def liandong(system: Machine, *arguments: str) -> subprocess.CompletedProcess[str]:
    environment = {**os.environ, "LIANDONG_FOLDER": str(system.folder.root)}
    command = [sys.executable, "-m", "cli.main", *arguments]
    return subprocess.run(command, cwd=CHECKOUT, env=environment, stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=60)


def test_applying_what_is_in_force_changes_nothing(system: Machine) -> None:
    before = system.endpoints["registry"]
    done = liandong(system, "network", "apply", str(NETWORK))
    assert (done.returncode, before) == (0, system.endpoints["registry"]), done.stderr
    assert "没有变化" in done.stdout


def test_a_changed_file_is_shown_before_it_takes_effect_and_can_be_taken_back(system: Machine, outside: Outside, tmp_path: Path) -> None:
    changed = tmp_path / "ningbo"
    shutil.copytree(NETWORK, changed)
    nodes = changed / "nodes.csv"
    nodes.write_text(nodes.read_text("utf-8").replace("样例大碶街道窗口平台", "样例大碶街道改名窗口平台"), "utf-8")
    shown = liandong(system, "network", "apply", str(changed), "--dry-run")
    assert shown.returncode == 0, shown.stderr
    assert "样例大碶街道窗口平台 → 样例大碶街道改名窗口平台" in shown.stdout
    assert outside.get("registry", "/v1/nodes/nb-w-330206003").json()["title_zh"] == "样例大碶街道窗口平台"
    assert liandong(system, "network", "apply", str(changed)).returncode == 0
    assert outside.get("registry", "/v1/nodes/nb-w-330206003").json()["title_zh"] == "样例大碶街道改名窗口平台"
    assert liandong(system, "network", "apply", str(NETWORK)).returncode == 0
    assert outside.get("registry", "/v1/nodes/nb-w-330206003").json()["title_zh"] == "样例大碶街道窗口平台"


def test_a_broken_file_is_refused_with_file_line_and_rule(system: Machine, outside: Outside, tmp_path: Path) -> None:
    broken = tmp_path / "ningbo"
    shutil.copytree(NETWORK, broken)
    nodes = broken / "nodes.csv"
    lines = nodes.read_text("utf-8").splitlines()
    lines[5] = lines[5].replace("nb-hub", "nb-nowhere")
    nodes.write_text("\n".join(lines) + "\n", "utf-8")
    digest = outside.get("registry", "/v1/networks/ningbo").json()["digest"]
    refused = liandong(system, "network", "apply", str(broken))
    assert refused.returncode == 1
    assert "nodes.csv:6" in refused.stderr or "nodes.csv 6" in refused.stderr, refused.stderr
    assert "Traceback" not in refused.stderr
    assert outside.get("registry", "/v1/networks/ningbo").json()["digest"] == digest


def test_a_key_is_issued_shown_once_listed_and_revoked(system: Machine, outside: Outside) -> None:
    made = liandong(system, "key", "issue", "partner", "--label", "cli test", "--party", "cli-test", "--network", "ningbo")
    assert made.returncode == 0, made.stderr
    key_id, key = made.stdout.split()
    assert outside.get("registry", "/v1/networks", key).status_code == 200
    listed = liandong(system, "key", "list").stdout
    assert key_id in listed
    assert key not in listed
    assert liandong(system, "key", "revoke", key_id, "--reason", "replaced").returncode == 0
    assert outside.get("registry", "/v1/networks", key).json()["code"] == "key_revoked"


def test_a_rebuild_proves_the_views_equal(system: Machine) -> None:
    done = liandong(system, "rebuild", "--compare-only")
    assert done.returncode == 0, done.stdout + done.stderr
