"""A group chat on the embedded model, offline and without a key.

An astronomer looks a planet up with a real tool, whose argument the model can only choose from the tool's schema; then
a model selects who goes on, until the editor has spoken. The same script runs on a stronger model: set OPENAI_API_KEY
(and OPENAI_BASE_URL), or give --model path/to.gguf.
"""

from __future__ import annotations

import asyncio
from typing import Any, Literal

from _model import start

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
    """A member of the group whose model is told its task last, after what was asked and looked up.

    That helps a small model most: it copies what it sees. A larger one may see all that was said.
    """
    agent = AssistantAgent(name, "You are a helpful assistant.", description=task, llm_config=model, **settings)

    def briefed(messages: list[dict[str, Any]]) -> list[dict[str, Any]]:
        if not agent.tools:
            known = [message for message in messages if message.get("name") == "user" or message["role"] == "tool"]
            messages = [{"role": "user", "content": message["content"]} for message in known]
        return [*messages, {"role": "user", "content": task}]

    agent.register_hook("process_all_messages_before_reply", briefed)
    return agent


def group(model: dict[str, Any]) -> tuple[UserProxyAgent, GroupChatManager]:
    """The user and the group's manager."""
    user = UserProxyAgent("user", human_input_mode="NEVER")
    # It must begin with a call; once it has the answer, it is free to speak.
    caller = {**model, "tool_choice": "required"}
    astronomer = member("astronomer", "What is special about this planet?", caller, tools=[look_up])
    storyteller = member("storyteller", "Begin a bedtime story about this planet with one sentence.", model)
    poet = member("poet", "Write a two-line poem about the planet.", model)
    editor = member("editor", "Write a headline about this planet.", model)
    chat = GroupChat(
        [user, astronomer, storyteller, poet, editor],
        allowed_or_disallowed_speaker_transitions={
            user: [astronomer],
            astronomer: [storyteller, poet],
            storyteller: [poet, editor],
            poet: [editor],
        },
        speaker_transitions_type="allowed",
    )
    return user, GroupChatManager(chat, llm_config=model)


async def main(model: dict[str, Any], planet: str = "Venus") -> ChatResult:
    """Holds the chat, with every token on the terminal as it comes, and prints what it took."""
    user, manager = group(model)
    task = f"Look up the planet {planet} and tell me about it."
    run = user.run(manager, task, stop=SaidBy("editor") | MaxMessages(12))
    run.subscribe(ConsolePrinter(stream=True))
    result = await run
    print_usage(result.messages, result.usage_by_agent)
    return result


if __name__ == "__main__":
    start(lambda model: asyncio.run(main(model)), temperature=0, max_tokens=60)
