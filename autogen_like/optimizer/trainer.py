"""Trainer: epochs of proposing, trying, keeping and rolling back.

After "Offline Training of Language Model Agents with Functions as Learnable Weights" (Zhang et al., ICML 2024;
arXiv 2402.11359), algorithm 2.
"""

from __future__ import annotations

import random
from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Protocol

from ..agents.conversable import ConversableAgent
from ..core.errors import ConfigError
from ..core.limits import is_count
from ..core.sync import run as run_sync
from .acceptance import AcceptanceRule, Strict, Verdict
from .agent_optimizer import Proposal
from .asking import PromptTokens
from .checkpoint import Checkpoint, Pending, TrainingState
from .code_check import MODULES
from .evaluation import Evaluation, Failure, Module, Record
from .evaluator import Evaluator, Scorer, apply
from .function_set import FunctionSet
from .progress import Bars, bars
from .prompt_optimizer import PromptOptimizer
from .training_history import Point, TrainingHistory


class ModuleOptimizer(Protocol):
    """Whatever proposes a better module: `AgentOptimizer` for functions, `PromptOptimizer` for a system message.

    Attributes:
        tokens: What its prompts took.
    """

    @property
    def tokens(self) -> PromptTokens:
        """What its prompts took."""
        ...

    async def propose(
        self, best: Evaluation, failures: Sequence[Failure] = (), reserved: Collection[str] = ()
    ) -> Proposal:
        """A module to try next.

        Args:
            best: The best one, and what came of the tasks with it.
            failures: What was tried since and rolled back.
            reserved: Names that functions can't have.
        """
        ...

    async def merge(self, parts: Sequence[Evaluation], reserved: Collection[str] = ()) -> Module | None:
        """One module made of several; None where that can't be done.

        Args:
            parts: The modules, each with what came of its own tasks.
            reserved: Names that functions can't have.
        """
        ...


@dataclass(frozen=True, slots=True)
class _Tasks:
    train: Sequence[Any]
    validation: Sequence[Any]


