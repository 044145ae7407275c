"""Who speaks next in a group: by turns, by chance, by a person, by a model."""

from __future__ import annotations

import random
import re
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Any, TypeAlias

from ..agents.agent import call
from ..agents.backends.model import active_cache, ask_model
from ..core.conversation import Conversation
from ..core.errors import ConfigError, NoEligibleSpeaker, UndefinedNextAgent
from ..core.events import HumanRequested, SelectionAttempt, SpeakerSelected
from ..core.message import Message, new_id
from ..core.protocols import PrefixHint
from ..core.run import Run
from ..core.termination import StopReason
from ..core.transcript import Appended
from ..models.cache import with_cache
from ..models.client import Choice, ModelClient, ModelRequest, ModelResponse
from ..models.config import client_from
from ..models.custom import activate
from .group import METHODS, GroupChat
from .handoff import GroupHandoffs

if TYPE_CHECKING:
    from ..agents.context import Context

_Look: TypeAlias = "tuple[Context | None, Sequence[Mapping[str, Any]] | None]"

MANUAL_TRIES = 3


class SpeakerSelection:
    """Selects the next speaker of a group, as its `GroupChat` says.

    Args:
        group: The group.
        manager: Its manager, whose model selects where the group names none.
        handoffs: The group's handoffs, which come before every method.

    Raises:
        ConfigError: If a model is to select, and nobody has one.
    """

    def __init__(self, group: GroupChat, manager: Any, handoffs: GroupHandoffs) -> None:
        self.group = group
        self._handoffs = handoffs
        self._manager = manager
        self._client: ModelClient | None = None
        method = group.speaker_selection_method
        if isinstance(method, str) and method.lower() == "auto" and len(group.agents) > 1:
            self.client()  # what is missing is said before anything is spent

    def client(self) -> ModelClient:
        """The model that selects: the group's, the manager's, or that of the first member who has one."""
        client = self._found()
        if client is None:
            raise ConfigError(
                'speaker_selection_method="auto" needs a model: give the GroupChatManager (or a member, or '
                'select_speaker_auto_llm_config) an llm_config, or choose "round_robin"'
            )
        return client

    def _found(self) -> ModelClient | None:
        if self._client is None:
            config = self.group.select_speaker_auto_llm_config
            if config is not None:
                self._client = client_from(config)
                own = self.group.select_speaker_auto_model_client_cls
                for kind in own if isinstance(own, list | tuple) else [own] if own is not None else ():
                    activate(self._client, kind)
            else:
                clients = (getattr(agent, "model_client", None) for agent in (self._manager, *self.group.agents))
                self._client = next((client for client in clients if client is not None), None)
        return self._client

    async def select(self, conversation: Conversation, last_speaker: Any) -> Any:
        """The member who speaks next; a `StopReason` where nobody is to, or where the selecting model is outgrown.

        Args:
            conversation: The group's conversation.
            last_speaker: Who spoke last; may be no member.

        Raises:
            NoEligibleSpeaker: If nobody may follow, or the user's function says that the chat is over.
            UndefinedNextAgent: If the user's function chose somebody who is no member.
        """
        target = self._handoffs.target(conversation)
        if target is not None:
            return self._tell(conversation, target, "handoff", 0)
        method: Any = self.group.speaker_selection_method
        if callable(method):
            method = await call(method, last_speaker, self.group)
            if method is None:
                raise NoEligibleSpeaker("the selection function ended the chat")
            if not isinstance(method, str):
                return self._chosen(method, conversation)
        if method.lower() not in METHODS:
            raise ConfigError(f"the selection function must return a member, None or one of {METHODS}, not {method!r}")
        candidates = self._candidates(conversation, last_speaker)
        if method.lower() == "handoff":
            chosen = self._handoffs.next(conversation, last_speaker, candidates)
            return chosen if isinstance(chosen, StopReason) else self._tell(conversation, chosen, "turn", 0)
        if len(candidates) == 1:
            return self._tell(conversation, candidates[0], "only one", 0)
        return await self._by_method(method.lower(), conversation, last_speaker, candidates)

    async def _by_method(
        self, method: str, conversation: Conversation, last_speaker: Any, candidates: list[Any]
    ) -> Any:
        if method == "round_robin":
            return self._tell(conversation, self.group.next_agent(last_speaker, candidates), method, 0)
        if method == "random":
            chosen = random.choice(candidates)  # noqa: S311 - chance, not a secret
            return self._tell(conversation, chosen, method, 0)
        if method == "manual":
            agent = await self._ask_person(conversation, candidates)
            if agent is not None:
                return self._tell(conversation, agent, method, 1)
            if self._found() is None:
                return self._tell(conversation, self.group.next_agent(last_speaker, candidates), "fallback", 1)
        return await self._ask_model(conversation, last_speaker, candidates)

    def _chosen(self, agent: Any, conversation: Conversation) -> Any:
        if agent not in self.group.agents:
            name = getattr(agent, "name", agent)
            raise UndefinedNextAgent(f"{name!r} was chosen to speak next, but the group has {self.group.agent_names}")
        return self._tell(conversation, agent, "function", 0)

    def _tell(self, conversation: Conversation, agent: Any, method: str, attempts: int) -> Any:
        run = _run_of(conversation)
        if run.listening:
            run.emit(SpeakerSelected(conversation.id, agent.name, method, attempts))
        return agent

    # --- who may

    def _candidates(self, conversation: Conversation, last_speaker: Any) -> list[Any]:
        agents = self.group.agents
        last = conversation.transcript.last
        if self.group.func_call_filter and last is not None and last.tool_calls:
            agents = self._able(last, conversation)
            if len(agents) == 1:
                return agents
        eligible = self.group.transitions.after(last_speaker, agents)
        if not eligible:
            raise NoEligibleSpeaker(f"the transitions let nobody speak after {getattr(last_speaker, 'name', 'that')}")
        return eligible

    def _able(self, message: Message, conversation: Conversation) -> list[Any]:
        names = self._handoffs.calls_for_others(message, conversation)
        agents = self.group.agents
        able = [agent for agent in agents if _can(agent, names)]
        if not able:
            able = [agent for agent in agents if getattr(agent, "function_map", None)]
        if not able:
            raise ConfigError(
                f"{message.speaker} called {', '.join(names)}, and no member of the group can run it: register it with "
                f"register_for_execution"
            )
        return able

    # --- a person decides

    async def _ask_person(self, conversation: Conversation, candidates: Sequence[Any]) -> Any:
        run = _run_of(conversation)
        listed = "\n".join(f"{index}: {agent.name}" for index, agent in enumerate(candidates, 1))
        prompt = f"Who speaks next?\n{listed}\nEnter a number (nothing or q lets the model select): "

        async def terminal(request: HumanRequested) -> str:
            answer: str = await self._manager.a_get_human_input(request.prompt)
            return answer

        for _ in range(MANUAL_TRIES):
            request = HumanRequested(conversation.id, new_id(), self._manager.name, prompt)
            answer = (await run.ask(request, terminal)).strip()
            if answer in ("", "q"):
                return None
            if answer.isdecimal() and 1 <= int(answer) <= len(candidates):
                return candidates[int(answer) - 1]
            named = [agent for agent in candidates if agent.name == answer]
            if named:
                return named[0]
        return None

    # --- a model decides

    async def _ask_model(self, conversation: Conversation, last_speaker: Any, candidates: list[Any]) -> Any:
        client, group = self.client(), self.group
        names = [agent.name for agent in candidates]
        constrained = client.capabilities.choices
        system = group.select_speaker_msg(candidates)
        look = await self._look(conversation)
        prompt = group.select_speaker_prompt(candidates)
        asked: list[Mapping[str, Any]] = []
        if prompt is not None:
            asked.append({"role": group.role_for_select_speaker_messages, "content": prompt})
        manager = self._manager.name
        life = conversation.transcript.life(manager)
        prefix = PrefixHint(conversation.id, manager, life)  # the next selection begins like this one
        tries = 1 if constrained else 1 + group.max_retries_for_selecting_speaker
        for attempt in range(1, tries + 1):
            constraint = Choice(tuple(names)) if constrained else None
            request = ModelRequest(tuple(asked), system, constraint=constraint, prefix=prefix)
            answer = await self._answer(client, request, conversation, look)
            if isinstance(answer, StopReason):
                return answer
            chosen = mentioned(answer, names)
            run = _run_of(conversation)
            if run.listening:
                run.emit(SelectionAttempt(conversation.id, attempt, answer, tuple(chosen)))
            if len(chosen) == 1:
                return self._tell(conversation, candidates[names.index(chosen[0])], "auto", attempt)
            template = (
                group.select_speaker_auto_multiple_template if chosen else group.select_speaker_auto_none_template
            )
            told = template.replace("{agentlist}", str(names))
            asked += [{"role": "assistant", "content": answer}, {"role": "user", "content": told}]
        return self._tell(conversation, group.next_agent(last_speaker, candidates), "fallback", tries)

    async def _answer(
        self, client: ModelClient, request: ModelRequest, conversation: Conversation, look: _Look
    ) -> str | StopReason:
        """The model's answer to a request whose messages go behind those of the conversation."""
        run, name, usage = _run_of(conversation), self._manager.name, self._manager.usage
        client = with_cache(client, active_cache.get())
        context, edited = look
        found: ModelResponse | StopReason
        if context is None:
            seen = conversation.transcript.view(None).wire if edited is None else edited
            whole = replace(request, messages=Appended(seen, request.messages))
            found = await ask_model(client, whole, run, conversation.id, name, show=False)
        else:
            from ..agents.context.asking import Asking  # only where there is a context

            asking = Asking(context, conversation, run, name, usage)
            found = await asking.ask(client, request, None, edited, show=False)
        if isinstance(found, StopReason):
            return found
        usage.add(found.model, found.usage, cached=found.cached)
        return found.content or ""

    async def _look(self, conversation: Conversation) -> _Look:
        """The context through which the model sees the conversation, and the conversation where it was edited."""
        context: Context | None = self.group.selection_context or getattr(self._manager, "context", None)
        transform = self.group.select_speaker_transform_messages
        if transform is None or self.group.selection_context is not None:
            return context, None
        apply = getattr(transform, "apply_transform", transform)
        return context, await call(apply, list(conversation.transcript.view(None)))


