"""Runs as JSON Lines: a header, then one record a line. The format is told in docs/store.md. Needs no database."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from ..core.errors import AutogenLikeError, ConfigError
from ..core.journal import Record
from .codec import KINDS, decoded, dumped, loaded, plain, reason_from_json
from .states import check_state

FORMAT, VERSION = "autogen_like run", 1


@dataclass(frozen=True, slots=True)
class Line:
    """A record as it stands in a line.

    Args:
        conversation: The conversation's id.
        at: When it was written, in seconds since 1970.
        record: What it says.
        raw: The line's own object.
    """

    conversation: str
    at: float
    record: Record
    raw: Mapping[str, Any]


def header_line(run_id: str, title: str, metadata: Mapping[str, Any], started: float, reason: Any = None) -> str:
    """The first line of a run."""
    about = {"id": run_id, "title": title, "metadata": metadata, "started": started, "reason": reason}
    return dumped({"format": FORMAT, "version": VERSION, **about})


def record_line(conversation: str, at: float, kind: str, content: str, state: str | None) -> str:
    """A line of a record, whose content and state are JSON already: they are put in as they are."""
    envelope = dumped({"conversation": conversation, "at": at, "kind": kind})[:-1]
    with_state = f',"state":{state}' if state is not None else ""
    return f'{envelope},"content":{content}{with_state}}}'


def read_runs(texts: Iterable[str]) -> list[tuple[Mapping[str, Any], list[Line]]]:
    """The runs in some lines, each a header and its records.

    Args:
        texts: The lines; empty ones don't count.

    Raises:
        ConfigError: If a line is damaged, or a record comes before any header; names the line.
    """
    found: list[tuple[Mapping[str, Any], list[Line]]] = []
    for number, text in enumerate(texts, 1):
        if not text.strip():
            continue
        try:
            raw = loaded(text)
            if not isinstance(raw, dict):
                raise TypeError("it is no JSON object")
            if not found or "format" in raw:
                found.append((_header(raw), []))
            else:
                found[-1][1].append(_record(raw))
        except KeyError as error:
            raise ConfigError(f"line {number} is damaged: {error} is missing: {text.strip()[:100]}") from error
        except (AutogenLikeError, ValueError, TypeError, OverflowError, OSError, RecursionError) as error:
            raise ConfigError(f"line {number} is damaged: {error}: {text.strip()[:100]}") from error
    if not found:
        raise ConfigError("there is no line in it: an exported run begins with a header")
    return found


def _header(raw: Mapping[str, Any]) -> Mapping[str, Any]:
    if raw.get("format") != FORMAT:
        raise ValueError(f'no exported run begins like this; its "format" would be {FORMAT!r}')
    if raw["version"] != VERSION:
        raise ValueError(f"it is of version {raw['version']!r}, this release reads {VERSION}")
    if not isinstance(raw["title"], str) or not isinstance(raw["metadata"], dict) or not isinstance(raw["id"], str):
        raise TypeError("id and title must be text, and metadata an object")
    _time(raw["started"])
    plain(raw["id"], "run's id")
    if raw["reason"] is not None:
        reason_from_json(raw["reason"])
    return raw


def _time(seconds: Any) -> float:
    datetime.fromtimestamp(seconds, UTC)  # raises what is no time
    return float(seconds)


def _record(raw: Mapping[str, Any]) -> Line:
    kind, content = raw["kind"], raw["content"]
    if kind not in KINDS or not isinstance(content, dict) or not isinstance(raw["conversation"], str):
        raise TypeError(f"a record has a conversation, a kind of {', '.join(KINDS)}, and an object as content")
    record = decoded(kind, content, raw.get("state"))
    check_state(raw.get("state"))
    return Line(plain(raw["conversation"], "conversation's id"), _time(raw["at"]), record, raw)
