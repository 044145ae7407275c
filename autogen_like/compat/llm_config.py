"""AG2's ``LLMConfig``: a configuration that can be the default of the agents made in a ``with`` block."""

from __future__ import annotations

from collections.abc import Mapping
from contextvars import ContextVar, Token
from pathlib import Path
from typing import Any, Self

from ..models import config
from ..models.config_lists import config_list_from_json

_current: ContextVar[LLMConfig | None] = ContextVar("llm_config", default=None)


class LLMConfig(config.LLMConfig):
    """`autogen_like.LLMConfig` with AG2's ways to use it.

    Example:
        >>> from autogen_like.compat import ConversableAgent
        >>> with LLMConfig(model="gpt-4.1-mini", api_key="sk-secret"):
        ...     agent = ConversableAgent("ada")
        >>> agent.llm_config["model"]
        'gpt-4.1-mini'
    """

    __slots__ = ("_tokens",)

    def __init__(self, *configs: Any, **settings: Any) -> None:
        given: Any = list(configs) if len(configs) > 1 else configs[0] if configs else None
        super().__init__(given, **settings)
        self._tokens: list[Token[LLMConfig | None]] = []

    @classmethod
    def from_json(
        cls,
        *,
        env: str | None = None,
        path: str | Path | None = None,
        file_location: str | None = None,
        filter_dict: Mapping[str, Any] | None = None,
        **settings: Any,
    ) -> LLMConfig:
        """A configuration with the list from an environment variable or a file; see `config_list_from_json`."""
        name = env or str(path or "OAI_CONFIG_LIST")
        return cls(config_list=config_list_from_json(name, file_location or "", filter_dict), **settings)

    @staticmethod
    def current() -> LLMConfig | None:
        """The configuration of the ``with`` block around, if there is one."""
        return _current.get()

    @classmethod
    def get_current_llm_config(cls) -> LLMConfig | None:
        """The same, by AG2's name."""
        return cls.current()

    def __enter__(self) -> Self:
        self._tokens.append(_current.set(self))
        return self

    def __exit__(self, *_: object) -> None:
        _current.reset(self._tokens.pop())
