"""Statements that are run for every record: compiled once, and given to the driver as they are.

SQLAlchemy takes longer to look a statement up than SQLite takes to run it.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from . import _sqlalchemy  # noqa: F401  isort: skip
from sqlalchemy import Connection, Dialect
from sqlalchemy.sql.base import Executable
from sqlalchemy.sql.elements import ClauseElement


class Prepared:
    """A statement in the words of one database.

    Args:
        statement: The statement, without lists of unknown length.
        dialect: The database's.
    """

    def __init__(self, statement: Executable, dialect: Dialect) -> None:
        assert isinstance(statement, ClauseElement)  # noqa: S101 - all statements are
        compiled: Any = statement.compile(dialect=dialect)
        self._text, self._names = str(compiled), compiled.positiontup

    def __call__(self, connection: Connection, rows: Sequence[Mapping[str, Any]]) -> list[tuple[Any, ...]]:
        """Runs it for each row of values; what it returns for a single one is returned."""
        names = self._names
        values = rows if names is None else [tuple(row[name] for name in names) for row in rows]
        cursor = connection.connection.cursor()
        try:
            if len(values) > 1:
                cursor.executemany(self._text, values)
                return []
            cursor.execute(self._text, values[0])
            return list(cursor.fetchall()) if cursor.description else []
        finally:
            cursor.close()
