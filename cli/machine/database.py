"""The database `liandong`: its roles, who may do what in it, and its migrations. Also for tests and for one's own PostgreSQL server."""

from collections.abc import Mapping
from pathlib import Path
from urllib.parse import urlsplit, urlunsplit

import alembic.command
import alembic.config
import asyncpg
from sqlalchemy.ext.asyncio import create_async_engine

from cli.machine.folder import CHECKOUT

DATABASE = "liandong"
OWNER = "ld_owner"
ROLES = (OWNER, "ld_intake", "ld_router", "ld_tracker")
MIGRATIONS = CHECKOUT / "deploy" / "migrations"


async def prepare(admin_url: str, passwords: Mapping[str, str], database: str = DATABASE) -> None:
    """Create the roles and the database and migrate it to the newest version; what is there already stays.

    `admin_url` is a superuser's address of any database of the server; `passwords` has every name of ROLES.
    """
    await create_roles(admin_url, passwords)
    await create_database(admin_url, database)
    await migrate(with_login(admin_url, OWNER, passwords[OWNER], database))


async def create_roles(admin_url: str, passwords: Mapping[str, str]) -> None:
    """Create the four roles, or set their passwords."""
    connection = await asyncpg.connect(admin_url, ssl=False)
    try:
        for role in ROLES:
            exists = await connection.fetchval("select true from pg_roles where rolname = $1", role)
            secret = await connection.fetchval("select quote_literal($1::text)", passwords[role])
            await connection.execute(f"{'alter' if exists else 'create'} role {role} login password {secret}")
        # The owner makes schemas and tables for the services' roles; it does not act in their name unless it says so (SET ROLE).
        await connection.execute(f"grant ld_router, ld_tracker to {OWNER} with inherit false, set true")
    finally:
        await connection.close()


async def create_database(admin_url: str, database: str, template: str = "template0") -> None:
    """Create a database for the four roles alone; `template` may be a migrated one, whose grants on itself are not copied."""
    connection = await asyncpg.connect(admin_url, ssl=False)
    try:
        if not await connection.fetchval("select true from pg_database where datname = $1", database):
            await connection.execute(f'create database "{database}" owner {OWNER} template "{template}"')
        await connection.execute(f'revoke all on database "{database}" from public')
        await connection.execute(f'grant connect on database "{database}" to {", ".join(ROLES)}')
        # The tracker builds each generation of its views in a schema of its own and swaps them.
        await connection.execute(f'grant create on database "{database}" to ld_tracker')
    finally:
        await connection.close()


async def migrate(owner_url: str) -> None:
    """Bring a database to the newest version as its owner."""
    engine = create_async_engine(sqlalchemy_url(owner_url), connect_args={"ssl": False})
    try:
        async with engine.connect() as connection:
            config = alembic_config()
            await connection.run_sync(lambda sync: _upgrade(config, sync))
    finally:
        await engine.dispose()


def alembic_config() -> alembic.config.Config:
    """Return the migrations' configuration."""
    config = alembic.config.Config()
    config.set_main_option("script_location", str(MIGRATIONS).replace("%", "%%"))
    config.set_main_option("path_separator", "os")
    return config


def sqlalchemy_url(url: str) -> str:
    """Name the driver in an address, as SQLAlchemy wants it."""
    return url.replace("postgresql://", "postgresql+asyncpg://", 1)


def with_login(url: str, role: str, password: str, database: str) -> str:
    """Return the same server's address with another login and database."""
    parts = urlsplit(url)
    return urlunsplit(parts._replace(netloc=f"{role}:{password}@{parts.hostname}:{parts.port}", path=f"/{database}"))


def _upgrade(config: alembic.config.Config, connection: object) -> None:
    config.attributes["connection"] = connection
    alembic.command.upgrade(config, "head")


def history() -> list[Path]:
    """List the migration files, oldest first."""
    return sorted((MIGRATIONS / "versions").glob("[0-9]*.py"))
