"""One demand, end to end, over HTTP only, as a partner, a window and a hub see it."""

from __future__ import annotations

import asyncio
import secrets
import threading
import time
from typing import Any

import httpx2
import pytest
from stdnum.cn import uscc

from tests.e2e.collector import Collector
from tests.e2e.conftest import Outside

pytestmark = [pytest.mark.servers]


def submitted(outside: Outside, demand: dict[str, Any], **changes: Any) -> str:
    answer = outside.post("intake", "/v1/demands", {**demand, **changes})
    assert answer.status_code == 201, answer.text
    return str(answer.json()["id"])


def read(outside: Outside, identity: str, version: int, key: str = "hub") -> dict[str, Any]:
    answer = outside.get("tracker", f"/v1/demands/{identity}", key, min_version=version)
    assert answer.status_code == 200, answer.text
    document: dict[str, Any] = answer.json()
    return document


def test_a_demand_is_routed_to_the_right_window_handled_and_its_history_read_back(outside: Outside, demand: dict[str, Any]) -> None:
    identity = submitted(outside, demand)
    assigned = read(outside, identity, 2)
    assert assigned["status"] == "assigned"
    assert assigned["category"] == "digital"
    assert assigned["holder"]["node"] == "nb-w-park-beilun-3"
    base = f"/v1/demands/{identity}/assignments/{assigned['holder']['assignment']}"
    for path, body in (
        ("acceptance", {}),
        ("progress", {"note": "样例：已约上门"}),
        ("services", {"mode": "offline", "fee": "welfare"}),
        ("resolution", {"result": "solved", "note": "样例：办好"}),
    ):
        answer = outside.post("router", f"{base}/{path}", body, "clerk")
        assert answer.status_code == 201, answer.text
    trail = outside.get("tracker", f"/v1/demands/{identity}/trail", "clerk", min_version=6).json()
    told = [event["type"] for commit in trail["commits"] for event in commit["events"]]
    assert [event for event in told if event != "DeadlinesSet"] == [
        "DemandSubmitted",
        "DemandClassified",
        "DemandAssigned",
        "AssignmentAccepted",
        "ProgressReported",
        "ServiceRecorded",
        "DemandResolved",
    ]
    assert [commit["version"] for commit in trail["commits"]] == [1, 2, 3, 4, 5, 6]
    hashes = [commit["hash"] for commit in trail["commits"]]
    assert [commit.get("prev") for commit in trail["commits"]] == [None, *hashes[:-1]]
    explanation = trail["commits"][1]["events"][1]["data"]["explanation"]
    assert explanation["chosen"] == "nb-w-park-beilun-3"
    assert explanation["candidates"][0]["score"] >= explanation["candidates"][1]["score"]


def test_a_returned_assignment_goes_to_the_next_candidate(outside: Outside, demand: dict[str, Any]) -> None:
    identity = submitted(outside, demand)
    first = read(outside, identity, 2)["holder"]
    answer = outside.post("router", f"/v1/demands/{identity}/assignments/a1/return", {"reason": "no_capacity"}, "clerk")
    assert answer.status_code == 201, answer.text
    second = read(outside, identity, 4)
    assert second["status"] == "assigned"
    assert second["holder"]["node"] != first["node"]
    assert second["returns"] == 1


def test_what_the_rules_cannot_tell_goes_to_the_hubs_desk_and_not_to_a_guess(outside: Outside, demand: dict[str, Any]) -> None:
    identity = submitted(outside, demand, title="样例：有事想问", description="样例诉求：想请人回个电话。")
    landed = read(outside, identity, 2)
    assert landed["holder"]["node"] == "nb-hub"
    assert "category" not in landed


def test_racing_repeats_of_one_submission_make_one_demand(outside: Outside, demand: dict[str, Any]) -> None:
    async def race() -> list[httpx2.Response]:
        url = f"{outside.system.endpoints['intake']}/v1/demands"
        headers = {"Authorization": f"Bearer {outside.system.keys['partner']}", "Idempotency-Key": secrets.token_hex(8)}
        async with httpx2.AsyncClient(timeout=20, trust_env=False) as client:
            return list(await asyncio.gather(*(client.post(url, json=demand, headers=headers) for _ in range(12))))

    answers = asyncio.run(race())
    assert sorted(answer.status_code for answer in answers) == [200] * 11 + [201]
    assert len({answer.text for answer in answers}) == 1


def test_a_replay_is_answered_the_same_after_a_restart_and_with_another_body_refused(outside: Outside, demand: dict[str, Any]) -> None:
    key = secrets.token_hex(8)
    first = outside.post("intake", "/v1/demands", demand, idempotency=key)
    outside.system.kill("intake")
    again = _until_answered(lambda: outside.post("intake", "/v1/demands", demand, idempotency=key))
    assert (again.status_code, again.text, again.headers["Idempotent-Replay"]) == (200, first.text, "true")
    other = outside.post("intake", "/v1/demands", {**demand, "title": "样例：别的事"}, idempotency=key)
    assert (other.status_code, other.json()["code"]) == (422, "idempotency_key_reused")


