"""``autogen.coding.factory``."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from ...coding.executor import CodeExecutor
from ...coding.factory import create
from ...core.errors import ConfigError

_KNOWN = ("commandline-docker", "commandline-local", "docker", "ipython-embedded", "jupyter", "local")


class CodeExecutorFactory:
    """Makes executors."""

    @staticmethod
    def create(code_execution_config: Mapping[str, Any]) -> CodeExecutor:
        """The executor that a configuration asks for.

        Raises:
            ConfigError: If it names none.
        """
        chosen = code_execution_config.get("executor")
        if not chosen or (isinstance(chosen, str) and chosen not in _KNOWN):
            raise ConfigError(f"Unknown code executor {chosen or None}: give one, or name one of {', '.join(_KNOWN)}")
        own = _own(chosen)
        if own is None:
            return create(code_execution_config)  # type: ignore[return-value]  # it names one
        try:
            return own(**(code_execution_config.get(chosen) or {}))  # type: ignore[no-any-return]
        except TypeError as error:
            raise ConfigError(f"code_execution_config[{chosen!r}]: {error}") from error


def _own(chosen: Any) -> Any:
    """This room's class for 0.2's names."""
    if chosen == "commandline-local":
        from .local_commandline_code_executor import LocalCommandLineCodeExecutor

        return LocalCommandLineCodeExecutor
    if chosen == "ipython-embedded":
        from .jupyter.embedded_ipython_code_executor import EmbeddedIPythonCodeExecutor

        return EmbeddedIPythonCodeExecutor
    return None