def _run_of(conversation: Conversation) -> Run[Any]:
    if conversation.active is None:
        raise ConfigError("a speaker can only be selected while the group chat runs: start it with initiate_chat")
    return conversation.active


def _can(agent: Any, names: list[str]) -> bool:
    can = getattr(agent, "can_execute_function", None)
    return can is not None and bool(can(names))


def mentioned(answer: str, names: Sequence[str]) -> list[str]:
    """Which names an answer mentions.

    Args:
        answer: What a model said.
        names: Names to look for; spaces and underscores count as the same, and so does markdown's escaped underscore.

    Returns:
        The one name that the answer consists of, or all that it mentions, in the order of `names`.

    Example:
        >>> mentioned("I think the code_writer.", ["code_writer", "code"])
        ['code_writer']
    """
    said = answer.strip().strip("'\"`*.[]")
    if said in names:
        return [said]
    text = answer.replace("\\_", "_").replace("_", " ")
    found = _found(text, names, 0) or _found(text, names, re.IGNORECASE)  # "Ada" and "ada" may both be there
    return [name for name in names if name in found]


def _found(text: str, names: Sequence[str], flags: int) -> list[str]:
    found = []
    # Longer names first, and what they matched is taken out: "code" is not mentioned in "code writer".
    for name in sorted(names, key=len, reverse=True):
        pattern = re.compile(rf"(?<!\w){re.escape(name.replace('_', ' '))}(?!\w)", flags)
        text, count = pattern.subn("\0", text)
        if count:
            found.append(name)
    return found
