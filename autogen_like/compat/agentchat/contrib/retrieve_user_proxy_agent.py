"""``autogen.agentchat.contrib.retrieve_user_proxy_agent``."""

from __future__ import annotations

from typing import Any

from ....agents.contrib.retrieval import retrieve_user_proxy
from ...token_count_utils import get_max_token_limit
from ..user_proxy_agent import UserProxyAgent


class RetrieveUserProxyAgent(retrieve_user_proxy.RetrieveUserProxyAgent, UserProxyAgent):
    """`autogen_like.RetrieveUserProxyAgent` for scripts of AutoGen 0.2; see `ConversableAgent`."""

    @property
    def _docs_path(self) -> Any:
        return self._settings.docs_path

    @staticmethod
    def get_max_tokens(model: str = "gpt-3.5-turbo-0613") -> int:
        """How many tokens a model's window has.

        Example:
            >>> RetrieveUserProxyAgent.get_max_tokens("gpt-4")
            8192
        """
        return get_max_token_limit(model)


__all__ = ["RetrieveUserProxyAgent"]
