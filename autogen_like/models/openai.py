"""Every OpenAI-compatible endpoint, Azure included: chat completions over the ``openai`` package."""

from __future__ import annotations

import time
from collections.abc import AsyncIterator, Mapping, Sequence
from json import JSONDecodeError
from typing import TYPE_CHECKING, Any

from ..core.errors import ConfigError, ModelError
from ..core.message import ToolCall, new_id
from ..core.usage import Usage
from .assembly import Assembly, reasoning_of
from .call import Call
from .client import Capabilities, Choice, Delta, ModelRequest, ModelResponse, StreamItem
from .endpoint import Endpoint
from .pricing import check_price, cost_of
from .tokens import count_tokens
from .traits import traits_of
from .wire import Adapter

if TYPE_CHECKING:
    from openai import AsyncStream
    from openai.types import CompletionUsage
    from openai.types.chat import ChatCompletion, ChatCompletionChunk

# Keys of a configuration that are ours: everything else in it is a parameter of the request.
OUR_KEYS = frozenset(
    (
        *("api_key", "base_url", "api_type", "api_version", "organization", "project", "timeout", "max_retries"),
        *("azure_endpoint", "azure_deployment", "azure_ad_token", "azure_ad_token_provider"),
        *("default_headers", "default_query", "http_client", "capabilities", "price", "tags", "model_client_cls"),
        *("api_rate_limit", "cache", "cache_seed", "filter_func", "allow_format_str_template", "context"),
        *("config_list", "stream", "stream_options", "tools", "functions", "tool_choice"),
    )
)


