"""The examples in the package's docstrings run and print what they say."""

from __future__ import annotations

import doctest
import pkgutil
from importlib import import_module

import pytest

import autogen_like

OPTIONS = doctest.ELLIPSIS | doctest.NORMALIZE_WHITESPACE
MODULES = [
    module.name
    for module in pkgutil.walk_packages(autogen_like.__path__, "autogen_like.")
    if not module.name.endswith("__main__")
]


@pytest.mark.parametrize("name", ["autogen_like", *MODULES])
def test_the_examples_of_a_module_hold(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("OPENAI_API_KEY", raising=False)
    found = doctest.testmod(import_module(name), optionflags=OPTIONS)
    assert found.failed == 0, f"{found.failed} examples of {name} fail: see the captured output"
