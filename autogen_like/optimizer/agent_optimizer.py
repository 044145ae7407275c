"""AgentOptimizer: a model that improves an agent's functions, one action at a time, from how its tasks went.

After "Offline Training of Language Model Agents with Functions as Learnable Weights" (Zhang et al., ICML 2024;
arXiv 2402.11359), algorithm 1, with AutoGen 0.2's interface.
"""

from __future__ import annotations

import math
from collections.abc import Awaitable, Callable, Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial
from typing import Any

from ..core.errors import ConfigError
from ..core.limits import is_count
from ..core.sync import run as run_sync
from .acceptance import AcceptanceRule, Strict
from .actions import MERGE_TOOLS, TOOLS, Action, read_action, read_merged
from .asking import RETRIES, ActionAsker, PromptTokens, client_of
from .evaluation import Evaluation, Failure, Module, Record
from .function import LearnedFunction
from .function_set import FunctionSet
from .prompts import FUNCTION_MERGE, ROLE, function_prompt, merge_prompt
from .sandbox import Sandbox
from .schemas import fitting


@dataclass(frozen=True, slots=True)
class Proposal:
    """What an optimizer proposes.

    Args:
        module: The function set, or the system message, to try next.
        actions: What was done to get there.
        rejected: Why invalid proposals were refused, in order.
        terminated: Whether the model said that nothing more would help.
    """

    module: Module
    actions: tuple[Action, ...] = ()
    rejected: tuple[str, ...] = ()
    terminated: bool = False


@dataclass(frozen=True)
class OptimizerStep:
    """What came of a step. Unpacked, it is AutoGen 0.2's pair ``register_for_llm, register_for_executor``.

    Args:
        functions: The functions to try next.
        before: Those that the agents have now.
        rolled_back: Whether those didn't do better than the best, so that this step began with the best again.
        proposal: What the model proposed.
        sandbox: Where the functions run.
    """

    functions: FunctionSet
    before: FunctionSet
    rolled_back: bool
    proposal: Proposal
    sandbox: Sandbox = field(repr=False)

    @property
    def register_for_llm(self) -> list[dict[str, Any]]:
        """Arguments for ``update_function_signature``, one for each function that came, changed or went."""
        gone = [{"func_sig": {"name": name}, "is_remove": True} for name in self.before if name not in self.functions]
        return gone + [{"func_sig": one.schema["function"], "is_remove": False} for one in self._changed()]

    @property
    def register_for_executor(self) -> dict[str, Callable[..., Awaitable[str]] | None]:
        """A ``function_map`` for ``register_function``: what each runs (in the sandbox), None for what went."""
        gone = dict.fromkeys(name for name in self.before if name not in self.functions)
        return {**gone, **{one.name: _runner(one, self.sandbox) for one in self._changed()}}

    def __iter__(self) -> Iterator[Any]:
        return iter((self.register_for_llm, self.register_for_executor))

    def _changed(self) -> list[LearnedFunction]:
        known = self.before.functions_by_name
        return [function for function in self.functions.functions if known.get(function.name) != function]


