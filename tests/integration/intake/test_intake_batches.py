"""Batches against real NATS and PostgreSQL: over HTTP, through kills and broken connections, and from the command line."""

from __future__ import annotations

import asyncio
import json
import os
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path

import httpx2
import pytest

from cli.machine.folder import CHECKOUT
from libs.chassis.edge import BODY_LIMIT
from libs.events import DemandSubmitted, HistoryImported
from services.intake.batch import BYTES
from tests.integration.intake.parish import Parish, results
from tests.unit.intake.batch_files import as_csv, as_lines, as_workbook, body, cells

pytestmark = pytest.mark.servers
CSV = "text/csv"
XLSX = "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet"


def numbered(count: int) -> bytes:
    return as_lines([body(partner_ref=f"A-{number}") for number in range(count)])


async def test_each_format_goes_in_with_a_result_per_row(parish: Parish) -> None:
    table = [cells(title=f"样例 {number}") for number in range(3)]
    gbk, totals = await parish.send(as_csv(table, chinese=True, encoding="gb18030"), CSV, dry_run="true")
    assert (results(gbk), totals["encoding"], totals["dry_run"]) == (["would_create"] * 3, "gb18030", True)
    assert not await parish.commits()
    csv, _ = await parish.send(as_csv(table), CSV)
    sheet, _ = await parish.send(as_workbook(table, chinese=True), XLSX)
    lines, totals = await parish.send(as_lines([body(title="样例 0"), body(title="样例 3"), body(region="1")]))
    assert (results(csv), results(sheet), results(lines)) == (["created"] * 3, ["exists"] * 3, ["exists", "created", "refused"])
    assert lines[2]["problem"]["field"] == "region"
    assert totals["totals"] == {"rows": 3, "created": 1, "exists": 1, "refused": 1}
    assert len(await parish.commits()) == 4


async def test_a_row_is_the_same_demand_as_a_single_submission_would_make(parish: Parish) -> None:
    lines, _ = await parish.send(as_lines([body(partner_ref="A-1", sample=True)]))
    async with parish.client() as client:
        single = await client.post("/v1/demands", json=body(partner_ref="A-1", sample=True), headers={"Idempotency-Key": "single"})
    commits = [await parish.first_commit(demand) for demand in (lines[0]["id"], single.json()["id"])]
    shown = [commit.events[0].model_dump(exclude={"title", "description", "requester", "link"}, exclude_none=True) for commit in commits]
    assert shown[0] == shown[1]
    assert commits[0].command == commits[1].command
    assert [len(commit.events) for commit in commits] == [1, 1]
    assert lines[0]["link"].startswith("http://tracker.test/e/")
    again, _ = await parish.send(as_lines([body(partner_ref="A-1", sample=True)]))
    assert again[0]["link"] == lines[0]["link"]


async def test_an_open_case_comes_with_its_history_in_one_commit(parish: Parish) -> None:
    steps = [
        {"partner_ref": "OLD-1", "at": "2026-03-01 09:30", "step": "受理"},
        {"partner_ref": "OLD-1", "at": "2026-03-02 10:00", "step": "派单", "node": "hs-01", "note": "样例说明"},
    ]
    table = [cells(partner_ref="OLD-1", received_at="2026-03-01 09:00", former_status="办理中"), cells(partner_ref="OLD-2")]
    lines, _ = await parish.send(as_workbook(table, chinese=True, history=steps), XLSX, source="hotline")
    assert results(lines) == ["created", "created"]
    submitted, imported = (await parish.first_commit(lines[0]["id"])).events
    assert isinstance(submitted, DemandSubmitted)
    assert submitted.received_at is not None
    assert submitted.received_at.isoformat() == "2026-03-01T01:00:00+00:00"
    assert isinstance(imported, HistoryImported)
    assert (imported.source, imported.former_id, [step.step for step in imported.steps]) == (
        "hotline",
        "OLD-1",
        ["submitted", "assigned", "progress"],
    )
    plain = (await parish.first_commit(lines[1]["id"])).events
    assert [type(event) for event in plain] == [DemandSubmitted]
    assert plain[0].received_at is None  # type: ignore[attr-defined]


@pytest.mark.parametrize("how", ["client_leaves", "process_killed"])
async def test_a_batch_broken_off_in_the_middle_is_resumed_without_doubles(parish: Parish, how: str) -> None:
    content = numbered(1500)
    seen = 0
    async with parish.client() as client:
        headers = {"Content-Type": "application/x-ndjson", "Idempotency-Key": "b1"}
        try:
            async with client.stream("POST", "/v1/demands/batch", content=content, headers=headers) as answer:
                assert answer.headers["Batch-Rows"] == "1500"
                async for line in answer.aiter_lines():
                    assert json.loads(line)["result"] == "created"
                    seen += 1
                    if seen == 50 and how == "process_killed":
                        parish.kill()
                    if seen == 50 and how == "client_leaves":
                        break
        except httpx2.HTTPError:
            assert how == "process_killed"
    if how == "process_killed":
        await parish.start()
    before = len(await parish.commits())
    assert 50 <= before < 1500
    lines, totals = await parish.send(content)
    assert set(results(lines)) == {"created", "exists"}
    assert totals["totals"]["exists"] >= 50
    commits = await parish.commits()
    assert len(commits) == len({commit.entity for commit in commits}) == 1500
    assert {line["id"] for line in lines} == {commit.entity for commit in commits}


