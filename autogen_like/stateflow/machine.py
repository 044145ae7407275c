"""StateFlow: task-solving as a state machine over a conversation.

After "StateFlow: Enhancing LLM Task-Solving through State-Driven Workflows" (Wu, Yue, Zhang, Wang, Wu; arXiv
2403.11322, section 3): states, an initial and final ones, outputs that are run in a state and append to one history,
and a transition function of the state and the history.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ..agents.chat_result import ChatResult
from ..agents.conversable import ConversableAgent
from ..core.errors import ConfigError
from ..core.journal import JournalStore
from ..core.limits import Limits, is_count
from ..core.message import Message
from ..core.protocols import Tool, fits
from ..core.run import Ask, Run
from ..core.termination import StopCondition
from ..groupchat.group import GroupChat
from ..models.client import ModelClient
from ..models.config import client_from
from ..tools.toolbox import Toolbox, ToolSource
from .choosing import Choose
from .conditions import condition_of
from .drawing import Picture
from .executing import FlowOptions, execution
from .outputs import Output
from .plan import ANY, Plan, State, Transition, compiled
from .result import FlowResult, explain
from .rule import OnStep
from .selector import Selector
from .views import View

if TYPE_CHECKING:
    from .context import Context

INSTRUCTIONS = ("last", "first")


def _is_name(value: object) -> bool:
    return isinstance(value, str) and bool(value) and value == value.strip()


class StateFlow:
    """A task-solver as a state machine: what is done in each state, and what leads where.

    Declared once, it is used in three ways: ``await flow.run(task)`` alone, ``flow.as_agent(name)`` as an agent in any
    chat, and ``GroupChat(..., speaker_selection_method=flow)``, where each state names the member who speaks.

    Args:
        name: Its name, in which its models speak.
        initial: The first state.
        final: The states in which it ends; those that do nothing need no `state`.
        model: The model of states that have none: a client or an ``llm_config``.
        system: The system message of all its requests.
        instruction: Where a state's prompt stands in a request: "last", behind the history, so that the prefix stays
            the same from state to state and can be cached, or "first", in the system message.
        max_transitions: How many transitions a run may take before it is ended.
        answer: Makes the run's answer of the `Context` when a final state is reached; the last message by default.

    Raises:
        ConfigError: If a setting can't be right.

    Example:
        >>> from autogen_like import ScriptedModel
        >>> from autogen_like.stateflow import ask, says
        >>> model = ScriptedModel(["Two and two is four.", "submit"])
        >>> flow = StateFlow("sums", initial="solve", final={"end"}, model=model)
        >>> _ = flow.state("solve", ask("Solve it.")).state("verify", ask("Right? Then say: submit."))
        >>> _ = flow.transition("solve", "verify")
        >>> _ = flow.transition("verify", "end", when=says("submit")).transition("verify", "solve")
        >>> import asyncio
        >>> async def main() -> str:
        ...     return (await flow.run("2 + 2?")).state
        >>> asyncio.run(main())
        'end'
    """

    def __init__(
        self,
        name: str,
        *,
        initial: str,
        final: Iterable[str],
        model: Any = None,
        system: str = "",
        instruction: str = "last",
        max_transitions: int = 100,
        answer: Callable[[Context], Any] | None = None,
    ) -> None:
        for what, value in (("name", name), ("initial state", initial)):
            if not _is_name(value):
                raise ConfigError(f"a flow's {what} must be a text with no space at its ends, not {value!r}")
        if isinstance(final, str):
            raise ConfigError(f"the final states of {name} must be a set or list: final={{{final!r}}}")
        if instruction not in INSTRUCTIONS:
            raise ConfigError(f'instruction of {name} must be "last" or "first", not {instruction!r}')
        if not is_count(max_transitions):
            raise ConfigError(f"max_transitions of {name} must be at least 1, not {max_transitions!r}")
        self.name = name
        self.initial = initial
        self.final = tuple(dict.fromkeys(final))
        self.system = system
        self.instruction = instruction
        self.max_transitions = max_transitions
        self.answer = answer
        self.client: ModelClient | None = client_from(model) if model is not None else None
        self.states: dict[str, State] = {}
        self.transitions: list[Transition] = []
        self._plan: Plan | None = None
        self._selector = Selector()

    def __repr__(self) -> str:
        return f"StateFlow({self.name!r}, {len(self.states)} states, {len(self.transitions)} transitions)"

    # --- declaring

    def state(
        self,
        name: str,
        *outputs: Output,
        model: Any = None,
        tools: Iterable[Tool | Callable[..., Any]] | ToolSource | None = None,
        view: View = None,
        temperature: float | None = None,
        max_visits: int | None = None,
        timeout: float | None = None,
        otherwise: str | None = None,
        description: str = "",
    ) -> StateFlow:
        """Declares a state.

        Args:
            name: Its name.
            *outputs: What is done in it, in order: `instruct`, `ask`, `run`, `call`, `chat`, `flow`.
            model: The model that it asks; the flow's by default.
            tools: Tools that its model may call; the flow runs them and asks again.
            view: What its model sees of the history: all by default, ``last(n)``, ``since(state)``, a template, or a
                function of the context.
            temperature: That of its requests.
            max_visits: How often it may be entered; who comes once more goes to `otherwise`.
            timeout: Seconds that one visit may take; then it goes to `otherwise`.
            otherwise: Where to go when a limit is reached.
            description: What it is for; a model that chooses among states is told.

        Returns:
            The flow, for the next declaration.

        Raises:
            ConfigError: If there is a state of that name, or a setting can't be right; names the state.
        """
        if not _is_name(name) or name == ANY:
            raise ConfigError(f"a state's name must be a text with no space at its ends, and not {ANY!r}: {name!r}")
        if name in self.states:
            raise ConfigError(f"there are two states {name!r} in the flow {self.name!r}")
        for output in outputs:
            if not hasattr(output, "produce"):
                raise ConfigError(f"the state {name!r} takes outputs such as ask(...) and run(...), not {output!r}")
        if max_visits is not None and not is_count(max_visits):
            raise ConfigError(f"max_visits of the state {name!r} must be at least 1, not {max_visits!r}")
        if timeout is not None and timeout <= 0:
            raise ConfigError(f"the timeout of the state {name!r} must be more than 0 s, not {timeout!r}")
        source = tools if tools is None or fits(tools, ToolSource) else Toolbox(tools)
        client = client_from(model) if model is not None else None
        self.states[name] = State(
            name, outputs, client, source, view, temperature, max_visits, timeout, otherwise, description
        )
        self._plan = None
        return self

    def transition(self, source: str | Iterable[str], target: str | Choose, *, when: Any = None) -> StateFlow:
        """Declares what leads out of a state. The first that holds is taken, in the order of declaration.

        Args:
            source: The state, several of them, or "*" for all that aren't final.
            target: The state it leads to, or `choose` among several.
            when: The condition: `succeeded`, `failed`, ``says(text)``, ``matches(pattern)``, ``returned(tool, test)``,
                ``raised(...)``, or a function of the `Context`, sync or async; always by default. A sync one is called
                on the event loop: it must be quick.

        Returns:
            The flow, for the next declaration.

        Raises:
            ConfigError: If the target or the condition is none.
        """
        if not isinstance(target, str | Choose):
            raise ConfigError(f"a transition leads to a state's name or a choose(...), not to {target!r}")
        condition = condition_of(when) if when is not None else None
        sources = [source] if isinstance(source, str) else list(source)
        self.transitions += [Transition(one, target, condition) for one in sources]
        self._plan = None
        return self

    def check(self) -> Plan:
        """Checks the flow, and gives it in one immutable piece; every use of it does so first.

        Raises:
            ConfigError: If it can't be run: a state that can't be reached or left, an unknown target, ...; lists all
                problems, each with its state.
        """
        if self._plan is None:
            from .checks import check

            states = {**self.states, **{name: State(name) for name in self.final if name not in self.states}}
            plan = Plan(
                self.name, self.initial, frozenset(self.final), states,
                compiled(states, self.transitions, self.final),
                self.client, self.system, self.instruction, self.max_transitions, self.answer,
            )  # fmt: skip
            check(plan, self)
            self._plan = plan
        return self._plan

    # --- using

    def run(
        self,
        task: Any,
        *,
        data: Mapping[str, Any] | None = None,
        past: Iterable[Message] = (),
        silent: bool = False,
        on_step: OnStep | None = None,
        stop: StopCondition | None = None,
        limits: Limits | None = None,
        human: Ask | str | None = None,
        deps: object = None,
        store: JournalStore | str | None = None,
        resume: str | None = None,
        uncertain: str = "ask",
    ) -> Run[FlowResult]:
        """Runs it on a task: iterate over the run for its events, or await it for its `FlowResult`.

        Args:
            task: The task: a text, a chat dict or a `Message`.
            data: What its functions find in `Context.data`.
            past: What was said before.
            silent: Whether no printer prints it.
            on_step: A function of each event of the flow, sync or async, that the run waits for: to go step by step.
            stop: A condition that ends it: ``MaxMessages(20)``.
            limits: Budgets for it and all that is nested in it.
            human: Who answers for people; see `ConversableAgent.run`.
            deps: Anything that tools should be able to reach.
            store: Where it is kept, so that it survives the process: a `Store`, or a database's URL.
            resume: The id of a kept run to go on with, with the same flow.
            uncertain: What becomes of tool calls that may have run when the process ended: "ask" or "tell".

        Returns:
            The run; it starts when it is awaited or iterated over, and ``cancel()`` stops it.

        Raises:
            ConfigError: If the flow or an argument can't be right.
        """
        options = FlowOptions(
            data or {}, tuple(past), silent, on_step, stop, limits, human, deps, store, resume, uncertain
        )
        return execution(self.check(), task, options)

    def as_agent(self, name: str, description: str | None = None) -> ConversableAgent:
        """An agent that answers each message with a run of the flow.

        Args:
            name: The agent's name.
            description: What it is good for.
        """
        from .agent import flow_agent

        self.check()
        return flow_agent(self, name, description)

    async def __call__(self, last_speaker: Any, groupchat: GroupChat) -> Any:
        """The member of a group who speaks next, or None at the end: ``speaker_selection_method=flow``.

        Args:
            last_speaker: Who spoke last.
            groupchat: The group.
        """
        return await self._selector.next(self.check(), groupchat)

    # --- looking at it

    def result_of(self, group: GroupChat, result: ChatResult) -> FlowResult:
        """The way that a group's newest chat took through the flow that selected its speakers; to draw and explain.

        Args:
            group: The group.
            result: The chat's result.

        Raises:
            ConfigError: If the flow hasn't selected the speakers of a chat of that group.
        """
        return self._selector.result_of(self.check(), group, result)

    def explain(self, result: FlowResult) -> str:
        """The way of a run in words: each transition with its reason, and what each state cost.

        Args:
            result: The run's result.
        """
        return explain(result)

    def picture(self, result: FlowResult | None = None) -> Picture:
        """The flow as a picture, which shows itself in a notebook.

        Args:
            result: A run to draw on it: visits, tokens and time of each state and edge.

        Raises:
            ConfigError: If the flow can't be run, or the result is another flow's.
        """
        return Picture(self.check(), result)

    def to_mermaid(self, result: FlowResult | None = None) -> str:
        """The flow in Mermaid's language; see `picture`."""
        return self.picture(result).mermaid()

    def to_svg(self, result: FlowResult | None = None) -> str:
        """The flow as SVG, drawn by Graphviz, whose program ``dot`` must be there; see `picture`."""
        return self.picture(result).svg()

    def _repr_mimebundle_(self, include: Any = None, exclude: Any = None) -> dict[str, str]:
        try:
            return self.picture()._repr_mimebundle_()
        except ConfigError as error:  # half declared, or nothing to draw it with
            return {"text/plain": f"{self!r}\n{error}"}

    # --- in files

    @classmethod
    def load(
        cls, path: str | Path, *, names: Mapping[str, Any] | None = None, modules: Iterable[str] = ()
    ) -> StateFlow:
        """The flow that a YAML or JSON file declares. A file is untrusted: it runs nothing that isn't given here.

        Args:
            path: The file; .json, .yaml or .yml (YAML needs the extra ``yaml``).
            names: Models, agents, tools and functions by the names that the file has for them.
            modules: Modules whose own functions the file may name as "module:function".

        Raises:
            ConfigError: If the file declares no flow, or names what it may not.
        """
        from .loading import load

        return load(path, names or {}, modules)

    def save(self, path: str | Path, *, names: Mapping[str, Any] | None = None) -> None:
        """Writes the flow to a YAML or JSON file, functions by their import paths.

        Args:
            path: The file; .json, .yaml or .yml (YAML needs the extra ``yaml``).
            names: Names for what has no import path: models, agents, tools with settings. `load` is given the same.

        Raises:
            ConfigError: If something has neither a name nor an import path.
        """
        from .saving import save

        save(self, path, names or {})
