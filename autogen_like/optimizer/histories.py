"""Conversations as an optimizer's model reads them, shortened by a rule where the window can't hold them all.

The rule: histories that fit stand whole. Otherwise each gets the same share of the room, what short ones don't need
going to the long ones, and a history that is longer than its share keeps its beginning (the task, a quarter of the
share) and its end (what came of it, the rest), with a note of how much was left out between. Where a share would be
smaller than `SHORTEST`, histories of tasks that went well are left out first, from the last task on, then others; which
is said. The table of results names every task in any case. Nothing is left to chance.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from ..core.message import content_text
from .evaluation import Record

SHORTEST = 80  # tokens of a history that is worth showing
_HEAD = 0.25  # of a shortened history: the beginning

Count = Callable[[str], int]


def render(history: Sequence[Mapping[str, Any]]) -> str:
    r"""A conversation as text: who said what, what was called, and what came back.

    Args:
        history: Chat dicts, AutoGen 0.2's or an endpoint's.

    Example:
        >>> render([{"role": "user", "content": "2 + 2?"}, {"role": "assistant", "name": "ada", "content": "4"}])
        'user: 2 + 2?\nada: 4'
    """
    return "\n".join(filter(None, map(_message, history)))


def _message(message: Mapping[str, Any]) -> str:
    who = str(message.get("name") or message.get("role") or "")
    results = _dicts(message.get("tool_responses"))
    lines = [f"{who} got: {_text(result.get('content'))}" for result in results]
    if not lines and message.get("content"):
        lines = [f"{who}: {_text(message['content'])}"]
    calls = _dicts([call.get("function") for call in _dicts(message.get("tool_calls"))])
    calls += _dicts([message.get("function_call")])
    lines += [f"{who} calls {call.get('name', '?')}({call.get('arguments', '')})" for call in calls]
    return "\n".join(lines)


def _dicts(value: Any) -> list[Mapping[str, Any]]:
    """The dicts of a list; histories come from anywhere, and not all are well made."""
    return [one for one in value if isinstance(one, Mapping)] if isinstance(value, list | tuple) else []


def _text(content: Any) -> str:
    if content is None or isinstance(content, str | list | tuple):
        return content_text(content)
    return json.dumps(content, default=str)


def fit(records: Sequence[Record], room: int, count: Count) -> str:
    """The histories of records in the room that there is for them, by the rule of this module.

    Args:
        records: The records.
        room: Tokens.
        count: Counts tokens.
    """
    texts = {record.task: _titled(record) for record in records}
    sizes = {task: count(text) for task, text in texts.items()}
    kept, share = _kept(records, sizes, room)
    shown = [shorten(texts[r.task], sizes[r.task], share) for r in records if r.task in kept]
    left = len(records) - len(kept)
    if left:
        shown.append(f"[{left} of {len(records)} histories are left out: the window is full]")
    return "\n\n".join(shown)


def _titled(record: Record) -> str:
    broke = f"\nIt broke off: {record.error}" if record.error else ""
    return f"### Task {record.task} (score {record.score:g})\n{render(record.history)}{broke}"


def _kept(records: Sequence[Record], sizes: Mapping[int, int], room: int) -> tuple[set[int], int]:
    """Which histories are shown, and how many tokens each may have."""
    order = sorted(records, key=lambda record: (record.score, record.task))  # the last of the good ones go first
    kept = [record.task for record in order]
    room -= 2 * len(records)  # what stands between them
    while kept:
        share = _share([sizes[task] for task in kept], room)
        if share >= min(SHORTEST, max(sizes[task] for task in kept)):
            return set(kept), share
        kept.pop()
    return set(), 0


def _share(sizes: Sequence[int], room: int) -> int:
    """The largest share such that all histories, cut to it, fit."""
    left = room
    for place, size in enumerate(sorted(sizes)):
        share = left // (len(sizes) - place)
        if size > share:
            return max(share, 0)
        left -= size
    return max(sizes, default=0)


def shorten(text: str, tokens: int, limit: int) -> str:
    """A text of so many tokens without its middle, where it is longer than a limit.

    Args:
        text: The text.
        tokens: How many it has.
        limit: How many it may have.

    Example:
        >>> shorten("tokens " * 100, 100, 40)[:10]
        'tokens tok'
    """
    if tokens <= limit:
        return text
    note = f"\n[... about {tokens - limit} tokens are left out here ...]\n"
    characters = max(0, int(len(text) * limit / tokens * 0.9) - len(note))  # texts aren't equally dense all over
    head = int(characters * _HEAD)
    tail = characters - head
    return text[:head] + note + (text[-tail:] if tail else "")