class OpenAIClient:
    """A model behind an OpenAI-compatible endpoint.

    Args:
        config: A configuration entry: ``model``, ``api_key``, ``base_url``, ... (see ``docs/models.md``), and the
            request's default parameters (``temperature``, ``reasoning_effort``, ...). Only read, never changed.
        adapter: Rewrites conversations for a model that can't take all that OpenAI's can.

    Raises:
        ConfigError: If something in the configuration cannot be. A missing key is reported by the first request.

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
        self._traits = traits_of(model, first_party=self._endpoint.first_party, declared=config.get("capabilities"))
        self._adapter = adapter
        self._usage_in_stream = True

    def __repr__(self) -> str:
        return f"OpenAIClient(model={self._model!r}, host={self._endpoint.host!r})"

    @property
    def model(self) -> str:
        """The model's name."""
        return self._model

    @property
    def capabilities(self) -> Capabilities:
        """What the model can do: known for OpenAI's models, otherwise as ``capabilities`` in the configuration says."""
        return self._traits.capabilities

    def identity(self) -> dict[str, Any]:
        """What tells its answers from other clients' (the key of a cache): endpoint, model and default parameters."""
        return {
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
        from openai import OpenAIError
        from openai.types.chat import ChatCompletion

        client = self._endpoint.client()
        call = self._call(request)
        started = time.perf_counter()
        try:
            completion = await client.post(
                "/chat/completions", cast_to=ChatCompletion, content=call.body(), options=call.options
            )
        except (OpenAIError, JSONDecodeError) as error:
            raise self._failure(error) from None
        return self._response(completion, call, time.perf_counter() - started)

    async def stream(self, request: ModelRequest) -> AsyncIterator[StreamItem]:
        """The reply in pieces, then whole. Leaving the loop early closes the connection."""
        from openai import OpenAIError

        call = self._call(request)
        whole, held = Assembly(), isinstance(request.constraint, Choice)
        started = time.perf_counter()
        try:
            async with await self._open(call) as chunks:
                async for chunk in chunks:
                    for delta in whole.add(chunk):
                        if not held or delta.kind != "text":  # an option is told when it is known
                            yield delta
        except (OpenAIError, JSONDecodeError) as error:
            raise self._failure(error) from None
        if whole.finish_reason is None:
            raise ModelError(f"{self._model}: the stream ended before the reply did", transient=True)
        response = self._streamed(whole, call, time.perf_counter() - started)
        if held and response.content:
            yield Delta(response.content)
        yield response

    async def aclose(self) -> None:
        """Closes the connections of every event loop that still runs."""
        await self._endpoint.aclose()

    async def _open(self, call: Call) -> AsyncStream[ChatCompletionChunk]:
        from openai import APIStatusError, AsyncStream
        from openai.types.chat import ChatCompletionChunk

        client = self._endpoint.client()

        async def post(usage: bool) -> AsyncStream[ChatCompletionChunk]:
            return await client.post(
                "/chat/completions",
                cast_to=ChatCompletionChunk,
                content=call.body(stream=True, usage=usage),
                options=call.options,
                stream=True,
                stream_cls=AsyncStream[ChatCompletionChunk],
            )

        if self._usage_in_stream:
            try:
                return await post(usage=True)
            except APIStatusError as error:
                if error.status_code not in (400, 422) or "stream_options" not in str(error):
                    raise
            self._usage_in_stream = False  # this endpoint doesn't know it; remembered, to ask only once
        return await post(usage=False)

    def _call(self, request: ModelRequest) -> Call:
        return Call(request, self._model, self._defaults, self._traits, self._adapter)

    def _failure(self, error: Exception) -> ModelError:
        """What to raise instead of `error`; without it as a cause, since that holds the request, key and all."""
        from openai import OpenAIError

        if not isinstance(error, OpenAIError):
            return ModelError(f"{self._model}: {self._endpoint.host} sent what is no JSON", transient=True)
        from .failures import model_error

        return model_error(error, self._model, self._endpoint.secrets())

    def _response(self, completion: ChatCompletion, call: Call, seconds: float) -> ModelResponse:
        choices = getattr(completion, "choices", None)
        if not choices:  # a string when it was no JSON at all
            raise ModelError(
                f"{self._model}: {self._endpoint.host} is no chat-completions endpoint by its answer; check base_url"
            )
        choice, message = choices[0], choices[0].message
        calls = tuple(
            ToolCall(tool.id or new_id(), tool.function.name, tool.function.arguments or "{}")
            for tool in message.tool_calls or ()
            if getattr(tool, "function", None) is not None
        )
        if message.function_call is not None:
            calls = (ToolCall(None, message.function_call.name, message.function_call.arguments or "{}"),)
        content = message.content or message.refusal or (None if calls else "")
        model = completion.model or self._model
        response = ModelResponse(
            content=call.unwrapped(content),
            tool_calls=calls,
            finish_reason=choice.finish_reason or "stop",
            usage=self._usage(completion.usage, model, call.request, content, calls, seconds),
            model=model,
            reasoning=reasoning_of(message),
            logprobs=choice.logprobs.model_dump() if choice.logprobs is not None else None,
            raw=completion,
        )
        return call.parsed(response)

    def _streamed(self, whole: Assembly, call: Call, seconds: float) -> ModelResponse:
        content, calls, model = whole.content, whole.tool_calls, whole.model or self._model
        response = ModelResponse(
            content=call.unwrapped(content),
            tool_calls=calls,
            finish_reason=whole.finish_reason or "stop",
            usage=self._usage(whole.usage, model, call.request, content, calls, seconds),
            model=model,
            reasoning=whole.reasoning,
            logprobs=whole.logprobs,
        )
        return call.parsed(response)

    def _usage(
        self,
        told: CompletionUsage | None,
        model: str,
        request: ModelRequest,
        content: str | None,
        calls: Sequence[ToolCall],
        seconds: float,
    ) -> Usage:
        if told is not None:
            sent, received = told.prompt_tokens or 0, told.completion_tokens or 0
            details = told.prompt_tokens_details
            cached = (details.cached_tokens or 0) if details is not None else 0
        else:
            system = [{"role": "system", "content": request.system}] if request.system is not None else []
            sent = count_tokens([*system, *request.messages], model, tools=request.tools).tokens
            written = (content or "") + "".join(call.name + call.arguments for call in calls)
            received, cached = count_tokens(written, model).tokens, 0
        cost = cost_of((model, self._model), sent, received, cached, self._price)
        return Usage(sent, received, cached, cost, seconds, estimated=told is None)