class Trainer:
    """Trains an agent's functions, or its system message, on tasks.

    Each epoch, the optimizer proposes a module from how the tasks went with the best one so far; the tasks are run with
    it; the acceptance rule keeps it, or rolls back to the best. What is best is never lost: its loss never rises.

    Args:
        agent: Who is trained: an agent; a function that makes one, called for each task; or an async function of a
            task and a module that does all of the task.
        optimizer: An `AgentOptimizer` for functions, a `PromptOptimizer` for the system message.
        scorer: Says of a `Rollout` (``.task``, ``.result``) how well it went: True, False, or from 0 to 1.
        epochs: How often the module may become better before training ends.
        patience: How many proposals in a row may fail before training ends early; the paper's C.
        accept: The rule that keeps or rolls back: `Strict` (the default), `Ties`, `PairedTest`, `HoldOut`.
        batch_size: How many tasks, drawn anew each time, a proposal is tried on; all by default.
        checkpoint: A file that the state is written to after every evaluation. Where it exists, training goes on there.
        seed: Decides which tasks are drawn.
        message: What an agent is told of a task; tasks that are texts or chat dicts need none.
        progress: Whether to show bars in the terminal.
        **options: Further arguments of `Rollouts`: ``concurrency``, ``on``, ``retries``, ``timeout``, ``limits``, ...

    Raises:
        ConfigError: If a setting can't be right.

    Example:
        >>> from autogen_like import AssistantAgent, ScriptedModel
        >>> from autogen_like.optimizer.prompt_optimizer import PromptOptimizer
        >>> agent = AssistantAgent("ada", llm_config=ScriptedModel(lambda _: "4"))
        >>> optimizer = PromptOptimizer(ScriptedModel(lambda _: "TERMINATE"))
        >>> trainer = Trainer(agent, optimizer, lambda rollout: rollout.result.summary == "4", patience=2)
        >>> history = trainer.fit(["2 + 2?", "3 + 3?"])
        >>> history.best_loss, history.stop_reason, len(history.points)
        (0.0, 'solved', 1)
    """

    def __init__(
        self,
        agent: Any,  # an agent, or a function
        optimizer: ModuleOptimizer,
        scorer: Scorer,
        *,
        epochs: int = 10,
        patience: int = 10,
        accept: AcceptanceRule | None = None,
        batch_size: int | None = None,
        checkpoint: str | Path | None = None,
        seed: int = 0,
        message: Callable[[Any], Any] | None = None,
        progress: bool = False,
        **options: Any,
    ) -> None:
        counts = {"epochs": epochs, "patience": patience, "batch_size": 1 if batch_size is None else batch_size}
        for name, value in counts.items():
            if not is_count(value):
                raise ConfigError(f"{name} must be a whole number of at least 1, not {value!r}")
        self.optimizer = optimizer
        self.epochs, self.patience = epochs, patience
        self.rule = accept or Strict()
        self._batch_size, self._seed = batch_size, seed
        self._path, self._progress = checkpoint, progress
        self._sandbox = getattr(optimizer, "sandbox", None)
        self._evaluator = Evaluator(agent, scorer, self._sandbox, message, options)

    def fit(
        self, train: Sequence[Any], validation: Sequence[Any] | None = None, start: Module | None = None
    ) -> TrainingHistory:
        """Trains; an agent that was given has the best module afterwards.

        Args:
            train: The tasks that are trained on.
            validation: Tasks that aren't, on which each module that is kept is run too; what `HoldOut` looks at.
            start: The module to begin with: no functions, or the agent's system message, by default.

        Raises:
            ConfigError: If an argument can't be right, or the checkpoint is another training's.
        """
        return run_sync(self.a_fit(train, validation, start))

    async def a_fit(
        self, train: Sequence[Any], validation: Sequence[Any] | None = None, start: Module | None = None
    ) -> TrainingHistory:
        """The same for async code; see `fit`. Cancelled, it can be gone on with from its checkpoint."""
        tasks = _Tasks(list(train), list(validation or ()))
        if not tasks.train:
            raise ConfigError("there are no tasks to train on")
        if self.rule.needs_validation and not tasks.validation:
            raise ConfigError(f"{type(self.rule).__name__} needs validation tasks: fit(train, validation)")
        begin = self._start(start)
        saved = self._checkpoint(tasks, begin)
        with bars(self.epochs, self.patience, shown=self._progress) as told:
            state = saved.load() if saved is not None else None
            if state is None:
                state = await self._first(tasks, begin, told)
                _save(saved, state)
            while (reason := self._over(state)) is None:
                if state.pending is None:
                    await self._propose(state, tasks, saved, told)
                await self._try(state, tasks, saved, told)
                _save(saved, state)
                told.point(state.epochs, state.failed, state.points[-1].best_loss)
        if isinstance(self._evaluator.agent, ConversableAgent):
            apply(state.best.module, self._evaluator.agent, self._sandbox)
        return TrainingHistory(tuple(state.points), state.best, reason)

    # --- the parts of an epoch

    def _over(self, state: TrainingState) -> str | None:
        if state.pending is not None:
            return None
        if state.points[-1].best_loss <= 0 and self._batch_size is None:
            return "solved"
        if state.epochs >= self.epochs:
            return "epochs"
        return "patience" if state.failed >= self.patience else None

    async def _first(self, tasks: _Tasks, start: Module, told: Bars) -> TrainingState:
        numbers = self._batch(0, len(tasks.train))
        records = await self._run(start, tasks.train, numbers, "start", told)
        held = await self._run(start, tasks.validation, None, "start, validation", told) if tasks.validation else ()
        best = Evaluation(start, records, validation=held)
        point = _point(0, "start", "", best, best)
        return TrainingState(best, points=[point])

    async def _propose(self, state: TrainingState, tasks: _Tasks, saved: Checkpoint | None, told: Bars) -> None:
        numbers = self._batch(len(state.points), len(tasks.train))
        missing = [number for number in numbers if number not in state.best.by_task]
        if missing:  # the best one hasn't been run on all tasks of this batch
            more = await self._run(state.best.module, tasks.train, missing, "best so far, new tasks", told)
            state.best = state.best.with_records(more)
            _save(saved, state)
        tokens = self.optimizer.tokens
        before, cost = tokens.total, tokens.cost
        proposal = await self.optimizer.propose(
            state.best.on(numbers), tuple(state.failures), self._evaluator.reserved()
        )
        state.pending = Pending(proposal.module, tokens.total - before, tokens.cost - cost, proposal.rejected)
        _save(saved, state)

    async def _try(self, state: TrainingState, tasks: _Tasks, saved: Checkpoint | None, told: Bars) -> None:
        pending = state.pending
        assert pending is not None  # noqa: S101 - for type checkers
        known = [state.best.module, *(failure.module for failure in state.failures)]
        if pending.module in known:
            _settle(state, None, Verdict(accepted=False, reason="the optimizer had nothing new"))
            return
        numbers = self._batch(len(state.points), len(tasks.train))
        if pending.trial is None:
            records = await self._run(pending.module, tasks.train, numbers, "proposal", told)
            pending.trial = Evaluation(pending.module, records)
            _save(saved, state)
        trial, best = pending.trial, state.best.on(numbers)
        verdict = self.rule.judge(trial, best)
        if verdict and tasks.validation:
            held = await self._run(pending.module, tasks.validation, None, "proposal, validation", told)
            trial = replace(trial, validation=held)
            if self.rule.needs_validation:
                verdict = self.rule.judge(trial, best)
        _settle(state, trial, verdict)

    async def _run(
        self, module: Module, tasks: Sequence[Any], numbers: Sequence[int] | None, what: str, told: Bars
    ) -> tuple[Record, ...]:
        told.begin(what, len(tasks if numbers is None else numbers))
        return await self._evaluator.evaluate(module, tasks, numbers, told.task)

    def _batch(self, number: int, tasks: int) -> list[int]:
        """The tasks that the proposal of this number is tried on; the same after a crash."""
        if self._batch_size is None or self._batch_size >= tasks:
            return list(range(tasks))
        return sorted(random.Random(f"{self._seed}:{number}").sample(range(tasks), self._batch_size))  # noqa: S311

    # --- beginning

    def _start(self, start: Module | None) -> Module:
        if start is not None:
            return start
        if not isinstance(self.optimizer, PromptOptimizer):
            return FunctionSet()
        agent = self._evaluator.agent
        if isinstance(agent, ConversableAgent):
            return agent.system_message
        raise ConfigError("say what to begin with: fit(train, start='<the system message>')")

    def _checkpoint(self, tasks: _Tasks, start: Module) -> Checkpoint | None:
        if self._path is None:
            return None
        begun, modules = start if isinstance(start, str) else start.key, getattr(self._sandbox, "modules", MODULES)
        rule = [type(self.rule).__name__, vars(self.rule)]
        what = [tasks.train, tasks.validation, self._batch_size, self._seed, rule, begun]
        return Checkpoint(self._path, what, start, modules)


