"""A coder draws in a Jupyter kernel: the error goes back, it is mended with what is there, and the image comes back.

python samples/jupyter_code.py [--model NAME_OR_GGUF]

Runs code in a kernel on this machine, which is no sandbox. Needs pip install 'autogen_like[jupyter]'. Without a key or
a model the coder's words are scripted.
"""

from __future__ import annotations

import argparse
import os
import sys
from typing import Any

from _model import llm_config

from autogen_like import (
    AssistantAgent,
    AutogenLikeError,
    ChatResult,
    JupyterCodeExecutor,
    ScriptedModel,
    UserProxyAgent,
)

CODER = (
    "You solve tasks with Python, in ```python blocks that run in one Jupyter kernel: what a block defines, later "
    "blocks know. You are told what a block prints, and see the images that it displays. Mend what fails; when the "
    "task is done, say so, and TERMINATE."
)
DRAW = """```python
import struct, zlib

def chunk(kind, data):
    return struct.pack("!I", len(data)) + kind + data + struct.pack("!I", zlib.crc32(kind + data))

rows = b"".join(b"\\0" + bytes(v for x in range(64) for v in (4 * x, 4 * y, 128)) for y in range(64))
drawn = head + chunk(b"IDAT", zlib.compress(rows)) + chunk(b"IEND", b"")
```"""
MEND = """I forgot the head; the rest is still there.
```python
from IPython.display import Image, display

head = b"\\x89PNG\\r\\n\\x1a\\n" + chunk(b"IHDR", struct.pack("!2I5B", 64, 64, 8, 2, 0, 0, 0))
display(Image(head + chunk(b"IDAT", zlib.compress(rows)) + chunk(b"IEND", b"")))
```"""
SCRIPT = (DRAW, MEND, "A square of 64 by 64 that goes from blue to white. TERMINATE")


def main(model: dict[str, Any], executor: JupyterCodeExecutor) -> ChatResult:
    """Holds the chat.

    Args:
        model: The coder's ``llm_config``.
        executor: Where its code runs.
    """
    coder = AssistantAgent("coder", CODER, llm_config=model)
    runner = UserProxyAgent(
        "runner",
        human_input_mode="NEVER",
        max_consecutive_auto_reply=5,
        code_execution_config={"executor": executor},
        default_auto_reply="Write the program.",
    )
    return runner.initiate_chat(coder, message="Draw a square with a gradient, without any plotting library.")


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--model", help="a model's name, or the path of a GGUF file; scripted words by default")
    arguments = parser.parse_args()
    scripted = arguments.model is None and not os.environ.get("OPENAI_API_KEY")
    try:
        with JupyterCodeExecutor(timeout=30, output_dir="jupyter_output") as chosen:
            main({"model": ScriptedModel(list(SCRIPT))} if scripted else llm_config(arguments.model), chosen)
    except AutogenLikeError as error:
        sys.exit(f"\n{error}")
