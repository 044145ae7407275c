"""Clients of 0.2's form, with ``create(messages=..., ...)``, and agents that ask in a way of their own."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Any

from ..core.sync import in_worker
from ..core.usage import Usage
from ..models.client import Capabilities, Delta, ModelClient, ModelRequest, ModelResponse, StreamItem
from ..models.custom import message_parts
from ..models.layer import Layer


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
        config: dict[str, Any] = {"messages": _asked(request), **request.params}
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


class MethodClient(Layer):
    """The model of an agent that overrides ``_generate_oai_reply_from_client``: that method is asked.

    What the method uses of ``agent.client`` counts as the agent's, and not as the chat's: how much it was isn't known.

    Args:
        client: The agent's model, for its name and what it can do.
        agent: The agent.
    """

    def __init__(self, client: ModelClient, agent: Any) -> None:
        super().__init__(client)
        self._agent = agent

    async def complete(self, request: ModelRequest) -> ModelResponse:
        """One reply."""
        agent = self._agent
        said = await in_worker(
            agent._generate_oai_reply_from_client,  # noqa: SLF001 - the name that it has in 0.2
            llm_client=agent.client,
            messages=_asked(request),
            cache=agent.client_cache,
        )
        content, calls = message_parts("" if said is None else said)
        return ModelResponse(content, calls, model=self.model)

    async def stream(self, request: ModelRequest) -> AsyncIterator[StreamItem]:
        """The whole reply as one piece."""
        yield await self.complete(request)


def _asked(request: ModelRequest) -> list[dict[str, Any]]:
    system = [{"role": "system", "content": request.system}] if request.system is not None else []
    return [*system, *map(dict, request.messages)]
