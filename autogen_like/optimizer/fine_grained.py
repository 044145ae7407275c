"""FineGrainedOptimizer: tasks are divided, the parts are trained side by side, and what they learned is merged.

After "Divide, Optimize, Merge: Scalable Fine-Grained Generative Optimization for LLM Agents" (Liu et al., Findings of
EMNLP 2025; arXiv 2505.03973). How the paper merges wasn't to be had in detail: the order, the number of modules in a
merge, the guard and its tasks are this project's own design.
"""

from __future__ import annotations

import asyncio
import random
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import Any

from ..agents.conversable import ConversableAgent
from ..core.errors import ConfigError
from ..core.limits import is_count
from ..core.sync import run as run_sync
from .acceptance import Strict
from .asking import PromptTokens
from .evaluation import Evaluation, Failure, Module
from .evaluator import Evaluator, Scorer
from .function_set import FunctionSet
from .prompt_optimizer import PromptOptimizer
from .trainer import ModuleOptimizer


@dataclass(frozen=True, slots=True)
class Merge:
    """One merge.

    Args:
        level: How many merges lie under it, at most, plus one.
        tasks: How many tasks it was judged on: all of its parts'.
        losses: The loss of each part's module on these.
        merged_loss: That of the merged module; None where the optimizer wrote none, or the parts don't fit its window.
        kept: Whose module was kept: "merged", or "part 1", "part 2", ... where the guard kept that.
    """

    level: int
    tasks: int
    losses: tuple[float, ...]
    merged_loss: float | None
    kept: str


@dataclass(frozen=True, slots=True)
class FineGrainedResult:
    """What came of `FineGrainedOptimizer.fit`.

    Args:
        evaluation: The module, and what came of all tasks with it.
        start: The module that it began with, and what came of all tasks with that.
        parts: What each part learned, and what came of its own tasks with that.
        merges: The merges, in order.
        tokens: What the optimizer's prompts took.
    """

    evaluation: Evaluation
    start: Evaluation
    parts: tuple[Evaluation, ...]
    merges: tuple[Merge, ...]
    tokens: PromptTokens

    @property
    def best(self) -> Module:
        """The module."""
        return self.evaluation.module


