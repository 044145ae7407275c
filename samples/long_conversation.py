"""A long conversation seen by a model with little room: its past is summed up, and what is left always fits.

python samples/long_conversation.py [--model NAME_OR_GGUF]
"""

from __future__ import annotations

import asyncio
from typing import Any

from _model import start

from autogen_like import AssistantAgent, ChatResult, Event, MaxMessages, MessageAdded, Notice
from autogen_like.agents.context import Compact, FitWindow, ShortenToolResults

TOPICS = ["the sea", "the moon", "bees", "bread", "clocks", "snow", "maps", "ink"]


async def main(model: dict[str, Any], turns: int = 12) -> ChatResult:
    """Holds the chat, and prints what is said and what is summed up."""
    guide = AssistantAgent(
        "guide",
        "You tell a visitor of a museum about things, in two short sentences.",
        llm_config=model,
        # Old results of tools get short, then the past is summed up, and in any case it fits the model's window.
        context=ShortenToolResults(10) | Compact(at=200, keep=80) | FitWindow("drop"),
    )
    visitor = AssistantAgent("visitor")
    topics = iter(TOPICS * turns)
    visitor.register_reply(AssistantAgent, lambda *_, **__: (True, f"And what about {next(topics)}?"))

    def show(event: Event) -> None:
        if isinstance(event, MessageAdded):
            print(f"{event.message.speaker}: {event.message.text}\n")
        elif isinstance(event, Notice) and event.kind == "info":
            print(f"({event.text})\n")

    run = visitor.run(guide, "Tell me something about paper.", stop=MaxMessages(turns))
    run.subscribe(show, deltas=False)
    result = await run
    print(f"{len(result.messages)} messages were said; the chat ended: {result.stop_reason}")
    return result


if __name__ == "__main__":
    start(lambda model: asyncio.run(main(model)), temperature=0, max_tokens=40)
