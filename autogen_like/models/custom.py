"""Custom model clients as in AutoGen 0.2: with ``create``, ``message_retrieval``, ``cost`` and ``get_usage``."""

from __future__ import annotations

import asyncio
import inspect
import time
from collections.abc import AsyncIterator, Callable, Iterator, Mapping
from typing import Any, NoReturn, Protocol

from ..core.errors import AutogenLikeError, ConfigError, ModelError
from ..core.message import ToolCall, content_text, new_id
from ..core.usage import Usage
from .client import Capabilities, Delta, ModelClient, ModelRequest, ModelResponse, StreamItem
from .fallback import Fallback
from .layer import Layer
from .pricing import check_price
from .traits import traits_of
from .wire import wire_messages

# What 0.2 keeps to itself; everything else in a configuration goes to `create`.
_NOT_PARAMS = frozenset(
    {"cache", "cache_seed", "filter_func", "allow_format_str_template", "context", "api_version", "api_type", "tags"}
    | {"price", "api_rate_limit", "config_list", "capabilities", "max_retries"}
)


class CustomModelClient(Protocol):
    """AutoGen 0.2's protocol for a model of one's own. Any stands where 0.2 leaves the form open."""

    def __init__(self, config: dict[str, Any], **kwargs: Any) -> None:
        """Takes its entry of the ``config_list``, and what ``register_model_client`` was given."""

    def create(self, params: dict[str, Any]) -> Any:
        """Answers ``params["messages"]``: an object with ``choices`` and ``model``. May be async."""

    def message_retrieval(self, response: Any) -> list[Any]:
        """The texts, or the message objects, in a response."""

    def cost(self, response: Any) -> float:
        """What a response cost."""

    @staticmethod
    def get_usage(response: Any) -> dict[str, Any]:
        """Tokens: ``prompt_tokens``, ``completion_tokens``, ``total_tokens``, ``cost``, ``model``."""


CustomFactory = Callable[[dict[str, Any]], Any]


class CustomClient:
    """A custom client as a `ModelClient`. A ``create`` that is not async runs in a worker thread.

    Args:
        config: The entry of the ``config_list`` that names the class.
        make: Makes the custom client from a copy of that entry; None until somebody registers it.
    """

    def __init__(self, config: Mapping[str, Any], make: CustomFactory | None) -> None:
        self._config = dict(config)
        self._name = str(config["model_client_cls"])
        self._price = check_price(config.get("price"))
        self._custom = None if make is None else make(dict(config))
        self.model = str(config.get("model") or self._name)
        self.capabilities: Capabilities = traits_of(
            self.model, first_party=False, declared=config.get("capabilities")
        ).capabilities

    def __repr__(self) -> str:
        return f"CustomClient({self._name}, model={self.model!r})"

    def identity(self) -> dict[str, Any]:
        """What tells its answers from other clients'."""
        simple = {key: value for key, value in self._config.items() if isinstance(value, str | int | float | bool)}
        return {"class": self._name, "config": {key: value for key, value in simple.items() if key != "api_key"}}

    async def complete(self, request: ModelRequest) -> ModelResponse:
        """One reply of the custom client.

        Raises:
            ConfigError: If it is not registered yet.
            ModelError: If it raises.
        """
        custom = self._custom
        if custom is None:
            self._unregistered()
        params = self._params(request)
        started = time.perf_counter()
        try:
            if inspect.iscoroutinefunction(custom.create):
                answer = await custom.create(params)
            else:
                answer = await asyncio.to_thread(custom.create, params)
                if inspect.isawaitable(answer):
                    answer = await answer
            messages = custom.message_retrieval(answer)
        except AutogenLikeError:
            raise
        except Exception as error:
            raise ModelError(f"{self._name} ({self.model}) raised {type(error).__name__}: {error}") from error
        if not messages:
            raise ModelError(f"{self._name} ({self.model}): message_retrieval found no message in the response")
        content, calls = message_parts(messages[0])
        return ModelResponse(
            content=content,
            tool_calls=calls,
            finish_reason=_finish_reason(answer, calls),
            usage=self._usage(custom, answer, time.perf_counter() - started),
            model=str(getattr(answer, "model", None) or self.model),
            raw=answer,
        )

    async def stream(self, request: ModelRequest) -> AsyncIterator[StreamItem]:
        """The whole reply as one piece: 0.2's protocol knows no streams."""
        response = await self.complete(request)
        if response.content:
            yield Delta(response.content)
        for index, call in enumerate(response.tool_calls):
            yield Delta(call.arguments, "tool", index, call.name)
        yield response

    async def aclose(self) -> None:
        """Closes the custom client, where it has a ``close``."""
        close = getattr(self._custom, "close", None)
        if callable(close):
            closed = close()
            if inspect.isawaitable(closed):
                await closed

    def activate(self, make: CustomFactory) -> None:
        """Makes the custom client from a copy of its entry, and uses it from now on."""
        self._custom = make(dict(self._config))

    @property
    def class_name(self) -> str:
        """The name of the class that the configuration wants."""
        return self._name

    def _unregistered(self) -> NoReturn:
        raise ConfigError(
            f"llm_config names the custom client {self._name!r}, which is not registered: call "
            f"agent.register_model_client({self._name}) before the chat"
        )

    def _params(self, request: ModelRequest) -> dict[str, Any]:
        params = {key: value for key, value in self._config.items() if key not in _NOT_PARAMS}
        params.update(request.params)
        if request.tools:
            params["tools"] = [dict(tool) for tool in request.tools]
            if request.tool_choice is not None:
                params["tool_choice"] = request.tool_choice
        system = [{"role": "system", "content": request.system}] if request.system is not None else []
        rest = [dict(wire) for message in request.messages for wire in wire_messages(message)]
        return {**params, "messages": [*system, *rest]}

    def _usage(self, custom: Any, answer: Any, seconds: float) -> Usage:
        told = custom.get_usage(answer) if hasattr(custom, "get_usage") else None
        told = told or {}
        sent, received = int(told.get("prompt_tokens") or 0), int(told.get("completion_tokens") or 0)
        if self._price is not None:
            cost = (sent * self._price[0] + received * self._price[1]) / 1000
        else:
            cost = float(custom.cost(answer) or 0.0) if hasattr(custom, "cost") else float(told.get("cost") or 0.0)
        return Usage(sent, received, cost=cost, seconds=seconds)


