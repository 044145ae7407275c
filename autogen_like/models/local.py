"""A model that runs in this process: serving's engine as a `ModelClient`."""

from __future__ import annotations

import os
import threading
from collections.abc import AsyncGenerator, Iterator, Mapping
from contextlib import aclosing
from dataclasses import replace
from functools import partial
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Any
from weakref import WeakKeyDictionary, finalize

from ..core.errors import ConfigError, MissingExtra, ModelError
from ..core.protocols import PrefixHint
from ..core.usage import Usage
from ..serving.library import resolve
from .client import Capabilities, Choice, Delta, JsonSchema, ModelRequest, ModelResponse, SampledTokens, StreamItem
from .structured import parse_reply, pydantic_model

if TYPE_CHECKING:
    from pydantic import BaseModel

    from ..serving.chat_model import ChatModel, ChatReply, ChatRequest
    from ..serving.engine import EngineThread
    from ..serving.readers import Readers

_SAMPLING = (
    *("temperature", "top_p", "top_k", "min_p", "seed"),
    *("frequency_penalty", "presence_penalty", "repetition_penalty"),
)
_OTHER = (
    *("max_tokens", "max_completion_tokens", "stop", "logit_bias", "logprobs", "top_logprobs"),
    *("response_format", "parallel_tool_calls", "n"),
)
# What speaks of an endpoint, or of thinking that these models don't do: no part of it changes the reply.
_MEANINGLESS = ("user", "metadata", "store", "service_tier", "reasoning_effort", "verbosity", "prompt_cache_key")
_KNOWN = frozenset((*_SAMPLING, *_OTHER, *_MEANINGLESS))

_lock = threading.Lock()
_staying: WeakKeyDictionary[EngineThread[ChatModel], set[PrefixHint]] = WeakKeyDictionary()
_reading: WeakKeyDictionary[EngineThread[ChatModel], Readers] = WeakKeyDictionary()
_shared: dict[tuple[Path, tuple[tuple[str, Any], ...]], EngineThread[ChatModel]] = {}


