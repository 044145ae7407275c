"""A group chat in turn, in which one agent's model calls a tool and another agent runs it.

python samples/group_chat_with_tool.py [--model NAME_OR_GGUF]
"""

from __future__ import annotations

from typing import Annotated, Any

from _model import start

from autogen_like import (
    AssistantAgent,
    ChatResult,
    GroupChat,
    GroupChatManager,
    UserProxyAgent,
    print_usage,
    register_function,
)


def to_fahrenheit(celsius: Annotated[float, "degrees Celsius"]) -> str:
    """Converts a temperature."""
    return f"{celsius} degrees Celsius are {celsius * 9 / 5 + 32} degrees Fahrenheit."


def main(model: dict[str, Any]) -> ChatResult:
    """Holds the chat."""
    asker = AssistantAgent(
        "converter", "You convert temperatures with the tool.", llm_config={**model, "tool_choice": "required"}
    )
    runner = UserProxyAgent("runner", human_input_mode="NEVER")
    writer = AssistantAgent("writer", "You repeat the result in one short sentence.", llm_config=model)
    register_function(to_fahrenheit, caller=asker, executor=runner, description="Converts a temperature.")

    group = GroupChat([asker, runner, writer], max_round=4, speaker_selection_method="round_robin")
    user = UserProxyAgent("user", human_input_mode="NEVER")
    result = user.initiate_chat(GroupChatManager(group), message="How warm are 30 degrees Celsius in Fahrenheit?")
    print_usage(result.messages, result.usage_by_agent)
    return result


if __name__ == "__main__":
    start(main, temperature=0, max_tokens=60)
