"""``autogen.logger.file_logger``: the log as a file of JSON lines."""

from __future__ import annotations

import logging
import sqlite3
import threading
import uuid
from collections.abc import Callable, Mapping
from pathlib import Path
from types import MappingProxyType
from typing import Any

from .base_logger import BaseLogger
from .logger_utils import get_current_ts, to_dict
from .sqlite_logger import SECRET, answer_of, arguments_of, json_of, name_of

_log = logging.getLogger(__name__)


class FileLogger(BaseLogger):
    """The log as lines of JSON, appended to a file.

    Args:
        config: ``filename``: the file; "runtime.log" in the folder "autogen_logs" by default.
    """

    def __init__(self, config: Mapping[str, Any] | None = None) -> None:
        self.config = dict(config or {})
        self.session_id = str(uuid.uuid4())
        folder = Path.cwd() / "autogen_logs"
        self.log_file = str(Path(folder, self.config.get("filename", "runtime.log")).absolute())
        self._lock = threading.Lock()

    def start(self) -> str:
        """Makes the file's folder, and notes that the session begins."""
        Path(self.log_file).parent.mkdir(parents=True, exist_ok=True)
        with Path(self.log_file).open("a", encoding="utf-8") as file:
            file.write(f"Started new session with Session ID: {self.session_id}\n")
        return self.session_id

    def stop(self) -> None:
        """Nothing is held open."""

    def get_connection(self) -> sqlite3.Connection | None:
        """None: it is no database."""
        return None

    def _write(self, **line: Any) -> None:
        where = {"session_id": self.session_id, "thread_id": threading.get_ident()}
        try:
            with self._lock, Path(self.log_file).open("a", encoding="utf-8") as file:
                file.write(json_of({**line, **where}) + "\n")
        except (OSError, ValueError) as error:
            _log.error(f"[file_logger] {self.log_file} can't be written: {error}")

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
        """A line for a request to a model."""
        answer = response if isinstance(response, str) else answer_of(response)
        self._write(
            invocation_id=str(invocation_id), client_id=client_id, wrapper_id=wrapper_id, source_name=name_of(source),
            request=to_dict(request), response=answer, is_cached=is_cached, cost=cost,
            start_time=start_time, end_time=get_current_ts(),
        )  # fmt: skip

    def log_new_agent(self, agent: Any, init_args: Mapping[str, Any] = MappingProxyType({})) -> None:
        """A line for an agent."""
        self._write(
            id=id(agent), agent_name=name_of(agent), wrapper_id=id(getattr(agent, "_client", None)),
            current_time=get_current_ts(), agent_type=type(agent).__name__, args=arguments_of(init_args),
        )  # fmt: skip

    def log_event(self, source: Any, name: str, **kwargs: Any) -> None:
        """A line for what happened."""
        kind = type(source)
        self._write(
            source_id=id(source), source_name=name_of(source), event_name=name, agent_module=kind.__module__,
            agent_class=kind.__name__, json_state=json_of(to_dict(kwargs, exclude=SECRET)), timestamp=get_current_ts(),
        )  # fmt: skip

    def log_new_wrapper(self, wrapper: Any, init_args: Mapping[str, Any]) -> None:
        """A line for an `OpenAIWrapper`."""
        self._write(wrapper_id=id(wrapper), json_state=json_of(arguments_of(init_args)), timestamp=get_current_ts())

    def log_new_client(self, client: Any, wrapper: Any, init_args: Mapping[str, Any]) -> None:
        """A line for a client."""
        self._write(
            client_id=id(client), wrapper_id=id(wrapper), json_state=json_of(arguments_of(init_args)),
            timestamp=get_current_ts(), **{"class": type(client).__name__},
        )  # fmt: skip

    def log_function_use(
        self, source: Any, function: Callable[..., Any], args: Mapping[str, Any], returns: Any
    ) -> None:
        """A line for a function that was called."""
        self._write(
            source_id=id(source), source_name=name_of(source), agent_module=type(source).__module__,
            agent_class=type(source).__name__, function_name=name_of(function), input_args=json_of(args),
            returns=json_of(returns), timestamp=get_current_ts(),
        )  # fmt: skip
