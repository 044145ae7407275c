"""A group chat on the embedded model, offline and without a key.

An astronomer looks a planet up with a real tool, whose argument the model can only choose from the tool's schema; then
a model selects who goes on, until the editor has spoken. The same script runs on a stronger model: set OPENAI_API_KEY
(and OPENAI_BASE_URL), or give --model path/to.gguf.
"""

from __future__ import annotations

import asyncio
from typing import Any, Literal

from _model import arguments, llm_config

from autogen_like import (
    AssistantAgent,
    ChatResult,
    ConsolePrinter,
    GroupChat,
    GroupChatManager,
    MaxMessages,
    SaidBy,
    UserProxyAgent,
    print_usage,
)

ALMANAC = {
    "Mars": "Mars is a cold red desert, minus 65 degrees Celsius, with two small moons.",
    "Saturn": "Saturn has rings of ice and rock, and 274 known moons.",
    "Venus": "Venus is the hottest planet, 464 degrees Celsius, under thick clouds of acid.",
}


def look_up(planet: Literal["Mars", "Saturn", "Venus"]) -> str:
    """Looks up facts about a planet."""
    return ALMANAC[planet]


def member(name: str, task: str, model: dict[str, Any], **settings: Any) -> AssistantAgent:
    """A member of the group that is reminded of its task each time it speaks, which helps a small model most."""
    agent = AssistantAgent(name, f"You are a {name}.", description=task, llm_config=model, **settings)
    reminder = {"role": "user", "content": task}
    agent.register_hook("process_all_messages_before_reply", lambda messages: [*messages, reminder])
    return agent


def group(model: dict[str, Any]) -> tuple[UserProxyAgent, GroupChatManager]:
    """The user and the group's manager."""
    user = UserProxyAgent("user", human_input_mode="NEVER")
    astronomer = member(
        "astronomer",
        "Say in one sentence what you found out about the planet.",
        {**model, "tool_choice": "required"},
        tools=[look_up],
    )
    teacher = member("teacher", "Explain this to a child in one short sentence.", model)
    poet = member("poet", "Write a short rhyme about the planet.", model)
    editor = member("editor", "Sum up what was said in one short sentence.", model)
    chat = GroupChat(
        [astronomer, teacher, poet, editor],
        allowed_or_disallowed_speaker_transitions={
            astronomer: [teacher, poet],
            teacher: [poet, editor],
            poet: [editor],
        },
        speaker_transitions_type="allowed",
    )
    return user, GroupChatManager(chat, llm_config=model)


async def main(model: dict[str, Any], planet: str = "Saturn") -> ChatResult:
    """Holds the chat, with every token on the terminal as it comes, and prints what it took."""
    user, manager = group({**model, "temperature": 0, "max_tokens": 60})
    task = f"Look up the planet {planet} and tell me about it."
    run = user.run(manager, task, stop=SaidBy("editor") | MaxMessages(12))
    run.subscribe(ConsolePrinter(stream=True))
    result = await run
    print_usage(result.messages, result.usage_by_agent)
    return result


if __name__ == "__main__":
    asyncio.run(main(llm_config(arguments(__doc__).model)))
