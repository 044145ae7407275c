"""``autogen.oai.client``: `OpenAIWrapper`, a list of models with one method."""

from __future__ import annotations

import uuid
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from typing import Any, TypeAlias

from ...core.errors import ConfigError, ModelError
from ...core.sync import run as run_sync
from ...core.usage import UsageLedger
from ...models.cache import with_cache
from ...models.cache_stores import AbstractCache
from ...models.client import ModelClient as Client
from ...models.client import ModelRequest, ModelResponse
from ...models.config import LLMConfig, client_from
from ...models.custom import activate
from ...models.layer import streaming
from .. import runtime_logging
from .._errors import also, as_the_sdks
from ..io import IOStream
from ..logger.logger_utils import get_current_ts
from .clients import ModelClient, OpenAIClient
from .completions import as_completion, tallies, texts_or_messages, with_function_call

TOOL_ENABLED = True
LEGACY_DEFAULT_CACHE_SEED = 41
LEGACY_CACHE_DIR = ".cache"
OPEN_API_BASE_URL_PREFIX = "https://api.openai.com"

Template: TypeAlias = "str | Callable[[Mapping[str, Any]], str] | None"
_OURS = frozenset(
    ("messages", "prompt", "context", "agent", "cache", "cache_seed", "filter_func", "allow_format_str_template")
)
_PARTS = ("tools", "functions", "tool_choice", "function_call", "model", "config_list", "stream")


class PlaceHolderClient:
    """Stands for a custom client that isn't registered yet.

    Args:
        config: Its entry of the ``config_list``.
    """

    def __init__(self, config: Mapping[str, Any]) -> None:
        self.config = config


