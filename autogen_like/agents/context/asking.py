"""Asking a model that sees a conversation through a context."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

from ...core.conversation import Conversation
from ...core.errors import ContextOverflow
from ...core.events import Notice
from ...core.run import Run
from ...core.step_log import warn
from ...core.termination import StopReason
from ...core.transcript import Appended
from ...core.usage import UsageLedger
from ...models.cache import with_cache
from ...models.client import ModelClient, ModelRequest, ModelResponse
from ..backends.model import active_cache, ask_model
from .context import Context
from .policy import Occasion

TRIES = 4
"""How often a request is made that the endpoint refuses as too long, each time shorter."""


class Asking:
    """Asks a model that sees a conversation through a context.

    Args:
        context: The context.
        conversation: The conversation.
        run: The run that it is part of.
        name: On whose behalf.
        usage: Where what the context itself spends (on summaries) is counted, besides the run.
    """

    def __init__(
        self, context: Context, conversation: Conversation, run: Run[Any], name: str, usage: UsageLedger
    ) -> None:
        self._context, self._conversation, self._run = context, conversation, run
        self._name, self._usage = name, usage

    async def ask(
        self,
        client: ModelClient,
        request: ModelRequest,
        viewer: str | None,
        edited: Sequence[Mapping[str, Any]] | None = None,
        *,
        show: bool = True,
    ) -> ModelResponse | StopReason:
        """One request; one that the endpoint refuses as too long is made again, shorter, if the context can do that.

        Args:
            client: The model.
            request: What to ask; its messages go behind those of the conversation.
            viewer: Who looks; None for somebody outside.
            edited: The conversation as hooks have edited it, where they have.
            show: See `ask_model`.
        """
        for left in reversed(range(TRIES)):
            seen = await self._seen(client, request, viewer, edited)
            if isinstance(seen, StopReason):
                return StopReason(seen.kind, seen.detail, self._name)
            whole = replace(request, messages=Appended(seen, request.messages) if request.messages else seen)
            try:
                return await ask_model(client, whole, self._run, self._conversation.id, self._name, show=show)
            except ContextOverflow:
                if not left or not self._context.refused(self._conversation):
                    raise
        raise AssertionError("unreachable: the last try returns or raises")

    async def _seen(
        self,
        client: ModelClient,
        request: ModelRequest,
        viewer: str | None,
        edited: Sequence[Mapping[str, Any]] | None,
    ) -> Sequence[Mapping[str, Any]] | StopReason:
        occasion = Occasion(client, request.system, request.tools, self._ask, self._notice, request.messages)
        return await self._context.see(self._conversation, viewer, occasion, edited)

    async def _ask(self, client: ModelClient, request: ModelRequest) -> ModelResponse:
        client = with_cache(client, active_cache.get())
        response = await ask_model(client, request, self._run, self._conversation.id, self._name, show=False)
        self._usage.add(response.model, response.usage, cached=response.cached)
        return response

    def _notice(self, text: str, kind: str) -> None:
        if kind == "warning":
            warn(self._conversation.id, self._name, text)
        if self._run.listening:
            self._run.emit(Notice(self._conversation.id, self._name, text, kind))
