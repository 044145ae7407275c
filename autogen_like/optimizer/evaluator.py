"""Running tasks with a module: an agent that uses it is asked, many at once, and what comes of it is scored."""

from __future__ import annotations

import inspect
import math
from collections.abc import Callable, Mapping, Sequence
from contextlib import aclosing
from dataclasses import dataclass
from functools import partial
from typing import Any

from ..agents.agent import call as call_function
from ..agents.conversable import ConversableAgent
from ..core.errors import ConfigError, ExecutorUnavailable, MissingExtra, ModelError
from ..scale.rollout import Rollout
from ..scale.rollouts import Rollouts
from ..tools.toolbox import Toolbox
from .evaluation import Evaluation, Module, Record
from .learned_tool import LearnedTool
from .sandbox import Sandbox

Scorer = Callable[[Rollout], Any]
"""Says how well a task went: True, False, or a score from 0 to 1; may be async."""


def apply(module: Module, agent: Any, sandbox: Sandbox | None) -> None:
    """Gives an agent a module: the functions of a set, or a system message.

    Args:
        module: The module.
        agent: The agent.
        sandbox: Where functions run.

    Raises:
        ConfigError: If a function has the name of one of the agent's own tools.
    """
    if isinstance(module, str):
        agent.update_system_message(module)
    else:
        agent.use(module, sandbox)


@dataclass(frozen=True)
class Evaluator:
    """Runs tasks with a module and scores what comes of them.

    Args:
        agent: Who is asked: an agent; a function that makes one, which is called for each task (with it, if it takes
            it); or an async function of a task and a module that does all of it and gives a `ChatResult`, or anything
            that the scorer understands.
        scorer: Says of a `Rollout` how well it went: True, False, or from 0 to 1.
        sandbox: Where functions run; None where prompts are trained.
        message: What an agent is told of a task; tasks that are texts or chat dicts need none.
        options: Further arguments of `Rollouts`: ``concurrency``, ``on``, ``retries``, ``timeout``, ``limits``, ...

    Raises:
        ConfigError: If a setting can't be right.
    """

    agent: Any
    scorer: Scorer
    sandbox: Sandbox | None = None
    message: Callable[[Any], Any] | None = None
    options: Mapping[str, Any] | None = None

    def __post_init__(self) -> None:
        if not isinstance(self.agent, ConversableAgent) and not callable(self.agent):
            raise ConfigError(f"train an agent, or a function that makes one, not {self.agent!r}")
        if not callable(self.scorer):
            raise ConfigError(f"the scorer must be a function of a Rollout, not {self.scorer!r}")
        self._rollouts("")  # what can't be set is said before anything is spent

    def reserved(self) -> frozenset[str]:
        """The names of the agent's own tools, where it can be asked; functions can't have them."""
        agent = self.agent
        if not isinstance(agent, ConversableAgent):
            return frozenset()
        boxes = [box for box in (agent.tools, agent.llm_tools) if isinstance(box, Toolbox)]
        learned = {tool.name for box in boxes for tool in box if isinstance(tool, LearnedTool)}
        named = {spec["function"]["name"] for spec in agent.tool_schemas()} | set(agent.function_map)
        return frozenset(named - learned)

    async def evaluate(
        self,
        module: Module,
        tasks: Sequence[Any],
        numbers: Sequence[int] | None = None,
        told: Callable[[Record], None] = lambda _: None,
    ) -> tuple[Record, ...]:
        """Runs tasks.

        Args:
            module: What is tried.
            tasks: All tasks.
            numbers: Which of them to run; all by default.
            told: Told each record as it comes.

        Returns:
            A record for each, in the order of `numbers`.

        Raises:
            ConfigError: If a setting can't be right, or the scorer gives no score.
            ModelError: If an endpoint can't be reached: that is no failure of the module's.
        """
        asked = list(range(len(tasks))) if numbers is None else list(numbers)
        before = self._talks()
        if isinstance(self.agent, ConversableAgent):
            apply(module, self.agent, self.sandbox)
        found: dict[int, Record] = {}
        async with (
            self._rollouts(module) as rollouts,
            aclosing(rollouts.stream([tasks[number] for number in asked])) as stream,
        ):
            async for rollout in stream:
                record = await self._record(module, rollout, asked[rollout.index])
                found[record.task] = record
                told(record)
        for other in self._talks() - before:  # what was said in training is none of the agent's history
            self.agent.forget(other)
        return tuple(found[number] for number in asked)

    async def evaluation(
        self, module: Module, tasks: Sequence[Any], numbers: Sequence[int] | None = None
    ) -> Evaluation:
        """The same as an `Evaluation`; see `evaluate`."""
        return Evaluation(module, await self.evaluate(module, tasks, numbers))

    def _talks(self) -> set[Any]:
        return set(self.agent.chat_messages) if isinstance(self.agent, ConversableAgent) else set()

    def _rollouts(self, module: Module) -> Rollouts:
        if isinstance(self.agent, ConversableAgent):
            factory: Callable[..., Any] = partial(_same, self.agent)
        elif inspect.iscoroutinefunction(self.agent):
            factory = partial(_whole, self.agent, module)
        else:
            factory = partial(_made, self.agent, module, self.sandbox)
        return Rollouts(factory, message=self.message, **(self.options or {}))

    async def _record(self, module: Module, rollout: Rollout, number: int) -> Record:
        error = rollout.error
        if error is not None and _is_not_the_modules(error):
            raise error
        history, calls, failed = _said(rollout.result, module)
        score = 0.0 if error is not None else _score(await call_function(self.scorer, rollout))
        spent = rollout.usage.total
        told = f"{type(error).__name__}: {error}"[:500] if error is not None else ""
        return Record(number, history, score, told, calls, failed, spent.total_tokens, spent.cost)


