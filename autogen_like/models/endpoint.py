"""Where a model is served and how to get in: address, key, time-outs. Builds the openai package's client."""

from __future__ import annotations

import asyncio
import inspect
import os
import re
import threading
from base64 import b64encode
from collections import deque
from collections.abc import Callable, Mapping
from importlib import import_module
from typing import TYPE_CHECKING, Any
from urllib.parse import parse_qsl, quote, unquote, urlsplit
from weakref import WeakKeyDictionary

from ..core.errors import ConfigError
from .traits import is_openai

if TYPE_CHECKING:
    from openai import AsyncOpenAI

# Services beside OpenAI and Azure: address, and the variable that holds their key. All but the last two (see
# `autogen_like.models.kserve`) speak OpenAI's language themselves.
SERVICES: dict[str, tuple[str, str]] = {
    "google": ("https://generativelanguage.googleapis.com/v1beta/openai/", "GEMINI_API_KEY"),
    "anthropic": ("https://api.anthropic.com/v1/", "ANTHROPIC_API_KEY"),
    "mistral": ("https://api.mistral.ai/v1", "MISTRAL_API_KEY"),
    "together": ("https://api.together.xyz/v1", "TOGETHER_API_KEY"),
    "groq": ("https://api.groq.com/openai/v1", "GROQ_API_KEY"),
    "cohere": ("https://api.cohere.ai/compatibility/v1", "COHERE_API_KEY"),
    "cerebras": ("https://api.cerebras.ai/v1", "CEREBRAS_API_KEY"),
    "ollama": ("http://localhost:11434/v1", "OLLAMA_API_KEY"),
    "kserve": ("http://localhost:8000", "AUTOGEN_LIKE_API_KEY"),
    "triton": ("http://localhost:8100", "AUTOGEN_LIKE_API_KEY"),
}
API_TYPES = ("openai", "azure", *SERVICES)
# What OpenTelemetry calls them, where that is another name. Whoever else speaks OpenAI's language goes by it.
_PROVIDERS = {"azure": "azure.ai.openai", "google": "gcp.gemini", "mistral": "mistral_ai"}
DEFAULT_AZURE_VERSION = "2024-10-21"
_SECRET_LENGTH = 8  # of a header's value, say: a shorter one is a flag, and would blot ordinary words
_LOCAL_HOSTS = frozenset({"localhost", "127.0.0.1", "::1", "host.docker.internal"})


