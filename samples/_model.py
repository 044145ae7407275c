"""What the samples share: their command line, the model they speak to, and how they end."""

from __future__ import annotations

import argparse
import os
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

from autogen_like import AutogenLikeError

EMBEDDED = "local:smollm2-135m"


def llm_config(model: str | None = None) -> dict[str, Any]:
    """An ``llm_config`` for a sample.

    Args:
        model: A model's name, or the path of a GGUF file. Without it, ``OPENAI_MODEL`` if ``OPENAI_API_KEY`` is set
            (``OPENAI_BASE_URL`` says where), and the embedded model otherwise, which needs neither key nor network.
    """
    if model is not None:
        local = model.endswith(".gguf") or Path(model).is_file()
        return {"model": f"local:{model}" if local and not model.startswith("local:") else model}
    if os.environ.get("OPENAI_API_KEY"):
        return {"model": os.environ.get("OPENAI_MODEL", "gpt-4.1-mini")}
    return {"model": EMBEDDED}


def start(main: Callable[[dict[str, Any]], object], **settings: Any) -> None:
    """Runs a sample from the command line; what a person can mend, and Ctrl-C, end it with one line.

    Args:
        main: The sample.
        **settings: What its ``llm_config`` holds beside the model.
    """
    parser = argparse.ArgumentParser(description=sys.modules["__main__"].__doc__)
    parser.add_argument("--model", help="a model's name, or the path of a GGUF file; the embedded model by default")
    try:
        main({**llm_config(parser.parse_args().model), **settings})
    except KeyboardInterrupt:
        print("\nInterrupted.")
    except AutogenLikeError as error:
        sys.exit(f"\n{error}")
