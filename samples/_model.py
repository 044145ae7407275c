"""Which model the samples speak to: ``--model``, OpenAI's (or compatible) with a key, or the embedded one."""

from __future__ import annotations

import argparse
import os
from pathlib import Path
from typing import Any

EMBEDDED = "local:smollm2-135m"


def llm_config(model: str | None = None) -> dict[str, Any]:
    """An ``llm_config`` for a sample.

    Args:
        model: A model's name, or the path of a GGUF file. Without it, ``OPENAI_MODEL`` if ``OPENAI_API_KEY`` is set
            (``OPENAI_BASE_URL`` says where), and the embedded model otherwise, which needs neither key nor network.
    """
    if model is not None:
        return {"model": f"local:{model}" if Path(model).is_file() else model}
    if os.environ.get("OPENAI_API_KEY"):
        return {"model": os.environ.get("OPENAI_MODEL", "gpt-4.1-mini")}
    return {"model": EMBEDDED}


def arguments(description: str | None) -> argparse.Namespace:
    """The command line that all samples share."""
    parser = argparse.ArgumentParser(description=description)
    parser.add_argument("--model", help="a model's name, or the path of a GGUF file; the embedded model by default")
    return parser.parse_args()
