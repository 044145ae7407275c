"""``autogen.agentchat.user_proxy_agent``."""

from __future__ import annotations

from ...agents import user_proxy
from .conversable_agent import ConversableAgent


class UserProxyAgent(user_proxy.UserProxyAgent, ConversableAgent):
    """`autogen_like.UserProxyAgent` for scripts of AutoGen 0.2; see `ConversableAgent`.

    Unlike 0.2's, it needs no Docker and runs no code unless ``code_execution_config`` is given.
    """