def test_supplement_correct_and_withdraw(outside: Outside, demand: dict[str, Any]) -> None:
    identity = submitted(outside, demand)
    read(outside, identity, 2)
    assert outside.post("intake", f"/v1/demands/{identity}/supplements", {"note": "样例：补充一点"}).status_code == 201
    corrected = outside.post("intake", f"/v1/demands/{identity}/corrections", {"region": "330206006", "category": "market"})
    assert corrected.status_code == 201
    # A likeness with another test's demand may be suggested in between: it takes a version, too.
    assert _until(lambda: read(outside, identity, corrected.json()["version"] + 1)["status"] == "assigned")
    assert read(outside, identity, 2)["category"] == "market"
    stale = outside.post("intake", f"/v1/demands/{identity}/withdrawal", {}, **{"If-Match": '"1"'})
    assert (stale.status_code, stale.json()["code"]) == (412, "stale_version")
    gone = outside.post("intake", f"/v1/demands/{identity}/withdrawal", {})
    assert gone.status_code == 201
    assert read(outside, identity, gone.json()["version"])["status"] == "withdrawn"
    late = outside.post("intake", f"/v1/demands/{identity}/supplements", {"note": "样例"})
    assert (late.status_code, late.json()["code"]) == (409, "illegal_transition")


def test_nobody_sees_or_touches_what_is_not_theirs(outside: Outside, demand: dict[str, Any]) -> None:
    identity = submitted(outside, demand)
    read(outside, identity, 2)
    assert outside.get("tracker", f"/v1/demands/{identity}", "sample_partner").status_code == 404
    assert outside.post("intake", f"/v1/demands/{identity}/withdrawal", {}, "sample_partner").status_code == 404
    assert outside.post("router", f"/v1/demands/{identity}/assignments/a1/acceptance", {}, "partner").status_code in (403, 404)
    assert outside.get("tracker", f"/v1/demands/{identity}", "nothing").json()["code"] == "key_invalid"


def test_a_revoked_key_stops_working_in_every_service(outside: Outside, demand: dict[str, Any]) -> None:
    body = {"label": "to be revoked", "role": "partner", "party": "short-lived", "network": "ningbo"}
    made = outside.post("registry", "/v1/credentials", body, "security").json()
    assert _until(lambda: outside.post("intake", "/v1/demands", demand, made["key"]).status_code == 201)
    assert outside.post("registry", f"/v1/credentials/{made['key_id']}/revocation", {"reason": "lost"}, "security").status_code == 200
    for service, path in (("tracker", "/v1/demands"), ("registry", "/v1/networks"), ("router", "/v1/worklist")):
        assert _until(lambda service=service, path=path: outside.get(service, path, made["key"]).json().get("code") == "key_revoked")
    assert _until(lambda: outside.post("intake", "/v1/demands", demand, made["key"]).json().get("code") == "key_revoked")


def test_one_trace_leads_from_the_call_to_the_assignment_and_the_projection(
    outside: Outside, demand: dict[str, Any], collector: Collector
) -> None:
    trace = secrets.token_hex(16)
    answer = outside.post("intake", "/v1/demands", demand, traceparent=f"00-{trace}-{secrets.token_hex(8)}-01")
    assert answer.status_code == 201
    read(outside, answer.json()["id"], 2)
    wanted = {"liandong-intake", "liandong-router", "liandong-tracker"}
    assert _until(lambda: wanted <= {span.service for span in collector.of_trace(trace)}, 15), collector.of_trace(trace)


def test_the_feed_tells_a_change_live_and_resumes_after_a_cursor(outside: Outside, demand: dict[str, Any]) -> None:
    identity = submitted(outside, _of_an_enterprise_of_its_own(demand))
    read(outside, identity, 2)
    cursor, seen = None, []
    while True:
        page = outside.get("tracker", "/v1/changes", "partner", limit=200, **({"after": cursor} if cursor else {})).json()
        seen += [item["id"] for item in page["items"]]
        cursor = page.get("next") or (page["items"][-1]["cursor"] if page["items"] else cursor)
        if len(page["items"]) < 200:
            break
    assert seen.count(identity) == 2
    heard: list[str] = []
    wanted: list[str] = []
    url = f"{outside.system.endpoints['tracker']}/v1/changes/stream"
    headers = {"Authorization": f"Bearer {outside.system.keys['partner']}", "Last-Event-ID": str(cursor)}
    listening = threading.Thread(target=_listen, args=(url, headers, heard, wanted), daemon=True)
    listening.start()
    later = submitted(outside, _of_an_enterprise_of_its_own(demand))
    assert _until(lambda: any(later in line for line in heard), 10)
    assert not any(identity in line for line in heard)
    wanted.append(later)
    submitted(outside, demand)  # one more line, so that the listener looks up
    listening.join(10)


def _of_an_enterprise_of_its_own(demand: dict[str, Any]) -> dict[str, Any]:
    """The same demand of a fictitious enterprise with no other: nothing is suggested about it."""
    stem = f"91330200MA{secrets.randbelow(10**7):07}"
    return {**demand, "requester": {**demand["requester"], "uscc": stem + uscc.calc_check_digit(stem)}}


def _listen(url: str, headers: dict[str, str], heard: list[str], enough: list[str]) -> None:
    with httpx2.Client(timeout=10, trust_env=False) as client, client.stream("GET", url, headers=headers) as answer:
        for line in answer.iter_lines():
            heard.append(line)
            if enough:
                return


def _until(condition: Any, seconds: float = 10) -> bool:
    """Wait for a condition with a deadline."""
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        if condition():
            return True
        time.sleep(0.02)
    return False


def _until_answered(call: Any) -> httpx2.Response:
    found: list[httpx2.Response] = []

    def answered() -> bool:
        try:
            answer: httpx2.Response = call()
        except httpx2.HTTPError:
            return False
        if answer.status_code < 500:
            found.append(answer)
        return bool(found)

    assert _until(answered, 20)
    return found[0]
