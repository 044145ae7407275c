"""AG2's ``autogen.agentchat.contrib.swarm_agent``: agents that hand a conversation on, and share variables.

Example:
    >>> from autogen_like import ScriptedModel
    >>> ada = SwarmAgent("ada", llm_config=ScriptedModel(["All done."]))
    >>> result, variables, last = initiate_swarm_chat(ada, "Go", [ada], context_variables={"n": 1}, silent=True)
    >>> result.summary, variables, last.name
    ('All done.', {'n': 1}, 'ada')
"""

from __future__ import annotations

import functools
import inspect
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from ....agents.agent import call
from ....agents.handoff import tool_name
from ....core.errors import ConfigError
from ....core.sync import run as run_sync
from ....tools.toolbox import Toolbox
from .._functions import without_variables
from ..chat import ChatResult
from ..conversable_agent import ConversableAgent
from ..groupchat import GroupChat, GroupChatManager
from ._swarm_words import AfterWork, AfterWorkOption, OnCondition, SwarmResult

EXECUTOR = "_Swarm_Tool_Executor"
USER = "_User"


AFTER_WORK, ON_CONDITION = AfterWork, OnCondition


@dataclass
class _Part:
    """What an agent brings to a swarm."""

    conditions: list[OnCondition] = field(default_factory=list)
    after_work: AfterWork | None = None
    functions: dict[str, Callable[..., Any]] = field(default_factory=dict)


class _OnOffer(Toolbox):
    """Tools of which some are on offer only under a condition."""

    def __init__(self, tools: Any, agent: Any) -> None:
        super().__init__(tools)
        self._agent = agent
        self.conditions: dict[str, Any] = {}
        self.variables: Mapping[str, Any] = {}

    def schemas(self, conversation: str = "") -> Sequence[Mapping[str, Any]]:
        """The tools on offer now."""
        every = super().schemas(conversation)
        if not self.conditions:
            return every
        return [one for one in every if self._offered(self.conditions.get(one["function"]["name"]))]

    def _offered(self, condition: Any) -> bool:
        if condition is None:
            return True
        if isinstance(condition, str):
            wanted = not condition.startswith("!")
            return bool(self.variables.get(condition.removeprefix("!"), False)) is wanted
        histories = [one for one in self._agent.chat_messages.values() if one]
        last = histories[-1][-1] if histories else {}
        return bool(condition(self._agent, last.get("content", "")))


def _part(agent: Any) -> _Part:
    known = vars(agent).get("_swarm_part")
    if known is None:
        known = agent._swarm_part = _Part()  # noqa: SLF001 - kept with the agent
        agent.llm_tools = _OnOffer(list(agent.llm_tools), agent)
    return known  # type: ignore[no-any-return]


class SwarmAgent(ConversableAgent):
    """An agent of a swarm. Any `ConversableAgent` can be one; this one asks nobody.

    Args:
        name: Its name.
        system_message: What its model is told.
        llm_config: Its model.
        functions: Functions that its model may call. A parameter ``context_variables`` gets the swarm's variables, and
            is not shown to the model; a function may return a `SwarmResult`.
        **kwargs: The other arguments of `ConversableAgent`.
    """

    def __init__(
        self,
        name: str,
        system_message: str | None = "You are a helpful AI Assistant.",
        llm_config: Any = None,
        functions: Sequence[Callable[..., Any]] | Callable[..., Any] | None = None,
        **kwargs: Any,
    ) -> None:
        kwargs.setdefault("human_input_mode", "NEVER")
        super().__init__(name, system_message, llm_config=llm_config, functions=functions, **kwargs)

    def add_single_function(self, func: Callable[..., Any], name: str | None = None, description: str = "") -> None:
        """Lets its model call a function, which without a description or docstring its name describes."""
        self._add_single_function(func, name, description)

    def add_functions(self, func_list: Sequence[Callable[..., Any]]) -> None:
        """Lets its model call functions."""
        self._add_functions(func_list)

    def register_hand_off(self, hand_to: Any) -> None:
        """Says whom it may hand over to, or what follows its work; see `register_hand_off`."""
        register_hand_off(self, hand_to)


