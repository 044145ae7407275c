"""``autogen.runtime_logging``: what agents do, as SQLite tables or as a file of JSON lines.

Example:
    >>> session = start(config={"dbname": ":memory:"})
    >>> log_event("script", "began")
    >>> get_connection().execute("SELECT event_name FROM events").fetchall()
    [('began',)]
    >>> stop()
"""

from __future__ import annotations

import logging
import sqlite3
import uuid
from collections.abc import Callable, Mapping
from typing import Any, Literal

from .logger.base_logger import BaseLogger
from .logger.logger_factory import LoggerFactory

logger = logging.getLogger(__name__)


class _State:
    log: BaseLogger | None = None
    on = False


def start(
    logger: BaseLogger | None = None,
    logger_type: Literal["sqlite", "file"] = "sqlite",
    config: Mapping[str, Any] | None = None,
) -> str:
    """Begins to log.

    Args:
        logger: A log of your own.
        logger_type: "sqlite" or "file".
        config: ``dbname`` for SQLite ("logs.db" by default), ``filename`` for a file.

    Returns:
        The session's id; it is in each row and line.

    Raises:
        OSError: If the file can't be made; and whatever a log of one's own raises. Nothing is logged then.
    """
    log = logger or LoggerFactory.get_logger(logger_type, config)
    session = log.start()
    _State.log, _State.on = log, True
    return session


def stop() -> None:
    """Logs nothing any more."""
    _State.on = False
    if _State.log is not None:
        _State.log.stop()


def logging_enabled() -> bool:
    """Whether something is logged."""
    return _State.on


def get_connection() -> sqlite3.Connection | None:
    """The open database, where there is one."""
    return _State.log.get_connection() if _State.log is not None else None


def _log() -> BaseLogger | None:
    if _State.log is None:
        logger.error("[runtime logging] nothing is logged: call runtime_logging.start() first")
    return _State.log


def log_chat_completion(
    invocation_id: uuid.UUID | str,
    client_id: int,
    wrapper_id: int,
    agent: Any,
    request: Mapping[str, Any],
    response: Any,
    is_cached: int,
    cost: float,
    start_time: str,
) -> None:
    """Logs a request to a model."""
    log = _log()
    if log is not None:
        log.log_chat_completion(
            invocation_id, client_id, wrapper_id, agent, request, response, is_cached, cost, start_time
        )


def log_new_agent(agent: Any, init_args: Mapping[str, Any]) -> None:
    """Logs an agent."""
    log = _log()
    if log is not None:
        log.log_new_agent(agent, init_args)


def log_event(source: Any, name: str, **kwargs: Any) -> None:
    """Logs that something happened."""
    log = _log()
    if log is not None:
        log.log_event(source, name, **kwargs)


def log_function_use(agent: Any, function: Callable[..., Any], args: Mapping[str, Any], returns: Any) -> None:
    """Logs that an agent called a function."""
    log = _log()
    if log is not None:
        log.log_function_use(agent, function, args, returns)


def log_new_wrapper(wrapper: Any, init_args: Mapping[str, Any]) -> None:
    """Logs an `OpenAIWrapper`."""
    log = _log()
    if log is not None:
        log.log_new_wrapper(wrapper, init_args)


def log_new_client(client: Any, wrapper: Any, init_args: Mapping[str, Any]) -> None:
    """Logs a client."""
    log = _log()
    if log is not None:
        log.log_new_client(client, wrapper, init_args)
