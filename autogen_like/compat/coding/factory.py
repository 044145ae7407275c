"""``autogen.coding.factory``."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from ...coding.executor import CodeExecutor
from ...coding.factory import create
from ...core.errors import ConfigError


class CodeExecutorFactory:
    """Makes executors."""

    @staticmethod
    def create(code_execution_config: Mapping[str, Any]) -> CodeExecutor:
        """The executor that a configuration asks for.

        Raises:
            ConfigError: If it names none.
        """
        if not code_execution_config.get("executor"):
            raise ConfigError("code_execution_config has no 'executor': name one, or give one")
        return create(code_execution_config)  # type: ignore[return-value]  # it names one