class Endpoint:
    """An OpenAI-compatible endpoint. Clients for it are built when they are needed, one for each event loop.

    Args:
        config: A configuration entry; only read.

    Raises:
        ConfigError: If its ``api_type`` is unknown or its address is no URL.
    """

    def __init__(self, config: Mapping[str, Any]) -> None:
        self.api_type = str(config.get("api_type") or "openai").lower()
        if self.api_type not in API_TYPES:
            raise ConfigError(
                f"'api_type' must be one of {', '.join(API_TYPES)}, not {config.get('api_type')!r}; "
                "any other OpenAI-compatible service works with 'base_url' and no 'api_type'"
            )
        self.base_url = _address(config, self.api_type)
        self._config = dict(config)
        self._clients: WeakKeyDictionary[asyncio.AbstractEventLoop, AsyncOpenAI] = WeakKeyDictionary()
        self._lock = threading.Lock()
        self._given: deque[str] = deque(maxlen=4)  # the newest keys that a function gave

    @property
    def first_party(self) -> bool:
        """Whether OpenAI or Azure is behind it, so that model names can be trusted."""
        return self.api_type == "azure" or (self.api_type == "openai" and is_openai(self.base_url))

    @property
    def server(self) -> str:
        """The host's name and port, whether or not the address says one."""
        address = urlsplit(self.base_url or "https://api.openai.com")
        return f"{address.hostname}:{address.port or (80 if address.scheme == 'http' else 443)}"

    @property
    def provider(self) -> str:
        """The service, by the name that OpenTelemetry has for it."""
        return _PROVIDERS.get(self.api_type, self.api_type)

    @property
    def deployment(self) -> str | None:
        """Azure's name for the model: what the configuration says, or the usual one. None elsewhere."""
        if self.api_type != "azure":
            return None
        named = self._config.get("azure_deployment")
        # Azure writes gpt-3.5 without the dot.
        return str(named) if named else str(self._config.get("model")).replace("gpt-3.5", "gpt-35")

    @property
    def host(self) -> str:
        """The host's name and port, without what may be secret in an address."""
        if self.base_url is None:
            return "api.openai.com"
        address = urlsplit(self.base_url)
        return f"{address.hostname}:{address.port}" if address.port else str(address.hostname)

    def secrets(self) -> list[str]:
        """Texts that must not be shown to anybody, in each form that they are sent in; the longest first."""
        config = self._config
        found = {config.get("api_key"), config.get("azure_ad_token"), self._key_from_environment(), *self._given}
        if self.api_type == "azure":
            found.add(os.environ.get("AZURE_OPENAI_AD_TOKEN"))
        found |= _of_address(self.base_url)
        for setting in ("default_headers", "extra_headers", "default_query", "extra_query"):
            values = config.get(setting)
            for value in values.values() if isinstance(values, Mapping) else ():
                found.update(word for word in str(value).split() if len(word) >= _SECRET_LENGTH)
        texts = {secret for secret in found if isinstance(secret, str)}
        return sorted(texts | {quote(secret, safe="") for secret in texts}, key=len, reverse=True)

    def client(self) -> AsyncOpenAI:
        """The client of the running event loop.

        Raises:
            ConfigError: If there is no key.
        """
        loop = asyncio.get_running_loop()
        client = self._clients.get(loop)
        if client is None:
            with self._lock:
                # Open connections refer to their loop, so entries of closed loops would never go by themselves.
                for other in [other for other in self._clients if other.is_closed()]:
                    del self._clients[other]
                client = self._clients[loop] = self._build()
        return client

    async def aclose(self) -> None:
        """Closes the connections of all loops that still run."""
        with self._lock:
            clients = dict(self._clients)
            self._clients.clear()
        here = asyncio.get_running_loop()
        for loop, client in clients.items():
            if loop is here:
                await client.close()
            elif loop.is_running():
                await asyncio.wrap_future(asyncio.run_coroutine_threadsafe(client.close(), loop))

    def _build(self) -> AsyncOpenAI:
        from openai import AsyncAzureOpenAI, AsyncOpenAI

        config = self._config
        given: dict[str, Any] = {"max_retries": 0}  # `Retry` is what retries here
        for key in ("organization", "project", "timeout", "default_headers", "default_query"):
            if config.get(key) is not None:
                given[key] = config[key]
        address, basic = _without_login(self.base_url)
        if basic is not None:  # as httpx would, but the address that it logs is then without
            given["default_headers"] = {"Authorization": basic, **(config.get("default_headers") or {})}
        if config.get("http_client") is not None:
            given["http_client"] = _http_client(config["http_client"])
        if self.api_type != "azure":
            return AsyncOpenAI(api_key=self._key(), base_url=address, **given)
        return AsyncAzureOpenAI(
            azure_endpoint=str(address),
            azure_deployment=self.deployment,
            api_version=config.get("api_version") or os.environ.get("OPENAI_API_VERSION") or DEFAULT_AZURE_VERSION,
            **self._azure_credentials(),
            **given,
        )

    def _key_variable(self) -> str:
        if self.api_type == "azure":
            return "AZURE_OPENAI_API_KEY"
        return SERVICES[self.api_type][1] if self.api_type in SERVICES else "OPENAI_API_KEY"

    def _key_from_environment(self) -> str | None:
        return os.environ.get(self._key_variable()) or None

    def _key(self) -> str | Callable[[], Any]:
        key = self._config.get("api_key") or self._key_from_environment()
        if key:
            return self._noting(key) if callable(key) else key
        if self.base_url is not None and urlsplit(self.base_url).hostname in _LOCAL_HOSTS:
            return "none"  # a server on this machine seldom wants a key
        model, variable = self._config.get("model"), self._key_variable()
        own = "" if self.first_party else " (any text will do where the endpoint wants none)"
        raise ConfigError(
            f"no API key for model {model!r} at {self.host}: set {variable}, or 'api_key' in llm_config{own}"
        )

    def _noting(self, give: Callable[[], Any]) -> Callable[[], Any]:
        """A function that gives keys, with a note of what it gave, so that it can be blotted out."""

        async def given() -> Any:
            key = give()
            key = await key if inspect.isawaitable(key) else key
            if isinstance(key, str) and key not in self._given:
                self._given.append(key)
            return key

        return given

    def check(self) -> None:
        """Checks that there are credentials.

        Raises:
            ConfigError: If there are none; names the setting.
        """
        if self.api_type == "azure":
            self._azure_credentials()
        else:
            self._key()

    def _azure_credentials(self) -> dict[str, Any]:
        provider = self._config.get("azure_ad_token_provider")
        if provider is not None:
            given = _default_azure_token_provider() if provider == "DEFAULT" else provider
            return {"azure_ad_token_provider": self._noting(given)}
        token = self._config.get("azure_ad_token") or os.environ.get("AZURE_OPENAI_AD_TOKEN")
        if token and not self._config.get("api_key"):
            return {"azure_ad_token": token}
        return {"api_key": self._key()}


