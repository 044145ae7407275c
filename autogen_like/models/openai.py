"""Every OpenAI-compatible endpoint, Azure included: chat completions over the ``openai`` package."""

from __future__ import annotations

import time
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import aclosing
from typing import TYPE_CHECKING, Any

from ..core.errors import ConfigError, ModelError
from ..core.usage import Usage
from .adapters import adapters_for, message_adapter
from .assembly import Assembly, told_tokens
from .call import Call, Screen
from .client import Capabilities, Delta, ModelRequest, ModelResponse, ReplyCut, StreamItem
from .endpoint import Endpoint
from .pricing import check_price, cost_of
from .tokens import count_tokens
from .traits import traits_of
from .wire import Adapter

if TYPE_CHECKING:
    from openai import AsyncStream
    from openai.types.chat import ChatCompletionChunk

    from .failures import Where
    from .reading import Unwrap

# Keys of a configuration that are ours: everything else in it is a parameter of the request.
OUR_KEYS = frozenset(
    (
        *("api_key", "base_url", "api_type", "api_version", "organization", "project", "timeout", "max_retries"),
        *("azure_endpoint", "azure_deployment", "azure_ad_token", "azure_ad_token_provider"),
        *(
            "default_headers",
            "default_query",
            "http_client",
            "capabilities",
            "adapter",
            "price",
            "tags",
            "model_client_cls",
        ),
        *("api_rate_limit", "cache", "cache_seed", "filter_func", "allow_format_str_template", "context"),
        *("config_list", "stream", "stream_options", "tools", "functions", "tool_choice"),
    )
)


