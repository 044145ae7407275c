"""Replies as the objects that ``OpenAIWrapper.create`` gives: OpenAI's own, whoever answered."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from ...core.usage import Tally
from ...models.client import ModelResponse


def as_completion(response: ModelResponse) -> Any:
    """OpenAI's ``ChatCompletion`` of a reply: the endpoint's own where there is one.

    Example:
        >>> as_completion(ModelResponse("Hi", model="m")).choices[0].message.content
        'Hi'
    """
    if response.raw is not None and hasattr(response.raw, "choices"):
        return response.raw
    from openai.types.chat import ChatCompletion

    message: dict[str, Any] = {"role": "assistant", "content": response.content}
    named = [call for call in response.tool_calls if call.id is not None]
    if named:
        message["tool_calls"] = [
            {"id": call.id, "type": "function", "function": {"name": call.name, "arguments": call.arguments}}
            for call in named
        ]
    elif response.tool_calls:
        message["function_call"] = {"name": response.tool_calls[0].name, "arguments": response.tool_calls[0].arguments}
    usage = response.usage
    return ChatCompletion.model_validate(
        {
            "id": "", "object": "chat.completion", "created": 0, "model": response.model,
            "choices": [{"index": 0, "finish_reason": _reason(response), "message": message}],
            "usage": {
                "prompt_tokens": usage.prompt_tokens, "completion_tokens": usage.completion_tokens,
                "total_tokens": usage.total_tokens,
            },
        }
    )  # fmt: skip


def _reason(response: ModelResponse) -> str:
    known = ("stop", "length", "tool_calls", "content_filter", "function_call")
    return response.finish_reason if response.finish_reason in known else "stop"


def texts_or_messages(response: Any) -> list[Any]:
    """For each choice its text, or its message where it calls something."""
    found: list[Any] = []
    for choice in response.choices:
        message = getattr(choice, "message", None)
        if message is None:
            found.append(getattr(choice, "text", ""))
        elif getattr(message, "tool_calls", None) or getattr(message, "function_call", None):
            found.append(message)
        else:
            found.append(message.content)
    return found


def with_function_call(completion: Any) -> Any:
    """A completion whose first tool call is a ``function_call``, as whoever offered ``functions`` expects it."""
    found = completion.model_copy(deep=True)
    for choice in found.choices:
        if choice.message.tool_calls:
            called = choice.message.tool_calls[0].function
            choice.message = type(choice.message).model_validate(
                {
                    "role": "assistant",
                    "content": choice.message.content,
                    "function_call": {"name": called.name, "arguments": called.arguments},
                }
            )
    return found


def tallies(summary: Mapping[str, Any] | None, less: Mapping[str, Any] | None = None) -> dict[str, Tally]:
    """A usage summary as sums by model, without what is in another.

    Example:
        >>> row = {"cost": 0.5, "prompt_tokens": 10, "completion_tokens": 5, "total_tokens": 15}
        >>> [tally.prompt_tokens for tally in tallies({"total_cost": 0.5, "gpt-4": row}).values()]
        [10]
    """
    found = {}
    for model, row in (summary or {}).items():
        if model != "total_cost":
            without = (less or {}).get(model, {})
            names = ("prompt_tokens", "completion_tokens", "cost")
            rest = [max(0, row.get(name, 0) - without.get(name, 0)) for name in names]
            if any(rest):
                found[model] = Tally.of([1, *rest, 0.0])
    return found