class AgentOptimizer:
    """Improves an agent's functions from how its tasks went.

    By itself it has AutoGen 0.2's interface: record conversations, make a step, register what it gives, and so on. A
    `Trainer` does all of that.

    Args:
        max_actions_per_step: How many functions a step adds, revises or removes at most.
        llm_config: Where its model is: a dict, an `LLMConfig` or a `ModelClient`.
        optimizer_model: Which of the models of `llm_config` it is; all of them by default. Or a model by itself.
        executor: Where functions run, to be tried and when agents call them: "docker" (the default), "local", a
            `CodeExecutor` or a `Sandbox`.
        accept: The rule by which `step` keeps the functions or rolls them back.
        retries: How often the model is asked again for an action that was invalid.
        context: Tokens of the model's window; what the client knows, or 100,000, by default.
        reserved: Names that functions can't have.

    Attributes:
        functions: The best functions so far.
        tokens: What its prompts took.

    Raises:
        ConfigError: If a setting can't be right, or functions couldn't run anywhere.
    """

    def __init__(
        self,
        max_actions_per_step: int = 3,
        llm_config: Any = None,  # a dict, an LLMConfig or a ModelClient
        optimizer_model: Any = None,  # a name, or a model
        *,
        executor: Any = None,  # a Sandbox, a CodeExecutor or the name of one
        accept: AcceptanceRule | None = None,
        retries: int = RETRIES,
        context: int | None = None,
        reserved: Collection[str] = (),
    ) -> None:
        if not is_count(max_actions_per_step):
            raise ConfigError(f"max_actions_per_step must be at least 1, not {max_actions_per_step!r}")
        self._rule = accept or Strict()
        if self._rule.needs_validation:
            raise ConfigError("AgentOptimizer.step has no validation tasks: give this rule to a Trainer")
        self.max_actions_per_step = max_actions_per_step
        self._asker = ActionAsker(client_of(llm_config, optimizer_model), context, retries)
        self.sandbox = Sandbox.of(executor)
        self.reserved = frozenset(reserved)
        self.reset_optimizer()

    @property
    def tokens(self) -> PromptTokens:
        """What its prompts took."""
        return self._asker.tokens

    @property
    def functions(self) -> FunctionSet:
        """The best functions so far."""
        if self._best is None:
            return FunctionSet()
        assert isinstance(self._best.module, FunctionSet)  # noqa: S101 - for type checkers
        return self._best.module

    # --- AutoGen 0.2's interface

    def reset_optimizer(self) -> None:
        """Forgets the functions, what was recorded, and what failed."""
        self._best: Evaluation | None = None
        self._trial = FunctionSet()
        self._failures: list[Failure] = []
        self._records: list[Record] = []

    def record_one_conversation(
        self, conversation_history: Sequence[Mapping[str, Any]], is_satisfied: bool | float | None = None
    ) -> None:
        """Records a conversation that was had with the functions as they are.

        Args:
            conversation_history: What was said, as chat dicts.
            is_satisfied: Whether it went well, or how well, from 0 to 1; None asks a person at the terminal.

        Raises:
            ConfigError: If it isn't between 0 and 1, or the conversation is no list of chat dicts.
        """
        if not all(isinstance(message, Mapping) for message in conversation_history):
            raise ConfigError(f"record a conversation as a list of chat dicts, not as {conversation_history!r:.200}")
        if is_satisfied is None:
            is_satisfied = _ask_person()
        score = _score(is_satisfied)
        self._records.append(Record(len(self._records), [dict(message) for message in conversation_history], score))

    def step(self) -> OptimizerStep:
        """Keeps the functions that the recorded conversations were had with, or rolls them back; proposes the next.

        Returns:
            What to register with the agents.

        Raises:
            ConfigError: If no conversation was recorded since the last step.
        """
        return run_sync(self.a_step())

    async def a_step(self) -> OptimizerStep:
        """The same for async code; see `step`."""
        if not self._records:
            raise ConfigError("there is nothing to learn from: record_one_conversation first")
        trial = Evaluation(self._trial, tuple(self._records))
        rolled_back = not self._keep(trial)
        best = self._best or trial
        proposal = await self.propose(best, self._failures)
        assert isinstance(proposal.module, FunctionSet)  # noqa: S101 - for type checkers
        step = OptimizerStep(proposal.module, self._trial, rolled_back, proposal, self.sandbox)
        self._trial, self._records = proposal.module, []
        return step

    def _keep(self, trial: Evaluation) -> bool:
        if self._best is None:
            self._best = trial
            return True
        comparable = len(trial.records) == len(self._best.records)
        verdict = (self._rule if comparable else Strict()).judge(trial, self._best)
        if verdict:
            self._best = trial
        if verdict and verdict.improved:
            self._failures = []
        else:
            self._failures.append(Failure(trial.module, trial.success))
        return verdict.accepted

    # --- what a Trainer and a FineGrainedOptimizer call

    async def propose(
        self, best: Evaluation, failures: Sequence[Failure] = (), reserved: Collection[str] = ()
    ) -> Proposal:
        """The paper's step: up to so many actions, each checked, each seeing what the ones before it did.

        Args:
            best: The best functions, and what came of the tasks with them.
            failures: Sets that were tried since and rolled back.
            reserved: Names that functions can't have, beside the optimizer's own.
        """
        functions = best.module
        if not isinstance(functions, FunctionSet):
            raise ConfigError("an AgentOptimizer trains functions; for a system message take a PromptOptimizer")
        taken, actions, rejected = self.reserved | set(reserved), list[Action](), list[str]()
        room = self._asker.room(ROLE, TOOLS)
        for left in range(self.max_actions_per_step, 0, -1):
            prompt = function_prompt(best, functions, failures, actions_left=left, room=room, count=self._asker.count)
            take = partial(read_action, functions=functions, reserved=taken, sandbox=self.sandbox)
            asked = await self._asker.ask(ROLE, prompt, TOOLS, take)
            rejected += asked.rejected
            if asked.terminated:
                return Proposal(functions, tuple(actions), tuple(rejected), terminated=True)
            if asked.value is not None:
                actions.append(asked.value)
                functions = asked.value.applied(functions)
        return Proposal(functions, tuple(actions), tuple(rejected))

    async def merge(self, parts: Sequence[Evaluation], reserved: Collection[str] = ()) -> Module | None:
        """One set made of several; None where they don't fit the window, or the model wrote none that can be taken.

        Args:
            parts: The sets, each with what came of its own tasks.
            reserved: Names that functions can't have, beside the optimizer's own.
        """
        version = 1 + max(part.module.version for part in parts if isinstance(part.module, FunctionSet))
        take = partial(read_merged, version=version, reserved=self.reserved | set(reserved), sandbox=self.sandbox)
        return await self._asker.merge(FUNCTION_MERGE, merge_prompt(parts), MERGE_TOOLS, take)


def _runner(function: LearnedFunction, sandbox: Sandbox) -> Callable[..., Awaitable[str]]:
    """A function as a coroutine function that runs it in a sandbox; each holds its own function."""

    async def run(**arguments: Any) -> str:
        answer = await sandbox.run(function, fitting(arguments, function.parameters))
        if answer.error:
            raise RuntimeError(answer.error)
        return answer.value

    run.__name__ = function.name
    run.__doc__ = function.description
    return run


def _score(given: bool | float) -> float:
    try:
        score = float(given)
    except (TypeError, ValueError):
        score = math.nan
    if not 0 <= score <= 1:
        raise ConfigError(f"is_satisfied must be True, False, or a score from 0 to 1, not {given!r}")
    return score


def _ask_person() -> bool:
    while True:
        said = input("Did this conversation go well? 1 for yes, 0 for no: ").strip()
        if said in ("0", "1"):
            return said == "1"
