"""GroupChat: the members, what they have said, and how the next speaker is decided."""

from __future__ import annotations

import warnings
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any, TypeAlias

from ..core.errors import AgentNameConflict, ConfigError
from ..core.limits import is_count
from ..core.message import Message, message_from_dict
from ..core.transcript import Transcript, View
from .prompts import INTRODUCTION, NOBODY_NAMED, SELECT_MESSAGE, SELECT_PROMPT, SEVERAL_NAMED
from .transitions import Transitions

if TYPE_CHECKING:
    from ..agents.context import Context

METHODS = ("auto", "manual", "random", "round_robin", "handoff")
# (last speaker, group chat) -> an agent, the name of a method, or None to end the chat. May be async.
Selector: TypeAlias = Callable[[Any, "GroupChat"], Any]


class GroupChat:
    """Several agents in one conversation.

    Args:
        agents: The members; their names must differ.
        messages: What was said before, as chat dicts with ``name``.
        max_round: Messages until the chat ends, the first included; None for no limit.
        admin_name: Kept for AutoGen 0.2's scripts.
        func_call_filter: Whether a tool call is followed by somebody who can run the tool.
        speaker_selection_method: "auto" (a model decides), "manual" (a person), "random", "round_robin", "handoff" (the
            members themselves, with a `Handoff` tool each; the first begins), or a function of (last speaker, group
            chat) that returns a member, the name of a method, or None to end the chat. A handoff comes before all.
        max_retries_for_selecting_speaker: How often the model is asked again when its answer names nobody or several.
            A model that can be constrained names exactly one at once.
        allow_repeat_speaker: Whether one may speak twice in a row: for all, or a list of those who may.
        allowed_or_disallowed_speaker_transitions: ``{agent: [agents]}``: who may, or may not, follow.
        speaker_transitions_type: "allowed" or "disallowed".
        enable_clear_history: Whether a person may say ``clear history``, with the agent and how many messages to keep.
        send_introductions: Whether the members are introduced to each other first.
        select_speaker_message_template: The selecting model's system message; {roles} and {agentlist} are filled in.
        select_speaker_prompt_template: What it is asked after the conversation; None for nothing.
        select_speaker_auto_multiple_template: What it is told when it named several.
        select_speaker_auto_none_template: What it is told when it named nobody.
        select_speaker_transform_messages: Shortens what it sees: a context policy such as ``LastMessages(20)``, a list
            of policies, an object with ``apply_transform(messages)``, or a function of the messages. Without a policy
            here, the manager's ``context`` is applied.
        select_speaker_auto_verbose: Kept for AutoGen 0.2's scripts; each attempt is an event.
        select_speaker_auto_model_client_cls: A model client of your own that `select_speaker_auto_llm_config` names.
        select_speaker_auto_llm_config: The model that selects; the manager's, or else the first member's, by default.
        role_for_select_speaker_messages: The role of the prompt after the conversation.

    Raises:
        ConfigError: If a setting can't be right.
        AgentNameConflict: If two members have the same name.

    Example:
        >>> from autogen_like import ConversableAgent
        >>> members = [ConversableAgent("ada"), ConversableAgent("bob")]
        >>> GroupChat(members, speaker_selection_method="round_robin").agent_names
        ['ada', 'bob']
    """

    DEFAULT_INTRO_MSG = INTRODUCTION

    def __init__(
        self,
        agents: Sequence[Any],
        messages: Iterable[Mapping[str, Any]] = (),
        max_round: int | None = 10,
        admin_name: str = "Admin",
        func_call_filter: bool = True,
        speaker_selection_method: str | Selector = "auto",
        max_retries_for_selecting_speaker: int = 2,
        allow_repeat_speaker: bool | Sequence[Any] | None = None,
        allowed_or_disallowed_speaker_transitions: Mapping[Any, Iterable[Any]] | None = None,
        speaker_transitions_type: str | None = None,
        enable_clear_history: bool = False,
        send_introductions: bool = False,
        select_speaker_message_template: str = SELECT_MESSAGE,
        select_speaker_prompt_template: str | None = SELECT_PROMPT,
        select_speaker_auto_multiple_template: str = SEVERAL_NAMED,
        select_speaker_auto_none_template: str = NOBODY_NAMED,
        select_speaker_transform_messages: Any = None,
        select_speaker_auto_verbose: bool = False,
        select_speaker_auto_model_client_cls: Any = None,
        select_speaker_auto_llm_config: Any = None,
        role_for_select_speaker_messages: str = "system",
    ) -> None:
        self.agents = list(agents)
        self.max_round = max_round
        self.admin_name = admin_name
        self.func_call_filter = func_call_filter
        self.speaker_selection_method = speaker_selection_method
        self.max_retries_for_selecting_speaker = max_retries_for_selecting_speaker
        self.allow_repeat_speaker = allow_repeat_speaker
        self.allowed_or_disallowed_speaker_transitions = allowed_or_disallowed_speaker_transitions
        self.speaker_transitions_type = speaker_transitions_type
        self.enable_clear_history = enable_clear_history
        self.send_introductions = send_introductions
        self.select_speaker_message_template = select_speaker_message_template
        self.select_speaker_prompt_template = select_speaker_prompt_template
        self.select_speaker_auto_multiple_template = select_speaker_auto_multiple_template
        self.select_speaker_auto_none_template = select_speaker_auto_none_template
        self.select_speaker_transform_messages = select_speaker_transform_messages
        self.select_speaker_auto_verbose = select_speaker_auto_verbose
        self.select_speaker_auto_model_client_cls = select_speaker_auto_model_client_cls
        self.select_speaker_auto_llm_config = select_speaker_auto_llm_config
        self.role_for_select_speaker_messages = role_for_select_speaker_messages
        self._check()
        self.transitions = Transitions(
            self.agents, allowed_or_disallowed_speaker_transitions, speaker_transitions_type, allow_repeat_speaker
        )
        self.transcript = Transcript(self._said(raw) for raw in messages)

    def check_names(self) -> None:
        """Checks that the members can be told apart.

        Raises:
            AgentNameConflict: If two have one name.
        """
        names = self.agent_names
        twice = sorted({name for name in names if names.count(name) > 1})
        if twice:
            raise AgentNameConflict(f"members of a group need different names; used twice: {twice}")

    def check_method(self) -> None:
        """Checks that there is such a method of selection.

        Raises:
            ConfigError: If there isn't.
        """
        method: Any = self.speaker_selection_method
        if not callable(method) and str(method).lower() not in METHODS:
            raise ConfigError(f"speaker_selection_method must be one of {METHODS} or a function, not {method!r}")

    def _check(self) -> None:
        self.check_names()
        if not self.agents:
            raise ConfigError("a group chat needs agents")
        if self.max_round is not None and not is_count(self.max_round):
            raise ConfigError(f"max_round must be at least 1, or None for no limit; it is {self.max_round!r}")
        if self.max_retries_for_selecting_speaker < 0:
            raise ConfigError("max_retries_for_selecting_speaker must be 0 or more")
        if len(self.agents) < 2 and self.allow_repeat_speaker is False:
            raise ConfigError("with one agent, allow_repeat_speaker=False leaves nobody to speak; add a second agent")
        self.check_method()
        if self.role_for_select_speaker_messages not in ("system", "user", "assistant"):
            raise ConfigError('role_for_select_speaker_messages must be "system", "user" or "assistant"')

    def _said(self, raw: Mapping[str, Any]) -> Message:
        return message_from_dict(raw, raw.get("name") or self.admin_name)

    @property
    def allowed_speaker_transitions_dict(self) -> dict[Any, list[Any]]:
        """Who may follow whom."""
        return self.transitions.allowed

    @property
    def messages(self) -> View:
        """What was said, as somebody outside sees it: every message a user's, with the speaker's name."""
        return self.transcript.view(None)

    @messages.setter
    def messages(self, messages: Iterable[Mapping[str, Any]]) -> None:
        self.transcript = Transcript(self._said(raw) for raw in messages)

    def append(self, message: Mapping[str, Any], speaker: Any) -> None:
        """Adds what a member said."""
        self.transcript.append(message_from_dict(message, speaker.name))

    def reset(self) -> None:
        """Forgets what was said."""
        self.transcript = Transcript()

    # --- members

    @property
    def agent_names(self) -> list[str]:
        """The members' names."""
        return [agent.name for agent in self.agents]

    def agent_by_name(self, name: str, recursive: bool = False, raise_on_name_conflict: bool = False) -> Any:
        """The member with a name.

        Args:
            name: The name.
            recursive: Whether to look into groups within the group.
            raise_on_name_conflict: Whether two agents of that name are an error.

        Returns:
            The agent; None if there is none.

        Raises:
            AgentNameConflict: If there are two, and that is to be an error.
        """
        agents = self.nested_agents() if recursive else self.agents
        found = [agent for agent in agents if agent.name == name]
        if raise_on_name_conflict and len(found) > 1:
            raise AgentNameConflict(f"{len(found)} agents are called {name!r}")
        return found[0] if found else None

    def nested_agents(self) -> list[Any]:
        """The members, and those of groups within the group."""

        def walk(agents: Iterable[Any]) -> Iterator[Any]:
            for agent in agents:
                yield agent
                inner = getattr(agent, "groupchat", None)
                if isinstance(inner, GroupChat):
                    yield from walk(inner.agents)

        return list(walk(self.agents))

    def next_agent(self, agent: Any, agents: Sequence[Any] | None = None) -> Any:
        """The next member in the order of the list, of those in `agents`."""
        candidates = self.agents if agents is None else agents
        start = self.agents.index(agent) + 1 if agent in self.agents else 0
        for index in range(len(self.agents)):
            following = self.agents[(start + index) % len(self.agents)]
            if following in candidates:
                return following
        raise ConfigError(f"none of {[one.name for one in candidates]} is in the group {self.agent_names}")

    # --- what the selecting model is told

    def select_speaker_msg(self, agents: Sequence[Any] | None = None) -> str:
        """The system message of the model that selects."""
        return self._filled(self.select_speaker_message_template, agents)

    def select_speaker_prompt(self, agents: Sequence[Any] | None = None) -> str | None:
        """What it is asked after the conversation; None for nothing."""
        template = self.select_speaker_prompt_template
        return self._filled(template, agents) if template is not None else None

    @property
    def selection_context(self) -> Context | None:
        """The context of the selecting model, where `select_speaker_transform_messages` is made of policies."""
        transform = self.select_speaker_transform_messages
        if transform is None:
            return None
        if self._context is None or self._context[0] is not transform:
            from ..agents.context import Context, ContextPolicy  # only where there may be a policy

            policies = isinstance(transform, ContextPolicy | list | tuple)
            self._context = (transform, Context(transform) if policies else None)
        return self._context[1]

    _context: tuple[Any, Context | None] | None = None

    def introductions_msg(self, agents: Sequence[Any] | None = None) -> str:
        """The members, introduced to each other."""
        return self.DEFAULT_INTRO_MSG + "\n\n" + self._roles(self.agents if agents is None else agents)

    def _filled(self, template: str, agents: Sequence[Any] | None) -> str:
        among = self.agents if agents is None else agents
        names = [agent.name for agent in among]
        return template.replace("{roles}", self._roles(among)).replace("{agentlist}", str(names))

    def _roles(self, agents: Sequence[Any]) -> str:
        described = []
        for agent in agents:
            if not (agent.description or "").strip():
                warnings.warn(f"{agent.name} has no description; the selecting model sees only its name", stacklevel=2)
            described.append(f"{agent.name}: {agent.description}".strip())
        return "\n".join(described)
