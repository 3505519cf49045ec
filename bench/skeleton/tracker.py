"""Skeleton tracker: archive every commit and upsert one view, one transaction a batch."""

from __future__ import annotations

import hashlib
import json
import os

import asyncpg
import nats
import uvloop

from libs.events.stream_reader import read_stream

TABLES = """
create table if not exists public.skeleton_archive(seq bigint primary key, subject text not null, ver int, hash bytea, body bytea);
create index if not exists skeleton_by_subject on public.skeleton_archive(subject, ver);
create table if not exists public.skeleton_view(subject text primary key, ver int, status text, node text);
"""
UPSERT = """
insert into public.skeleton_view select * from unnest($1::text[], $2::int[], $3::text[], $4::text[])
on conflict (subject) do update set ver = excluded.ver, status = excluded.status, node = excluded.node
"""


async def main() -> None:
    """Run until killed."""
    connection = await nats.connect(os.environ["BENCH_NATS_URL"])
    database = await asyncpg.connect(os.environ["BENCH_DATABASE_URL"], ssl=False)
    await database.execute(TABLES)
    async for recorded in read_stream(connection, connection.jetstream(), "SKELETON", 0, 1_000):
        if not recorded:
            continue
        rows, view = [], {}
        for item in recorded:
            event = json.loads(item.body)
            rows.append((item.seq, item.subject, event["ver"], hashlib.sha256(item.body).digest(), item.body))
            view[item.subject] = (item.subject, event["ver"], event["type"], event.get("node"))
        async with database.transaction():
            await database.copy_records_to_table("skeleton_archive", records=rows, schema_name="public")
            await database.execute(UPSERT, *zip(*view.values(), strict=True))


if __name__ == "__main__":
    uvloop.run(main())
