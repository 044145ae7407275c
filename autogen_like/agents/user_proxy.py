"""UserProxyAgent: stands for a person, and runs tools and code for the others."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from .conversable import ConversableAgent

DEFAULT_DESCRIPTIONS = {
    "ALWAYS": "A person, who can answer questions, give feedback and decide.",
    "TERMINATE": "Stands for a person, who is asked when a conversation would end; runs tools and code.",
    "NEVER": "Runs tools and code for the others, without a person.",
}


class UserProxyAgent(ConversableAgent):
    """An agent for a person: no model, and a person is asked before each reply unless said otherwise.

    It runs no code unless ``code_execution_config`` is a dict: an empty one asks for Docker.

    Args:
        name: Unique within a conversation.
        is_termination_msg: Whether a message it is sent ends the chat.
        max_consecutive_auto_reply: How often it may answer in a row without the person.
        human_input_mode: "ALWAYS", "TERMINATE" or "NEVER".
        function_map: Functions that it runs when they are called.
        code_execution_config: Where code is run; nowhere by default.
        default_auto_reply: What it says when it has nothing to say.
        llm_config: A model, if it should have one.
        system_message: What that model is told.
        description: What it is good for; depends on the mode by default.
        **kwargs: The other arguments of `ConversableAgent`.

    Example:
        >>> UserProxyAgent("user", human_input_mode="NEVER").code_executor is None
        True
    """

    DEFAULT_USER_PROXY_AGENT_DESCRIPTIONS = DEFAULT_DESCRIPTIONS

    def __init__(
        self,
        name: str,
        is_termination_msg: Callable[[Mapping[str, Any]], Any] | None = None,
        max_consecutive_auto_reply: int | None = None,
        human_input_mode: str = "ALWAYS",
        function_map: Mapping[str, Callable[..., Any]] | None = None,
        code_execution_config: Mapping[str, Any] | bool | None = None,
        default_auto_reply: Any = "",
        llm_config: Any = False,  # a dict, an LLMConfig, a ModelClient or False
        system_message: str | None = "",
        description: str | None = None,
        **kwargs: Any,
    ) -> None:
        super().__init__(
            name,
            system_message,
            is_termination_msg,
            max_consecutive_auto_reply,
            human_input_mode,
            function_map,
            code_execution_config,
            llm_config,
            default_auto_reply,
            DEFAULT_DESCRIPTIONS.get(human_input_mode) if description is None else description,
            **kwargs,
        )