class LocalClient:
    """A model file of this machine. It is loaded at the first request, once for all clients of this process.

    Args:
        source: A name in the model library (``smollm2-135m``), or a path to a GGUF file or a model folder.
        dtype: "float32", "bfloat16", or "auto": what this processor is faster with.
        context_length: Longest conversation in tokens; None is the model's own.
        prefix_cache_bytes: Memory for the computed beginnings of conversations.
        idle_prefill: Computes what an agent said into the prompts of the conversation's other agents while there is
            nothing else to do, so that the next speaker begins at once.
        shared_first: Puts the conversation before each agent's own instructions, so that agents share what is computed
            of it. Models see other prompts then: measure what it does to their answers.
        params: Sampling parameters by OpenAI's names, for all requests (temperature, max_tokens, ...); also ``top_k``,
            ``min_p`` and ``repetition_penalty``. The temperature is 0 where nobody says otherwise: the same words get
            the same answer.

    Raises:
        ConfigError: If there is no such model (the message names the command that fetches it), or a parameter is
            unknown.
        MissingExtra: If the optional part that runs models is not installed.

    Example:
        Agents make one from ``llm_config={"model": "local:smollm2-135m", "temperature": 0.7}``.
    """

    def __init__(
        self,
        source: str | os.PathLike[str],
        *,
        dtype: str = "auto",
        context_length: int | None = None,
        prefix_cache_bytes: int = 1 << 30,
        idle_prefill: bool = False,
        shared_first: bool = False,
        **params: Any,
    ) -> None:
        if find_spec("torch") is None:
            raise MissingExtra("a local model", "local")
        self._name = f"local:{os.fspath(source)}"
        self._params = _checked(params)
        self._path = resolve(source).resolve()
        self._shared_first = shared_first
        self._ahead = idle_prefill
        self._thread = _thread(
            self._path, {"dtype": dtype, "context": context_length, "cache_bytes": prefix_cache_bytes}
        )

        with _lock:
            self._stay = _staying.setdefault(self._thread, set())

    def __repr__(self) -> str:
        return f"LocalClient(model={self._name!r})"

    @property
    def model(self) -> str:
        """The model's name: ``local:`` and what it was made with."""
        return self._name

    @property
    def capabilities(self) -> Capabilities:
        """What it can do; the context is known once the model is loaded."""
        loaded = self._thread.engine
        context = None if loaded is None else loaded.engine.context
        return Capabilities(choices=True, json_schema=True, tools=True, images=False, context=context)

    async def complete(self, request: ModelRequest) -> ModelResponse:
        """One reply.

        Raises:
            ConfigError: If a parameter, a tool or a schema can't be.
            ContextOverflow: If the conversation doesn't fit the model's window.
        """
        async with aclosing(self.stream(request)) as items:
            async for item in items:
                if isinstance(item, ModelResponse):
                    return item
        raise ModelError(f"{self._name} gave no reply")

    async def stream(self, request: ModelRequest) -> AsyncGenerator[StreamItem, None]:
        """The same reply in pieces. Leaving it early frees the model at the next token."""
        from ..serving.chat_model import ChatReply

        asked, form = _chat_request(request, {**self._params, **_checked(request.params)})
        asked = replace(asked, shared_first=self._shared_first)
        if request.prefix is not None and request.prefix not in self._stay:
            self._stays(request.prefix)
        async with aclosing(self._thread.stream(lambda model: model.chat(asked))) as items:
            async for item in items:
                if isinstance(item, ChatReply):
                    if self._ahead:
                        self._prefill(asked, item)
                    response = self._response(item)
                    yield response if form is None else _parsed(response, form)
                elif item is not None:
                    yield Delta(item.text, item.kind, item.index, item.name)

    async def aclose(self) -> None:
        """Nothing is freed: other clients may use the same model. `unload` frees it."""

    def _stays(self, hint: PrefixHint) -> None:
        """Has an agent's prefix stay in memory until its conversation ends, and no longer."""
        life = hint.life() if hint.life is not None else None
        if life is not None:
            self._stay.add(hint)
            finalize(life, _left, self._thread, self._stay, hint).atexit = False

    def _prefill(self, asked: ChatRequest, reply: ChatReply) -> None:
        """Has the conversation's other agents read the reply when there is nothing else to do."""
        for ahead in _readers(self._thread).next_prompts(asked, reply):
            self._thread.background(partial(_read, ahead), name=("ahead", ahead.owner))

    def _response(self, reply: ChatReply) -> ModelResponse:
        took = reply.usage
        usage = Usage(
            prompt_tokens=took.prompt_tokens,
            completion_tokens=took.completion_tokens,
            cached_tokens=took.cached_tokens,
            seconds=took.prefill_seconds + took.decode_seconds,
        )
        told = reply.sampled
        return ModelResponse(
            content=reply.content,
            tool_calls=reply.tool_calls,
            finish_reason=reply.finish_reason,
            usage=usage,
            model=self._name,
            logprobs=reply.logprobs,
            raw=reply,
            tokens=SampledTokens(*told) if told is not None else None,
        )


def _left(thread: EngineThread[ChatModel], stay: set[PrefixHint], hint: PrefixHint) -> None:
    """A conversation ended, or was forgotten. May be called wherever something is freed, so others do the work."""
    stay.discard(hint)

    def leave(model: ChatModel) -> None:
        thread.cancel(("ahead", hint))
        model.engine.leave(hint)

    thread.tell(leave)


def _read(ahead: ChatRequest, model: ChatModel) -> Iterator[None]:
    return model.prefill(ahead)


def _readers(thread: EngineThread[ChatModel]) -> Readers:
    """Who reads what, for all clients of a model."""
    from ..serving.readers import Readers

    with _lock:
        return _reading.setdefault(thread, Readers())


def unload() -> None:
    """Frees the memory of all loaded models. A client that is used again loads its model again."""
    with _lock:
        threads = list(_shared.values())
    for thread in threads:
        thread.close()


