"""AssistantAgent: a model that solves tasks, by itself or with code that others run."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from .conversable import ConversableAgent

DEFAULT_SYSTEM_MESSAGE = """You are a capable assistant. Work on the task step by step, and say which step you are at.
Where you need to find something out (search, read a file, ask the system) or to get something done, write a complete
Python (```python) or shell (```sh) code block; the user runs it as it is and tells you what it printed, so print what
you need to know, leave nothing to be filled in, and write no more than one block in a message. Begin a block with
`# filename: <name>` if it should be kept as a file. When a run fails, find the cause, correct it and give the whole
code again. Check each answer, and the evidence for it, before you give it.
Reply "TERMINATE" at the end, once everything is done."""

DEFAULT_DESCRIPTION = "A capable assistant that solves tasks with a language model, and writes code for others to run."


class AssistantAgent(ConversableAgent):
    """An agent with a model and, by default, no person and no code execution of its own.

    Args:
        name: Unique within a conversation.
        system_message: What its model is told about itself.
        llm_config: Its model.
        is_termination_msg: Whether a message it is sent ends the chat.
        max_consecutive_auto_reply: How often it may answer in a row.
        human_input_mode: "NEVER" by default.
        description: What it is good for.
        **kwargs: The other arguments of `ConversableAgent`.

    Example:
        >>> from autogen_like import ScriptedModel
        >>> AssistantAgent("ada", llm_config=ScriptedModel(["Hi"])).human_input_mode
        'NEVER'
    """

    DEFAULT_SYSTEM_MESSAGE = DEFAULT_SYSTEM_MESSAGE
    DEFAULT_DESCRIPTION = DEFAULT_DESCRIPTION

    def __init__(
        self,
        name: str,
        system_message: str | None = DEFAULT_SYSTEM_MESSAGE,
        llm_config: Any = None,  # a dict, an LLMConfig, a ModelClient or False
        is_termination_msg: Callable[[Mapping[str, Any]], Any] | None = None,
        max_consecutive_auto_reply: int | None = None,
        human_input_mode: str = "NEVER",
        description: str | None = None,
        **kwargs: Any,
    ) -> None:
        if description is None and system_message == DEFAULT_SYSTEM_MESSAGE:
            description = DEFAULT_DESCRIPTION
        super().__init__(
            name,
            system_message,
            is_termination_msg,
            max_consecutive_auto_reply,
            human_input_mode,
            llm_config=llm_config,
            description=description,
            **kwargs,
        )
