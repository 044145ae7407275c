"""Statements that are run for every record: compiled once, and given to the driver as they are.

SQLAlchemy takes longer to look a statement up than SQLite takes to run it.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from . import _sqlalchemy  # noqa: F401  isort: skip
from sqlalchemy import Connection, Dialect
from sqlalchemy.sql.base import Executable


class Prepared:
    """A statement, in the words of each database that it is given to.

    Args:
        statement: The statement, without lists of unknown length.
    """

    def __init__(self, statement: Executable) -> None:
        self._statement: Any = statement
        self._words: dict[str, tuple[str, Sequence[str] | None]] = {}

    def __call__(self, connection: Connection, rows: Sequence[Mapping[str, Any]]) -> list[tuple[Any, ...]]:
        """Runs it for each row of values; what it returns for a single one is returned."""
        text, names = self._words.get(connection.dialect.name) or self._compiled(connection.dialect)
        values = rows if names is None else [tuple(row[name] for name in names) for row in rows]
        cursor = connection.connection.cursor()
        try:
            if len(values) > 1:
                cursor.executemany(text, values)
                return []
            cursor.execute(text, values[0])
            return list(cursor.fetchall()) if cursor.description else []
        finally:
            cursor.close()

    def _compiled(self, dialect: Dialect) -> tuple[str, Sequence[str] | None]:
        compiled: Any = self._statement.compile(dialect=dialect)
        words = self._words[dialect.name] = str(compiled), compiled.positiontup
        return words