def _thread(path: Path, settings: Mapping[str, Any]) -> EngineThread[ChatModel]:
    """The thread that runs a model: the same one for the same file and settings."""
    from ..serving.engine import EngineConfig, EngineThread

    config = EngineConfig(**settings)
    config.torch_dtype()  # a wrong name is told now

    def load() -> ChatModel:
        from ..serving.chat_model import ChatModel

        return ChatModel.load(path, config)

    key = (path, tuple(settings.items()))
    with _lock:
        found = _shared.get(key)
        if found is None:
            found = _shared[key] = EngineThread(load, name=f"autogen_like-{path.stem}")
        return found


def _checked(params: Mapping[str, Any]) -> dict[str, Any]:
    unknown = sorted(set(params) - _KNOWN)
    if unknown:
        known = sorted(_KNOWN - set(_MEANINGLESS))
        raise ConfigError(f"a local model knows no parameter {', '.join(map(repr, unknown))}; it knows {known}")
    if params.get("n") not in (None, 1):
        raise ConfigError("a local model gives one reply at a time: leave 'n' out, and ask several times")
    return {key: value for key, value in params.items() if value is not None and key not in _MEANINGLESS}


def _chat_request(request: ModelRequest, params: Mapping[str, Any]) -> tuple[ChatRequest, type[BaseModel] | None]:
    """The engine's form of a request, and the pydantic model that its reply is to be validated with, if any."""
    from ..serving.chat_model import ChatRequest
    from ..serving.engine import Sampling

    constraint = request.constraint
    form = None if constraint is not None else pydantic_model(params.get("response_format"))
    schema: Mapping[str, Any] | None = None
    if isinstance(constraint, JsonSchema):
        schema = constraint.schema
    elif form is not None:
        schema = form.model_json_schema()
    elif constraint is None:
        schema = _schema_of(params.get("response_format"))
    bias = {int(token): float(value) for token, value in (params.get("logit_bias") or {}).items()}
    stop = params.get("stop") or ()
    asked = ChatRequest(
        messages=tuple(request.messages),  # the request's may be a live view
        system=request.system,
        tools=tuple(request.tools),
        tool_choice=_tool_choice(request.tool_choice),
        parallel_tool_calls=bool(params.get("parallel_tool_calls", False)),
        choices=constraint.options if isinstance(constraint, Choice) else None,
        schema=schema,
        sampling=Sampling(**{key: params[key] for key in _SAMPLING if key in params}, logit_bias=bias),
        max_tokens=params.get("max_completion_tokens", params.get("max_tokens")),
        stop=(stop,) if isinstance(stop, str) else tuple(stop),
        logprobs=int(params.get("top_logprobs", 0)) if params.get("logprobs") else None,
        owner=request.prefix,
        speaker=request.prefix.agent if request.prefix is not None else None,
    )
    return asked, form


def _tool_choice(choice: str | Mapping[str, Any] | None) -> str:
    if choice is None:
        return "auto"
    if isinstance(choice, str):
        return choice
    try:
        return str(choice["function"]["name"])
    except (KeyError, TypeError):
        raise ConfigError(f"'tool_choice' must be auto, none, required or name a function, not {choice!r}") from None


def _schema_of(response_format: Any) -> Mapping[str, Any] | None:
    """The schema in OpenAI's ``response_format`` dict."""
    kind = response_format.get("type") if isinstance(response_format, Mapping) else response_format
    if kind in (None, "text"):
        return None
    if kind == "json_object":
        return {"type": "object"}
    schema = response_format.get("json_schema", {}).get("schema") if kind == "json_schema" else None
    if not isinstance(schema, Mapping):
        raise ConfigError(f"'response_format' must be a pydantic model, json_object or json_schema, not {kind!r}")
    return schema


def _parsed(response: ModelResponse, form: type[BaseModel]) -> ModelResponse:
    return replace(response, parsed=parse_reply(response.content, form, response))
