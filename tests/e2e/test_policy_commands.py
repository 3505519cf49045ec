"""Rules in force change by two persons, and a policy may be tried on past demands first: over the command line and HTTP."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest

from cli.machine.folder import CHECKOUT
from cli.machine.testing import Machine
from tests.e2e.conftest import Outside

pytestmark = [pytest.mark.servers]
NETWORK = CHECKOUT / "networks" / "ningbo"


def liandong(system: Machine, *arguments: str) -> subprocess.CompletedProcess[str]:
    environment = {**os.environ, "LIANDONG_FOLDER": str(system.folder.root)}
    command = [sys.executable, "-m", "cli.main", *arguments]
    return subprocess.run(command, cwd=CHECKOUT, env=environment, stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=120)


def changed(folder: Path, old: str, new: str, version: int = 2) -> Path:
    """The network's files with another routing policy."""
    copy = folder / "ningbo"
    shutil.copytree(NETWORK, copy)
    routing = copy / "routing.yaml"
    text = routing.read_text("utf-8")
    assert old in text
    assert "\nversion: 1\n" in text
    routing.write_text(text.replace(old, new).replace("\nversion: 1\n", f"\nversion: {version}\n"), "utf-8")
    return copy


def in_force(outside: Outside) -> Any:
    return outside.get("registry", "/v1/networks/ningbo").json()["digest"]


def test_a_changed_policy_takes_effect_when_a_second_person_releases_it(system: Machine, outside: Outside, tmp_path: Path) -> None:
    before = in_force(outside)
    unnumbered = liandong(system, "network", "apply", str(changed(tmp_path / "same", "return_budget: 2", "return_budget: 3", version=1)))
    assert unnumbered.returncode == 1
    assert "policy_version_used" in unnumbered.stderr
    proposed = liandong(system, "network", "apply", str(changed(tmp_path, "return_budget: 2", "return_budget: 3")))
    assert proposed.returncode == 3, proposed.stderr
    assert "liandong network release ningbo --revision" in proposed.stdout
    assert in_force(outside) == before
    [proposal] = outside.get("registry", "/v1/networks/ningbo/proposals").json()["items"]
    assert (proposal["by"], proposal["changes"]) == ("dev-system", ["routing"])
    body = {member: proposal[member] for member in ("revision", "parts", "digest")}
    alone = outside.post("registry", "/v1/networks/ningbo/publication", body, key="system")
    assert (alone.status_code, alone.json()["code"]) == (409, "second_person_needed")
    released = liandong(system, "network", "release", "--yes")
    assert released.returncode == 0, released.stderr
    assert "routing.return_budget: 2 → 3" in released.stdout
    assert in_force(outside) == proposal["digest"] != before
    assert "没有待核发" in liandong(system, "network", "release").stdout
    assert liandong(system, "network", "apply", str(NETWORK)).returncode == 3
    assert liandong(system, "network", "release", "--yes").returncode == 0
    assert in_force(outside) == before


def test_a_policy_is_tried_on_past_demands(system: Machine, outside: Outside, demand: dict[str, Any], tmp_path: Path) -> None:
    made = outside.post("intake", "/v1/demands", demand)
    assert made.status_code == 201, made.text

    def report(*arguments: str) -> Any:
        done = liandong(system, "policy", "replay", *arguments, "--json")
        assert done.returncode == 0, done.stderr
        return json.loads(done.stdout)

    deadline = time.monotonic() + 30
    while not (kept := report())["decisions"]:
        assert time.monotonic() < deadline
    assert (kept["same"], kept["different"], kept["excluded"]) == (kept["decisions"], 0, 0)
    candidate = changed(tmp_path, "welfare: 100", "welfare: 0") / "routing.yaml"
    assert report(str(candidate))["decisions"] >= kept["decisions"]
    table = liandong(system, "policy", "replay", str(candidate))
    assert table.returncode == 0, table.stderr
    assert "only a hub would take" in table.stdout


def test_a_broken_policy_is_refused_with_line_and_rule(system: Machine, tmp_path: Path) -> None:
    folder = changed(tmp_path, "return_budget: 2", "return_budget: many")
    refused = liandong(system, "policy", "replay", str(folder / "routing.yaml"))
    line = next(n for n, text in enumerate((folder / "routing.yaml").read_text("utf-8").splitlines(), 1) if "return_budget" in text)
    assert refused.returncode == 1
    assert f"routing.yaml:{line}: bad_value" in refused.stderr
    assert "Traceback" not in refused.stderr
    heavy = changed(tmp_path / "heavy", "weight: 45", "weight: 95") / "routing.yaml"
    refused = liandong(system, "policy", "replay", str(heavy))
    assert "policy_invalid" in refused.stderr
    assert "policy.score" in refused.stderr
