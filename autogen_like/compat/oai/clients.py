"""A model client of one's own as 0.2 describes it, and the one that it has for OpenAI's SDK."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any, ClassVar, Protocol

from ...models.custom import CustomModelClient
from ...models.pricing import cost_of
from ..io import IOStream
from .completions import texts_or_messages

USAGE_KEYS = ["prompt_tokens", "completion_tokens", "total_tokens", "cost", "model"]


class ModelClient(CustomModelClient, Protocol):
    """A model client of one's own; see `autogen_like.models.CustomModelClient`."""

    RESPONSE_USAGE_KEYS: ClassVar[list[str]] = USAGE_KEYS

    class ModelClientResponseProtocol(Protocol):
        """What ``create`` gives."""

        class Choice(Protocol):
            """One answer."""

            class Message(Protocol):
                """What is said."""

                content: str | None

            message: Message

        choices: list[Choice]
        model: str


class OpenAIClient:
    """A client of OpenAI's SDK with the four methods of a `ModelClient`.

    Args:
        client: An ``openai.OpenAI`` or ``openai.AzureOpenAI``.

    Example:
        >>> from openai import OpenAI
        >>> from openai.types.chat import ChatCompletion
        >>> client = OpenAIClient(OpenAI(api_key="sk-secret"))
        >>> said = {"index": 0, "finish_reason": "stop", "message": {"role": "assistant", "content": "Hi"}}
        >>> response = ChatCompletion.model_validate(
        ...     {"id": "1", "object": "chat.completion", "created": 0, "model": "gpt-4", "choices": [said]}
        ... )
        >>> client.message_retrieval(response), client.get_usage(response)["total_tokens"]
        (['Hi'], 0)
    """

    def __init__(self, client: Any) -> None:
        self._oai_client = client

    def create(self, params: Mapping[str, Any]) -> Any:
        """Asks, and waits.

        Args:
            params: What the SDK takes: ``messages``, or ``prompt`` for the older endpoint. With ``stream`` and
                messages, the text goes to the default `IOStream` as it comes.

        Returns:
            The SDK's object, whole.
        """
        if "messages" not in params:
            return self._oai_client.completions.create(**{**params, "stream": False})
        answer = self._oai_client.chat.completions.create(**params)
        return _whole(answer) if params.get("stream") else answer

    def message_retrieval(self, response: Any) -> list[Any]:
        """For each choice its text, or its message where it calls something."""
        return texts_or_messages(response)

    def cost(self, response: Any) -> float:
        """What a response cost, in US dollars; 0 for a model of unknown price, with a warning."""
        usage = self.get_usage(response)
        return cost_of([response.model], usage["prompt_tokens"], usage["completion_tokens"])

    @staticmethod
    def get_usage(response: Any) -> dict[str, Any]:
        """Tokens, cost and model."""
        usage = getattr(response, "usage", None)
        counted = {key: getattr(usage, key, 0) or 0 for key in USAGE_KEYS[:3]}
        return {**counted, "cost": getattr(response, "cost", 0), "model": response.model}


def _whole(chunks: Iterable[Any]) -> Any:
    from openai.lib.streaming.chat import ChatCompletionStreamState

    stream, state = IOStream.get_default(), ChatCompletionStreamState()
    for chunk in chunks:
        state.handle_chunk(chunk)
        for choice in chunk.choices:
            if choice.delta.content:
                stream.print(choice.delta.content, end="", flush=True)
    stream.print("\n")
    return state.get_final_completion()


__all__ = ["USAGE_KEYS", "ModelClient", "OpenAIClient"]
