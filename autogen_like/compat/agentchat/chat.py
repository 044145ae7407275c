"""``autogen.agentchat.chat``."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from ...agents.carryover import CONTEXT, carried
from ...agents.chat_result import ChatResult
from ...agents.queue import a_initiate_chats, check_queue, initiate_chats

Prerequisite = tuple[int, int]


def consolidate_chat_info(
    chat_info: Mapping[str, Any] | Iterable[Mapping[str, Any]], uniform_sender: Any = None
) -> Any:
    """Checks a chat, or a queue of chats; gives copies, each with its sender.

    Raises:
        SenderRequired: If one has no sender.
        ConfigError: If one has no recipient.
    """
    one = isinstance(chat_info, Mapping)
    checked = check_queue([chat_info] if one else chat_info, uniform_sender)  # type: ignore[list-item,arg-type]
    return checked[0] if one else checked


def _post_process_carryover_item(carryover_item: Any) -> str:
    return carried({"carryover": [carryover_item]}).removeprefix(CONTEXT)


__all__ = ["ChatResult", "Prerequisite", "a_initiate_chats", "consolidate_chat_info", "initiate_chats"]