class FineGrainedOptimizer:
    """Trains on more tasks than an optimizer's window can hold, over function sets or system messages.

    The tasks are divided at random into parts of about `part_size`. On each part, by itself, the optimizer proposes and
    what isn't strictly better is rolled back, `rounds` times. Then modules are merged, `arity` at a time, level by
    level, until one is left. A merge is judged on all tasks of its parts, and the best of the merged module and the
    parts' own is kept; at the end, that or the module that all began with. So the loss never rises above where it was.

    Args:
        agent: A function that makes an agent, called for each task; or an async function of a task and a module that
            does all of the task.
        optimizer: An `AgentOptimizer` or a `PromptOptimizer`.
        scorer: Says of a `Rollout` how well it went: True, False, or from 0 to 1.
        part_size: How many tasks a part has at most.
        arity: How many modules are merged at once.
        rounds: How often each part is improved at most.
        at_once: How many parts are trained, or merged, side by side.
        seed: Decides how tasks are divided.
        message: What an agent is told of a task; tasks that are texts or chat dicts need none.
        **options: Further arguments of `Rollouts`.

    Raises:
        ConfigError: If a setting can't be right.
    """

    def __init__(
        self,
        agent: Callable[..., Any],
        optimizer: ModuleOptimizer,
        scorer: Scorer,
        *,
        part_size: int = 20,
        arity: int = 3,
        rounds: int = 1,
        at_once: int = 4,
        seed: int = 0,
        message: Callable[[Any], Any] | None = None,
        **options: Any,
    ) -> None:
        if isinstance(agent, ConversableAgent):
            raise ConfigError(
                "parts are trained side by side, each with a module of its own: give a function that makes "
                f"{agent.name}, not the agent"
            )
        for name, value, least in (("part_size", part_size, 1), ("arity", arity, 2), ("rounds", rounds, 1)):
            if not is_count(value) or value < least:
                raise ConfigError(f"{name} must be a whole number of at least {least}, not {value!r}")
        if not is_count(at_once):
            raise ConfigError(f"at_once must be a whole number of at least 1, not {at_once!r}")
        self.optimizer = optimizer
        self._part_size, self._arity, self._rounds, self._seed = part_size, arity, rounds, seed
        self._at_once = at_once
        self._sandbox = getattr(optimizer, "sandbox", None)
        self._evaluator = Evaluator(agent, scorer, self._sandbox, message, options)

    def fit(self, tasks: Iterable[Any], start: Module | None = None) -> FineGrainedResult:
        """Divides, optimises and merges.

        Args:
            tasks: The tasks.
            start: The module to begin with; no functions by default. A system message must be given.

        Raises:
            ConfigError: If there are no tasks, or nothing to begin with.
        """
        return run_sync(self.a_fit(tasks, start))

    async def a_fit(self, tasks: Iterable[Any], start: Module | None = None) -> FineGrainedResult:
        """The same for async code; see `fit`."""
        tasks = list(tasks)
        if not tasks:
            raise ConfigError("there are no tasks to train on")
        if start is None and isinstance(self.optimizer, PromptOptimizer):
            raise ConfigError("say what to begin with: fit(tasks, start='<the system message>')")
        begin = FunctionSet() if start is None else start
        gate = asyncio.Semaphore(self._at_once)
        trained = await _all([self._part(begin, part, tasks, gate) for part in self._divided(len(tasks))])
        before = Evaluation(begin, tuple(record for first, _ in trained for record in first.records))
        parts = [learned for _, learned in trained]
        merges: list[Merge] = []
        level = list(parts)
        while len(level) > 1:
            groups = [level[place : place + self._arity] for place in range(0, len(level), self._arity)]
            merged = await _all([self._merge(group, tasks, gate) for group in groups])
            level = [evaluation for evaluation, _ in merged]
            number = 1 + max((merge.level for merge in merges), default=0)
            merges += [Merge(number, *figures) for _, figures in merged if figures is not None]
        last = await self._on(level[0], range(len(tasks)), tasks)
        best = last if last.loss <= before.loss else before
        return FineGrainedResult(best, before, tuple(parts), tuple(merges), self.optimizer.tokens)

    def _divided(self, tasks: int) -> list[list[int]]:
        """Parts of nearly the same size, each task in one of them."""
        numbers = list(range(tasks))
        random.Random(self._seed).shuffle(numbers)  # noqa: S311 - no secret
        parts = -(-tasks // self._part_size)
        return [sorted(numbers[place::parts]) for place in range(parts)]

    async def _part(
        self, start: Module, numbers: list[int], tasks: Sequence[Any], gate: asyncio.Semaphore
    ) -> tuple[Evaluation, Evaluation]:
        """What came of a part's tasks at the start, and with what was learned on them."""
        async with gate:
            first = best = await self._evaluator.evaluation(start, tasks, numbers)
            failures: list[Failure] = []
            for _ in range(self._rounds):
                if best.loss <= 0:
                    break
                proposal = await self.optimizer.propose(best, tuple(failures), self._evaluator.reserved())
                if proposal.module in (best.module, *(failure.module for failure in failures)):
                    break  # it has nothing new to say
                trial = await self._evaluator.evaluation(proposal.module, tasks, numbers)
                if Strict().judge(trial, best):
                    best, failures = trial, []
                else:
                    failures.append(Failure(trial.module, trial.success))
            return first, best

    async def _merge(
        self, group: list[Evaluation], tasks: Sequence[Any], gate: asyncio.Semaphore
    ) -> tuple[Evaluation, tuple[int, tuple[float, ...], float | None, str] | None]:
        """The best module for the tasks of several parts, and how it was found."""
        numbers = sorted({number for one in group for number in one.by_task})
        if len({one.module for one in group}) == 1:  # nothing to merge
            records = {number: record for one in group for number, record in one.by_task.items()}
            return Evaluation(group[0].module, tuple(records[number] for number in numbers)), None
        async with gate:
            merged = await self.optimizer.merge(group, self._evaluator.reserved())
            known = [await self._on(one, numbers, tasks) for one in group]
            losses = tuple(one.loss for one in known)
            kept, name = min(
                ((one, f"part {number}") for number, one in enumerate(known, 1)), key=lambda pair: pair[0].loss
            )
            if merged is None:
                return kept, (len(numbers), losses, None, name)
            made = await self._evaluator.evaluation(merged, tasks, numbers)
            if made.loss <= kept.loss:  # of two that are as good, the merged one has more to go on with
                kept, name = made, "merged"
            return kept, (len(numbers), losses, made.loss, name)

    async def _on(self, evaluation: Evaluation, numbers: Sequence[int], tasks: Sequence[Any]) -> Evaluation:
        """The same module on these tasks, those that it hasn't been run on yet run now."""
        missing = [number for number in numbers if number not in evaluation.by_task]
        if missing:
            more = await self._evaluator.evaluate(evaluation.module, tasks, missing)
            evaluation = evaluation.with_records(more)
        return evaluation.on(sorted(numbers))


async def _all(work: list[Any]) -> list[Any]:
    """The results of coroutines that run side by side; where one fails, the others are cancelled."""
    running = [asyncio.ensure_future(one) for one in work]
    try:
        return await asyncio.gather(*running)
    finally:
        for one in running:
            one.cancel()
        await asyncio.wait(running)
