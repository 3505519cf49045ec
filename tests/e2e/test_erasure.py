"""Erasing a demand's personal data: two persons, the key destroyed, texts and files gone for good, the course still there."""

from __future__ import annotations

import secrets
from typing import Any

import httpx2
import pytest

from cli.machine.testing import Machine
from cli.sample.picture import sample_png
from tests.e2e.conftest import Outside

pytestmark = [pytest.mark.servers]


def test_two_persons_erase_what_a_demand_said_and_nobody_reads_it_again(system: Machine, outside: Outside, demand: dict[str, Any]) -> None:
    identity = outside.post("intake", "/v1/demands", demand).json()["id"]
    files = f"{system.endpoints['router']}/v1/demands/{identity}/files"
    sent = {"Authorization": f"Bearer {system.keys['partner']}", "Content-Type": "image/png", "Idempotency-Key": secrets.token_hex(8)}
    with httpx2.Client(timeout=20, trust_env=False) as client:
        stored = client.post(files, content=sample_png(), headers=sent)
    assert stored.status_code == 201, stored.text
    file = stored.headers["location"].rpartition("/")[2]
    assert outside.get("router", f"/v1/demands/{identity}/files/{file}", "partner").content == sample_png()
    asked = {"reason": "subject_asked"}
    open_still = outside.post("router", f"/v1/demands/{identity}/erasure", asked, "hub")
    assert (open_still.status_code, open_still.json()["code"]) == (409, "illegal_transition")
    assert outside.post("intake", f"/v1/demands/{identity}/withdrawal", {}).status_code == 201
    assert outside.post("router", f"/v1/demands/{identity}/erasure", asked, "hub").status_code == 201
    alone = outside.post("router", f"/v1/demands/{identity}/erasure/approval", {}, "hub")
    assert (alone.status_code, alone.json()["code"]) == (409, "second_person_needed")
    key = secrets.token_hex(8)
    done = outside.post("router", f"/v1/demands/{identity}/erasure/approval", {}, "bureau", key)
    assert done.status_code == 201, done.text
    again = outside.post("router", f"/v1/demands/{identity}/erasure/approval", {}, "bureau", key)
    assert (again.status_code, again.headers["Idempotent-Replay"]) == (200, "true")
    read = outside.get("tracker", f"/v1/demands/{identity}", "hub", min_version=done.json()["version"])
    assert read.json()["erased"] is True
    assert "title" not in read.json()
    assert outside.get("router", f"/v1/demands/{identity}/files/{file}", "partner").status_code == 410
    late = outside.post("intake", f"/v1/demands/{identity}/reopening", {"note": "样例"}, "partner")
    assert (late.status_code, late.json()["code"]) == (410, "personal_data_erased")
    trail = outside.get("tracker", f"/v1/demands/{identity}/trail", "hub").json()
    assert trail["commits"][-1]["events"][0]["type"] == "PersonalDataErased"


def test_what_was_split_is_erased_in_every_part_and_found_nowhere(outside: Outside, demand: dict[str, Any]) -> None:
    title = f"样例分项{secrets.token_hex(6)}"
    identity = outside.post("intake", "/v1/demands", demand).json()["id"]
    outside.get("tracker", f"/v1/demands/{identity}", "hub", min_version=2)
    assignment = f"/v1/demands/{identity}/assignments/a1"
    assert outside.post("router", f"{assignment}/acceptance", {}, "clerk").status_code == 201
    parts = [{"title": title, "description": "样例分项。", "category": category} for category in ("quality", "training")]
    whole = outside.post("router", f"{assignment}/split", {"join": "all", "parts": parts}, "clerk").json()
    split = outside.get("tracker", f"/v1/demands/{identity}/trail", "hub", min_version=whole["version"]).json()["commits"][-1]
    ids = [part["demand"] for part in split["events"][0]["data"]["parts"]]
    for part in ids:
        shown = outside.get("tracker", f"/v1/demands/{part}", "hub", min_version=2).json()
        assert (shown["title"], shown["erased"]) == (title, False)
        assert outside.post("intake", f"/v1/demands/{part}/withdrawal", {}).status_code == 201
    assert len(outside.get("tracker", "/v1/demands", "hub", q=title).json()["items"]) == 2
    outside.get("tracker", f"/v1/demands/{identity}", "hub", min_version=whole["version"] + 2)
    assert outside.post("intake", f"/v1/demands/{identity}/withdrawal", {}).status_code == 201
    assert outside.post("router", f"/v1/demands/{identity}/erasure", {"reason": "subject_asked"}, "hub").status_code == 201
    assert outside.post("router", f"/v1/demands/{identity}/erasure/approval", {}, "bureau").status_code == 201
    for part in ids:
        again = outside.post("router", f"/v1/demands/{part}/erasure", {"reason": "subject_asked"}, "hub")
        assert (again.status_code, again.json()["code"]) == (410, "personal_data_erased")
        shown = outside.get("tracker", f"/v1/demands/{part}", "hub", min_version=4).json()
        assert shown["erased"] is True
        assert shown.keys().isdisjoint({"title", "requester_name"})
        late = outside.post("intake", f"/v1/demands/{part}/reopening", {"note": "样例"})
        assert (late.status_code, late.json()["code"]) == (410, "personal_data_erased")
    assert outside.get("tracker", "/v1/demands", "hub", q=title).json()["items"] == []