def register_hand_off(agent: Any, hand_to: OnCondition | AfterWork | Sequence[OnCondition | AfterWork]) -> None:
    """Says whom an agent may hand over to, and what follows its work.

    Args:
        agent: The agent.
        hand_to: `OnCondition` and `AfterWork` objects.

    Raises:
        ConfigError: If it is something else, or there are two `AfterWork`.
    """
    part = _part(agent)
    for one in [hand_to] if isinstance(hand_to, OnCondition | AfterWork) else hand_to:
        if isinstance(one, AfterWork):
            if part.after_work is not None:
                raise ConfigError(f"{agent.name} has an AfterWork already: there can be one")
            part.after_work = one
        elif isinstance(one, OnCondition):
            _add_condition(agent, part, one)
        else:
            raise ConfigError(f"register_hand_off takes OnCondition and AfterWork, not {type(one).__name__}")


def _add_condition(agent: Any, part: _Part, condition: OnCondition) -> None:
    target = condition.target
    if isinstance(target, Mapping):
        target = _nested(agent, target, len(part.conditions))
    name = tool_name(f"transfer_{agent.name}_to_{target.name}")

    def hand_over() -> SwarmResult:
        return SwarmResult(f"Handed over to {target.name}.", target)

    hand_over.__name__ = name
    agent.register_for_llm(name=name, description=condition.condition)(hand_over)
    part.functions[name] = hand_over
    part.conditions.append(OnCondition(target, condition.condition, condition.available))
    if condition.available is not None:
        agent.llm_tools.conditions[name] = condition.available


def _nested(agent: Any, chats: Mapping[str, Any], index: int) -> Any:
    """An agent that answers with nested chats, and gives back."""
    inner = SwarmAgent(f"nested_chat_{agent.name}_{index + 1}")
    inner.register_nested_chats(
        chats["chat_queue"],
        trigger=lambda _: True,
        reply_func_from_nested_chats=chats.get("reply_func_from_nested_chats") or "summary_from_nested_chats",
        position=0,
        use_async=bool(chats.get("use_async", False)),
        config=chats.get("config"),
    )
    _part(inner).after_work = AfterWork(agent)
    return inner


class _Swarm:
    """One swarm chat: who speaks next, and the variables."""

    def __init__(self, initial: Any, agents: Sequence[Any], user: Any, after_work: AfterWork, variables: Any) -> None:
        self.variables: dict[str, Any] = variables
        self._after_work = after_work
        self.user = user
        nested = [one.target for agent in agents for one in _part(agent).conditions if _is_nested(one.target, agents)]
        self.agents = [*agents, *nested]
        self.by_name = {agent.name: agent for agent in (*self.agents, *((user,) if user is not None else ()))}
        self.last = self._first = initial
        self._next: Any = None
        self.executor = ConversableAgent(EXECUTOR, "", human_input_mode="NEVER", description="Runs tools.")
        for agent in self.agents:
            part = _part(agent)
            agent.llm_tools.variables = agent.context_variables = self.variables
            for name, function in {**agent.function_map, **part.functions}.items():
                self.executor.register_function({name: self._run(function)})

    def _run(self, function: Callable[..., Any]) -> Callable[..., Any]:
        shown = without_variables(function, lambda: self.variables)

        @functools.wraps(shown)
        async def run(*args: Any, **kwargs: Any) -> Any:
            result = await call(shown, *args, **kwargs)
            if isinstance(result, SwarmResult):
                self.variables.update(result.context_variables)
                if result.agent is not None:
                    self._next = result.agent
                return result.values
            if isinstance(getattr(result, "name", None), str) and result.name in self.by_name:  # an agent
                self._next = result
                return f"Handed over to {result.name}."
            return result

        run.__signature__ = inspect.signature(shown)  # type: ignore[attr-defined]
        return run

    async def select(self, last_speaker: Any, group: Any) -> Any:
        """Who speaks next."""
        last = group.transcript.last
        if last is not None and last.tool_calls:
            return self.executor
        first, self._first = self._first, None
        if first is not None:  # whoever spoke last before
            return first
        if last_speaker is self.executor:
            target, self._next = self._next, None
            return self._turn_of(await self._resolved(target, self.last, group)) if target is not None else self.last
        if last_speaker is None or last_speaker is self.user or last_speaker.name == USER:
            return self.last
        after = _part(last_speaker).after_work or self._after_work
        if after.next_agent_selection_msg is not None:
            group.select_speaker_prompt_template = after.next_agent_selection_msg
        return self._turn_of(await self._resolved(after.agent, last_speaker, group))

    def _turn_of(self, chosen: Any) -> Any:
        if isinstance(getattr(chosen, "name", None), str) and chosen is not self.user:
            self.last = chosen
        return chosen

    async def _resolved(self, target: Any, last_speaker: Any, group: Any) -> Any:
        while callable(target) and not isinstance(getattr(target, "name", None), str):
            target = await call(target, last_speaker, group.messages, group)
        if isinstance(target, AfterWork):
            return await self._resolved(target.agent, last_speaker, group)
        if isinstance(target, str):
            target = AfterWorkOption.__members__.get(target) or self.by_name.get(target, target)
        if target is AfterWorkOption.REVERT_TO_USER:
            return self.user
        if target is AfterWorkOption.STAY:
            return last_speaker
        if target is AfterWorkOption.SWARM_MANAGER:
            return "auto"
        return None if target is AfterWorkOption.TERMINATE else target


