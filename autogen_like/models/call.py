"""One request on its way to an endpoint: its parameters, and what its form asks of the reply."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Any, Protocol

from ..core.errors import ConfigError
from ..core.message import ToolCall
from .adapters import adapt_params
from .client import Choice, Delta, ModelRequest, ModelResponse
from .structured import format_of_constraint, format_of_model, parse_reply, pydantic_model, unwrap_choice
from .traits import Traits
from .wire import Adapter, messages_json, request_body

if TYPE_CHECKING:
    from pydantic import BaseModel

_NEEDS_TOOLS = ("tool_choice", "parallel_tool_calls")
_PER_CALL = ("extra_headers", "extra_query", "extra_body", "timeout")


class Screen(Protocol):
    """Takes the text of a reply as it comes."""

    def add(self, text: str) -> str:
        """What can be shown now."""
        ...

    def finish(self, content: str | None) -> tuple[str | None, tuple[ToolCall, ...], Sequence[Delta]]:
        """The text as the asker knows it, the tool calls that were in it, and what has not been shown yet."""
        ...


class _Held:
    """Holds an option back until it is known, and takes it out of its wrapping."""

    def __init__(self, choice: Choice) -> None:
        self._choice = choice

    def add(self, _: str) -> str:
        return ""

    def finish(self, content: str | None) -> tuple[str | None, tuple[ToolCall, ...], Sequence[Delta]]:
        content = unwrap_choice(content, self._choice)
        return content, (), [Delta(content)] if content else []


class Call:
    """One request to a chat-completions endpoint.

    Args:
        request: What is asked.
        model: Of which model.
        defaults: Parameters that the request's own win over.
        traits: What is known of the model.
        adapter: Rewrites the conversation, where the model needs that.

    Attributes:
        options: What is said of the HTTP request itself.
        rest: What its body holds beside the conversation.

    Raises:
        ConfigError: If the request wants a form that the model is not known to keep to.
    """

    def __init__(
        self,
        request: ModelRequest,
        model: str,
        defaults: Mapping[str, Any],
        traits: Traits,
        adapter: Adapter | None = None,
    ) -> None:
        self._text_tools = frozenset[str]()
        if "no_tools" in traits.adapters:
            from .adapter_text import tool_names, with_text_tools

            self._text_tools, request = tool_names(request), with_text_tools(request)
        self.request = request
        self._adapter = adapter
        params = {key: value for key, value in {**defaults, **request.params}.items() if value is not None}
        self.options, extra = _options(params)
        self._model_class = _take_form(params, request, model, traits)
        if request.tools:
            params["tools"] = list(request.tools)
            if request.tool_choice is not None:
                params["tool_choice"] = request.tool_choice
        elif not params.get("tools"):
            for key in _NEEDS_TOOLS:
                params.pop(key, None)
        if traits.adapters:
            adapt_params(params, traits.adapters, model)
        self.rest = {"model": model, **params, **extra}

    def body(self, *, stream: bool = False, usage: bool = False) -> bytes:
        """The request's body; `usage` asks for token counts at the end of a stream."""
        rest = self.rest
        if stream:
            rest = {**rest, "stream": True}
            if usage:
                rest["stream_options"] = {"include_usage": True}
        return request_body(self.request.messages, self.request.system, rest, self._adapter)

    def messages(self) -> bytes:
        """The conversation alone, as a JSON list."""
        return messages_json(self.request.messages, self.request.system, self._adapter)

    def screen(self) -> Screen | None:
        """What stands between the reply's text and those who see it; None where they see it as it comes."""
        constraint = self.request.constraint
        if isinstance(constraint, Choice):
            return _Held(constraint)
        if not self._text_tools:
            return None
        from .adapter_text import TextCalls

        return TextCalls(self._text_tools)

    def parsed(self, response: ModelResponse) -> ModelResponse:
        """The response with its validated object, where a pydantic model was asked for."""
        if self._model_class is None:
            return response
        return replace(response, parsed=parse_reply(response.content, self._model_class, response))


def _take_form(params: dict[str, Any], request: ModelRequest, model: str, traits: Traits) -> type[BaseModel] | None:
    constraint = request.constraint
    if constraint is not None:
        able, choice = traits.capabilities, isinstance(constraint, Choice)
        if not (able.choices if choice else able.json_schema):
            raise ConfigError(
                f"{model!r} is not known to keep to {type(constraint).__name__}; if its endpoint can, "
                f"say so in llm_config: 'capabilities': {{'{'choices' if choice else 'json_schema'}': True}}"
            )
        params["response_format"] = format_of_constraint(constraint)
        return None
    form = pydantic_model(params.get("response_format"))
    if form is not None:
        params["response_format"] = format_of_model(form)
    return form


def _options(params: dict[str, Any]) -> tuple[Any, dict[str, Any]]:
    """Takes out of the parameters what is about the HTTP request, not in its body."""
    taken = {key: params.pop(key) for key in _PER_CALL if key in params}
    options: dict[str, Any] = {}
    for key, name in (("extra_headers", "headers"), ("extra_query", "params"), ("timeout", "timeout")):
        if key in taken:
            options[name] = taken[key]
    return options, dict(taken.get("extra_body") or {})
