"""Chats one after another: each begins with the summaries of those before.

python samples/sequential_chats.py [--model NAME_OR_GGUF]
"""

from __future__ import annotations

from typing import Any

from _model import start

from autogen_like import AssistantAgent, ChatResult, UserProxyAgent


def main(model: dict[str, Any]) -> list[ChatResult]:
    """Holds the chats."""
    user = UserProxyAgent("user", human_input_mode="NEVER")
    names = ("researcher", "writer", "editor")
    researcher, writer, editor = (
        AssistantAgent(name, f"You are a {name}. Answer in one short sentence.", llm_config=model) for name in names
    )
    results = user.initiate_chats(
        [
            {"recipient": researcher, "message": "Name one thing that bees do.", "max_turns": 1},
            {"recipient": writer, "message": "Write a sentence for children about this.", "max_turns": 1},
            {
                "recipient": editor,
                "message": "Give this a title.",
                "max_turns": 1,
                # The editor reads what was written, not the notes that it was written from.
                "finished_chat_indexes_to_exclude_from_carryover": [0],
            },
        ]
    )
    print("Title:", results[-1].summary)
    return results


if __name__ == "__main__":
    start(main, temperature=0, max_tokens=60)
