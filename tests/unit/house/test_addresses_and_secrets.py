"""What must not stand in any tracked file: package indexes, this machine's folders, keys."""

from __future__ import annotations

import json
import re

import pytest

from tests.unit.house.sources import ROOT, text_files

# Spelled in parts, so that this file does not break its own rule.
INDEX_HOSTS = tuple(f"{name}.{top}" for name, top in (("pypi", "org"), ("pythonhosted", "org"), ("npmjs", "org"), ("npmmirror", "com")))
INDEX_HOSTS += ("pypi.tuna" + ".tsinghua", "mirrors" + ".aliyun", "index" + "-url")
FOREIGN_PLACES = re.compile(r"(?<![\w.])/wor" + r"k(/|\b)(?!\w)|\.\./share" + r"d|/tmp/bash_job" + "s")
KEYS = re.compile(r"ld_[0-9a-hjkmnp-tv-z]{12}_[0-9a-hjkmnp-tv-z]{52}|-----BEGIN (EC |RSA )?PRIVATE KEY")


def offenders(pattern: re.Pattern[str]) -> str:
    return "\n".join(
        f"{path}:{number}: {line.strip()[:120]}"
        for path, text in text_files()
        for number, line in enumerate(text.splitlines(), 1)
        if pattern.search(line)
    )


def test_no_file_names_a_package_index() -> None:
    """Hazard: a pinned index address makes a clean clone uninstallable behind another mirror."""
    assert not offenders(re.compile("|".join(map(re.escape, INDEX_HOSTS))))


def test_no_file_points_outside_the_project() -> None:
    """Hazard: what works on the machine it was written on and nowhere else."""
    assert not offenders(FOREIGN_PLACES)


def test_no_key_is_tracked() -> None:
    """Hazard: a development key in the repository becomes a production key on somebody's machine."""
    assert not offenders(KEYS)


@pytest.mark.parametrize("name", sorted(path.name for path in (ROOT / "requirements").glob("*.txt")))
def test_locked_requirements_are_hashed_and_name_no_address(name: str) -> None:
    """Hazard: an unhashed line installs whatever an index answers that day."""
    text = (ROOT / "requirements" / name).read_text("utf-8")
    assert "://" not in text
    pinned = re.findall(r"^([a-zA-Z0-9._-]+(?:\[[^\]]+\])?)==[^\s\\;]+", text, flags=re.M)
    entries = re.split(r"^(?=[a-zA-Z0-9])", text, flags=re.M)[1:]
    assert len(pinned) == len(entries) > 10
    unhashed = [entry.splitlines()[0] for entry in entries if "--hash=sha256:" not in entry]
    assert not unhashed


def test_the_npm_lock_names_no_address() -> None:
    """Hazard: `resolved` sends every npm ci to the index of the machine that made the lock."""
    lock = json.loads((ROOT / "package-lock.json").read_text("utf-8"))
    resolved = [name for name, package in lock["packages"].items() if "resolved" in package]
    assert not resolved
    unhashed = [name for name, package in lock["packages"].items() if name and "integrity" not in package]
    assert not unhashed
