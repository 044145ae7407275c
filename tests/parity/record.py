"""Runs every scenario and writes down what came of it: in AutoGen 0.2's environment, ``python record.py FILE``."""

from __future__ import annotations

import json
import sys
import warnings
from pathlib import Path
from typing import Any

import scenarios_parts  # noqa: F401 - to register its scenarios
import scenarios_talk  # noqa: F401
from scenarios import SCENARIOS


def outcome(ag: Any, name: str) -> Any:
    """A scenario's outcome as JSON; what raises is recorded as such."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        try:
            found = SCENARIOS[name](ag)
        except Exception as error:
            found = {"raised": type(error).__name__}
    return json.loads(json.dumps(found, default=str))


if __name__ == "__main__":
    import autogen

    outcomes = {name: outcome(autogen, name) for name in SCENARIOS}
    Path(sys.argv[1]).write_text(json.dumps(outcomes, indent=1, sort_keys=True) + "\n")
