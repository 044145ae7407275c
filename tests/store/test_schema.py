"""The tables that migrations make are those that the code knows."""

from __future__ import annotations

from pathlib import Path

from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from sqlalchemy import create_engine

from autogen_like.store import Store, migrations
from autogen_like.store.migrations.apply import VERSIONS
from autogen_like.store.schema import VERSION_TABLE, metadata


async def test_migrations_make_the_tables_that_the_code_knows(url: str) -> None:
    async with Store(url) as store:
        await store.runs()
    engine = create_engine(url)
    with engine.connect() as connection:
        context = MigrationContext.configure(connection, opts={"version_table": VERSION_TABLE, "compare_type": True})
        assert compare_metadata(context, metadata) == []
        assert context.get_current_revision() == VERSIONS[-1]
    engine.dispose()


async def test_a_database_may_hold_other_tables_too(url: str) -> None:
    engine = create_engine(url)
    with engine.begin() as connection:
        connection.exec_driver_sql("CREATE TABLE alembic_version (version_num VARCHAR(32) NOT NULL)")
        connection.exec_driver_sql("INSERT INTO alembic_version VALUES ('another program')")
    engine.dispose()
    async with Store(url) as store:
        await (await store.begin("r")).release()
        assert [info.id for info in await store.runs()] == ["r"]


def test_every_version_is_known() -> None:
    folder = Path(migrations.__path__[0]) / "versions"
    assert sorted(path.name[:4] for path in folder.glob("[0-9]*.py")) == list(VERSIONS)
