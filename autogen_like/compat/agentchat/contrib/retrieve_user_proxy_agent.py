"""``autogen.agentchat.contrib.retrieve_user_proxy_agent``."""

from __future__ import annotations

from ....agents.contrib.retrieval import retrieve_user_proxy
from ..user_proxy_agent import UserProxyAgent


class RetrieveUserProxyAgent(retrieve_user_proxy.RetrieveUserProxyAgent, UserProxyAgent):
    """`autogen_like.RetrieveUserProxyAgent` for scripts of AutoGen 0.2; see `ConversableAgent`."""


__all__ = ["RetrieveUserProxyAgent"]