def activate(client: ModelClient, model_client_cls: type, **kwargs: Any) -> None:
    """Puts a custom client behind all entries that name its class in ``model_client_cls``, wherever they are wrapped.

    Args:
        client: What `client_from` made.
        model_client_cls: The class, with the methods of `CustomModelClient`.
        **kwargs: Passed on to it, after its entry of the ``config_list``.

    Raises:
        ConfigError: If no entry names it.
    """
    wanted = model_client_cls.__name__
    found = [custom for custom in _custom_clients(client) if custom.class_name == wanted]
    if not found:
        raise ConfigError(
            f"no entry of llm_config names {wanted!r}: add 'model_client_cls': {wanted!r} to the one it is for"
        )
    for custom in found:
        custom.activate(lambda config: model_client_cls(config, **kwargs))


def _custom_clients(client: ModelClient) -> Iterator[CustomClient]:
    if isinstance(client, CustomClient):
        yield client
    elif isinstance(client, Layer):
        yield from _custom_clients(client.client)
    elif isinstance(client, Fallback):
        for inner in client.clients:
            yield from _custom_clients(inner)


def message_parts(found: Any) -> tuple[str | None, tuple[ToolCall, ...]]:
    """Content and calls of what `message_retrieval` gave: a text, a dict, or an object as OpenAI's."""
    if isinstance(found, str):
        return found, ()
    content = _get(found, "content")
    calls = []
    for call in _get(found, "tool_calls") or ():
        function = _get(call, "function")
        arguments = _get(function, "arguments") or "{}"
        calls.append(ToolCall(_get(call, "id") or new_id(), str(_get(function, "name")), str(arguments)))
    retired = _get(found, "function_call")
    if retired:
        calls = [ToolCall(None, str(_get(retired, "name")), str(_get(retired, "arguments") or "{}"))]
    text = content_text(content) if content is not None else None
    return (text or None) if calls else (text or ""), tuple(calls)


def _finish_reason(answer: Any, calls: tuple[ToolCall, ...]) -> str:
    choices = _get(answer, "choices")
    reason = _get(choices[0], "finish_reason") if choices else None
    return reason if isinstance(reason, str) else "tool_calls" if calls else "stop"


def _get(thing: Any, key: str) -> Any:
    return thing.get(key) if isinstance(thing, Mapping) else getattr(thing, key, None)
