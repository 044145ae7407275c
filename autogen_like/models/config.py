"""``llm_config``: what it may hold, and the model client that it stands for."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from functools import lru_cache, partial
from pathlib import Path
from typing import Any, TypeAlias

from ..core.errors import ConfigError
from ..core.protocols import fits
from .cache import AbstractCache, Cache, Cached
from .client import ModelClient, ModelResponse
from .config_lists import (
    config_list_from_dotenv,
    config_list_from_json,
    config_list_from_models,
    config_list_gpt4_gpt35,
    config_list_openai_aoai,
    filter_config,
    get_config_list,
)
from .custom import CustomClient
from .endpoint import API_TYPES
from .fallback import Fallback
from .pricing import check_price
from .ratelimit import RateLimit
from .retry import Retry

Custom: TypeAlias = "Mapping[str, type[Any] | Callable[[dict[str, Any]], Any]]"
"""Registered custom clients by the name of their class; a function takes the entry and makes one."""

_LOCAL = "local:"
_SECRET = ("key", "token", "secret", "password", "headers", "query")
_IN_ADDRESS = re.compile(r"(?<=://)[^/?#]*(?=@)|(?<=\?).+", re.DOTALL)  # who asks, and with what
DEFAULT_RETRIES = 2


class LLMConfig(Mapping[str, Any]):
    """A checked ``llm_config``: read like a dict, never changed, and without its keys when it is printed.

    Args:
        config: A dict as AutoGen 0.2 takes it, with ``model`` or ``config_list``; or a list of entries, or the name of
            a model.
        **settings: Further settings, which win: for all entries, where they don't say otherwise themselves.

    Raises:
        ConfigError: If something in it cannot be; the message names the setting and the cure.

    Example:
        >>> LLMConfig(model="gpt-4.1-mini", api_key="sk-secret", temperature=0)
        LLMConfig({'model': 'gpt-4.1-mini', 'api_key': '***', 'temperature': 0})
    """

    __slots__ = ("_settings", "entries")

    def __init__(
        self, config: Mapping[str, Any] | Sequence[Mapping[str, Any]] | str | None = None, /, **settings: Any
    ) -> None:
        if isinstance(config, str):
            config = {"model": config}
        elif config is not None and not isinstance(config, Mapping):
            config = {"config_list": list(config)}
        self._settings: dict[str, Any] = {**(config or {}), **settings}
        self.entries: tuple[dict[str, Any], ...] = tuple(_entries(self._settings))
        """One dict for each model, with the common settings in it."""

    def __getitem__(self, key: str) -> Any:
        return self._settings[key]

    def __iter__(self) -> Iterator[str]:
        return iter(self._settings)

    def __len__(self) -> int:
        return len(self._settings)

    def __repr__(self) -> str:
        return f"LLMConfig({_masked(self._settings)!r})"

    def replace(self, **settings: Any) -> LLMConfig:
        """A new one with other settings."""
        return LLMConfig(self, **settings)

    def where(self, **wanted: Any) -> LLMConfig:
        """A new one with the entries that match: see `filter_config`.

        Raises:
            ConfigError: If none does.
        """
        found = filter_config(self.entries, wanted)
        if not found:
            raise ConfigError(f"no entry of the config_list matches {_masked(wanted)}")
        return LLMConfig({key: value for key, value in self._settings.items() if key != "model"}, config_list=found)


def _entries(settings: Mapping[str, Any]) -> Iterator[dict[str, Any]]:
    if not settings:
        raise ConfigError("llm_config is empty: name a model, as {'model': 'gpt-4.1-mini'}, or use False for none")
    listed = settings.get("config_list")
    common = {key: value for key, value in settings.items() if key != "config_list"}
    if listed is None:
        yield _checked(common, "llm_config")
        return
    if isinstance(listed, str | Mapping) or not isinstance(listed, Sequence):
        raise ConfigError(f"'config_list' must be a list of dicts, not {type(listed).__name__}")
    if not listed:
        raise ConfigError(
            "'config_list' is empty: give it an entry such as {'model': 'gpt-4.1-mini'}; if it was read and filtered, "
            "the file or the filter has nothing for it"
        )
    for index, entry in enumerate(listed):
        if not isinstance(entry, Mapping):
            raise ConfigError(f"config_list[{index}] must be a dict, not {type(entry).__name__}")
        yield _checked({**common, **entry}, f"config_list[{index}]")


def _checked(entry: dict[str, Any], where: str) -> dict[str, Any]:
    model = entry.get("model")
    named = isinstance(model, str) and bool(model.strip())
    if not named and not fits(model, ModelClient) and "model_client_cls" not in entry:
        raise ConfigError(
            f"{where}: 'model' must name a model, as 'gpt-4.1-mini' or 'local:smollm2-135m', or be a model client; "
            f"it is {model!r}"
        )
    api_type = entry.get("api_type")
    if api_type is not None and str(api_type).lower() not in API_TYPES and "model_client_cls" not in entry:
        raise ConfigError(
            f"{where}: 'api_type' must be one of {', '.join(API_TYPES)}, not {api_type!r}; any other "
            "OpenAI-compatible service works with 'base_url' and no 'api_type'"
        )
    retries = entry.get("max_retries")
    if retries is not None and (not isinstance(retries, int) or retries < 0):
        raise ConfigError(f"{where}: 'max_retries' must be a whole number of at least 0, not {retries!r}")
    rate = entry.get("api_rate_limit")
    if rate is not None and (not isinstance(rate, int | float) or rate <= 0):
        raise ConfigError(f"{where}: 'api_rate_limit' must be requests a second, above 0, not {rate!r}")
    seed = entry.get("cache_seed")
    if seed is not None and not isinstance(seed, int | str):
        raise ConfigError(f"{where}: 'cache_seed' must be a whole number, or None for no cache, not {seed!r}")
    check_price(entry.get("price"))
    return entry


class Settings(dict[str, Any]):
    """The settings of an agent's ``llm_config``: a dict like any other, but printed without its keys."""

    def __repr__(self) -> str:
        return repr(_masked(self))