class OpenAIClient:
    """A model behind an OpenAI-compatible endpoint.

    Args:
        config: A configuration entry: ``model``, ``api_key``, ``base_url``, ... (see ``docs/models.md``), and the
            request's default parameters (``temperature``, ``reasoning_effort``, ...). Only read, never changed.
        adapter: Rewrites conversations for a model that can't take all that OpenAI's can, before the adapters do that
            the configuration names, or that are known by the model's name (see ``docs/adapters.md``).

    Raises:
        ConfigError: If something in the configuration cannot be. `check`, and the first request, report a missing key.

    Example:
        >>> OpenAIClient({"model": "gpt-4.1-mini", "api_key": "sk-secret"})
        OpenAIClient(model='gpt-4.1-mini', host='api.openai.com')
    """

    def __init__(self, config: Mapping[str, Any], *, adapter: Adapter | None = None) -> None:
        model = config.get("model")
        if not isinstance(model, str) or not model:
            raise ConfigError("'model' is missing in llm_config: name one, as in {'model': 'gpt-4.1-mini'}")
        self._model = model
        self._endpoint = Endpoint(config)
        self._defaults = {key: value for key, value in config.items() if key not in OUR_KEYS and key != "model"}
        self._price = check_price(config.get("price"))
        names, functions = adapters_for(
            model,
            first_party=self._endpoint.first_party,
            service=self._endpoint.api_type,
            declared=config.get("adapter"),
        )
        declared = config.get("capabilities")
        self._traits = traits_of(model, first_party=self._endpoint.first_party, declared=declared, adapters=names)
        self._adapter = message_adapter(self._traits.adapters, functions if adapter is None else (*functions, adapter))
        self._usage_in_stream = True

    _unwrap: Unwrap | None = None  # what another protocol has around a completion

    def __repr__(self) -> str:
        return f"{type(self).__name__}(model={self._model!r}, host={self._endpoint.host!r})"

    def check(self) -> None:
        """Checks that there is a key; chats do so before the first message.

        Raises:
            ConfigError: If there is none; names the setting.
        """
        self._endpoint.check()

    @property
    def model(self) -> str:
        """The model's name."""
        return self._model

    @property
    def capabilities(self) -> Capabilities:
        """What the model can do: known for OpenAI's models, otherwise as ``capabilities`` in the configuration says."""
        return self._traits.capabilities

    @property
    def served_by(self) -> tuple[str, str]:
        """Who serves it, by the name that OpenTelemetry has for it, and the host with its port."""
        return self._endpoint.provider, self._endpoint.server

    def identity(self) -> dict[str, Any]:
        """What tells its answers from other clients' (the key of a cache): endpoint, model and default parameters."""
        adapters = {"adapters": sorted(self._traits.adapters)} if self._traits.adapters else {}
        return {
            **adapters,
            "model": self._model,
            "api_type": self._endpoint.api_type,
            "base_url": self._endpoint.base_url,
            "deployment": self._endpoint.deployment,
            "params": self._defaults,
        }

    async def complete(self, request: ModelRequest) -> ModelResponse:
        """One reply.

        Raises:
            ModelError: If the endpoint fails.
            ConfigError: If there is no key, or the request asks for what the model cannot.
        """
        from httpx2 import Response
        from openai import OpenAIError
        from openai.types.chat import ChatCompletion

        from .failures import model_error, read_completion
        from .reading import take_whole

        client = self._endpoint.client()
        call, where, whole = self._call(request), self._where(), Assembly()
        started = time.perf_counter()
        try:
            path, body = self._asked(call)
            answer = await client.post(path, cast_to=Response, content=body, options=call.options)
        except OpenAIError as error:  # not as a cause: it holds the request, key and all
            raise model_error(error, where) from None
        content = answer.content if self._unwrap is None else self._unwrap(answer.content, where)
        completion = read_completion(content, answer.headers.get("content-type", ""), where)
        take_whole(completion, whole, where)
        screen = call.screen()
        if screen is not None:
            screen.add(whole.content or "")
        raw = ChatCompletion.construct(**completion)
        return self._response(whole, call, time.perf_counter() - started, screen, raw)[0]

    async def stream(self, request: ModelRequest) -> AsyncIterator[StreamItem]:
        """The reply in pieces, then whole. Leaving the loop early closes the connection.

        Raises:
            ReplyCut: If it breaks off after pieces of it were given out.
            ModelError: If the endpoint fails before that.
            ConfigError: If there is no key, or the request asks for what the model cannot.
        """
        from .reading import read_stream

        call, where, whole = self._call(request), self._where(), Assembly()
        screen, shown = call.screen(), False
        started = time.perf_counter()
        try:
            async with (
                await self._open(call, where) as answer,
                aclosing(read_stream(answer.response, whole, where, self._unwrap)) as pieces,
            ):
                async for deltas in pieces:
                    for delta in deltas:
                        if screen is None or delta.kind != "text":
                            shown = True
                            yield delta
                        elif text := screen.add(delta.text):
                            shown = True
                            yield Delta(text)
        except ModelError as error:
            if not shown:
                raise
            raise ReplyCut.after(self._partial(whole, call, time.perf_counter() - started), error) from None
        response, last = self._response(whole, call, time.perf_counter() - started, screen)
        for delta in last:
            yield delta
        yield response

    async def aclose(self) -> None:
        """Closes the connections of every event loop that still runs."""
        await self._endpoint.aclose()

    async def _open(self, call: Call, where: Where) -> AsyncStream[ChatCompletionChunk]:
        """An answer that streams. Only its bytes are used: the package's own decoding costs far more than ours."""
        from openai import APIStatusError, AsyncStream, OpenAIError
        from openai.types.chat import ChatCompletionChunk

        from .failures import model_error

        client = self._endpoint.client()

        async def post(usage: bool) -> AsyncStream[ChatCompletionChunk]:
            path, body = self._asked(call, stream=True, usage=usage)
            return await client.post(
                path,
                cast_to=ChatCompletionChunk,
                content=body,
                options=call.options,
                stream=True,
                stream_cls=AsyncStream[ChatCompletionChunk],
            )

        try:
            if self._usage_in_stream:
                try:
                    return await post(usage=True)
                except APIStatusError as error:
                    if error.status_code not in (400, 422) or "stream_options" not in str(error):
                        raise
                self._usage_in_stream = False  # this endpoint doesn't know it; remembered, to ask only once
            return await post(usage=False)
        except OpenAIError as error:
            raise model_error(error, where) from None

    def _asked(self, call: Call, *, stream: bool = False, usage: bool = False) -> tuple[str, bytes]:
        """Where a request is sent to, and its body."""
        return "/chat/completions", call.body(stream=stream, usage=usage)

    def _call(self, request: ModelRequest) -> Call:
        return Call(request, self._model, self._defaults, self._traits, self._adapter)

    def _where(self) -> Where:
        from .failures import Where

        return Where(self._model, self._endpoint.host, self._endpoint.secrets)

    def _response(
        self, whole: Assembly, call: Call, seconds: float, screen: Screen | None = None, raw: Any = None
    ) -> tuple[ModelResponse, Sequence[Delta]]:
        """The response, and what of it has not been shown yet."""
        content, calls = whole.content, whole.tool_calls
        finish_reason = whole.finish_reason or ("tool_calls" if calls else "stop")
        last: Sequence[Delta] = ()
        usage = self._usage(whole, call.request, seconds)
        if screen is not None:
            content, found, last = screen.finish(content)
            if found:
                calls, finish_reason = (*calls, *found), "tool_calls"
        response = ModelResponse(
            content=content,
            tool_calls=calls,
            finish_reason=finish_reason,
            usage=usage,
            model=whole.model or self._model,
            reasoning=whole.reasoning,
            logprobs=whole.logprobs,
            raw=raw,
        )
        return call.parsed(response), last

    def _partial(self, whole: Assembly, call: Call, seconds: float) -> ModelResponse:
        return ModelResponse(
            content=whole.content,
            tool_calls=whole.tool_calls,
            finish_reason="cut",
            usage=self._usage(whole, call.request, seconds),
            model=whole.model or self._model,
            reasoning=whole.reasoning,
        )

    def _usage(self, whole: Assembly, request: ModelRequest, seconds: float) -> Usage:
        model, told = whole.model or self._model, told_tokens(whole.usage)
        if told is not None:
            sent, received, cached = told
        else:
            system = [{"role": "system", "content": request.system}] if request.system is not None else []
            sent = count_tokens([*system, *request.messages], model, tools=request.tools).tokens
            written = (whole.content or "") + "".join(call.name + call.arguments for call in whole.tool_calls)
            received, cached = count_tokens(written, model).tokens, 0
        cost = cost_of((model, self._model), sent, received, cached, self._price)
        return Usage(sent, received, cached, cost, seconds, estimated=told is None)
