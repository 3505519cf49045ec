"""Nobody confirms its own work, and the enterprise needs one link for all: over HTTP only."""

from __future__ import annotations

from typing import Any

import httpx2
import pytest

from cli.machine.testing import Machine
from tests.e2e.conftest import Outside

pytestmark = [pytest.mark.servers]
DONE = {"result": "solved", "note": "样例：办好了。"}
SERVED = {"mode": "offline", "fee": "welfare"}


def refused(answer: httpx2.Response) -> tuple[int, str]:
    return answer.status_code, answer.json().get("code", "")


def done(answer: httpx2.Response) -> dict[str, Any]:
    assert answer.status_code == 201, answer.text
    receipt: dict[str, Any] = answer.json()
    return receipt


def submitted(outside: Outside, demand: dict[str, Any], key: str = "partner") -> tuple[str, str]:
    """The demand's path, once it has a node, and the enterprise's own token."""
    receipt = done(outside.post("intake", "/v1/demands", demand, key))
    held = outside.get("tracker", f"/v1/demands/{receipt['id']}", "hub", min_version=2).json()
    assert held["status"] == "assigned"
    return f"/v1/demands/{receipt['id']}", receipt["links"]["enterprise"].rpartition("/")[2]


def resolve(outside: Outside, path: str, key: str, assignment: str = "a1") -> None:
    for act, body in (("acceptance", {}), ("services", SERVED), ("resolution", DONE)):
        done(outside.post("router", f"{path}/assignments/{assignment}/{act}", body, key))


def test_a_person_who_did_everything_for_a_window_judges_none_of_it(outside: Outside, demand: dict[str, Any]) -> None:
    path, link = submitted(outside, demand, "hub")
    resolve(outside, path, "hub")
    assert refused(outside.post("intake", f"{path}/confirmation", {}, link)) == (403, "self_confirmation")
    assert refused(outside.post("router", f"{path}/follow-up", {"outcome": "confirmed"}, "hub")) == (403, "self_confirmation")
    done(outside.post("intake", f"{path}/dispute", {"note": "样例：没有解决。"}, link))
    decision = {"upheld": False, "same_node": True, "note": "样例"}
    assert refused(outside.post("router", f"{path}/dispute/decision", decision, "hub")) == (403, "self_confirmation")
    done(outside.post("intake", f"{path}/complaints", {"note": "样例：态度不好。"}, link))
    finding = {"verified": False, "note": "样例"}
    assert refused(outside.post("router", f"{path}/complaints/c1/finding", finding, "hub")) == (403, "self_confirmation")
    done(outside.post("router", f"{path}/complaints/c1/finding", finding, "coordinator"))
    assert done(outside.post("router", f"{path}/dispute/decision", decision, "coordinator"))["status"] == "closed"


def test_who_asks_for_more_time_does_not_grant_it(outside: Outside, demand: dict[str, Any]) -> None:
    path, _ = submitted(outside, demand)
    done(outside.post("router", f"{path}/assignments/a1/acceptance", {}, "coordinator"))
    done(outside.post("router", f"{path}/assignments/a1/extension", {"span": "1wd", "note": "样例：等检测。"}, "coordinator"))
    grant = {"granted": True}
    assert refused(outside.post("router", f"{path}/extension/decision", grant, "coordinator")) == (409, "second_person_needed")
    done(outside.post("router", f"{path}/extension/decision", grant, "hub"))


def test_the_enterprise_confirms_one_part_and_disputes_the_other_by_the_link_it_has(
    system: Machine, outside: Outside, demand: dict[str, Any]
) -> None:
    path, link = submitted(outside, demand)
    done(outside.post("router", f"{path}/assignments/a1/acceptance", {}, "clerk"))
    parts = [{"title": f"样例分项{n}", "description": "样例分项。", "category": code} for n, code in ((1, "quality"), (2, "training"))]
    version = done(outside.post("router", f"{path}/assignments/a1/split", {"join": "all", "parts": parts}, "clerk"))["version"]
    split = outside.get("tracker", f"{path}/trail", "hub", min_version=version).json()["commits"][-1]
    one, two = (f"/v1/demands/{part['demand']}" for part in split["events"][0]["data"]["parts"])
    for part in (one, two):
        assert outside.get("tracker", part, "hub", min_version=2).json()["status"] == "assigned"
        receipt = done(outside.post("intake", f"{part}/supplements", {"note": "样例：补充。"}))
        assert receipt["links"]["enterprise"].rpartition("/")[2] == link
        resolve(outside, part, "hub")
    assert done(outside.post("intake", f"{one}/confirmation", {}, link))["status"] == "closed"
    last = done(outside.post("intake", f"{two}/dispute", {"note": "样例：没有解决。"}, link))
    outside.get("tracker", two, "hub", min_version=last["version"])
    with httpx2.Client(base_url=system.endpoints["tracker"], timeout=20, trust_env=False) as phone:
        page = phone.get(f"/e/{link}").text
        assert "样例分项1" in page
        assert "样例分项2" in page
        assert "state-disputed" in phone.get(f"/e/{link}", params={"part": "p2"}).text
