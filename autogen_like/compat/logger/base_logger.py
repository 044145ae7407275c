"""``autogen.logger.base_logger``: what a log of one's own must be able to do."""

from __future__ import annotations

import sqlite3
from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping
from typing import Any, TypeAlias
from uuid import UUID

LLMConfig: TypeAlias = "Mapping[str, Any]"


class BaseLogger(ABC):
    """A log of what agents do, for ``runtime_logging.start(logger=...)``."""

    @abstractmethod
    def start(self) -> str:
        """Begins; gives the session's id."""

    @abstractmethod
    def log_chat_completion(
        self,
        invocation_id: UUID | str,
        client_id: int,
        wrapper_id: int,
        source: Any,
        request: Mapping[str, Any],
        response: Any,
        is_cached: int,
        cost: float,
        start_time: str,
    ) -> None:
        """A request to a model, and what came of it; `source` is an agent or a name."""

    @abstractmethod
    def log_new_agent(self, agent: Any, init_args: Mapping[str, Any]) -> None:
        """An agent was made."""

    @abstractmethod
    def log_event(self, source: Any, name: str, **kwargs: Any) -> None:
        """Something happened."""

    @abstractmethod
    def log_new_wrapper(self, wrapper: Any, init_args: Mapping[str, Any]) -> None:
        """An `OpenAIWrapper` was made."""

    @abstractmethod
    def log_new_client(self, client: Any, wrapper: Any, init_args: Mapping[str, Any]) -> None:
        """A client was made."""

    @abstractmethod
    def log_function_use(
        self, source: Any, function: Callable[..., Any], args: Mapping[str, Any], returns: Any
    ) -> None:
        """A function was called."""

    @abstractmethod
    def stop(self) -> None:
        """Ends."""

    @abstractmethod
    def get_connection(self) -> sqlite3.Connection | None:
        """The database, where there is one."""
