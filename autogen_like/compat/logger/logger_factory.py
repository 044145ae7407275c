"""``autogen.logger.logger_factory``."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from ...core.errors import ConfigError
from .base_logger import BaseLogger


class LoggerFactory:
    """Makes logs by name."""

    @staticmethod
    def get_logger(logger_type: str = "sqlite", config: Mapping[str, Any] | None = None) -> BaseLogger:
        """A log.

        Args:
            logger_type: "sqlite" or "file".
            config: ``dbname``, or ``filename``.

        Raises:
            ConfigError: If there is no such kind.
        """
        from .file_logger import FileLogger
        from .sqlite_logger import SqliteLogger

        if logger_type == "sqlite":
            return SqliteLogger(config)
        if logger_type == "file":
            return FileLogger(config)
        raise ConfigError(f"logger_type must be 'sqlite' or 'file', not {logger_type!r}; or pass logger=, one of yours")
