"""Following every cell: faults that stop one, standing by, cells that open later; and the rebuild command."""

from __future__ import annotations

import asyncio
import re
from pathlib import Path
from random import Random

import pytest
import typer
from sqlalchemy.exc import SQLAlchemyError
from typer.testing import CliRunner

from cli.machine.testing import RunningPostgres
from cli.machine.trouble import Trouble
from cli.rebuild import rebuild
from libs.events.names import demand_stream
from tests.integration.tracker.place import Place, until
from tests.integration.tracker.running import Running
from tests.unit.tracker.histories import full_life, interleaved


async def test_a_changed_stream_closes_the_gate_and_tells_why(place: Place) -> None:
    stream = interleaved([full_life(1)], Random(1))
    writer = place.writer()
    await writer.position()
    await place.feed(writer, stream)
    await writer.close()
    place.store.born = "2027-01-01T00:00:00Z"
    followers = place.followers()
    await until(lambda: bool(followers.faults))
    assert "was created at 2027-01-01T00:00:00Z" in followers.faults["t1"]
    assert not followers.healthy
    assert b'liandong_cell_stopped{cell="t1"} 1.0' in place.metrics.scrape()


async def test_the_standby_takes_over_and_goes_on_where_the_first_was(place: Place) -> None:
    first, second = place.followers(), place.followers()
    stream = interleaved([full_life(number) for number in range(4)], Random(2))
    place.store.lay(demand_stream("t1"), stream[:20])

    async def archived(seq: int) -> bool:
        return (await place.rows("select coalesce(max(seq), 0) from archive.checkpoint"))[0][0] == seq

    await until(lambda: archived(20))
    await first.stop()
    place.store.lay(demand_stream("t1"), stream[20:])
    await until(lambda: archived(32))
    assert second.healthy
    assert await place.rows("select count(*) from {v}.change") == [(32,)]


async def test_the_tracker_rides_out_a_killed_database(place: Place, postgres: RunningPostgres) -> None:
    followers = place.followers()
    stream = interleaved([full_life(number) for number in range(20)], Random(4))

    async def archived(seq: int) -> bool:
        try:
            return (await place.rows("select coalesce(max(seq), 0) from archive.checkpoint"))[0][0] == seq
        except (SQLAlchemyError, OSError):
            return False

    place.store.lay(demand_stream("t1"), stream[:50])
    await until(lambda: archived(50))
    postgres.process.kill()
    place.store.lay(demand_stream("t1"), stream[50:])
    postgres.restart()
    await until(lambda: archived(160), 40)
    assert followers.healthy
    assert await place.rows("select count(*) from {v}.change") == [(160,)]


async def test_a_cell_that_cannot_go_on_closes_the_gate_until_it_can(place: Place, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("services.tracker.consumers.TRY_AGAIN", 0.05)
    await place.rows("alter table {v}.change add constraint broken check (seq < 4)")
    followers = place.followers()
    place.store.lay(demand_stream("t1"), interleaved([full_life(1)], Random(5)))
    await until(lambda: bool(followers.faults))
    await place.rows("alter table {v}.change drop constraint broken")
    await until(lambda: not followers.faults)
    assert await place.rows("select seq from archive.checkpoint") == [(8,)]
    assert b'liandong_cell_stopped{cell="t1"} 0.0' in place.metrics.scrape()


async def test_a_cell_that_opens_later_is_followed_too(place: Place) -> None:
    followers = place.followers()
    place.directory.open("t2")
    place.store.lay(demand_stream("t2"), interleaved([full_life(1, cell="t2")], Random(3)))

    async def archived() -> bool:
        return await place.rows("select seq from archive.checkpoint where cell = 't2'") == [(8,)]

    await until(archived)
    assert followers.healthy


async def test_the_running_tracker_refuses_to_be_ready_while_a_cell_stands_still(tracker: Running) -> None:
    tracker.app.state.rooms.followers.faults["t1"] = "DEMANDS_t1 ends at 3, the archive at 9"
    async with tracker.client(None) as client:
        answer = await client.get("/readyz")
    assert answer.status_code == 503
    assert answer.json()["gates"]["cell_t1"] is False


async def test_the_command_prints_the_verdict_and_exits_by_it(place: Place, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    writer = place.writer()
    await writer.position()
    history = full_life(1)
    await place.know([history])
    await place.feed(writer, history.recorded())
    await writer.close()
    kek = tmp_path / "kek"
    kek.write_text((b"k" * 32).hex(), "ascii")
    monkeypatch.setenv("DATABASE_URL", place.database.url("ld_tracker"))
    monkeypatch.setenv("KEK_FILE", str(kek))
    app = typer.Typer()
    app.command()(rebuild)

    async def run(*arguments: str) -> tuple[int, str]:
        result = await asyncio.to_thread(CliRunner().invoke, app, list(arguments))
        return result.exit_code, re.sub(r"\s+", " ", result.output)

    code, output = await run("--compare-only")
    assert (code, "the views are what the archive says (at t1: 8)" in output) == (0, True)
    await place.rows("update {v}.demand set returns = 7")
    code, output = await run()
    assert (code, "the running views differ from the archive" in output) == (1, True)
    assert "tracker_v2" in output
    code, output = await run("--compare-only")
    assert code == 0


def test_without_a_machine_the_command_says_what_to_do(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("DATABASE_URL", raising=False)
    monkeypatch.setenv("LIANDONG_FOLDER", str(tmp_path))
    with pytest.raises(Trouble, match="make run"):
        rebuild()
