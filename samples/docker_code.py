"""A coder writes code, a runner runs it in Docker; the error goes back, and the coder mends it.

python samples/docker_code.py [--model NAME_OR_GGUF] [--image IMAGE]

Needs a Docker engine and pip install 'autogen_like[docker]'. Without a key or a model the coder's words are scripted.
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
    DockerCommandLineCodeExecutor,
    ScriptedModel,
    UserProxyAgent,
)

CODER = (
    "You solve tasks with Python. Answer with one complete program in a ```python block; it is run, and you are told "
    "what it prints. Mend what fails. Once its output answers the task, say the answer, and TERMINATE."
)
SCRIPT = (
    "```python\nprint(sum(prime for prime in range(50) if is_prime(prime)))\n```",
    (
        "I forgot a function.\n```python\ndef is_prime(n):\n    return n > 1 and all(n % d for d in range(2, n))\n\n"
        "print(sum(prime for prime in range(50) if is_prime(prime)))\n```"
    ),
    "The sum is 328. TERMINATE",
)


def main(model: dict[str, Any], executor: DockerCommandLineCodeExecutor) -> ChatResult:
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
    return runner.initiate_chat(coder, message="What is the sum of the primes below 50?")


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--model", help="a model's name, or the path of a GGUF file; scripted words by default")
    parser.add_argument("--image", default="python:3-slim", help="the container's image")
    arguments = parser.parse_args()
    scripted = arguments.model is None and not os.environ.get("OPENAI_API_KEY")
    try:
        with DockerCommandLineCodeExecutor(arguments.image, timeout=30) as chosen:
            main({"model": ScriptedModel(list(SCRIPT))} if scripted else llm_config(arguments.model), chosen)
    except AutogenLikeError as error:
        sys.exit(f"\n{error}")
