"""``autogen.agentchat.contrib.retrieve_user_proxy_agent``."""

from __future__ import annotations

import warnings
from collections.abc import Callable, Mapping
from typing import Any

from ....agents.contrib.retrieval import retrieve_user_proxy
from ....core.errors import ConfigError
from ...token_count_utils import get_max_token_limit
from ..user_proxy_agent import UserProxyAgent

PROMPT_DEFAULT, PROMPT_CODE, PROMPT_QA = (retrieve_user_proxy.PROMPTS[task] for task in ("default", "code", "qa"))


class RetrieveUserProxyAgent(retrieve_user_proxy.RetrieveUserProxyAgent, UserProxyAgent):
    """`autogen_like.RetrieveUserProxyAgent` for scripts of AutoGen 0.2; see `ConversableAgent`.

    ``retrieve_config`` may have 0.2's "embedding_model", of which a warning says that texts are compared by their words
    instead, and "extra_docs", which isn't needed.

    Raises:
        ConfigError: If a setting can't be right; a Chroma "client" is none.
    """

    def __init__(
        self,
        name: str = "RetrieveChatAgent",
        human_input_mode: str = "ALWAYS",
        is_termination_msg: Callable[[Mapping[str, Any]], Any] | None = None,
        retrieve_config: Mapping[str, Any] | None = None,
        **kwargs: Any,
    ) -> None:
        super().__init__(name, human_input_mode, is_termination_msg, _settings(retrieve_config or {}), **kwargs)

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


def _settings(config: Mapping[str, Any]) -> dict[str, Any]:
    if config.get("client") is not None:
        raise ConfigError(
            "retrieve_config: there is no Chroma here: leave 'client' out, and say where vectors are kept with "
            "'vector_db' and 'db_config'"
        )
    if config.get("embedding_model") and config.get("embedding_function") is None:
        warnings.warn(
            f"retrieve_config: the embedding_model {config['embedding_model']!r} isn't fetched, and texts are compared "
            "by their words; give an embedding_function of texts to vectors that asks a model",
            stacklevel=3,
        )
    return {key: value for key, value in config.items() if key not in ("client", "embedding_model", "extra_docs")}


__all__ = ["PROMPT_CODE", "PROMPT_DEFAULT", "PROMPT_QA", "RetrieveUserProxyAgent"]
