"""Servers on real ports: of a random model, which answers at once and nonsense, and of the embedded one."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import openai
import pytest

from autogen_like.serving.chat_model import ChatModel
from autogen_like.serving.engine import AsyncEngine, EngineConfig
from autogen_like.serving.server import ModelServer, ServerSettings
from autogen_like.serving.server.triton import TritonServer, install

from ..support import random_engine, save_random_weights
from .asking import KEY, free_ports

ROOT = Path(__file__).parents[3]


@pytest.fixture(scope="session")
def random_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A model of two layers and random weights."""
    folder = tmp_path_factory.mktemp("random-model")
    save_random_weights(folder, max_position_embeddings=1024)
    return folder


@pytest.fixture(scope="session")
def serve(random_folder: Path) -> Iterator[Callable[..., ModelServer]]:
    """Starts a server of the random model; they stop at the end."""
    started: list[ModelServer] = []

    def start(engine: dict[str, Any] | None = None, **settings: Any) -> ModelServer:
        config = {"cache_bytes": 8 << 20, **(engine or {})}
        model = AsyncEngine(lambda: ChatModel(random_engine(random_folder, **config)), name="test-engine")
        server = ModelServer(model, ServerSettings(**{"name": "tiny", "port": 0, **settings})).start()
        started.append(server)
        return server

    yield start
    for server in started:
        server.stop()


@pytest.fixture(scope="session")
def tiny(serve: Callable[..., ModelServer]) -> ModelServer:
    """A server of the random model, whose replies are short where nobody says how long."""
    return serve(max_reply_tokens=96)


@pytest.fixture(scope="session")
def smol(model_path: Path) -> Iterator[ModelServer]:
    """A server of the embedded model."""
    config = EngineConfig(dtype="float32", context=1024)
    with ModelServer(model_path, ServerSettings("smollm2-135m", port=0), config) as server:
        yield server


@pytest.fixture(scope="session")
def behind(serve: Callable[..., ModelServer]) -> ModelServer:
    """The server that Triton asks."""
    return serve(api_key=KEY, max_reply_tokens=900)


@pytest.fixture(scope="session")
def folder() -> Path:
    """The environment of Triton, which is fetched from PyPI once."""
    return install(ROOT / ".cache" / "triton-server")


@pytest.fixture(scope="session")
def front(folder: Path, behind: ModelServer) -> Iterator[TritonServer]:
    """NVIDIA's own Triton. Tests that want it are of one group, so that it starts once."""
    http_port, grpc_port = free_ports(2)
    with TritonServer(folder, behind.address, "tiny", api_key=KEY, http_port=http_port, grpc_port=grpc_port) as server:
        yield server


@pytest.fixture
def client(tiny: ModelServer) -> Iterator[openai.OpenAI]:
    with openai.OpenAI(base_url=tiny.base_url, api_key="none", max_retries=0, timeout=60) as client:
        yield client


@pytest.fixture
def smol_client(smol: ModelServer) -> Iterator[openai.OpenAI]:
    with openai.OpenAI(base_url=smol.base_url, api_key="none", max_retries=0, timeout=120) as client:
        yield client
