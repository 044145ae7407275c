"""The embedded model, loaded once for all tests of this room; and small random models made on the spot."""

from __future__ import annotations

from pathlib import Path

import pytest

from autogen_like.serving import library
from autogen_like.serving.chat_model import ChatModel
from autogen_like.serving.engine import Engine, EngineConfig


@pytest.fixture(scope="session")
def model_path() -> Path:
    """SmolLM2-135M-Instruct in the user's own cache folder, where it stays between runs."""
    return library.pull("smollm2-135m")


@pytest.fixture(scope="session")
def engine(model_path: Path) -> Engine:
    """The embedded model in float32, in which it can be compared exactly."""
    return Engine.load(model_path, EngineConfig(dtype="float32"))


@pytest.fixture(scope="session")
def chat_model(engine: Engine) -> ChatModel:
    return ChatModel(engine)


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty library."""
    monkeypatch.setenv("AUTOGEN_LIKE_HOME", str(tmp_path / "home"))
    return tmp_path / "home" / "models"
