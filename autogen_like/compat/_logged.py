"""What the runtime log is told of the models and the tools of agents."""

from __future__ import annotations

import json
import uuid
from collections.abc import AsyncIterator
from typing import Any

from ..core.message import Message
from ..models.client import ModelClient, ModelRequest, ModelResponse, StreamItem
from ..models.layer import Layer
from . import runtime_logging
from .logger.logger_utils import get_current_ts
from .oai.client import OpenAIWrapper
from .oai.completions import as_completion


class LoggedClient(Layer):
    """A client whose requests are logged.

    Args:
        client: The client.
        agent: Whose it is.
    """

    def __init__(self, client: ModelClient, agent: Any) -> None:
        super().__init__(client)
        self._agent = agent

    async def complete(self, request: ModelRequest) -> ModelResponse:
        """One reply."""
        started = get_current_ts()
        try:
            response = await self.client.complete(request)
        except Exception as error:
            self._log(request, str(error), 0, 0.0, started)
            raise
        self._log(request, as_completion(response), int(response.cached), response.usage.cost, started)
        return response

    async def stream(self, request: ModelRequest) -> AsyncIterator[StreamItem]:
        """The reply in pieces, logged when it is whole."""
        started = get_current_ts()
        async for item in self.client.stream(request):
            if isinstance(item, ModelResponse):
                self._log(request, as_completion(item), int(item.cached), item.usage.cost, started)
            yield item

    def _log(self, request: ModelRequest, response: Any, cached: int, cost: float, started: str) -> None:
        system = [{"role": "system", "content": request.system}] if request.system else []
        asked: dict[str, Any] = {"messages": [*system, *map(dict, request.messages)], "model": self.model}
        if request.tools:
            asked["tools"] = list(request.tools)
        wrapper = self._agent.client
        ids = id(self.client), id(wrapper)
        if isinstance(wrapper, OpenAIWrapper):
            ids = wrapper.client_id(getattr(response, "model", self.model)), wrapper.wrapper_id
        runtime_logging.log_chat_completion(uuid.uuid4(), *ids, self._agent, asked, response, cached, cost, started)


def log_received(agent: Any, sender: Any, message: Message | None) -> None:
    """Logs that an agent was told something."""
    if message is not None:
        shown = dict(message.render(agent.name))
        name = getattr(sender, "name", "")
        runtime_logging.log_event(agent, "received_message", message=shown, sender=name, valid=True)


def log_replied(agent: Any, reply: Any, backend: str) -> None:
    """Logs what an agent answers, and by which part of its chain."""
    said = dict(reply.render(agent.name)) if isinstance(reply, Message) else str(reply)
    final = isinstance(reply, Message)
    runtime_logging.log_event(
        agent, "reply_func_executed", reply_func_module=type(agent).__module__, reply_func_name=backend, final=final,
        reply=said,
    )  # fmt: skip


def log_functions(agent: Any, asked: Message | None, said: Any) -> None:
    """Logs the functions that an agent has called."""
    if asked is None or not isinstance(said, Message):
        return
    results = {result.call_id: result for result in said.tool_results}
    for call in asked.tool_calls:
        if call.id in results:
            function: Any = agent.function_map.get(call.name) or call.name
            runtime_logging.log_function_use(agent, function, _arguments(call.arguments), results[call.id].content)


def _arguments(text: str) -> Any:
    try:
        return json.loads(text or "{}")
    except ValueError:
        return text
