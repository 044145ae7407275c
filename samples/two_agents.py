"""Two agents talk: one asks, the other answers, until the turns are used up.

python samples/two_agents.py [--model NAME_OR_GGUF]
"""

from __future__ import annotations

from typing import Any

from _model import start

from autogen_like import AssistantAgent, ChatResult, print_usage


def main(model: dict[str, Any]) -> ChatResult:
    """Holds the chat."""
    pupil = AssistantAgent(
        "pupil", "You are a curious pupil. Ask one short question about what you were told.", llm_config=model
    )
    teacher = AssistantAgent("teacher", "You are a teacher. Answer in one short sentence.", llm_config=model)
    result = pupil.initiate_chat(teacher, message="Why is the sky blue?", max_turns=2)
    print_usage(result.messages, result.usage_by_agent)
    return result


if __name__ == "__main__":
    start(main, temperature=0, max_tokens=60)