def _is_nested(target: Any, agents: Sequence[Any]) -> bool:
    return target not in agents and target.name.startswith("nested_chat_")


async def a_initiate_swarm_chat(
    initial_agent: Any,
    messages: Sequence[Mapping[str, Any]] | str,
    agents: Sequence[Any],
    user_agent: Any = None,
    swarm_manager_args: Mapping[str, Any] | None = None,
    max_rounds: int = 20,
    context_variables: dict[str, Any] | None = None,
    after_work: Any = AfterWorkOption.TERMINATE,
    **options: Any,
) -> tuple[ChatResult, dict[str, Any], Any]:
    """Has agents work on something, each of which may hand it on.

    Args:
        initial_agent: Who begins.
        messages: What is to be done; or a conversation to go on with, whose last message is answered.
        agents: All of them.
        user_agent: The person to whom REVERT_TO_USER goes.
        swarm_manager_args: Further arguments of the `GroupChatManager`: ``llm_config`` for SWARM_MANAGER.
        max_rounds: Messages until it ends.
        context_variables: The variables; changed by functions.
        after_work: What follows an agent that has answered, and has no `AfterWork` of its own.
        **options: Further arguments of `ConversableAgent.a_initiate_chat`: ``silent``.

    Returns:
        The result, the variables, and the agent who spoke last.

    Raises:
        ConfigError: If there is nothing to say, or the initial agent is none of the agents.
    """
    if initial_agent not in agents:
        raise ConfigError(f"the initial agent {initial_agent.name} must be one of the agents")
    said = [{"role": "user", "content": messages}] if isinstance(messages, str) else [dict(one) for one in messages]
    if not said:
        raise ConfigError("a swarm needs a message to begin with")
    work = after_work if isinstance(after_work, AfterWork) else AfterWork(after_work)
    variables = context_variables if context_variables is not None else {}
    swarm = _Swarm(initial_agent, agents, user_agent, work, variables)
    members = [*swarm.agents, swarm.executor, *((user_agent,) if user_agent is not None else ())]
    nobody = user_agent.name if user_agent is not None else USER  # who said what has no name
    group = GroupChat(
        members, said[:-1], max_rounds, nobody, speaker_selection_method=swarm.select, func_call_filter=False
    )
    manager = GroupChatManager(group, **dict(swarm_manager_args or {}))
    opening = said[-1]
    sender = swarm.by_name.get(str(opening.pop("name", "")), user_agent) or ConversableAgent(
        USER, human_input_mode="NEVER"
    )
    result = await sender.a_initiate_chat(manager, message=opening, clear_history=False, **options)
    result.chat_history = [_unnamed(one) for one in result.chat_history]
    return result, swarm.variables, swarm.last


def _unnamed(message: Mapping[str, Any]) -> Mapping[str, Any]:
    """A message as it is; without a name where nobody is the user."""
    if message.get("name") != USER:
        return message
    return {key: value for key, value in message.items() if key != "name"}


def initiate_swarm_chat(*args: Any, **kwargs: Any) -> tuple[ChatResult, dict[str, Any], Any]:
    """Has agents work on something, each of which may hand it on; see `a_initiate_swarm_chat`."""
    return run_sync(a_initiate_swarm_chat(*args, **kwargs))


__all__ = [
    "AFTER_WORK",
    "ON_CONDITION",
    "AfterWork",
    "AfterWorkOption",
    "OnCondition",
    "SwarmAgent",
    "SwarmResult",
    "a_initiate_swarm_chat",
    "initiate_swarm_chat",
    "register_hand_off",
]
