"""The core explains itself: its examples run, and it imports no other room."""

from __future__ import annotations

import doctest
import pkgutil
import subprocess
import sys
from importlib import import_module

from autogen_like import core

MODULES = [f"autogen_like.core.{module.name}" for module in pkgutil.iter_modules(core.__path__)]


def test_the_examples_of_the_core_run() -> None:
    outcomes = {name: doctest.testmod(import_module(name)) for name in MODULES}
    assert {name for name, outcome in outcomes.items() if outcome.failed} == set()
    assert sum(outcome.attempted for outcome in outcomes.values()) > 0


def test_the_core_imports_no_other_room_and_nothing_heavy() -> None:
    source = f"""
import sys
before = set(sys.modules)
import {", ".join(MODULES)}
new = {{name for name in set(sys.modules) - before}}
print(sorted(name for name in new if name.startswith("autogen_like.") and not name.startswith("autogen_like.core")))
print(sorted({{name.partition(".")[0] for name in new}} - sys.stdlib_module_names - {{"autogen_like"}}))
"""
    done = subprocess.run([sys.executable, "-c", source], capture_output=True, text=True, check=True)
    rooms, others = done.stdout.splitlines()
    assert rooms in ("[]", "['autogen_like._version']")
    assert others == "[]"
