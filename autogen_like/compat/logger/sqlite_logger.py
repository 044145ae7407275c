"""``autogen.logger.sqlite_logger``: the log as tables, by the names that people query."""

from __future__ import annotations

import json
import logging
import sqlite3
import threading
import uuid
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

from .base_logger import BaseLogger
from .logger_utils import get_current_ts, to_dict

_log = logging.getLogger(__name__)
SCHEMA = 1  # the number of 0.2's tables, which these are
SECRET = ("api_key", "base_url", "azure_endpoint", "azure_ad_token", "azure_ad_token_provider", "default_headers")

_TABLES = {
    "chat_completions": (
        "id INTEGER PRIMARY KEY, invocation_id TEXT, client_id INTEGER, wrapper_id INTEGER, session_id TEXT, "
        "source_name TEXT, request TEXT, response TEXT, is_cached INTEGER, cost REAL, start_time TEXT, end_time TEXT"
    ),
    "agents": (
        "id INTEGER PRIMARY KEY, agent_id INTEGER, wrapper_id INTEGER, session_id TEXT, name TEXT, class TEXT, "
        "init_args TEXT, timestamp TEXT, UNIQUE(agent_id, session_id)"
    ),
    "oai_wrappers": (
        "id INTEGER PRIMARY KEY, wrapper_id INTEGER, session_id TEXT, init_args TEXT, timestamp TEXT, "
        "UNIQUE(wrapper_id, session_id)"
    ),
    "oai_clients": (
        "id INTEGER PRIMARY KEY, client_id INTEGER, wrapper_id INTEGER, session_id TEXT, class TEXT, init_args TEXT, "
        "timestamp TEXT, UNIQUE(client_id, session_id)"
    ),
    "version": "id INTEGER PRIMARY KEY CHECK (id = 1), version_number INTEGER NOT NULL",
    "events": (
        "event_name TEXT, source_id INTEGER, source_name TEXT, agent_module TEXT, agent_class_name TEXT, "
        "id INTEGER PRIMARY KEY, json_state TEXT, timestamp TEXT"
    ),
    "function_calls": (
        "source_id INTEGER, source_name TEXT, function_name TEXT, args TEXT, returns TEXT, timestamp TEXT"
    ),
}


