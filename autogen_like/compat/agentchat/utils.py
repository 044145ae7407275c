"""``autogen.agentchat.utils``."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Any

from ...agents.chat_result import gather_usage_summary
from .chat import consolidate_chat_info


def parse_tags_from_content(tag: str, content: str | Sequence[Mapping[str, Any] | str]) -> list[dict[str, Any]]:
    """The tags of a kind in a text, or in the parts of a message: HTML's form, ``<img path detail=low>``.

    Args:
        tag: The tag's name.
        content: The text or the parts.

    Returns:
        For each ``tag``, ``attr`` (what has no name is under "src") and ``match``.

    Example:
        >>> [found["attr"] for found in parse_tags_from_content("img", "See <img a.png> and <img b.png width='3'>")]
        [{'src': 'a.png'}, {'src': 'b.png', 'width': '3'}]
    """
    if not isinstance(content, str):
        texts = [part if isinstance(part, str) else str(part.get("text", "")) for part in content]
        return [found for text in texts for found in parse_tags_from_content(tag, text)]
    return [
        {"tag": tag, "attr": _attributes(match[1].removesuffix("/").strip()), "match": match}
        for match in re.finditer(rf"<{re.escape(tag)}\b\s*([^<>]*)>", content)
    ]


# A name at the beginning or after a space, so that an address may have "=" in it; a quote ends before a space only.
_NAMED = re.compile(r"""(?:^|(?<=\s))([A-Za-z][\w-]*)\s*=\s*(?:"(.*?)"|'(.*?)'|(\S+))(?=\s|$)""")


def _attributes(text: str) -> dict[str, str]:
    attributes = {name: double or single or bare for name, double, single, bare in _NAMED.findall(text)}
    rest = _NAMED.sub("", text).strip()
    return {"src": rest.strip("\"'"), **attributes} if rest else attributes


__all__ = ["consolidate_chat_info", "gather_usage_summary", "parse_tags_from_content"]
