"""The import contracts of pyproject.toml hold, and nobody has loosened them."""

from __future__ import annotations

import subprocess
import sys
import tomllib
from pathlib import Path

from tests.unit.house.sources import ROOT, SERVICES


def test_the_import_contracts_hold() -> None:
    """Hazard: one convenient import between two services, and they can no longer be deployed, scaled or read alone."""
    linter = Path(sys.executable).with_name("lint-imports")
    ran = subprocess.run([linter, "--no-cache"], cwd=ROOT, capture_output=True, text=True, check=False)
    assert ran.returncode == 0, ran.stdout + ran.stderr


def test_no_contract_has_an_exception() -> None:
    """Hazard: ignores accumulate until the contract says nothing."""
    contracts = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["tool"]["importlinter"]["contracts"]
    assert not [contract["name"] for contract in contracts if any("ignore" in member for member in contract)]


def test_the_services_are_kept_apart_and_their_domains_pure() -> None:
    """Hazard: a contract that was deleted is never broken."""
    contracts = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["tool"]["importlinter"]["contracts"]
    apart = next(contract for contract in contracts if contract["type"] == "independence")
    assert set(apart["modules"]) == {f"services.{name}" for name in SERVICES}
    pure = next(contract for contract in contracts if contract["type"] == "forbidden")
    assert {"libs.demand", "libs.directory", "services.router.policy", "services.router.classify"} <= set(pure["source_modules"])
    domains = {f"services.{name}.domain" for name in SERVICES if (ROOT / "services" / name / "domain.py").is_file()}
    assert domains <= set(pure["source_modules"])
