"""A nested chat: before the writer answers, it has a chat of its own with a critic.

python samples/nested_chat.py [--model NAME_OR_GGUF]
"""

from __future__ import annotations

from typing import Any

from _model import start

from autogen_like import AssistantAgent, ChatResult, UserProxyAgent


def main(model: dict[str, Any]) -> ChatResult:
    """Holds the chat; all that was said inside is counted in its result."""
    user = UserProxyAgent("user", human_input_mode="NEVER")
    writer = AssistantAgent("writer", "You are a writer.", llm_config=False)
    drafter = AssistantAgent("drafter", "You write one short sentence.", llm_config=model)
    critic = AssistantAgent("critic", "You improve a sentence, and answer with that alone.", llm_config=model)
    writer.register_nested_chats(
        [
            {"recipient": drafter, "max_turns": 1},  # begins with the user's message
            {"recipient": critic, "message": "Improve this sentence.", "max_turns": 1},
        ],
        trigger=user,
    )
    result = user.initiate_chat(writer, message="Write a sentence about the sea.", max_turns=1)
    print("Said by the way:", {name: ledger.total.requests for name, ledger in result.usage_by_agent.items()})
    return result


if __name__ == "__main__":
    start(main, temperature=0, max_tokens=60)
