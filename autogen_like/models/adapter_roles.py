"""Adapters for models that are strict about who speaks: roles by turns, no system, no names, one call at a time."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any, TypeAlias

Message: TypeAlias = Mapping[str, Any]

BEGIN = "Begin."
GO_ON = "Please go on."
NOTED = "I have the results."


def no_system(messages: Iterable[Message]) -> Iterable[Message]:
    """System messages at the head go into the first user message; later ones become user messages."""
    head: list[str] = []
    rest: list[Message] = []
    for message in messages:
        if message.get("role") not in ("system", "developer"):
            rest.append(message)
        elif rest:
            rest.append(_as_user(message))
        else:
            head.append(text_of(message.get("content")))
    if not head:
        return rest
    system = "\n\n".join(head)
    if not rest or rest[0].get("role") != "user":
        return [{"role": "user", "content": system}, *rest]
    return [{**rest[0], "content": in_front(f"{system}\n\n", rest[0].get("content"))}, *rest[1:]]


def no_name(messages: Iterable[Message]) -> Iterable[Message]:
    """No ``name``; where several others speak, it goes in front of what they say."""
    listed = list(messages)
    speakers = {message.get("name") for message in listed if message.get("role") == "user" and message.get("name")}
    for message in listed:
        name = message.get("name")
        if name is None or message.get("role") == "function":
            yield message
            continue
        bare = {key: value for key, value in message.items() if key != "name"}
        content = message.get("content")
        told = isinstance(content, str) and content.startswith(f"{name}:")
        if len(speakers) > 1 and message.get("role") == "user" and not told:
            bare["content"] = in_front(f"{name}: ", content)
        yield bare


def no_parallel_tools(messages: Iterable[Message]) -> Iterable[Message]:
    """Calls that were made together as if they had been made one after the other, each with its result."""
    listed = list(messages)
    position = 0
    while position < len(listed):
        message = listed[position]
        position += 1
        calls = message.get("tool_calls") or ()
        if len(calls) < 2:
            yield message
            continue
        results: dict[Any, Message] = {}
        while position < len(listed) and listed[position].get("role") == "tool":
            results[listed[position].get("tool_call_id")] = listed[position]
            position += 1
        content = message.get("content")
        for call in calls:
            yield {**message, "content": content, "tool_calls": [call]}
            if call.get("id") in results:
                yield results[call["id"]]
            content = None


def alternate(messages: Iterable[Message]) -> Iterable[Message]:
    """User and assistant by turns, the user first and last, one system message at the head.

    Messages of one role in a row are merged. After tool results the assistant goes on before the user does.
    """
    listed = list(messages)
    start = next((i for i, message in enumerate(listed) if not _is_system(message)), len(listed))
    head = listed[:start]
    if len(head) > 1:
        head = [{"role": "system", "content": "\n\n".join(text_of(message.get("content")) for message in head)}]
    turns: list[Message] = []
    for given in listed[start:]:
        message = _as_user(given) if _is_system(given) else given
        role, last = message.get("role"), turns[-1].get("role") if turns else None
        if role == "assistant" and last is None:
            turns.append({"role": "user", "content": BEGIN})
        if role == last and role in ("user", "assistant") and not turns[-1].get("tool_calls"):
            turns[-1] = merged(turns[-1], message)
            continue
        if role == "user" and last in ("tool", "function"):
            turns.append({"role": "assistant", "content": NOTED})
        turns.append(message)
    if not turns:
        turns.append({"role": "user", "content": BEGIN})
    elif turns[-1].get("role") == "assistant" and not turns[-1].get("tool_calls"):
        turns.append({"role": "user", "content": GO_ON})
    return [*head, *turns]


def merged(one: Message, other: Message) -> Message:
    """Two messages of the same role as one."""
    first, second = one.get("content"), other.get("content")
    whole: dict[str, Any] = {**one, **other}
    if not first or not second:
        whole["content"] = first or second
    elif isinstance(first, str) and isinstance(second, str):
        whole["content"] = f"{first}\n\n{second}"
    else:
        whole["content"] = [*_parts(first), *_parts(second)]
    return whole


def in_front(text: str, content: Any) -> Any:
    """Content with a text in front of it."""
    if content is None or isinstance(content, str):
        return text + (content or "")
    return [{"type": "text", "text": text}, *content]


def text_of(content: Any) -> str:
    """The text of content, its parts joined."""
    if content is None or isinstance(content, str):
        return content or ""
    return "".join(str(part.get("text", "")) if isinstance(part, Mapping) else str(part) for part in content)


def _parts(content: Any) -> Sequence[Any]:
    return [{"type": "text", "text": content}] if isinstance(content, str) else list(content)


def _is_system(message: Message) -> bool:
    return message.get("role") in ("system", "developer")


def _as_user(message: Message) -> Message:
    return {"role": "user", "content": message.get("content")}
