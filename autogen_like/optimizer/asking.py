"""Asking a model for one action: what it proposes is checked, and it is told what was wrong and asked again."""

from __future__ import annotations

import json
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Generic, TypeVar

from ..core.errors import ConfigError
from ..core.limits import is_count
from ..core.message import ToolCall
from ..models.client import ModelClient, ModelRequest
from ..models.tokens import count_tokens

T = TypeVar("T")

WINDOW = 100_000  # tokens, where nobody says how large a model's window is
RETRIES = 3
_RETRY = 1_200  # tokens that an attempt which failed may add to the next one's prompt
_ECHO = 2_000  # characters of an invalid call that the model is shown again
_REASON = 1_000  # characters of what was wrong


class Invalid(ValueError):
    """What a model proposed can't be taken; the message says why, to the model."""


@dataclass(slots=True)
class PromptTokens:
    """What an optimizer's prompts took, as counted before they were sent.

    Attributes:
        requests: How many there were.
        peak: Tokens of the longest.
        total: Tokens of all.
        cost: What they and their replies cost, in US dollars.
    """

    requests: int = 0
    peak: int = 0
    total: int = 0
    cost: float = 0.0

    @property
    def mean(self) -> float:
        """Tokens of one."""
        return self.total / self.requests if self.requests else 0.0

    def add(self, tokens: int, cost: float) -> None:
        """Adds a request."""
        self.requests += 1
        self.peak = max(self.peak, tokens)
        self.total += tokens
        self.cost += cost


@dataclass(frozen=True, slots=True)
class Asked(Generic[T]):
    """What came of asking.

    Args:
        value: What was proposed, checked; None where nothing was.
        terminated: Whether the model has nothing to propose.
        rejected: Why each invalid proposal was refused.
    """

    value: T | None
    terminated: bool = False
    rejected: tuple[str, ...] = ()


