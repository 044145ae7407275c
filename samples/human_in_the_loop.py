"""A person in the loop, at the terminal: type feedback, press Enter to let the agents go on, or type "exit".

python samples/human_in_the_loop.py [--model NAME_OR_GGUF]
"""

from __future__ import annotations

from typing import Any

from _model import start

from autogen_like import AssistantAgent, ChatResult, UserProxyAgent


def main(model: dict[str, Any], mode: str = "ALWAYS") -> ChatResult:
    """Holds the chat.

    Args:
        model: The writer's ``llm_config``.
        mode: "ALWAYS" asks the person before each reply, "TERMINATE" only when the chat would end.
    """
    writer = AssistantAgent("writer", "You write slogans. Answer with one short slogan.", llm_config=model)
    person = UserProxyAgent(
        "person",
        human_input_mode=mode,
        max_consecutive_auto_reply=1 if mode == "TERMINATE" else None,
        default_auto_reply="Write another one.",
    )
    result = person.initiate_chat(writer, message="A slogan for a small bakery, please.")
    print(f"The person said {result.human_input}; the chat ended: {result.stop_reason}")
    return result


if __name__ == "__main__":
    start(main, temperature=0, max_tokens=40)