def _without_login(address: str | None) -> tuple[str | None, str | None]:
    """An address without user and password, and the header that says them."""
    parts = urlsplit(address or "")
    if not parts.username and not parts.password:
        return address, None
    login = f"{unquote(parts.username or '')}:{unquote(parts.password or '')}"
    bare = parts._replace(netloc=parts.netloc.rpartition("@")[2]).geturl()
    return bare, f"Basic {b64encode(login.encode()).decode()}"


def _of_address(address: str | None) -> set[str]:
    """The secrets in an address: who asks, as it is written, said and sent, and what its query holds."""
    if address is None:
        return set()
    parts = urlsplit(address)
    user, password = unquote(parts.username or ""), unquote(parts.password or "")
    sent = b64encode(f"{user}:{password}".encode()).decode() if parts.username or parts.password else ""
    queried = (value for _, value in parse_qsl(parts.query))
    return {parts.password or "", password, sent} | {
        value for value in (parts.username or "", user, *queried) if len(value) >= _SECRET_LENGTH
    }


def _address(config: Mapping[str, Any], api_type: str) -> str | None:
    given = config.get("base_url") or config.get("azure_endpoint")
    if given is None and api_type in SERVICES:
        return SERVICES[api_type][0]
    if given is None and api_type == "azure":
        given = os.environ.get("AZURE_OPENAI_ENDPOINT") or os.environ.get("AZURE_OPENAI_API_BASE")
        if not given:
            raise ConfigError("Azure needs its resource's address: 'base_url': 'https://NAME.openai.azure.com'")
    if given is None:
        given = os.environ.get("OPENAI_BASE_URL") or os.environ.get("OPENAI_API_BASE")
    if not given:
        return None
    address = str(given)
    if urlsplit(address).scheme not in ("http", "https"):
        raise ConfigError("'base_url' must start with http:// or https://, as in 'http://localhost:8000/v1'")
    if api_type == "azure":
        return re.sub(r"/openai(/.*)?$", "", address.rstrip("/"))
    return address


def _http_client(given: Any) -> Any:
    """The HTTP client that the configuration gives; or what makes one, for each event loop its own."""
    client = given() if callable(given) else given
    if hasattr(client, "aclose"):  # what a sync client has not
        return client
    raise ConfigError(
        f"'http_client' must be an httpx2.AsyncClient, or a function that makes one, not {type(client).__name__}"
    )


def _default_azure_token_provider() -> Any:
    try:
        identity = import_module("azure.identity.aio")
    except ImportError:
        raise ConfigError("'azure_ad_token_provider': 'DEFAULT' needs the package azure-identity: install it") from None
    scope = "https://cognitiveservices.azure.com/.default"
    return identity.get_bearer_token_provider(identity.DefaultAzureCredential(), scope)
