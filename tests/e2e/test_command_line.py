"""The `liandong` command against a running system: networks are applied once, broken files are told line by line, keys come and go."""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from typing import Any

import pytest

from cli.machine.folder import CHECKOUT
from cli.machine.testing import Machine
from cli.machine.trouble import Trouble
from cli.machine.waiting import until_blocking
from tests.e2e.conftest import Outside

pytestmark = [pytest.mark.servers]
NETWORK = CHECKOUT / "networks" / "ningbo"
LANDED = (
    r"✓ 件件有着落 · every open demand has landed"
    r" \((?P<checked>\d+) 件诉求、(?P<parts>\d+) 个分区 · (?P=checked) demands, (?P=parts) partitions\)"
)


def liandong(system: Machine, *arguments: str) -> subprocess.CompletedProcess[str]:
    environment = {**os.environ, "LIANDONG_FOLDER": str(system.folder.root)}
    command = [sys.executable, "-m", "cli.main", *arguments]
    return subprocess.run(command, cwd=CHECKOUT, env=environment, stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=60)


@contextmanager
def router_that_finds(found: dict[str, Any]) -> Iterator[str]:
    """A stand-in of a router for what ours must never find; yields its address."""

    class Answer(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            body = json.dumps(found).encode()
            self.send_response(200)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, format: str, *args: object) -> None:
            pass

    with HTTPServer(("127.0.0.1", 0), Answer) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        try:
            yield f"http://127.0.0.1:{server.server_port}"
        finally:
            server.shutdown()
            thread.join()


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


def test_a_check_of_a_running_system_finds_every_open_demand_landed(system: Machine, outside: Outside, demand: dict[str, Any]) -> None:
    """Hazard: the command reads something else than the router answers, and an orphan, or its absence, is never told."""
    made = outside.post("intake", "/v1/demands", demand)
    assert made.status_code == 201, made.text
    path = f"/v1/demands/{made.json()['id']}"
    until_blocking(
        lambda: outside.get("tracker", path).json().get("status") == "assigned", 20, lambda: Trouble("没有派单", "It was not assigned")
    )
    for options in ([], ["--full"]):
        done = liandong(system, "check", *options)
        assert done.returncode == 0, done.stdout + done.stderr
        told = re.fullmatch(LANDED, done.stdout.strip())
        assert told, done.stdout
        assert int(told["checked"]) >= 1


def test_a_check_names_each_orphan_and_what_is_wrong_with_it_and_fails(system: Machine) -> None:
    orphans = [
        {"demand": "ningbo-26a-0123456789abcdef", "kind": "no_holder", "since": "2026-03-02T01:00:00Z"},
        {"demand": "ningbo-26a-fedcba9876543210", "kind": "heard_of_later", "since": "2026-03-02T02:00:00Z"},
    ]
    found = {"ok": False, "checked": 2, "partitions": 64, "full": False, "complete": True, "found": 2, "violations": orphans}
    with router_that_finds(found) as address:
        done = liandong(system, "check", "--router", address)
    assert done.returncode == 1
    assert done.stdout.splitlines()[:2] == [
        "ningbo-26a-0123456789abcdef  没有责任节点 · nobody is accountable  2026-03-02T01:00:00Z",
        "ningbo-26a-fedcba9876543210  heard_of_later  2026-03-02T02:00:00Z",
    ]
    assert "✗ 发现 2 个问题 · 2 found (2 件诉求" in done.stdout
    assert "✓" not in done.stdout


def test_a_check_that_left_demands_out_says_so_and_fails(system: Machine) -> None:
    found = {"ok": False, "checked": 9, "partitions": 64, "full": False, "complete": False, "found": 0, "violations": []}
    with router_that_finds(found) as address:
        done = liandong(system, "check", "--router", address)
    assert done.returncode == 1
    assert "未能全部核查" in done.stdout
    assert "not all could be checked" in done.stdout
    assert "✓" not in done.stdout


def test_a_check_names_the_partitions_that_nobody_checked_lately_and_fails(system: Machine) -> None:
    found = {"ok": False, "checked": 9, "partitions": 62, "full": False, "complete": True, "found": 0, "violations": []}
    with router_that_finds(found | {"unchecked": [3, 7]}) as address:
        done = liandong(system, "check", "--router", address)
    assert done.returncode == 1
    assert "2 partitions not checked lately: 3 7" in done.stdout
    assert "✓" not in done.stdout


def test_a_check_without_a_router_says_that_it_cannot_be_reached(system: Machine) -> None:
    done = liandong(system, "check", "--router", "http://127.0.0.1:9")
    assert done.returncode not in (0, None)
    assert "cannot be reached" in done.stderr
    assert "Traceback" not in done.stderr
