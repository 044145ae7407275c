"""``autogen-like serve``: a local model over HTTP, and behind NVIDIA's Triton server."""

from __future__ import annotations

import argparse
import os
from pathlib import Path
from typing import TYPE_CHECKING

from .library import resolve
from .server.settings import ServerSettings

if TYPE_CHECKING:
    from .engine import EngineConfig
    from .server import ModelServer

    _SubParsers = argparse._SubParsersAction[argparse.ArgumentParser]  # noqa: SLF001 - it has no public name

KEY = "AUTOGEN_LIKE_API_KEY"


def add_commands(subparsers: _SubParsers) -> None:
    """Adds ``serve``.

    Args:
        subparsers: What ``ArgumentParser.add_subparsers`` gave. The command sets ``run``, a function of the parsed
            arguments that returns the exit status.
    """
    about = "Serves a local model over HTTP: OpenAI's interface under /v1, KServe's under /v2, /metrics and /health."
    parser = subparsers.add_parser("serve", help="serve a local model over HTTP", description=about)
    parser.add_argument("model", metavar="MODEL", help="a model of the library, a GGUF file, or a model folder")
    parser.add_argument("--name", help="what clients call it; by default after the model")
    parser.add_argument("--host", default="127.0.0.1", help="address to listen on (default: %(default)s)")
    parser.add_argument("--port", type=int, default=8000, help="port; 0 takes any (default: %(default)s)")
    parser.add_argument("--api-key", help=f"key that clients must show; better in {KEY}: other users see arguments")
    limits = parser.add_argument_group("limits")
    limits.add_argument("--max-requests", type=int, default=256, help="replies at once, waiting ones among them")
    limits.add_argument("--max-running", type=int, default=16, help="replies that are generated at once")
    limits.add_argument("--max-tokens", type=int, help="most tokens of a reply, whatever a client asks")
    limits.add_argument("--max-body", type=int, default=4 << 20, help="longest request in bytes")
    limits.add_argument("--context", type=int, help="longest conversation in tokens; by default the model's")
    limits.add_argument("--shutdown", type=float, default=30.0, help="seconds for replies to end when told to stop")
    engine = parser.add_argument_group("engine")
    engine.add_argument("--dtype", default="auto", choices=("auto", "float32", "bfloat16"))
    engine.add_argument("--device", default="auto", choices=("auto", "cpu", "cuda"))
    engine.add_argument("--cache-bytes", type=int, default=1 << 30, help="memory for keys and values")
    triton = parser.add_argument_group("NVIDIA Triton")
    triton.add_argument("--triton", action="store_true", help="also start a Triton server in front of it")
    triton.add_argument("--triton-port", type=int, default=8100, help="its port for HTTP; the next one is for gRPC")
    triton.add_argument("--triton-folder", type=Path, help="where `autogen-like triton install` put it")
    parser.set_defaults(run=_serve)
    more = subparsers.add_parser("triton", help="the Triton server that `serve --triton` starts")
    commands = more.add_subparsers(title="commands", metavar="COMMAND", required=True)
    install = commands.add_parser("install", help="fetch it into an environment of its own (60 MB, from PyPI)")
    install.add_argument("folder", metavar="FOLDER", nargs="?", type=Path, help="where to; by default in the library")
    install.set_defaults(run=_install)


def _serve(arguments: argparse.Namespace) -> int:
    path = resolve(arguments.model.removeprefix("local:")).resolve()
    settings = settings_of(arguments, path)
    from .server import ModelServer  # only here, so that other commands don't load the engine

    server = ModelServer(path, settings, _engine_config(arguments))
    if not arguments.triton:
        server.run(on_ready=lambda: _tell(server))
        return 0
    return _serve_triton(server, arguments)


def _serve_triton(server: ModelServer, arguments: argparse.Namespace) -> int:
    from .server.triton import Beside, default_folder

    folder = (arguments.triton_folder or default_folder()).resolve()
    beside = Beside(server, folder, arguments.triton_port)

    def begin() -> None:
        _tell(server)
        beside.start(on_ready=_say)

    try:
        server.run(on_ready=begin)
    finally:
        beside.stop()
    if beside.error:
        raise beside.error
    return 0


def _install(arguments: argparse.Namespace) -> int:
    from .server.triton import default_folder, install

    _say(f"Triton is in {install((arguments.folder or default_folder()).resolve())}")
    return 0


def settings_of(arguments: argparse.Namespace, path: Path) -> ServerSettings:
    """The server's settings, from the command line and the environment.

    Raises:
        ConfigError: If they can't be.
    """
    return ServerSettings(
        name=arguments.name or path.stem,
        host=arguments.host,
        port=arguments.port,
        api_key=arguments.api_key or os.environ.get(KEY) or None,
        max_requests=arguments.max_requests,
        max_reply_tokens=arguments.max_tokens,
        max_body_bytes=arguments.max_body,
        shutdown_seconds=arguments.shutdown,
    )


def _engine_config(arguments: argparse.Namespace) -> EngineConfig:
    from .engine import EngineConfig

    config = EngineConfig(
        dtype=arguments.dtype,
        context=arguments.context,
        cache_bytes=arguments.cache_bytes,
        max_running=arguments.max_running,
        device=arguments.device,
    )
    config.torch_dtype()  # what can't be is told now, not at the first request
    return config


def _tell(server: ModelServer) -> None:
    key = "with the key" if server.settings.api_key else "without a key, from this machine"
    _say(f"{server.settings.name} answers at {server.base_url}, {key}")


def _say(text: str) -> None:
    from rich.console import Console

    Console().print(text, highlight=False, markup=False, soft_wrap=True)
