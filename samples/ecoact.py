"""An agent with 200 real tools on the embedded model, which sees their names and registers the one that it needs.

python samples/ecoact.py [--model NAME_OR_GGUF] [--layout native|inline] [--question TEXT]

The first call must be made (``tool_choice="required"``), so the grammar lets the embedded model write nothing but a
registration of one of the 200 names; then the tool that it registered must be called, and its own schema constrains the
call. A model of 135 million parameters often names a tool that doesn't fit, unless the question names it. What it can't
do is name one that isn't there, or leave out an argument. All 200 schemas would be some 14,000 tokens, and its window
has 8,192.
"""

from __future__ import annotations

import argparse
import asyncio
import sys
from collections.abc import Sequence
from typing import Any

from _model import llm_config
from ecoact_tools import standard_library

from autogen_like import AssistantAgent, AutogenLikeError, ChatResult, MaxMessages, Message, UserProxyAgent
from autogen_like.ecoact import SelectiveToolbox, ToolRegistered

QUESTION = "What is the square root of 1764? Use the tool math_sqrt."
SYSTEM = "You answer questions with tools. Register the tool that the question needs, then call it."


STEPS = (("{question}", "required"), ("Now call it.", "registered"), ("Now answer the question.", None))


async def answered(model: dict[str, Any], question: str, box: SelectiveToolbox) -> ChatResult:
    """Asks in three steps, since a small model keeps to no plan: register, call, answer.

    Args:
        model: The ``llm_config``.
        question: What to ask.
        box: The tools.
    """
    clerk = AssistantAgent("clerk", SYSTEM, llm_config=model, tools=box)
    user = UserProxyAgent("user", human_input_mode="NEVER", code_execution_config=False)
    registered: list[str] = []
    said = 0
    for text, choice in STEPS:
        name = registered[-1] if registered and choice == "registered" else None
        clerk.tool_choice = {"type": "function", "function": {"name": name}} if name else choice
        message = text.format(question=question)
        stop = MaxMessages(3) if choice else MaxMessages(2)
        run = user.run(clerk, message=message, clear_history=said == 0, stop=stop, silent=True)
        async for event in run:
            if isinstance(event, ToolRegistered):
                registered.append(event.tool)
                print(f"registered {event.tool}: {event.tokens} tokens in each request from now on")
        result = await run
        tell(result.messages[said:])
        said = len(result.messages)
    return result


def tell(messages: Sequence[Message]) -> None:
    for message in messages:
        for call in message.tool_calls:
            print(f"{message.speaker} calls {call.name}({call.arguments})")
        for given in message.tool_results:
            print(f"  {given.name}: {given.content[:200]}")
        if message.text:
            print(f"{message.speaker}: {message.text[:300]}")


def main(model: dict[str, Any], question: str = QUESTION, layout: Any = "native") -> ChatResult:
    box = SelectiveToolbox(standard_library(), layout=layout)
    print(f"{len(box)} tools\n{box.forecast()}\n")
    result = asyncio.run(answered(model, question, box))
    print(f"\n{box.report(result)}")
    return result


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--model", help="a model's name, or the path of a GGUF file; the embedded model by default")
    parser.add_argument("--layout", choices=["native", "inline"], default="native")
    parser.add_argument("--question", default=QUESTION)
    options = parser.parse_args()
    try:
        main({**llm_config(options.model), "max_tokens": 120}, options.question, options.layout)
    except AutogenLikeError as error:
        sys.exit(f"\n{error}")
