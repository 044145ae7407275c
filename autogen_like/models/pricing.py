"""What tokens cost. A small table with a date, and ``price`` in the configuration for all that is not in it."""

from __future__ import annotations

import logging
import re
from collections.abc import Sequence
from typing import Any

from ..core.errors import ConfigError

PRICES_DATE = "2026-06"
"""When the table was last checked."""

# US dollars for a million tokens: sent, received, sent and found in the endpoint's prefix cache (None: no discount).
_PER_MILLION: dict[str, tuple[float, float, float | None]] = {
    "gpt-5.5": (5.0, 30.0, 0.5),
    "gpt-5.5-pro": (30.0, 180.0, None),
    "gpt-5.4": (2.5, 15.0, 0.25),
    "gpt-5.4-mini": (0.75, 4.5, 0.075),
    "gpt-5.4-nano": (0.2, 1.25, 0.02),
    "gpt-5.4-pro": (30.0, 180.0, None),
    "gpt-5.1": (1.25, 10.0, 0.125),
    "gpt-5": (1.25, 10.0, 0.125),
    "gpt-5-mini": (0.25, 2.0, 0.025),
    "gpt-5-nano": (0.05, 0.4, 0.005),
    "gpt-5-pro": (15.0, 120.0, None),
    "gpt-4.1": (2.0, 8.0, 0.5),
    "gpt-4.1-mini": (0.4, 1.6, 0.1),
    "gpt-4.1-nano": (0.1, 0.4, 0.025),
    "gpt-4o": (2.5, 10.0, 1.25),
    "gpt-4o-2024-05-13": (5.0, 15.0, None),
    "gpt-4o-mini": (0.15, 0.6, 0.075),
    "o1": (15.0, 60.0, 7.5),
    "o3": (2.0, 8.0, 0.5),
    "o3-mini": (1.1, 4.4, 0.55),
    "o4-mini": (1.1, 4.4, 0.275),
    "gpt-4-turbo": (10.0, 30.0, None),
    "gpt-4": (30.0, 60.0, None),
    "gpt-4-32k": (60.0, 120.0, None),
    "gpt-3.5-turbo": (0.5, 1.5, None),
    "gpt-35-turbo": (0.5, 1.5, None),
}
_DATE = re.compile(r"-(\d{4}-\d{2}-\d{2}|\d{4}(-preview)?|latest)$")
_log = logging.getLogger(__name__)
_warned: set[str] = set()


def price_per_1k(model: str) -> tuple[float, float] | None:
    """US dollars for 1,000 tokens sent and received, or None where the table doesn't know the model.

    Example:
        >>> price_per_1k("gpt-4o-mini-2024-07-18")
        (0.00015, 0.0006)
    """
    found = _lookup(model)
    return None if found is None else (found[0] / 1000, found[1] / 1000)


def known_models() -> tuple[str, ...]:
    """The models that the table knows."""
    return tuple(_PER_MILLION)


def _lookup(model: str) -> tuple[float, float, float | None] | None:
    return _PER_MILLION.get(model) or _PER_MILLION.get(_DATE.sub("", model))


def check_price(price: Any) -> tuple[float, float] | None:
    """The ``price`` of a configuration: ``[sent, received]`` in US dollars for 1,000 tokens.

    Raises:
        ConfigError: If it is not two numbers of at least 0.
    """
    if price is None:
        return None
    if isinstance(price, Sequence) and len(price) == 2 and all(isinstance(p, int | float) and p >= 0 for p in price):
        return float(price[0]), float(price[1])
    raise ConfigError(f"'price' must be [dollars per 1000 tokens sent, ... received], not {price!r}")


def cost_of(
    models: Sequence[str],
    prompt_tokens: int,
    completion_tokens: int,
    cached_tokens: int = 0,
    price: tuple[float, float] | None = None,
) -> float:
    """What a request cost, in US dollars.

    Args:
        models: The model's names, the most exact first: as the endpoint says, as it was asked for.
        prompt_tokens: Tokens sent.
        completion_tokens: Tokens received.
        cached_tokens: Those of the prompt that the endpoint had in its own cache.
        price: Dollars for 1,000 tokens sent and received, where the configuration says so; wins over the table.

    Returns:
        The cost; 0 for a model of unknown price, after one warning for each such model.

    Example:
        >>> cost_of(["gpt-4.1"], 1000, 1000)
        0.01
    """
    if price is not None:
        return (prompt_tokens * price[0] + completion_tokens * price[1]) / 1000
    for model in models:
        found = _lookup(model)
        if found is not None:
            sent, received, hit = found
            cached = min(cached_tokens, prompt_tokens) if hit is not None else 0
            return ((prompt_tokens - cached) * sent + cached * (hit or 0.0) + completion_tokens * received) / 1_000_000
    name = models[0] if models else ""
    if name not in _warned:
        _warned.add(name)
        _log.warning("no price is known for model %r: its cost counts as 0; set 'price': [in, out] in llm_config", name)
    return 0.0
