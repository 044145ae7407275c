"""AutoGen 0.2 for old scripts: ``import autogen_like.compat as autogen``.

What is good of its vocabulary is in `autogen_like` itself. Here is what exists only for scripts as they are: its module
paths, its private names, and what the newer package does in another way. Nothing but the command line imports it.
"""

from __future__ import annotations

from importlib import import_module
from typing import Any

from .agentchat import (
    Agent,
    AssistantAgent,
    ChatResult,
    ConversableAgent,
    GroupChat,
    GroupChatManager,
    UserProxyAgent,
    gather_usage_summary,
    initiate_chats,
    register_function,
)
from .agentchat._state import UPDATE_SYSTEM_MESSAGE, UpdateSystemMessage
from .agentchat.contrib.swarm_agent import (
    AFTER_WORK,
    ON_CONDITION,
    AfterWork,
    AfterWorkOption,
    OnCondition,
    SwarmAgent,
    SwarmResult,
    a_initiate_swarm_chat,
    initiate_swarm_chat,
    register_hand_off,
)
from .code_utils import DEFAULT_MODEL, FAST_MODEL
from .exception_utils import (
    AgentNameConflict,
    InvalidCarryOverType,
    NoEligibleSpeaker,
    SenderRequired,
    UndefinedNextAgent,
)
from .llm_config import LLMConfig
from .oai import (
    Cache,
    ChatCompletion,
    Completion,
    ModelClient,
    OpenAIWrapper,
    config_list_from_dotenv,
    config_list_from_json,
    config_list_from_models,
    config_list_gpt4_gpt35,
    config_list_openai_aoai,
    filter_config,
    get_config_list,
)
from .version import __version__

_MODULES = (
    "agentchat", "cache", "code_utils", "coding", "exception_utils", "formatting_utils", "function_utils",
    "graph_utils", "io", "logger", "math_utils", "oai", "runtime_logging", "token_count_utils", "types", "version",
)  # fmt: skip


def __getattr__(name: str) -> Any:
    """The submodules, which ``import autogen`` makes attributes."""
    if name in _MODULES:
        return import_module(f"{__name__}.{name}")
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")


__all__ = [
    "AFTER_WORK",
    "DEFAULT_MODEL",
    "FAST_MODEL",
    "ON_CONDITION",
    "UPDATE_SYSTEM_MESSAGE",
    "AfterWork",
    "AfterWorkOption",
    "Agent",
    "AgentNameConflict",
    "AssistantAgent",
    "Cache",
    "ChatCompletion",
    "ChatResult",
    "Completion",
    "ConversableAgent",
    "GroupChat",
    "GroupChatManager",
    "InvalidCarryOverType",
    "LLMConfig",
    "ModelClient",
    "NoEligibleSpeaker",
    "OnCondition",
    "OpenAIWrapper",
    "SenderRequired",
    "SwarmAgent",
    "SwarmResult",
    "UndefinedNextAgent",
    "UpdateSystemMessage",
    "UserProxyAgent",
    "__version__",
    "a_initiate_swarm_chat",
    "config_list_from_dotenv",
    "config_list_from_json",
    "config_list_from_models",
    "config_list_gpt4_gpt35",
    "config_list_openai_aoai",
    "filter_config",
    "gather_usage_summary",
    "get_config_list",
    "initiate_chats",
    "initiate_swarm_chat",
    "register_function",
    "register_hand_off",
]