class ActionAsker:
    """A model that is asked for actions, within its window.

    Args:
        client: The model.
        window: Tokens of its window; what the client knows, or 100,000, by default.
        retries: How often it is asked again for an action that was invalid.

    Attributes:
        tokens: What the prompts took.

    Raises:
        ConfigError: If a setting can't be right.
    """

    def __init__(self, client: ModelClient, window: int | None = None, retries: int = RETRIES) -> None:
        if window is not None and not is_count(window):
            raise ConfigError(
                f"context must be a number of tokens, or None for what the model is known to have: {window!r}"
            )
        if retries != 0 and not is_count(retries):
            raise ConfigError(f"retries must be a whole number of at least 0, not {retries!r}")
        self.client = client
        self.window = window or client.capabilities.context or WINDOW
        self.retries = retries
        self.tokens = PromptTokens()

    def count(self, text: str) -> int:
        """The tokens of a text."""
        return count_tokens(text, self.client.model).tokens

    def room(self, system: str, tools: Sequence[Mapping[str, Any]]) -> int:
        """Tokens that a prompt may have beside what else is sent, and what is answered."""
        reply = min(8_192, self.window // 4)
        rest = count_tokens([{"role": "system", "content": system}], self.client.model, tools=tools).tokens
        return self.window - reply - rest - min(_RETRY * self.retries, self.window // 8) - 16

    async def ask(
        self,
        system: str,
        prompt: str,
        tools: Sequence[Mapping[str, Any]],
        take: Callable[[str, Mapping[str, Any]], Awaitable[T]],
        *,
        may_end: bool = True,
    ) -> Asked[T]:
        """Asks for one action, and again with the reason while it is invalid.

        Args:
            system: The system message.
            prompt: What is asked.
            tools: The actions.
            take: Checks an action by its name and arguments; raises `Invalid` with the reason.
            may_end: Whether the model may reply TERMINATE instead.
        """
        messages: list[dict[str, Any]] = [{"role": "user", "content": prompt}]
        rejected: list[str] = []
        for _ in range(1 + self.retries):
            call, text = await self._reply(system, messages, tools)
            if call is None and may_end and "TERMINATE" in text:
                return Asked(None, terminated=True, rejected=tuple(rejected))
            try:
                if call is None:
                    ways = "call one of the actions" + (", or reply TERMINATE" if may_end else "")
                    raise Invalid(f"that is no action: {ways}")
                return Asked(await take(call.name, _arguments(call)), rejected=tuple(rejected))
            except Invalid as error:
                reason = str(error)[:_REASON]
            rejected.append(reason)
            messages += _told(call, text, reason)
        return Asked(None, rejected=tuple(rejected))

    async def merge(
        self,
        system: str,
        prompt: str,
        tools: Sequence[Mapping[str, Any]],
        take: Callable[[str, Mapping[str, Any]], Awaitable[T]],
    ) -> T | None:
        """Asks for one thing made of several; None where these don't fit the window, or nothing valid came of it.

        Args:
            system: The system message.
            prompt: What is merged.
            tools: The action.
            take: Checks it, as for `ask`.
        """
        if self.count(prompt) > self.room(system, tools):
            return None
        return (await self.ask(system, prompt, tools, take, may_end=False)).value

    async def _reply(
        self, system: str, messages: list[dict[str, Any]], tools: Sequence[Mapping[str, Any]]
    ) -> tuple[ToolCall | None, str]:
        """The first call of a reply, and its text."""
        whole = [{"role": "system", "content": system}, *messages]
        tokens = count_tokens(whole, self.client.model, tools=tools).tokens
        response = await self.client.complete(ModelRequest(messages, system=system, tools=tools))
        self.tokens.add(tokens, response.usage.cost)
        return next(iter(response.tool_calls), None), response.content or ""


def client_of(llm_config: Any, model: Any) -> ModelClient:  # a dict, an LLMConfig, a ModelClient; a name or a client
    """The model that AutoGen 0.2's two parameters stand for.

    Args:
        llm_config: Where models are: a dict, an `LLMConfig` or a `ModelClient`.
        model: Which of them: the name of one in ``config_list``, or a model by itself.

    Raises:
        ConfigError: If there is none.
    """
    from ..models.config import LLMConfig, client_from, filter_config

    if model is not None and not isinstance(model, str):
        return _client(client_from(model), "optimizer_model")
    if isinstance(llm_config, Mapping) and model is not None:
        entries = filter_config(list(LLMConfig(llm_config).entries), {"model": [model]})
        if not entries:
            raise ConfigError(f"llm_config has no model {model!r}, which optimizer_model names: add it to config_list")
        return _client(client_from({"config_list": entries}), "llm_config")
    if model is None and (llm_config is None or llm_config is False):
        raise ConfigError("the optimizer needs a model: give llm_config, or optimizer_model")
    return _client(client_from(llm_config if llm_config is not None else {"model": model}), "llm_config")


def _client(client: ModelClient | None, setting: str) -> ModelClient:
    if client is None:
        raise ConfigError(f"{setting} of the optimizer names no model")
    return client


def _arguments(call: ToolCall) -> Mapping[str, Any]:
    try:
        found = json.loads(call.arguments or "{}", strict=False)
    except (ValueError, RecursionError) as error:
        raise Invalid(f"the arguments of {call.name:.80} are not valid JSON: {str(error)[:200]}") from None
    if not isinstance(found, dict):
        raise Invalid(f"the arguments of {call.name:.80} must be an object, not {type(found).__name__}")
    return found


def _told(call: ToolCall | None, text: str, reason: str) -> list[dict[str, Any]]:
    """The messages that tell a model what was wrong; what it said is shown again as far as it is short."""
    again = f"{reason}. Try another way."
    if call is None:
        return [{"role": "assistant", "content": text[:_ECHO] or "..."}, {"role": "user", "content": again}]
    function = {"name": call.name[:64], "arguments": _echo(call.arguments)}
    said = {"role": "assistant", "content": None, "tool_calls": [{"id": "1", "type": "function", "function": function}]}
    return [said, {"role": "tool", "tool_call_id": "1", "content": f"Error: {again}"}]


def _echo(arguments: str) -> str:
    """Arguments that endpoints take: valid JSON, and not 10 MB of it."""
    if len(arguments) > _ECHO:
        return json.dumps({"left out": f"{len(arguments):,} characters"})
    try:
        return arguments if isinstance(json.loads(arguments), dict) else json.dumps({"text": arguments})
    except (ValueError, RecursionError):
        return json.dumps({"text": arguments})
