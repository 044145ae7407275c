"""``autogen.oai.completion``: retired since openai 1.0; kept so that old imports say what to use."""

from __future__ import annotations

from typing import Any, NoReturn

from ...core.errors import ConfigError


class Completion:
    """What was asked with openai before 1.0."""

    @classmethod
    def create(cls, *_: Any, **__: Any) -> NoReturn:
        """Says what to use instead.

        Raises:
            ConfigError: Always.
        """
        raise ConfigError(f"autogen.{cls.__name__} is retired: use OpenAIWrapper(config_list=...).create(messages=...)")

    tune = test = clear_cache = set_cache = start_logging = create


class ChatCompletion(Completion):
    """The same, for chats."""
