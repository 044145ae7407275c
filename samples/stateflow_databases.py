"""The databases of samples/stateflow_sql.py: SQLite in memory, or a MariaDB server. Both only ever read.

What a model writes is run, so nothing but reading is possible: SQLite refuses everything else while a statement is
prepared, MariaDB's sessions are read-only and short. Give MariaDB a user that may only SELECT as well.
"""

from __future__ import annotations

import bisect
import math
import re
import sqlite3
from collections import Counter
from typing import Any, Protocol
from urllib.parse import unquote, urlsplit

from autogen_like import ConfigError

ROWS, CHARACTERS = 25, 350  # of a result that a model is shown
STEPS = 10_000_000  # of SQLite's machine, that one query may take

RIVERS = """
CREATE TABLE countries (id INTEGER PRIMARY KEY, name TEXT, area_km2 INTEGER);
CREATE TABLE rivers (id INTEGER PRIMARY KEY, name TEXT, length_km INTEGER, mouth TEXT);
CREATE TABLE flows_through (river_id INTEGER, country_id INTEGER);
INSERT INTO countries VALUES (1, 'Germany', 357588), (2, 'Austria', 83879), (3, 'Switzerland', 41291),
    (4, 'Netherlands', 41543), (5, 'Hungary', 93030), (6, 'Czechia', 78871);
INSERT INTO rivers VALUES (1, 'Danube', 2850, 'Black Sea'), (2, 'Rhine', 1230, 'North Sea'),
    (3, 'Elbe', 1094, 'North Sea'), (4, 'Inn', 518, 'Danube'), (5, 'Moldau', 430, 'Elbe');
INSERT INTO flows_through VALUES (1, 1), (1, 2), (1, 5), (2, 1), (2, 2), (2, 3), (2, 4), (3, 1), (3, 6), (4, 1), (4, 2),
    (4, 3), (5, 6);
"""


class SqlError(Exception):
    """A query that failed; its text is what a model can mend it by."""


class Database(Protocol):
    """What the sample runs queries on."""

    def rows(self, query: str) -> list[tuple[Any, ...]]:
        """The rows of a query.

        Raises:
            SqlError: If it fails.
        """
        ...


class Sqlite:
    """A SQLite database in memory that knows MySQL's SHOW TABLES and DESC.

    Args:
        script: What creates it.
    """

    def __init__(self, script: str = RIVERS) -> None:
        self._connection = sqlite3.connect(":memory:", check_same_thread=False)
        self._connection.executescript(script)
        tables = self._connection.execute(
            "SELECT name FROM sqlite_master WHERE type = 'table' ORDER BY name"
        ).fetchall()
        self._tables = {
            name.lower(): self._connection.execute("SELECT name, type FROM pragma_table_info(?)", (name,)).fetchall()
            for (name,) in tables
        }
        self._connection.set_authorizer(_reading)
        self._steps = 0

    def close(self) -> None:
        self._connection.close()

    def rows(self, query: str) -> list[tuple[Any, ...]]:
        query = query.strip().rstrip(";")
        if re.fullmatch(r"show\s+tables", query, re.IGNORECASE):
            return [(name,) for name in self._tables]
        describes = re.fullmatch(r"(?:desc|describe)\s+[`\"]?(\w+)[`\"]?", query, re.IGNORECASE)
        if describes and describes[1].lower() not in self._tables:
            raise SqlError(f"Error executing query: no such table: {describes[1]}")
        if describes:
            return self._tables[describes[1].lower()]
        self._steps = 0
        self._connection.set_progress_handler(self._tick, 100_000)
        try:
            return self._connection.execute(query).fetchmany(10_000)
        except (sqlite3.Error, sqlite3.Warning) as error:
            raise SqlError(f"Error executing query: {error}") from error

    def _tick(self) -> bool:
        self._steps += 100_000
        return self._steps > STEPS


def _reading(action: int, *about: str | None) -> int:
    """SQLite's authorizer: what is not reading isn't prepared."""
    allowed = action in (sqlite3.SQLITE_SELECT, sqlite3.SQLITE_READ, sqlite3.SQLITE_FUNCTION, sqlite3.SQLITE_RECURSIVE)
    if action == sqlite3.SQLITE_FUNCTION and about[1] == "load_extension":
        allowed = False
    return sqlite3.SQLITE_OK if allowed else sqlite3.SQLITE_DENY


