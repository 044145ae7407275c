"""``autogen.oai.openai_utils``: lists of models."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from ...models.config_lists import (
    config_list_from_dotenv,
    config_list_from_json,
    config_list_from_models,
    config_list_gpt4_gpt35,
    config_list_openai_aoai,
    filter_config,
    get_config_list,
)
from ...models.endpoint import DEFAULT_AZURE_VERSION as DEFAULT_AZURE_API_VERSION
from ...models.pricing import price_per_1k


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
]
