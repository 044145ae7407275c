"""Replies as the objects that ``OpenAIWrapper.create`` gives: OpenAI's own, whoever answered."""

from __future__ import annotations

from typing import Any

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