# At the top of the module, so that they can be taken to another process.


def _same(agent: ConversableAgent) -> ConversableAgent:
    return agent


async def _whole(function: Callable[..., Any], module: Module, task: Any) -> Any:
    return await function(task, module)


def _made(factory: Callable[..., Any], module: Module, sandbox: Sandbox | None, task: Any) -> Any:
    takes = any(one.default is one.empty for one in inspect.signature(factory).parameters.values())
    agent = factory(task) if takes else factory()
    if not isinstance(agent, ConversableAgent):
        raise ConfigError(f"the function that makes agents made {agent!r}")
    apply(module, agent, sandbox)
    return agent


def _is_not_the_modules(error: BaseException) -> bool:
    """Whether a person, or time, must mend it: a setting, or an endpoint that is down."""
    cause = error.__cause__
    return (
        isinstance(error, ConfigError | ExecutorUnavailable | MissingExtra)
        or (isinstance(error, ModelError) and error.transient)
        or (cause is not None and _is_not_the_modules(cause))
    )


def _said(result: Any, module: Module) -> tuple[list[dict[str, Any]], int, int]:
    """What was said, as chat dicts, and how many calls of learned functions went well and failed."""
    said = getattr(result, "chat_history", result)
    if isinstance(said, str):
        said = [{"role": "assistant", "content": said}]
    history = [dict(one) for one in said if isinstance(one, Mapping)] if isinstance(said, list | tuple) else []
    names = () if isinstance(module, str) else module
    messages = getattr(result, "messages", ())
    results = [one for message in messages for one in message.tool_results if one.name in names]
    failed = sum(one.error for one in results)
    return history, len(results) - failed, failed


def _score(given: Any) -> float:
    try:
        score = float(given)
    except (TypeError, ValueError):
        score = math.nan
    if not 0 <= score <= 1:
        raise ConfigError(f"the scorer must give True, False, or a score from 0 to 1, not {given!r}")
    return score