def _masked(value: Any) -> Any:
    if isinstance(value, Mapping):
        return {key: "***" if item and _is_secret(str(key)) else _masked(item) for key, item in value.items()}
    if isinstance(value, str) and "://" in value:
        return _IN_ADDRESS.sub("***", value)
    if isinstance(value, list | tuple):
        return [_masked(item) for item in value]
    return value


def _is_secret(key: str) -> bool:
    return not key.endswith("_tokens") and any(word in key.lower() for word in _SECRET)


def check_config(
    config: LLMConfig | Mapping[str, Any] | Sequence[Mapping[str, Any]] | ModelClient | str | bool | None,
) -> LLMConfig | ModelClient | bool:
    """An agent's ``llm_config``, checked.

    Returns:
        False where there is none (None or False); a client as it is; otherwise an `LLMConfig`.

    Raises:
        ConfigError: If something in it cannot be.
    """
    if config is None or config is False:
        return False
    if config is True:
        raise ConfigError("llm_config can't be True: name a model, as {'model': 'gpt-4.1-mini'}, or use False for none")
    if isinstance(config, LLMConfig) or (fits(config, ModelClient) and not isinstance(config, Mapping)):
        return config
    return LLMConfig(config)


def client_from(
    llm_config: LLMConfig | Mapping[str, Any] | Sequence[Mapping[str, Any]] | ModelClient | str,
    *,
    custom: Custom | None = None,
) -> ModelClient:
    """The model client that a configuration stands for. Nothing is sent, and no key is needed, until it is used.

    Args:
        llm_config: A configuration; or a client, which is used as it is.
        custom: Registered custom clients, for entries with ``model_client_cls``.

    Returns:
        For each entry a client with what its settings ask for: ``api_rate_limit`` (requests a second),
        ``max_retries`` (2 by default, for endpoints), ``cache_seed`` (none by default). Several entries are asked in
        order, until one answers.

    Raises:
        ConfigError: If something in it cannot be.
    """
    if fits(llm_config, ModelClient) and not isinstance(llm_config, Mapping):
        return llm_config
    config = llm_config if isinstance(llm_config, LLMConfig) else LLMConfig(llm_config)
    clients = [_client_of(entry, custom or {}) for entry in config.entries]
    return clients[0] if len(clients) == 1 else Fallback(clients, accept=_accept(config))


def _client_of(entry: dict[str, Any], custom: Custom) -> ModelClient:
    client, retries = _innermost(entry, custom)
    if entry.get("api_rate_limit") is not None:
        client = RateLimit(client, requests_per_minute=60.0 * entry["api_rate_limit"])
    retries = entry["max_retries"] if entry.get("max_retries") is not None else retries
    if retries:
        client = Retry(client, retries)
    cache = entry.get("cache")
    if cache is not None:
        return Cached(client, cache)
    seed = entry.get("cache_seed")
    return client if seed is None else Cached(client, _shared_cache(seed, str(Path(".cache").absolute())))


def _innermost(entry: dict[str, Any], custom: Custom) -> tuple[ModelClient, int]:
    """The client itself, and how often it is retried where the entry doesn't say."""
    model = entry.get("model")
    if "model_client_cls" in entry:
        return CustomClient(entry, custom.get(str(entry["model_client_cls"]))), 0
    if not isinstance(model, str):
        return _given(model), 0
    from .openai import OUR_KEYS, OpenAIClient  # of many parts: only where a model has a name

    if model.startswith(_LOCAL):
        from .local import LocalClient

        options = {key: value for key, value in entry.items() if key not in OUR_KEYS and key != "model"}
        return LocalClient(model.removeprefix(_LOCAL), **options), 0
    if str(entry.get("api_type")).lower() in ("kserve", "triton"):
        from .kserve import KServeClient

        return KServeClient(entry), DEFAULT_RETRIES
    return OpenAIClient(entry), DEFAULT_RETRIES


def _given(model: Any) -> ModelClient:
    if fits(model, ModelClient):
        return model
    raise ConfigError(f"'model' must be a name or a model client, not {type(model).__name__}")


@lru_cache(maxsize=64)
def _shared_cache(seed: int | str, root: str) -> AbstractCache:
    """One open cache for all clients with the same seed."""
    return Cache.disk(seed, root)


def _accept(config: LLMConfig) -> Callable[[ModelResponse], bool] | None:
    """AutoGen 0.2's ``filter_func``: whether the answer of one entry will do, or the next is asked."""
    judge = config.entries[0].get("filter_func")
    if judge is None:
        return None
    if not callable(judge):
        raise ConfigError("'filter_func' must be a function of context and response")
    return partial(_judged, judge, config.entries[0].get("context"))


def _judged(judge: Callable[..., Any], context: Any, response: ModelResponse) -> bool:
    return bool(judge(context=context, response=response if response.raw is None else response.raw))


__all__ = [
    "Custom",
    "LLMConfig",
    "check_config",
    "client_from",
    "config_list_from_dotenv",
    "config_list_from_json",
    "config_list_from_models",
    "config_list_gpt4_gpt35",
    "config_list_openai_aoai",
    "filter_config",
    "get_config_list",
]
