"""Asks a language model."""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from contextvars import ContextVar
from typing import TYPE_CHECKING, Any, Protocol

from ...core.conversation import Turn
from ...core.errors import ConfigError, ModelError
from ...core.events import TextDelta
from ...core.journal import ReplayJournal, Replied
from ...core.message import Message
from ...core.protocols import PrefixHint, Reply, fits
from ...core.run import Run
from ...core.steps import ModelStep, watched
from ...core.termination import StopReason
from ...core.usage import UsageLedger
from ...models.cache import deltas_of, response_from_json, response_to_json, with_cache
from ...models.cache_stores import AbstractCache
from ...models.client import Delta, ModelClient, ModelRequest, ModelResponse
from ...models.layer import identity_of, served_by, streaming
from ...tools.toolbox import ToolSource, noted_by, tools_at

if TYPE_CHECKING:
    from ..context import Context

active_cache: ContextVar[AbstractCache | None] = ContextVar("active_cache", default=None)
"""The cache of the chat under way; chats nested in it use it too."""

LAST_TURN = "This is your last turn: answer now, with what you know, and without tools."


class WithModel(Protocol):
    """What the model backend knows of its agent."""

    usage: UsageLedger
    system_message: str

    @property
    def name(self) -> str:
        """The agent's name."""
        ...

    @property
    def model_client(self) -> ModelClient | None:
        """The model; None where it has none."""
        ...

    @property
    def context(self) -> Context | None:
        """What the model sees of the conversation; None for everything."""
        ...

    @property
    def tool_choice(self) -> str | Mapping[str, Any] | None:
        """Whether, or which, tool must be called."""
        ...

    @property
    def llm_tools(self) -> ToolSource:
        """Where the tools come from that the model may call."""
        ...

    def tool_schemas(self, conversation: str, offer: ToolSource | None = None) -> Sequence[Mapping[str, Any]]:
        """Tools on offer to the model."""
        ...


class ModelBackend:
    """Sends the conversation, as the agent sees it, to its model."""

    name = "model"

    def __init__(self, agent: WithModel) -> None:
        self._agent = agent
        self._cached: tuple[ModelClient, AbstractCache, ModelClient] | None = None

    async def reply(self, turn: Turn) -> Reply:
        """The model's reply, or None where the agent has no model."""
        agent = self._agent
        client = agent.model_client
        if client is None:
            return None
        over = turn.run.over_budget() if not turn.final else None
        if over is not None:
            return over
        conversation = turn.conversation.id
        offer = tools_at(agent.llm_tools, turn.conversation, turn.run, agent.name)
        system, choice = agent.system_message or None, agent.tool_choice
        tools = agent.tool_schemas(conversation, offer)
        last = turn.last
        if last is not None and last.tool_results and choice not in (None, "none"):
            choice = "auto"  # a call that must be made is made once; then the model may answer
        if turn.final:
            system, tools, choice = f"{system or ''}\n\n{LAST_TURN}".strip(), (), None
        context, client = agent.context, self.client(client)
        request = ModelRequest(
            turn.wire if context is None else (),
            system,
            tools,
            choice if tools else None,
            prefix=PrefixHint(conversation, agent.name, turn.transcript.life(agent.name)),
        )
        if context is None:
            response = await ask_model(client, request, turn.run, conversation, agent.name)
        else:
            from ..context.asking import Asking  # only where there is a context

            edited = None if turn.messages is turn.view else turn.messages
            asking = Asking(context, turn.conversation, turn.run, agent.name, agent.usage)
            found = await asking.ask(client, request, agent.name, edited)
            if isinstance(found, StopReason):
                return found
            response = found
        agent.usage.add(response.model, response.usage, cached=response.cached)
        return Message(agent.name, response.content, noted_by(offer, response.tool_calls, tools))

    def client(self, client: ModelClient) -> ModelClient:
        """The client behind the chat's cache, where the chat has one."""
        cache = active_cache.get()
        if cache is None:
            return client
        if self._cached is None or self._cached[0] is not client or self._cached[1] is not cache:
            self._cached = (client, cache, with_cache(client, cache))
        return self._cached[2]


async def ask_model(
    client: ModelClient, request: ModelRequest, run: Run[Any], conversation: str, speaker: str, *, show: bool = True
) -> ModelResponse:
    """One request: streamed where somebody listens to the pieces, and counted.

    Args:
        client: The model.
        request: What to ask.
        run: The run that it is part of.
        conversation: Id of the conversation, for events.
        speaker: On whose behalf.
        show: Whether the reply is something said, whose pieces listeners may want.
    """
    pieces = show and run.wants_deltas
    journal, asked = run.journal, None
    if journal is not None:
        from ...models.fingerprint import fingerprint  # only where it is written down

        asked = fingerprint(request)
    if asked is not None and fits(journal, ReplayJournal):
        response = _replayed(journal.reply(conversation, speaker, asked), speaker)
        for delta in deltas_of(response) if pieces else ():
            run.emit(TextDelta(conversation, speaker, delta.text, delta.kind, delta.name))
    elif not run.watchers:
        response = await _asked(client, request, run, conversation, speaker, pieces=pieces)
    else:
        provider, server = served_by(client)
        params = {**identity_of(client).get("params", {}), **request.params}
        step = ModelStep(run, conversation, speaker, client.model, request, provider, server, params, pieces)
        with watched(step):
            step.response = response = await _asked(client, request, run, conversation, speaker, step, pieces=pieces)
    if journal is not None and asked is not None:
        await journal.append(conversation, Replied(speaker, asked, response_to_json(response)))
    run.record_usage(speaker, response.model, response.usage, cached=response.cached, conversation=conversation)
    return response


def _replayed(reply: Mapping[str, Any], speaker: str) -> ModelResponse:
    response = response_from_json(reply)
    if response is None:
        raise ConfigError(f"what {speaker}'s model said was recorded by another version: record it again")
    return response


async def _asked(
    client: ModelClient,
    request: ModelRequest,
    run: Run[Any],
    conversation: str,
    speaker: str,
    step: ModelStep | None = None,
    *,
    pieces: bool,
) -> ModelResponse:
    response: ModelResponse | None = None
    if pieces:
        async with streaming(client, request) as items:
            async for item in items:
                if isinstance(item, Delta):
                    if step is not None and step.first is None:
                        step.first = time.perf_counter()
                    run.emit(TextDelta(conversation, speaker, item.text, item.kind, item.name))
                else:
                    response = item
    else:
        response = await client.complete(request)
    if response is None:
        raise ModelError(f"{client.model}'s stream ended without a response")
    return response
