"""What is known of OpenAI's models by their names: what they can do, and which parameters they want."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, fields
from typing import Any
from urllib.parse import urlsplit

from ..core.errors import ConfigError
from .client import Capabilities

_STRUCTURED = {"choices": True, "json_schema": True}
# Longest prefix wins. The windows are the ones that OpenAI documents.
_KNOWN: tuple[tuple[str, dict[str, Any]], ...] = (
    ("gpt-5", {**_STRUCTURED, "images": True, "context": 400_000}),
    ("gpt-5.4", {**_STRUCTURED, "images": True, "context": 1_050_000}),
    ("gpt-5.5", {**_STRUCTURED, "images": True, "context": 1_050_000}),
    ("gpt-4.1", {**_STRUCTURED, "images": True, "context": 1_047_576}),
    ("gpt-4o", {**_STRUCTURED, "images": True, "context": 128_000}),
    ("gpt-4o-2024-05-13", {"images": True, "context": 128_000}),
    ("gpt-4-turbo", {"images": True, "context": 128_000}),
    ("gpt-4-1106", {"context": 128_000}),
    ("gpt-4-0125", {"context": 128_000}),
    ("gpt-4", {"context": 8_192}),
    ("gpt-3.5-turbo", {"context": 16_385}),
    ("gpt-35-turbo", {"context": 16_385}),
    ("o1", {**_STRUCTURED, "images": True, "context": 200_000}),
    ("o1-mini", {"tools": False, "context": 128_000}),
    ("o1-preview", {"tools": False, "context": 128_000}),
    ("o3", {**_STRUCTURED, "images": True, "context": 200_000}),
    ("o3-mini", {**_STRUCTURED, "context": 200_000}),
    ("o4-mini", {**_STRUCTURED, "images": True, "context": 200_000}),
)
_FIELDS = frozenset(field.name for field in fields(Capabilities))


@dataclass(frozen=True, slots=True)
class Traits:
    """What a model at an endpoint is like.

    Args:
        capabilities: What it can do.
        adapters: Names of what must be rewritten for it: see `autogen_like.models.adapters`.
    """

    capabilities: Capabilities
    adapters: frozenset[str] = frozenset()


def is_openai(base_url: str | None) -> bool:
    """Whether an address is OpenAI's own; None stands for its default one."""
    if base_url is None:
        return True
    host = urlsplit(base_url).hostname or ""
    return host == "openai.com" or host.endswith(".openai.com")


def traits_of(
    model: str, *, first_party: bool, declared: Mapping[str, Any] | None = None, adapters: Iterable[str] = ()
) -> Traits:
    """What is known of a model.

    Args:
        model: Its name, or that of its Azure deployment.
        first_party: Whether OpenAI or Azure serves it, so that its name can be trusted.
        declared: The configuration's ``capabilities``, which win.
        adapters: Those that it needs for other reasons than what it is known not to take.

    Raises:
        ConfigError: If `declared` names an unknown capability.

    Example:
        >>> traits_of("gpt-4.1-mini", first_party=True).capabilities.json_schema
        True
        >>> traits_of("gpt-4.1-mini", first_party=False).capabilities.json_schema
        False
    """
    found: dict[str, Any] = {}
    needs = set(adapters)
    if first_party:
        matching = [(prefix, known) for prefix, known in _KNOWN if model.startswith(prefix)]
        if matching:
            found.update(max(matching, key=lambda pair: len(pair[0]))[1])
            found.setdefault("images", False)
    if declared:
        unknown = sorted(set(declared) - _FIELDS)
        if unknown:
            raise ConfigError(f"'capabilities' has unknown keys {unknown}; the known ones are {sorted(_FIELDS)}")
        found.update(declared)
    # What nothing is known of is sent: an endpoint that refuses it says so.
    needs.update(f"no_{ability}" for ability in ("tools", "images") if found.get(ability) is False)
    return Traits(Capabilities(**found), frozenset(needs))