async def test_while_the_store_is_away_rows_are_not_done_and_resumed_after(parish: Parish) -> None:
    content = numbered(200)
    parish.server.process.kill()
    lines, totals = await parish.send(content)
    assert results(lines) == ["not_done"] * 200
    assert totals["problem"]["code"] in ("store_unavailable", "registry_stale")
    parish.server.restart()
    async with asyncio.timeout(30):
        while set(results(lines)) == {"not_done"}:
            lines, _ = await parish.send(content)
    assert set(results(lines)) <= {"created", "exists"}
    assert len(await parish.commits()) == 200


async def test_single_submissions_go_on_beside_a_batch(parish: Parish) -> None:
    async def singles() -> list[int]:
        async with parish.client() as client:
            return [
                (await client.post("/v1/demands", json=body(), headers={"Idempotency-Key": f"single-{number}"})).status_code
                for number in range(30)
            ]

    (lines, _), statuses = await asyncio.gather(
        parish.send(as_workbook([cells(partner_ref=f"A-{n}") for n in range(800)]), XLSX), singles()
    )
    assert set(results(lines)) == {"created"}
    assert statuses == [201] * 30


UNTAKEABLE = (
    (as_csv([cells()]), "application/pdf", 415, "batch_media_type"),
    (as_csv([cells()]), "application/json", 415, "batch_media_type"),
    (as_csv([cells()]), XLSX, 422, "batch_unreadable"),
    (b"a,b\n1,2\n", CSV, 422, "batch_columns"),
    (b"\n", "application/x-ndjson", 422, "batch_empty"),
    (b"x" * (BYTES + 1), CSV, 413, "body_too_large"),
    (numbered(5001), "application/x-ndjson; charset=utf-8", 413, "batch_too_many_rows"),
)


async def test_a_file_that_cannot_be_taken_is_one_problem(parish: Parish) -> None:
    async with parish.client() as client:
        for content, kind, status, code in UNTAKEABLE:
            headers = {"Content-Type": kind, "Idempotency-Key": "b1"}
            answer = await client.post("/v1/demands/batch", content=content, headers=headers)
            assert (answer.status_code, answer.json()["code"]) == (status, code)
            if code == "batch_columns":
                assert {"field": "columns.1", "code": "batch_column_unknown"} in answer.json()["errors"]
        headers = {"Content-Type": "application/json", "Idempotency-Key": "b1"}
        large = await client.post("/v1/demands", content=b" " * (BODY_LIMIT + 1), headers=headers)
        assert large.json()["code"] == "body_too_large"
    assert not await parish.commits()


async def test_who_may_not_submit_may_not_import_and_a_place_is_given_back(parish: Parish) -> None:
    auditor = await parish.issue("auditor")
    headers = {"Content-Type": CSV, "Idempotency-Key": "b1"}
    async with parish.client(auditor) as client:
        async with asyncio.timeout(10):
            while (answer := await client.post("/v1/demands/batch", content=b"x", headers=headers)).status_code == 401:  # noqa: ASYNC110
                await asyncio.sleep(0.02)  # until intake has followed the registry
        assert (answer.status_code, answer.json()["code"]) == (403, "forbidden")
    async with parish.client() as client:
        missing = await client.post("/v1/demands/batch", content=b"x", headers={"Content-Type": CSV})
        assert missing.json()["code"] == "idempotency_key_missing"
        answers = [await client.post("/v1/demands/batch", content=b"x", headers=headers) for _ in range(10)]
    assert {answer.json()["code"] for answer in answers} == {"batch_columns"}


def liandong(parish: Parish, *arguments: str) -> subprocess.CompletedProcess[str]:
    environment: Mapping[str, str] = {**os.environ, "LIANDONG_KEY": parish.key, "LIANDONG_FOLDER": str(parish.folder), "COLUMNS": "200"}
    command = [sys.executable, "-m", "cli.main", "import", *arguments, "--intake", parish.url]
    return subprocess.run(command, cwd=CHECKOUT, env=environment, stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=60)


async def test_the_command_line_imports_tells_what_was_refused_and_resumes(parish: Parish, tmp_path: Path) -> None:
    file = tmp_path / "诉求.csv"
    file.write_bytes(as_csv([cells(partner_ref="A-1"), cells(partner_ref="A-2", uscc="9" * 18)], chinese=True, encoding="gb18030"))
    checked = await asyncio.to_thread(liandong, parish, str(file), "--batch", "cli-1", "--dry-run")
    assert checked.returncode == 1, checked.stderr
    assert not await parish.commits()
    partly = await asyncio.to_thread(liandong, parish, str(file), "--batch", "cli-1")
    assert partly.returncode == 1
    assert "invalid_uscc" in partly.stdout
    assert "gb18030" in partly.stdout
    file.write_bytes(as_csv([cells(partner_ref="A-1"), cells(partner_ref="A-2")], chinese=True, encoding="gb18030"))
    resumed = await asyncio.to_thread(liandong, parish, str(file), "--batch", "cli-1")
    assert resumed.returncode == 0, resumed.stdout + resumed.stderr
    assert "先前已受理 exists 1" in resumed.stdout
    assert len(await parish.commits()) == 2


async def test_the_command_line_says_in_a_sentence_what_cannot_be_sent(parish: Parish, tmp_path: Path) -> None:
    (tmp_path / "a.csv").write_text("标题\n样例\n", "utf-8")
    for name, batch, told in [
        ("a.pdf", "b1", "a.pdf"),
        ("missing.csv", "b1", "missing.csv"),
        ("a.csv", "批次", "A-Z"),
        ("a.csv", "b1", "batch_column_missing"),
    ]:
        refused = await asyncio.to_thread(liandong, parish, str(tmp_path / name), "--batch", batch)
        assert refused.returncode == 1
        assert told in refused.stderr
        assert "Traceback" not in refused.stderr
