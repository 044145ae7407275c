"""``code_execution_config`` -> the executor that it asks for."""

from __future__ import annotations

import os
from collections.abc import Mapping
from importlib import import_module
from typing import Any, Literal

from ..core.errors import ConfigError, MissingExtra
from ..core.protocols import fits
from .docker_engine import NoEngine
from .executor import BlockingCodeExecutor, BlockingExecutorAdapter, CodeExecutor

# By name: the module and the class. The module is loaded where the name is used.
_DOCKER = ("docker", "DockerCommandLineCodeExecutor")
_LOCAL = ("local", "LocalCommandLineCodeExecutor")
_JUPYTER = ("jupyter.executor", "JupyterCodeExecutor")
_EMBEDDED = ("jupyter.executor", "EmbeddedIPythonCodeExecutor")
_NAMED = {
    "commandline-docker": _DOCKER,
    "commandline-local": _LOCAL,
    "docker": _DOCKER,
    "ipython-embedded": _EMBEDDED,
    "jupyter": _JUPYTER,
    "local": _LOCAL,
}
_OWN = ("use_docker", "work_dir", "timeout")
_KEYS = ("executor", "last_n_messages", *_OWN, *_NAMED)


def create(config: Mapping[str, Any] | Literal[False] | None) -> CodeExecutor | None:
    """The executor that a ``code_execution_config`` asks for.

    Args:
        config: False or None: code is not run. An empty dict: it is run in Docker. ``{"executor": <an executor>}``.
            ``{"executor": "docker"}``, ``"local"`` or ``"jupyter"`` (or "commandline-docker", "commandline-local",
            "ipython-embedded"), with its arguments under the same key. AutoGen 0.2's older ``{"work_dir": ..,
            "use_docker": .., "timeout": ..}``, where `use_docker` is True, False, an image, or a list of images of
            which the first that can be had is taken.
            Where it isn't given, it is True, unless the environment has ``AUTOGEN_USE_DOCKER=False``.

    Returns:
        The executor, or None where code is not run. One that only blocks comes wrapped.

    Raises:
        ConfigError: If the config contradicts itself, or asks for something that isn't there. Where it asks for Docker,
            and no engine answers, code is never run anywhere else instead.

    Example:
        >>> create({"use_docker": False, "timeout": 5}).timeout
        5
    """
    if config is None or config is False:
        return None
    if not isinstance(config, Mapping):
        raise ConfigError(f"code_execution_config must be False or a dict, not {config!r}")
    check_settings(config)
    if config.get("executor") is not None:
        return _chosen(config)
    return _legacy(config)


def check_settings(config: Mapping[str, Any]) -> None:
    """Checks that a ``code_execution_config`` has no settings but those that there are.

    Raises:
        ConfigError: If it has.
    """
    unknown = sorted(set(config) - set(_KEYS))
    if unknown:
        raise ConfigError(f"code_execution_config has no setting {', '.join(unknown)}; it has {', '.join(_KEYS)}")


def _chosen(config: Mapping[str, Any]) -> CodeExecutor:
    executor = config["executor"]
    both = [key for key in _OWN if key in config]
    if both:
        raise ConfigError(
            f"code_execution_config: with 'executor', {', '.join(both)} can't be set beside it; give them to the "
            "executor itself, {'executor': 'docker', 'docker': {'timeout': .., 'work_dir': ..}}"
        )
    if isinstance(executor, str):
        if executor not in _NAMED:
            raise ConfigError(f"code_execution_config: there is no executor {executor!r}; there are {list(_NAMED)}")
        return _named(executor, config.get(executor) or {})
    if fits(executor, CodeExecutor):
        return executor
    if isinstance(executor, BlockingCodeExecutor):
        return BlockingExecutorAdapter(executor)
    raise ConfigError(
        f"code_execution_config: an executor has code_extractor, execute_code_blocks and restart; {executor!r} hasn't"
    )


def _named(name: str, arguments: Mapping[str, Any]) -> CodeExecutor:
    module, kind = _NAMED[name]
    made: CodeExecutor
    try:
        made = getattr(import_module(f".{module}", __package__), kind)(**arguments)
    except TypeError as error:  # an argument that it doesn't have
        raise ConfigError(f"code_execution_config[{name!r}]: {error}") from error
    return made


def _legacy(config: Mapping[str, Any]) -> CodeExecutor:
    docker = config.get("use_docker")
    if docker is None:
        docker = os.environ.get("AUTOGEN_USE_DOCKER", "").lower() not in ("0", "false", "no")
    arguments = {key: config[key] for key in ("timeout", "work_dir") if config.get(key) is not None}
    if docker is False:
        return _named("local", arguments)
    if docker is True:
        return _named("docker", arguments)
    images = [docker] if isinstance(docker, str) else docker
    if not isinstance(images, list | tuple) or not images or not all(isinstance(image, str) for image in images):
        raise ConfigError(
            f"code_execution_config: use_docker is True, False, an image or a list of images, not {docker!r}"
        )
    return _first_of(images, arguments)


def _first_of(images: list[str] | tuple[str, ...], arguments: Mapping[str, Any]) -> CodeExecutor:
    reasons = []
    for image in images:
        try:
            return _named("docker", {"image": image, **arguments})
        except (MissingExtra, NoEngine):
            raise
        except ConfigError as error:
            reasons.append(str(error))
    raise ConfigError(f"code_execution_config: none of the images of use_docker can be had: {'; '.join(reasons)}")
