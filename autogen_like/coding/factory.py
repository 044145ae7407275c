"""``code_execution_config`` -> the executor that it asks for."""

from __future__ import annotations

import os
from collections.abc import Mapping
from typing import Any, Literal

from ..core.errors import ConfigError
from .executor import BlockingCodeExecutor, BlockingExecutorAdapter, CodeExecutor
from .local import LocalCommandLineCodeExecutor

_LOCAL = ("local", "commandline-local")
_OWN = ("use_docker", "work_dir", "timeout")
_KEYS = ("executor", "last_n_messages", *_OWN, *_LOCAL)


def create(config: Mapping[str, Any] | Literal[False] | None) -> CodeExecutor | None:
    """The executor that a ``code_execution_config`` asks for.

    Args:
        config: False, None or an empty dict: code is not run. ``{"executor": <an executor>}``.
            ``{"executor": "local"}`` (or "commandline-local"), with its arguments under the same key. AutoGen 0.2's
            older ``{"work_dir": .., "use_docker": False, "timeout": ..}``.

    Returns:
        The executor, or None where none was chosen. One that only blocks comes wrapped.

    Raises:
        ConfigError: If the config contradicts itself, or asks for something that isn't there.

    Example:
        >>> create({"use_docker": False, "timeout": 5}).timeout
        5
    """
    if config is None or config is False:
        return None
    if not isinstance(config, Mapping):
        raise ConfigError(f"code_execution_config must be False or a dict, not {config!r}")
    unknown = sorted(set(config) - set(_KEYS))
    if unknown:
        raise ConfigError(f"code_execution_config has no setting {', '.join(unknown)}; it has {', '.join(_KEYS)}")
    if config.get("executor") is not None:
        return _chosen(config)
    if any(key in config for key in _OWN):
        return _legacy(config)
    return None


def _chosen(config: Mapping[str, Any]) -> CodeExecutor:
    executor = config["executor"]
    both = [key for key in _OWN if key in config]
    if both:
        raise ConfigError(
            f"code_execution_config: with 'executor', {', '.join(both)} can't be set beside it; give them to the "
            "executor itself, LocalCommandLineCodeExecutor(timeout=.., work_dir=..)"
        )
    if isinstance(executor, str):
        if executor in _LOCAL:
            return LocalCommandLineCodeExecutor(**config.get(executor, {}))
        raise ConfigError(f"code_execution_config: there is no executor {executor!r}. {_CURE}")
    if isinstance(executor, CodeExecutor):
        return executor
    if isinstance(executor, BlockingCodeExecutor):
        return BlockingExecutorAdapter(executor)
    raise ConfigError(
        f"code_execution_config: an executor has code_extractor, execute_code_blocks and restart; {executor!r} hasn't"
    )


def _legacy(config: Mapping[str, Any]) -> CodeExecutor:
    docker = config.get("use_docker")
    if docker is None and os.environ.get("AUTOGEN_USE_DOCKER", "").lower() in ("0", "false", "no"):
        docker = False
    if docker is not False:
        asked = f"use_docker={docker!r} asks" if "use_docker" in config else "without 'use_docker': False it asks"
        raise ConfigError(f"code_execution_config: {asked} for Docker. {_CURE}")
    arguments = {key: config[key] for key in ("timeout", "work_dir") if config.get(key) is not None}
    return LocalCommandLineCodeExecutor(**arguments)


_CURE = (
    "Code can be run in processes on this machine, which is no sandbox: {'executor': 'local'} or "
    "{'use_docker': False}; or pass an executor of your own as {'executor': ...}"
)