class OpenAIWrapper:
    """Asks the models of a list in order, until one answers.

    Args:
        config_list: The models; without it, `base_config` describes one.
        **base_config: Settings of all of them, where they don't say otherwise.

    Attributes:
        total_usage_summary: What was used, with what a cache answered; None if nothing.
        actual_usage_summary: The same without.

    Raises:
        ConfigError: If something in the configuration cannot be.

    Example:
        >>> from autogen_like import ScriptedModel
        >>> wrapper = OpenAIWrapper(config_list=[{"model": ScriptedModel(["Hello"])}])
        >>> response = wrapper.create(messages=[{"role": "user", "content": "Hi"}])
        >>> wrapper.extract_text_or_completion_object(response)
        ['Hello']
    """

    extra_kwargs = frozenset((*_OURS, "api_version", "api_type", "tags", "price"))
    openai_kwargs = frozenset(("api_key", "base_url", "organization", "timeout", "max_retries", "http_client"))
    aopenai_kwargs = openai_kwargs | {"azure_ad_token", "azure_ad_token_provider", "azure_deployment", "azure_endpoint"}

    def __init__(self, *, config_list: Sequence[Mapping[str, Any]] | None = None, **base_config: Any) -> None:
        settings = {**base_config, **({"config_list": list(config_list)} if config_list else {})}
        self._settings = settings
        self._config_list: list[dict[str, Any]] = []
        self._clients: list[Client | None] = []  # each made when it is first asked
        self._registered: dict[Any, tuple[type, dict[str, Any]]] = {}  # clients of one's own, by their class's name
        self._base = base_config
        self.usage = UsageLedger()
        if any(key in settings for key in ("model", "config_list", "model_client_cls")):
            self._config_list = [dict(entry) for entry in LLMConfig(settings).entries]
            self._clients = [None] * len(self._config_list)
        if runtime_logging.logging_enabled():
            runtime_logging.log_new_wrapper(self, {"config_list": list(config_list or ()), "base_config": base_config})
            for index in range(len(self._clients)):
                with suppress(ConfigError):  # what is wrong with it is told when it is asked
                    self._made(index)  # which is logged, too

    @property
    def wrapper_id(self) -> int:
        """What it is called in the runtime log."""
        return id(self)

    def client_id(self, model: str) -> int:
        """What the client of a model is called in the runtime log."""
        names = [client.model for client in self._clients if client is not None]
        return id(self._clients[names.index(model) if model in names else 0])

    # --- asking

    def create(self, **config: Any) -> Any:
        """Asks, and waits.

        Args:
            **config: ``messages`` (or ``prompt``) and, as may be, ``tools``, ``tool_choice``, ``model``, sampling
                parameters; ``context`` for templates, with ``allow_format_str_template``; ``cache`` or ``cache_seed``;
                ``filter_func`` of ``context`` and ``response``, which says whether an answer will do; ``agent``, for
                the log. What is said here wins over the list.

        Returns:
            OpenAI's object, with ``cost``, ``config_id`` (the place in the list) and ``pass_filter``.

        Raises:
            ModelError: If none of the models answers: the last one's error.
            ConfigError: If there is none, or nothing to ask.
        """
        return run_sync(self.a_create(**config))

    async def a_create(self, **config: Any) -> Any:
        """Asks; the async form of `create`."""
        if not self._clients and "model" not in config:
            raise ConfigError("OpenAIWrapper has no model: OpenAIWrapper(config_list=[{'model': ...}])")
        entries = self._config_list or [self._base]
        last: Exception | None = None
        answer = None
        for index, entry in enumerate(entries):
            whole = {**entry, **config}
            try:
                answer = await self._ask(index, whole, self._client(index, entry, config))
            except ConfigError as error:
                raise also(error, RuntimeError) from None  # an unregistered client was one in 0.2
            except Exception as error:  # noqa: BLE001 - the next one is asked; the last one's is raised
                last = error
                continue
            judge = whole.get("filter_func")
            answer.pass_filter = bool(judge(context=whole.get("context"), response=answer)) if judge else True
            if answer.pass_filter or index == len(entries) - 1:
                return answer
        if last is not None:
            raise as_the_sdks(last)
        return answer

    def _client(self, index: int, entry: Mapping[str, Any], config: Mapping[str, Any]) -> Client:
        said = {key: config[key] for key in ("model", "cache_seed") if key in config}
        changed = {key: value for key, value in said.items() if value != entry.get(key)}
        if self._clients and not changed:
            client = self._made(index)
        else:
            client = client_from({**entry, **changed})
            self._activate(client, entry)
        cache = config.get("cache")
        return with_cache(client, cache) if isinstance(cache, AbstractCache) else client

    def _made(self, index: int) -> Client:
        client = self._clients[index]
        if client is None:
            client = self._clients[index] = client_from(self._config_list[index])
            if runtime_logging.logging_enabled():
                runtime_logging.log_new_client(client, self, self._config_list[index])
        return client

    def _activate(self, client: Client, entry: Mapping[str, Any]) -> None:
        wanted = entry.get("model_client_cls")
        if wanted in self._registered:
            kind, arguments = self._registered[wanted]
            activate(client, kind, **arguments)

    async def _ask(self, index: int, config: Mapping[str, Any], client: Client) -> Any:
        request = self._request(config)
        started = get_current_ts()
        response: ModelResponse | None = None
        failed = ""
        try:
            response = await (_streamed(client, request) if config.get("stream") else client.complete(request))
        except Exception as error:
            failed = str(error)
            raise
        finally:
            if runtime_logging.logging_enabled():
                self._log(config, client, request, response, failed, started)
        self.usage.add(response.model, response.usage, cached=response.cached)
        answer = as_completion(response)
        if config.get("functions") and not config.get("tools"):
            answer = with_function_call(answer)
        answer.cost = response.usage.cost
        answer.config_id = index
        answer.message_retrieval_function = texts_or_messages
        return answer

    def _request(self, config: Mapping[str, Any]) -> ModelRequest:
        context, templates = config.get("context"), bool(config.get("allow_format_str_template"))
        messages = config.get("messages")
        if messages is None:
            if config.get("prompt") is None:
                raise ConfigError("OpenAIWrapper.create needs messages=[...] or prompt=...")
            messages = [{"role": "user", "content": config["prompt"]}]
        filled = [
            {key: value for key, value in message.items() if key != "context"}
            | {"content": self._content(message, message.get("context", context), templates)}
            for message in messages
        ]
        tools = [*(config.get("tools") or ())]
        tools += [{"type": "function", "function": one} for one in config.get("functions") or ()]
        known = {key for entry in self._config_list for key in entry}
        params = {
            key: value
            for key, value in config.items()
            if key not in _OURS and key not in _PARTS and key not in known and key not in self.openai_kwargs
        }
        for key in known & set(config) - _OURS - set(_PARTS) - self.openai_kwargs - self.extra_kwargs:
            if all(entry.get(key) != config[key] for entry in self._config_list):
                params[key] = config[key]  # said in the call: it wins
        return ModelRequest(filled, None, tools, config.get("tool_choice") if tools else None, params=params)

    def _content(self, message: Mapping[str, Any], context: Mapping[str, Any] | None, templates: bool) -> Any:
        content = message.get("content")
        return content if isinstance(content, list) else self.instantiate(content, context, templates)

    def _log(
        self, config: Mapping[str, Any], client: Client, request: ModelRequest, response: Any, failed: str, started: str
    ) -> None:
        asked = {"messages": list(request.messages), "model": client.model, **request.params}
        cached, cost = (int(response.cached), response.usage.cost) if response is not None else (0, 0.0)
        answer = as_completion(response) if response is not None else failed
        agent = config.get("agent") or ""
        runtime_logging.log_chat_completion(
            uuid.uuid4(), id(client), id(self), agent, asked, answer, cached, cost, started
        )

    # --- helpers

    @classmethod
    def instantiate(
        cls,
        template: Template,
        context: Mapping[str, Any] | None = None,
        allow_format_str_template: bool | None = False,
    ) -> str | None:
        """A template, filled in.

        Args:
            template: A text, or a function of the context.
            context: The values.
            allow_format_str_template: Whether ``{name}`` in a text stands for a value.

        Example:
            >>> OpenAIWrapper.instantiate("Dear {name}", {"name": "Ada"}, True)
            'Dear Ada'
        """
        if template is None or not context:
            return template if template is None or isinstance(template, str) else template({})
        if isinstance(template, str):
            return template.format(**context) if allow_format_str_template else template
        return template(context)

    @classmethod
    def extract_text_or_completion_object(cls, response: Any) -> list[Any]:
        """For each choice of a response its text, or its message where it calls something."""
        retrieve = getattr(response, "message_retrieval_function", texts_or_messages)
        found: list[Any] = retrieve(response)
        return found

    def register_model_client(self, model_client_cls: type, **kwargs: Any) -> None:
        """Puts a model client of your own behind the entries that name it in ``model_client_cls``.

        Raises:
            ConfigError: If none does.
        """
        named = [
            self._made(index)
            for index, entry in enumerate(self._config_list)
            if entry.get("model_client_cls") == model_client_cls.__name__
        ]
        if not named:
            name = model_client_cls.__name__
            raise ConfigError(f"no entry of the config_list has 'model_client_cls': {name!r}, so it is never asked")
        self._registered[model_client_cls.__name__] = model_client_cls, kwargs
        for client in named:
            activate(client, model_client_cls, **kwargs)

    # --- usage

    @property
    def total_usage_summary(self) -> dict[str, Any] | None:
        """What was used, with what a cache answered."""
        return self.usage.summary() if self.usage.total.requests else None

    @total_usage_summary.setter
    def total_usage_summary(self, summary: Mapping[str, Any] | None) -> None:
        self._counted(summary, self.usage.summary(actual=True))

    @property
    def actual_usage_summary(self) -> dict[str, Any] | None:
        """What was used, without what a cache answered."""
        return self.usage.summary(actual=True) if self.usage.actual.requests else None

    @actual_usage_summary.setter
    def actual_usage_summary(self, summary: Mapping[str, Any] | None) -> None:
        self._counted(self.usage.summary(), summary)

    def _counted(self, total: Mapping[str, Any] | None, actual: Mapping[str, Any] | None) -> None:
        self.usage.actual_by_model = tallies(actual)
        self.usage.cached_by_model = tallies(total, less=actual)

    def clear_usage_summary(self) -> None:
        """Counts anew."""
        self._counted(None, None)  # in the same ledger, which may be an agent's

    def print_usage_summary(self, mode: str | Sequence[str] = ("actual", "total")) -> None:
        """Prints what was used.

        Args:
            mode: "actual", "total", "both", or a list of the first two.

        Raises:
            ConfigError: If it is none of these.
        """
        from ...agents.usage import UsageMixin

        counted = UsageMixin()
        counted.name, counted.usage = "This wrapper", self.usage
        counted.print_usage_summary(mode)


async def _streamed(client: Client, request: ModelRequest) -> ModelResponse:
    """A reply whose text goes to the default `IOStream` as it comes."""
    stream = IOStream.get_default()
    async with streaming(client, request) as items:
        async for item in items:
            if isinstance(item, ModelResponse):
                stream.print("\n")
                return item
            if item.kind == "text":
                stream.print(item.text, end="", flush=True)
    raise ModelError(f"{client.model}'s stream ended without a response")


__all__ = [
    "LEGACY_CACHE_DIR",
    "LEGACY_DEFAULT_CACHE_SEED",
    "ModelClient",
    "OpenAIClient",
    "OpenAIWrapper",
    "PlaceHolderClient",
]
