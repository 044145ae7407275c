"""The Docker engine: reaching it, its errors in our words, and images."""

from __future__ import annotations

import contextlib
import socket
import sys
from collections.abc import Iterator
from typing import TYPE_CHECKING

from ..core.errors import ConfigError, ExecutorUnavailable, MissingExtra

if TYPE_CHECKING:
    from docker import APIClient

HOW_TO_GO_WITHOUT = (
    "To run code without Docker, in processes on this machine (which is no sandbox), say so: "
    "code_execution_config={'executor': 'local'}, or AutoGen 0.2's {'use_docker': False}. To run no code: False"
)
_DEFAULT = "unix:///var/run/docker.sock" if sys.platform != "win32" else "npipe:////./pipe/docker_engine"
_PATIENCE = 60  # seconds without any answer, after which an engine counts as gone
_POOL = 64  # connections kept: a block holds one while it runs


class NoEngine(ConfigError):
    """No Docker engine answers."""


class Gone(Exception):
    """The container isn't there any more, or doesn't run."""


def connect() -> APIClient:
    """A client of the engine that answers: the one of ``DOCKER_HOST``, or this machine's. Blocks.

    Raises:
        MissingExtra: If the `docker` package isn't installed.
        NoEngine: If none answers; says how code can be run without one.
    """
    try:
        from docker import APIClient
        from docker.errors import DockerException
        from docker.utils import kwargs_from_env
    except ImportError as error:
        raise MissingExtra("running code in Docker", "docker") from error
    try:
        where = kwargs_from_env()
        _knock(where.get("base_url") or _DEFAULT)
        return APIClient(version="auto", timeout=_PATIENCE, max_pool_size=_POOL, **where)
    except (DockerException, OSError) as error:
        raise NoEngine(f"running code in Docker: no engine answers ({error}). Start one. {HOW_TO_GO_WITHOUT}") from None


def _knock(url: str) -> None:
    """Connects once, where that is to a socket of this machine: the docker package leaves open what fails to connect.

    Raises:
        OSError: If nobody opens.
    """
    scheme, _, path = url.partition("://")
    if scheme.endswith("unix") and hasattr(socket, "AF_UNIX"):
        with socket.socket(socket.AF_UNIX) as knocking:
            knocking.connect(f"/{path.lstrip('/')}")


def ensure_image(client: APIClient, image: str) -> None:
    """Sees to it that the engine has an image; fetches it if need be. Blocks.

    Args:
        client: The engine.
        image: Its name.

    Raises:
        ConfigError: If it can't be had.
    """
    from docker.errors import APIError, ImageNotFound

    if not image:
        raise ConfigError("image must be an image's name, as 'python:3-slim', not empty")
    with engine_errors():
        try:
            client.inspect_image(image)  # type: ignore[no-untyped-call]
        except ImageNotFound:
            pass
        except APIError as error:
            raise ConfigError(f"image: {image!r} can't be an image's name: {error.explanation}") from None
        else:
            return
        try:
            client.pull(*_repository_and_tag(image))
            client.inspect_image(image)  # type: ignore[no-untyped-call]
        except APIError as error:
            raise ConfigError(
                f"image: {image!r} is not on this Docker engine, and could not be fetched: {error.explanation}. Build "
                "it, or give image= the name of one that is there, with sh, tar and python3 in it"
            ) from None


def _repository_and_tag(image: str) -> tuple[str, str]:
    from docker.utils import parse_repository_tag

    repository, tag = parse_repository_tag(image)
    return repository, tag or "latest"  # without a tag, all of them would be fetched


@contextlib.contextmanager
def engine_errors() -> Iterator[None]:
    """Tells what went wrong on the way to the engine, and in it, in our words.

    Raises:
        Gone: Where a container was asked for that isn't there, or doesn't run.
        ExecutorUnavailable: Where the engine doesn't answer, or fails.
        docker.errors.APIError: Where it refuses what it was asked for.
    """
    from docker.errors import APIError, DockerException, ImageNotFound
    from requests.exceptions import RequestException
    from urllib3.exceptions import HTTPError

    try:
        yield
    except ImageNotFound:
        raise
    except APIError as error:
        # 404: removed; 409: not running, or being removed
        if error.status_code in (404, 409):
            raise Gone(error.explanation) from None
        if error.is_client_error():
            raise
        raise ExecutorUnavailable(f"the Docker engine failed: {error.explanation}") from error
    except (DockerException, RequestException, HTTPError, ConnectionError, TimeoutError) as error:
        raise ExecutorUnavailable(
            f"the Docker engine went away or does not answer ({error}). Start it again and go on: what runs next gets "
            "a container of its own, without the files of the one before"
        ) from error
