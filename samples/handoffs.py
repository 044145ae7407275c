"""A swarm: a first agent hands the conversation to the one who knows, who asks another as a tool; nothing selects.

python samples/handoffs.py [--model NAME_OR_GGUF]
"""

from __future__ import annotations

from typing import Any

from _model import start

from autogen_like import AssistantAgent, ChatResult, GroupChat, GroupChatManager, Handoff, UserProxyAgent


def main(model: dict[str, Any]) -> ChatResult:
    """Holds the chat."""
    historian = AssistantAgent(
        "historian", "You answer with one short fact.", llm_config=model, description="Knows the history of rivers."
    )
    guide = AssistantAgent(
        "guide",
        "You know rivers. Ask the historian about the past, then answer in one sentence.",
        llm_config=model,
        description="Answers questions about rivers.",
        tools=[historian.as_tool()],
    )
    desk = AssistantAgent(
        "desk",
        "You hand every question over to the guide.",
        llm_config={**model, "tool_choice": "required"},
        tools=[Handoff(guide)],
    )
    user = UserProxyAgent("user", human_input_mode="NEVER")
    group = GroupChat([desk, guide], speaker_selection_method="handoff")
    result = user.initiate_chat(GroupChatManager(group), message="When did the Rhine last flood?")
    print("Who spoke:", [message.speaker for message in result.messages])
    return result


if __name__ == "__main__":
    start(main, temperature=0, max_tokens=60)