class MariaDb:
    """A database of a MariaDB (or MySQL) server.

    Args:
        url: Where it is: ``mysql://user:password@host:port/database`` (or ``?unix_socket=/path``).
        seconds: How long a query may take.
    """

    def __init__(self, url: str, seconds: float = 10.0) -> None:
        try:
            import pymysql
        except ImportError as error:
            raise ConfigError("MariaDB needs a driver: pip install pymysql") from error
        parts = urlsplit(url)
        if parts.scheme != "mysql" or not parts.path.strip("/"):
            raise ConfigError("name the database as mysql://user:password@host/database")
        socket = re.search(r"unix_socket=([^&]+)", parts.query)
        self._errors: tuple[type[Exception], ...] = (pymysql.err.MySQLError,)
        self._connection = pymysql.connect(
            host=parts.hostname or "localhost",
            port=parts.port or 3306,
            user=unquote(parts.username or ""),
            password=unquote(parts.password or ""),
            database=parts.path.strip("/"),
            unix_socket=socket[1] if socket else None,
            read_timeout=seconds,
        )
        with self._connection.cursor() as cursor:
            cursor.execute("SET SESSION TRANSACTION READ ONLY")
            cursor.execute("SET SESSION autocommit = 0")

    def close(self) -> None:
        self._connection.close()

    def rows(self, query: str) -> list[tuple[Any, ...]]:
        if not re.match(r"\s*(select|with|show|desc|describe|explain)\b", query, re.IGNORECASE):
            raise SqlError("Error executing query: only queries that read are run here")
        try:
            self._connection.rollback()  # each query in a read-only transaction of its own
            with self._connection.cursor() as cursor:
                cursor.execute(query)
                return list(cursor.fetchmany(10_000))
        except self._errors as error:
            raise SqlError(f"Error executing query: {error.args[-1]}") from error


def shown(rows: list[tuple[Any, ...]]) -> str:
    """Rows as a model is shown them: no more than it needs to go on."""
    text = str(rows[:ROWS])
    return text if len(text) <= CHARACTERS else f"{text[:CHARACTERS]}..."


def reward(found: list[tuple[Any, ...]], gold: list[tuple[Any, ...]]) -> float:
    """How well rows agree with the right ones, as InterCode counts it: 1 is success.

    The overlap of the two as multisets, times the rank correlation (Kendall's tau-b) of the rows that both have, in the
    order that each has them in; not times that where it isn't defined, as with one row. Rounded to 2 places.

    Args:
        found: The rows that were found.
        gold: The right rows.
    """
    left, right = [str(row) for row in found], [str(row) for row in gold]
    both = Counter(left) & Counter(right)
    union = (Counter(left) | Counter(right)).total()
    if not union:
        return 1.0
    overlap = both.total() / union
    tau = kendall(_within(left, both), _within(right, both))
    return overlap if tau is None else round(tau * overlap, 2)


def _within(rows: list[str], counts: Counter[str]) -> list[str]:
    """The rows that are counted, as often as that, in their order."""
    left = counts.copy()
    kept = []
    for row in rows:
        if left[row] > 0:
            left[row] -= 1
            kept.append(row)
    return kept


def kendall(one: list[str], other: list[str]) -> float | None:
    """Kendall's tau-b of two lists, pair by pair; None where all of a list is the same.

    Args:
        one: The first list.
        other: The second, as long.
    """
    pairs = sorted(zip(one, other, strict=True))
    every = math.comb(len(pairs), 2)
    same_one, same_other, same_both = (
        sum(math.comb(count, 2) for count in Counter(values).values()) for values in (one, other, pairs)
    )
    scale = (every - same_one) * (every - same_other)
    if not scale:
        return None
    seen: list[str] = []
    discordant = 0
    for _, value in pairs:  # those before with a larger value go the other way
        at = bisect.bisect_right(seen, value)
        discordant += len(seen) - at
        seen.insert(at, value)
    return (every - same_one - same_other + same_both - 2 * discordant) / math.sqrt(scale)
