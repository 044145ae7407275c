"""Asks a model, or an agent, inside a state."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import partial
from typing import Any

from ..agents.agent import as_participant
from ..agents.backends.model import active_cache, ask_model
from ..agents.pair import runs
from ..core.conversation import Turn
from ..core.errors import ConfigError
from ..core.message import Message, Part, Text, ToolResult
from ..core.protocols import PrefixHint, Reply
from ..models.cache import with_cache
from ..models.client import ModelClient, ModelRequest
from ..models.config import LLMConfig, client_from
from ..tools.runner import run_calls
from ..tools.toolbox import noted_by, tools_at
from .outputs import Moment
from .position import Outcome
from .views import View, filled, seen, wire

ROUNDS = 10
_SPOKE = Outcome("ask")


@dataclass(frozen=True, slots=True)
class Ask:
    """Asks a model or an agent; see `ask`."""

    prompt: str = ""
    client: ModelClient | None = None
    agent: Any = None
    view: View = None
    rounds: int = ROUNDS
    kind: str = field(default="ask", init=False)

    @property
    def speaker(self) -> str:
        return str(self.agent.name) if self.agent is not None else ""

    def done(self, at: Moment) -> bool:
        """Whether it has said its last word; open calls are for a `run` that comes next."""
        last, position = at.context.transcript.last, at.context.position
        if last is None or (not last.tool_calls and not last.tool_results):
            return True
        if last.tool_results:
            return False
        outputs = at.context.declared.outputs
        following = outputs[position.index + 1] if position.index + 1 < len(outputs) else None
        if following is not None and following.kind == "run":
            return True
        return self.agent is not None and not runs(self.agent, last)

    async def produce(self, at: Moment) -> Reply:
        position, last = at.context.position, at.context.transcript.last
        reply: Reply
        if self.agent is not None:
            reply = await self._agent(at)
        elif position.said and last is not None and last.tool_calls:
            reply = await self._tools(at, last)
        else:
            reply = await self._model(at)
        position.last = _SPOKE if self.agent is None else Outcome(self.kind, name=self.speaker)
        return reply

    async def _agent(self, at: Moment) -> Reply:
        turn = at.turn
        assert turn is not None  # noqa: S101 - an agent speaks in a turn
        participant = as_participant(self.agent)
        its = Turn(at.conversation, at.run, participant, turn.sender, turn.index)
        its.final = turn.final
        view = self.view if self.view is not None else at.context.declared.view
        part = seen(view, at.context, participant.name)
        if part is not None or self.prompt:
            base = list(its.view) if part is None else list(part)
            its.messages = [dict(one) for one in base] + ([self._instruction(at)] if self.prompt else [])
        reply = await participant.reply(its)
        turn.backend = f"{turn.backend}, {its.backend}"
        return reply

    def _instruction(self, at: Moment) -> dict[str, Any]:
        return {"role": "user", "content": filled(self.prompt, at.context)}

    async def _model(self, at: Moment) -> Message:
        context, plan = at.context, at.context.plan
        state = context.declared
        client = self.client or state.client or plan.client
        assert client is not None  # noqa: S101 - checked when the flow was built
        view = self.view if self.view is not None else state.view
        system, tail = plan.system, ()
        if self.prompt and plan.instruction == "first":
            system = f"{system}\n\n{filled(self.prompt, context)}".strip()
        elif self.prompt:
            tail = (self._instruction(at),)  # type: ignore[assignment]
        spent = context.position.said >= 2 * self.rounds
        offer = tools_at(state.offer, at.conversation, at.run, at.speaker)
        tools = offer.schemas(at.conversation.id) if not spent else ()
        request = ModelRequest(
            wire(view, context, at.speaker, tail),
            system or None,
            tools,
            params={} if state.temperature is None else {"temperature": state.temperature},
            prefix=PrefixHint(at.conversation.id, at.speaker, at.conversation.transcript.life(at.speaker)),
        )
        client = with_cache(client, active_cache.get())
        response = await ask_model(client, request, at.run, at.conversation.id, at.speaker)
        return Message(at.speaker, response.content, noted_by(offer, response.tool_calls, tools))

    async def _tools(self, at: Moment, last: Message) -> Message:
        results = await run_calls(
            last.tool_calls,
            tools_at(at.context.declared.offer, at.conversation, at.run, last.speaker),
            run=at.run,
            conversation=at.conversation.id,
            speaker=at.speaker,
            transcript=at.context.transcript,
            state=partial(at.conversation.state, at.run),
        )
        return Message(at.speaker, parts_of(results), tool_results=results)


def parts_of(results: tuple[ToolResult, ...]) -> tuple[Part, ...] | None:
    """Images and files that came with results, named by their tools; None where there are none."""
    parts: list[Part] = []
    for result in results:
        if result.parts:
            parts += (Text(f"From the tool {result.name}:"), *result.parts)
    return tuple(parts) or None


def is_model(thing: object) -> bool:
    """Whether something is a model client, or a configuration of one."""
    return isinstance(thing, Mapping | LLMConfig) or callable(getattr(thing, "complete", None))


def ask(who: Any = None, prompt: str = "", *, view: View = None, rounds: int = ROUNDS) -> Ask:
    """Asks a model, or lets an agent speak, with a prompt that only this request sees.

    A model may call the tools of its state, and is asked again with their results; where a `run` comes next, that
    answers the calls.

    Args:
        who: A model (a client or an ``llm_config``) or an agent; the state's or the flow's model by default. A text
            alone is the prompt.
        prompt: What to do in this state; may have {task}, {last}, {history}, {state} and {flow}.
        view: What is seen of the history; the state's view by default.
        rounds: How often tools are on offer before the model must answer without.

    Raises:
        ConfigError: If `who` is neither a model nor an agent.

    Example:
        >>> ask("Write the query.").prompt
        'Write the query.'
    """
    if isinstance(who, str):
        if prompt:
            raise ConfigError(
                f"ask() takes a model or an agent and a prompt; {who!r} is neither: ask({{'model': ...}})"
            )
        who, prompt = None, who
    if not isinstance(prompt, str):
        raise ConfigError(f"the prompt of ask() must be a text, not {prompt!r}")
    if rounds < 1:
        raise ConfigError(f"the rounds of ask() must be at least 1, not {rounds}")
    if who is None:
        return Ask(prompt, view=view, rounds=rounds)
    if is_model(who):
        return Ask(prompt, client_from(who), view=view, rounds=rounds)
    as_participant(who)  # says what is missing where it is no agent
    return Ask(prompt, agent=who, view=view, rounds=rounds)
