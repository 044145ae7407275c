"""``autogen.oai.openai_utils``: lists of models."""

from __future__ import annotations

import json
import logging
import re
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from ...core.errors import ConfigError
from ...models import config_lists
from ...models.config_lists import config_list_from_models, config_list_gpt4_gpt35, filter_config
from ...models.endpoint import DEFAULT_AZURE_VERSION as DEFAULT_AZURE_API_VERSION
from ...models.pricing import price_per_1k
from .._errors import MissingList, raised_as

_log = logging.getLogger(__name__)


class _Prices(Mapping[str, tuple[float, float]]):
    """Dollars for 1,000 tokens sent and received, by model."""

    def __getitem__(self, model: str) -> tuple[float, float]:
        found = price_per_1k(model)
        if found is None:
            raise KeyError(model)
        return found

    def __iter__(self) -> Any:
        from ...models import pricing

        return iter(pricing.known_models())

    def __len__(self) -> int:
        return sum(1 for _ in self)


OAI_PRICE1K: Mapping[str, tuple[float, float]] = _Prices()
NON_CACHE_KEY = ("api_key", "base_url", "api_type", "api_version", "azure_ad_token", "azure_ad_token_provider")


def get_key(config: Mapping[str, Any]) -> str:
    """A configuration as a text that is the same for the same settings, whatever their order, without its keys.

    Example:
        >>> get_key({"model": "m", "api_key": "secret", "temperature": 0})
        '{"model": "m", "temperature": 0}'
    """
    return json.dumps({key: config[key] for key in sorted(config) if key not in NON_CACHE_KEY}, default=str)


def get_config(
    api_key: str | None, base_url: str | None = None, api_type: str | None = None, api_version: str | None = None
) -> dict[str, Any]:
    """An entry of a list, without the settings that are None."""
    settings = {"api_key": api_key, "base_url": base_url, "api_type": api_type, "api_version": api_version}
    return {key: value for key, value in settings.items() if value}


def is_valid_api_key(api_key: str) -> bool:
    """Whether a text has the form of a key of OpenAI's.

    Example:
        >>> is_valid_api_key("sk-proj-" + "a" * 40), is_valid_api_key("sk-short")
        (True, False)
    """
    return re.fullmatch(r"sk-(?:\w+(?:-+\w+)*-)?\w{32,}", api_key) is not None


def config_list_from_json(
    env_or_file: str, file_location: str | Path | None = "", filter_dict: config_lists.Filter | None = None
) -> list[dict[str, Any]]:
    """Reads a list of configurations; see `autogen_like.config_list_from_json`.

    Raises:
        MissingList: If there is neither a variable nor a file; a `FileNotFoundError`, too.
        ConfigError: If it is not a JSON list of objects.
    """
    try:
        return config_lists.config_list_from_json(env_or_file, file_location, filter_dict)
    except ConfigError as error:
        if isinstance(error.__context__, FileNotFoundError):
            raise MissingList(str(error)) from None
        raise


def config_list_from_dotenv(
    dotenv_file_path: str | Path | None = None,
    model_api_key_map: Mapping[str, str | Mapping[str, Any]] | None = None,
    filter_dict: config_lists.Filter | None = None,
) -> list[dict[str, Any]]:
    """Makes a list with keys from the environment or a ``.env`` file; see `autogen_like.config_list_from_dotenv`.

    A file that isn't there, and a key that isn't found, are warnings here.
    """
    if dotenv_file_path is not None and not Path(dotenv_file_path).exists():
        _log.warning("there is no file %s: keys are taken from the environment", dotenv_file_path)
        dotenv_file_path = None
    found = config_lists.config_list_from_dotenv(dotenv_file_path, model_api_key_map, filter_dict)
    missing = sorted(set(model_api_key_map or ()) - {entry["model"] for entry in found})
    if missing:
        _log.warning("no key was found for %s, or the filter leaves it out", ", ".join(missing))
    return found


def get_config_list(
    api_keys: Sequence[str],
    base_urls: Sequence[str] | None = None,
    api_type: str | None = None,
    api_version: str | None = None,
) -> list[dict[str, Any]]:
    """An entry for each key; see `autogen_like.get_config_list`.

    Raises:
        ConfigError: If the two lists are not equally long; an `AssertionError`, too.
    """
    with raised_as(AssertionError):
        return config_lists.get_config_list(api_keys, base_urls, api_type, api_version)


def config_list_openai_aoai(*args: Any, **kwargs: Any) -> list[dict[str, Any]]:
    """Entries for OpenAI, then those for Azure; see `autogen_like.config_list_openai_aoai`."""
    found = config_lists.config_list_openai_aoai(*args, **kwargs)
    return sorted(found, key=lambda entry: entry.get("api_type") == "azure")


__all__ = [
    "DEFAULT_AZURE_API_VERSION",
    "NON_CACHE_KEY",
    "OAI_PRICE1K",
    "config_list_from_dotenv",
    "config_list_from_json",
    "config_list_from_models",
    "config_list_gpt4_gpt35",
    "config_list_openai_aoai",
    "filter_config",
    "get_config",
    "get_config_list",
    "get_key",
    "is_valid_api_key",
]