def _settle(state: TrainingState, trial: Evaluation | None, verdict: Verdict) -> None:
    """Keeps what was tried, or rolls back to the best, and notes it."""
    pending, before = state.pending, state.best.module
    assert pending is not None  # noqa: S101 - for type checkers
    progressed = verdict.accepted and verdict.improved
    if verdict.accepted and trial is not None:
        state.best = trial
    if progressed:
        state.failures, state.failed, state.epochs = [], 0, state.epochs + 1
    else:
        state.failed += 1
    if trial is not None and not verdict.accepted:
        state.failures.append(Failure(trial.module, trial.success))
    outcome = "accepted" if progressed else "tie" if verdict.accepted else "rolled back"
    point = _point(len(state.points), outcome if trial else "nothing new", verdict.reason, trial, state.best)
    changes = "" if trial is None else _changes(before, trial.module)
    state.points.append(
        replace(
            point,
            cost=point.cost + pending.cost,
            prompt_tokens=pending.prompt_tokens,
            changes=changes,
            rejected=pending.rejected,
        )
    )
    state.pending = None


def _point(number: int, outcome: str, reason: str, trial: Evaluation | None, best: Evaluation) -> Point:
    records = (*trial.records, *trial.validation) if trial is not None else ()
    return Point(
        number,
        outcome,
        reason,
        None if trial is None else trial.loss,
        best.loss,
        best.validation_loss,
        0 if isinstance(best.module, str) else len(best.module),
        sum(record.calls for record in records),
        sum(record.failed_calls for record in records),
        sum(record.tokens for record in records),
        sum(record.cost for record in records),
    )


def _changes(before: Module, after: Module) -> str:
    if isinstance(after, FunctionSet) and isinstance(before, FunctionSet):
        return after.diff(before)
    return str(after)


def _save(saved: Checkpoint | None, state: TrainingState) -> None:
    if saved is not None:
        saved.save(state)
