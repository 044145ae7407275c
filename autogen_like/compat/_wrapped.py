"""A client of 0.2's form, with ``create(messages=..., ...)``, as a `ModelClient`."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Any

from ..core.sync import in_worker
from ..core.usage import Usage
from ..models.client import Capabilities, Delta, ModelRequest, ModelResponse, StreamItem
from ..models.custom import message_parts


class WrappedClient:
    """What a script put in the place of ``agent.client``.

    Args:
        wrapper: An object with ``create(**config)``, which gives OpenAI's form.
    """

    def __init__(self, wrapper: Any) -> None:
        self._wrapper = wrapper
        self.model = "client"
        self.capabilities = Capabilities()

    async def complete(self, request: ModelRequest) -> ModelResponse:
        """One reply."""
        system = [{"role": "system", "content": request.system}] if request.system is not None else []
        config: dict[str, Any] = {"messages": [*system, *map(dict, request.messages)], **request.params}
        if request.tools:
            config["tools"] = list(request.tools)
        answer = await in_worker(self._wrapper.create, **config)
        content, calls = message_parts(self._wrapper.extract_text_or_completion_object(answer)[0])
        usage = getattr(answer, "usage", None)
        sent, received = (int(getattr(usage, key, 0) or 0) for key in ("prompt_tokens", "completion_tokens"))
        cost = getattr(answer, "cost", 0.0)
        return ModelResponse(
            content, calls, usage=Usage(sent, received, cost=cost if isinstance(cost, int | float) else 0.0),
            model=str(getattr(answer, "model", self.model)), raw=answer,
        )  # fmt: skip

    async def stream(self, request: ModelRequest) -> AsyncIterator[StreamItem]:
        """The whole reply as one piece."""
        response = await self.complete(request)
        if response.content:
            yield Delta(response.content)
        yield response

    async def aclose(self) -> None:
        """Nothing is held open."""
