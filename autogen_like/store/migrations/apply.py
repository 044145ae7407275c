"""Brings a database to the version that this release writes, with Alembic; only where it isn't there yet."""

from __future__ import annotations

from pathlib import Path

from .. import _sqlalchemy  # noqa: F401  isort: skip
from sqlalchemy import Connection, inspect, text

from ...core.errors import ConfigError
from ..schema import VERSION_TABLE

VERSIONS = ("0001",)
"""All versions, the newest last. A test holds them to the files in `versions/`."""

_LOCK = 0x6175746F67656E  # of PostgreSQL's advisory locks: one process at a time makes tables


def is_current(connection: Connection) -> bool:
    """Whether the tables are there, as this release knows them.

    Raises:
        ConfigError: If a newer release wrote them.
    """
    if not inspect(connection).has_table(VERSION_TABLE):
        return False
    found = connection.execute(text(f"SELECT version_num FROM {VERSION_TABLE}")).scalar()  # noqa: S608 - a constant
    if found is not None and found not in VERSIONS:
        raise ConfigError(
            f"the store is of version {found}, this release of autogen_like knows {VERSIONS[-1]} and older: install "
            "the release that wrote it, or a later one"
        )
    return bool(found == VERSIONS[-1])


def migrate(connection: Connection) -> None:
    """Makes the tables, or changes them to the newest version, in the transaction that the connection is in.

    Args:
        connection: One that may write.
    """
    from alembic.config import Config
    from alembic.runtime.environment import EnvironmentContext
    from alembic.script import ScriptDirectory

    if connection.dialect.name == "postgresql":
        connection.execute(text("SELECT pg_advisory_xact_lock(:lock)"), {"lock": _LOCK})
    if is_current(connection):  # another process was quicker
        return
    scripts = ScriptDirectory(str(Path(__file__).parent))
    steps = EnvironmentContext(
        Config(), scripts, fn=lambda revision, _: scripts._upgrade_revs("head", revision)  # noqa: SLF001 - as its own commands do
    )  # fmt: skip
    with steps:
        steps.configure(connection=connection, version_table=VERSION_TABLE)
        steps.run_migrations()
