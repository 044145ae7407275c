"""What models refuse that take less than OpenAI's do: further checks for the stand-in server, one for each adapter."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from .openai_checks import Check

_SAMPLING = ("temperature", "top_p", "presence_penalty", "frequency_penalty", "logprobs", "top_logprobs", "logit_bias")


def check_alternating(body: Mapping[str, Any]) -> str | None:
    """Roles by turns, as Mistral's API and many chat templates want them: a system message only at the head, the user
    first and last, the assistant after tool results.
    """
    last = None
    for index, message in enumerate(body["messages"]):
        role = message["role"]
        if role == "system" and index == 0:
            continue
        allowed = {
            None: ("user",),
            "user": ("assistant",),
            "assistant": ("user",),
            "calls": ("tool",),
            "tool": ("tool", "assistant"),
        }[last]
        if role not in allowed:
            return f"Conversation roles must alternate: messages[{index}] is {role!r} after {last!r}"
        last = "calls" if message.get("tool_calls") else role
    return None if last in ("user", "tool") else f"Expected last role user or tool, got {last}"


def check_no_system(body: Mapping[str, Any]) -> str | None:
    """No system role."""
    has = any(message["role"] in ("system", "developer") for message in body["messages"])
    return "System role not supported" if has else None


def check_no_name(body: Mapping[str, Any]) -> str | None:
    """No ``name`` in a message."""
    has = any("name" in message for message in body["messages"])
    return "Extra inputs are not permitted: messages.name" if has else None


def check_single_calls(body: Mapping[str, Any]) -> str | None:
    """One tool call in a message at most."""
    if "parallel_tool_calls" in body:
        return "Unsupported parameter: 'parallel_tool_calls' is not supported with this model."
    if any(len(message.get("tool_calls") or ()) > 1 for message in body["messages"]):
        return "This model only supports single tool-calls at once!"
    return None


def check_no_tools(body: Mapping[str, Any]) -> str | None:
    """Nothing about tools."""
    if "tools" in body or "tool_choice" in body:
        return "This model does not support tools"
    for message in body["messages"]:
        if message["role"] in ("tool", "function") or "tool_calls" in message or "function_call" in message:
            return "Only user, assistant and system roles are supported, without tool calls"
    return None


def check_text_only(body: Mapping[str, Any]) -> str | None:
    """Content is text."""
    for index, message in enumerate(body["messages"]):
        if message.get("content") is not None and not isinstance(message["content"], str):
            return f"messages[{index}].content must be a string: this model takes no images"
    return None


def check_reasoning(body: Mapping[str, Any]) -> str | None:
    """The parameters of a reasoning model."""
    if "max_tokens" in body:
        return "Unsupported parameter: 'max_tokens' is not supported with this model. Use 'max_completion_tokens'."
    for name in _SAMPLING:
        if name in body:
            return f"Unsupported value: '{name}' does not support {body[name]} with this model."
    return None


def check_arguments(body: Mapping[str, Any]) -> str | None:
    """The arguments of the calls in a conversation are JSON objects, which servers with chat templates read."""
    for message in body["messages"]:
        for call in message.get("tool_calls") or ():
            try:
                if not isinstance(json.loads(call["function"]["arguments"]), dict):
                    return "tool call arguments must be an object"
            except ValueError as error:
                return f"tool call arguments must be JSON: {error}"
    return None


STRICT: Mapping[str, Check] = {
    "alternate": check_alternating,
    "no_system": check_no_system,
    "no_name": check_no_name,
    "no_parallel_tools": check_single_calls,
    "no_tools": check_no_tools,
    "no_images": check_text_only,
    "reasoning": check_reasoning,
}
"""What a model refuses, by the name of the adapter that makes a conversation fit for it."""
