"""``import autogen_like`` is quick and quiet; its public names are there, lazily."""

from __future__ import annotations

import ast
import subprocess
import sys
from pathlib import Path

import pytest

import autogen_like

HEAVY = [
    "accelerate", "diskcache", "docker", "huggingface_hub", "jinja2", "llguidance", "numpy", "openai", "opentelemetry",
    "pydantic", "redis", "rich", "sqlalchemy", "tiktoken", "tokenizers", "torch", "transformers",
]  # fmt: skip


def test_importing_the_package_loads_no_heavy_library() -> None:
    code = "import sys, autogen_like; print(*sorted({name.split('.')[0] for name in sys.modules}))"
    loaded = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout.split()
    assert set(loaded).isdisjoint(HEAVY)
    assert "autogen_like" in loaded


def test_agents_groups_and_clients_load_no_heavy_library_either() -> None:
    code = (
        "import sys;"
        "from autogen_like import AssistantAgent, GroupChat, GroupChatManager, OpenAIClient, UserProxyAgent;"
        "AssistantAgent('ada', llm_config={'model': 'm', 'api_key': 'k'});"
        "print(*sorted({name.split('.')[0] for name in sys.modules}))"
    )
    loaded = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout.split()
    assert set(loaded).isdisjoint(HEAVY)


def test_importing_the_package_loads_none_of_its_rooms() -> None:
    code = "import sys, autogen_like; print(*[name for name in sys.modules if name.startswith('autogen_like.')])"
    loaded = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout.split()
    assert loaded == ["autogen_like._version"]


@pytest.mark.parametrize("name", autogen_like.__all__)
def test_every_public_name_resolves_and_is_listed(name: str) -> None:
    assert getattr(autogen_like, name) is not None
    assert name in dir(autogen_like)


def test_an_unknown_name_is_an_attribute_error() -> None:
    with pytest.raises(AttributeError, match="no attribute 'NoSuchThing'"):
        _ = autogen_like.NoSuchThing  # type: ignore[attr-defined]


def test_type_checkers_see_the_same_names_from_the_same_modules() -> None:
    tree = ast.parse(Path(autogen_like.__file__).read_text())
    guarded = next(node for node in tree.body if isinstance(node, ast.If))
    seen = {
        alias.asname: f"autogen_like.{statement.module}"
        for statement in guarded.body
        if isinstance(statement, ast.ImportFrom)
        for alias in statement.names
        if alias.asname == alias.name
    }
    assert seen == autogen_like._MODULES