class SqliteLogger(BaseLogger):
    """The log in a SQLite database. What can't be written is an error in Python's log, and stops no chat.

    Args:
        config: ``dbname``: the file; "logs.db" by default, ":memory:" for none.

    Example:
        >>> log = SqliteLogger({"dbname": ":memory:"})
        >>> session = log.start()
        >>> log.log_event("script", "began", step=1)
        >>> log.get_connection().execute("SELECT event_name, json_state FROM events").fetchall()
        [('began', '{"step": 1}')]
        >>> log.stop()
    """

    def __init__(self, config: Mapping[str, Any] | None = None) -> None:
        self.config = dict(config or {})
        self.session_id = ""
        self._connection: sqlite3.Connection | None = None
        self._lock = threading.Lock()

    def start(self) -> str:
        """Opens the database, and makes its tables where they are missing."""
        where = str(self.config.get("dbname", "logs.db"))
        if where != ":memory:":
            Path(where).absolute().parent.mkdir(parents=True, exist_ok=True)
        connection = sqlite3.connect(where, check_same_thread=False)
        try:
            for name, columns in _TABLES.items():
                connection.execute(f"CREATE TABLE IF NOT EXISTS {name} ({columns})")
            connection.execute("INSERT OR REPLACE INTO version VALUES (1, ?)", (SCHEMA,))
            connection.commit()
        except sqlite3.Error:
            connection.close()
            raise
        self._connection = connection
        self.session_id = str(uuid.uuid4())
        return self.session_id

    def stop(self) -> None:
        """Closes the database."""
        if self._connection is not None:
            self._connection.close()
            self._connection = None

    def get_connection(self) -> sqlite3.Connection | None:
        """The database, while the log is open."""
        return self._connection

    def _insert(self, table: str, row: Mapping[str, Any], verb: str = "INSERT") -> None:
        if self._connection is None:
            return
        marks = ", ".join("?" * len(row))
        query = f"{verb} INTO {table} ({', '.join(row)}) VALUES ({marks})"  # names are ours, values are bound
        try:
            with self._lock:
                self._connection.execute(query, tuple(row.values()))
                self._connection.commit()
        except sqlite3.Error as error:
            _log.error(f"[sqlite logger]Error running query with query {query}: {error}")

    def log_chat_completion(
        self,
        invocation_id: uuid.UUID | str,
        client_id: int,
        wrapper_id: int,
        source: Any,
        request: Mapping[str, Any],
        response: Any,
        is_cached: int,
        cost: float,
        start_time: str,
    ) -> None:
        """A row of ``chat_completions``."""
        self._insert(
            "chat_completions",
            {
                "invocation_id": str(invocation_id), "client_id": client_id, "wrapper_id": wrapper_id,
                "session_id": self.session_id, "source_name": name_of(source), "request": json_of(request),
                "response": json_of(answer_of(response)), "is_cached": is_cached, "cost": cost,
                "start_time": start_time, "end_time": get_current_ts(),
            },
        )  # fmt: skip

    def log_new_agent(self, agent: Any, init_args: Mapping[str, Any]) -> None:
        """A row of ``agents``."""
        args = arguments_of(init_args)
        wrapper = getattr(agent, "client", None)
        self._insert(
            "agents",
            {
                "agent_id": id(agent), "wrapper_id": id(wrapper) if wrapper is not None else "",
                "session_id": self.session_id, "name": name_of(agent), "class": type(agent).__name__,
                "init_args": json_of(args), "timestamp": get_current_ts(),
            },
            "INSERT OR REPLACE",
        )  # fmt: skip

    def log_event(self, source: Any, name: str, **kwargs: Any) -> None:
        """A row of ``events``."""
        kind = type(source)
        self._insert(
            "events",
            {
                "event_name": name, "source_id": id(source), "source_name": name_of(source),
                "agent_module": kind.__module__, "agent_class_name": kind.__name__,
                "json_state": json_of(to_dict(kwargs, exclude=SECRET, no_recursive=_opaque())),
                "timestamp": get_current_ts(),
            },
        )  # fmt: skip

    def log_new_wrapper(self, wrapper: Any, init_args: Mapping[str, Any]) -> None:
        """A row of ``oai_wrappers``."""
        args = arguments_of(init_args)
        row = {"wrapper_id": id(wrapper), "session_id": self.session_id, "init_args": json_of(args)}
        self._insert("oai_wrappers", {**row, "timestamp": get_current_ts()}, "INSERT OR IGNORE")

    def log_new_client(self, client: Any, wrapper: Any, init_args: Mapping[str, Any]) -> None:
        """A row of ``oai_clients``."""
        args = arguments_of(init_args)
        self._insert(
            "oai_clients",
            {
                "client_id": id(client), "wrapper_id": id(wrapper), "session_id": self.session_id,
                "class": type(client).__name__, "init_args": json_of(args), "timestamp": get_current_ts(),
            },
            "INSERT OR REPLACE",
        )  # fmt: skip

    def log_function_use(
        self, source: Any, function: Callable[..., Any], args: Mapping[str, Any], returns: Any
    ) -> None:
        """A row of ``function_calls``."""
        row = {"source_id": id(source), "source_name": name_of(source), "function_name": name_of(function)}
        shown = {"args": json_of(args), "returns": json_of(returns), "timestamp": get_current_ts()}
        self._insert("function_calls", {**row, **shown})


def name_of(source: Any) -> str:
    """The name of an agent or a function, or the name itself."""
    found = source if isinstance(source, str) else getattr(source, "name", None) or getattr(source, "__name__", "")
    return str(found)


def answer_of(response: Any) -> Any:
    """What is kept of a response: its fields, or what there is under "response"."""
    if response is None or isinstance(response, str):
        return {"response": response}
    if hasattr(response, "model_dump"):
        return response.model_dump(mode="json", warnings=False)
    return response if isinstance(response, Mapping | Sequence) else to_dict(response)


def json_of(value: Any) -> str:
    """JSON, with whatever JSON doesn't know as text."""
    return json.dumps(value, default=str)


def arguments_of(init_args: Mapping[str, Any]) -> Any:
    """The arguments that something was made with, without keys and addresses."""
    return to_dict(init_args, exclude=("self", "__class__", *SECRET), no_recursive=_opaque())


def _opaque() -> tuple[type, ...]:
    from ...core.protocols import Participant

    return (Participant,)  # agents are named, not told with all that they hold


__all__ = ["SqliteLogger"]
