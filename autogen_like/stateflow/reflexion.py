"""Reflexion: a failed task is tried again, with a lesson that a model writes from what was said.

After "Reflexion: Language Agents with Verbal Reinforcement Learning" (Shinn et al.; arXiv 2303.11366), with which the
paper of StateFlow combines its machines.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from ..agents.agent import call as call_function
from ..agents.assistant import AssistantAgent
from ..agents.durable import run_of
from ..core.errors import ConfigError
from ..core.journal import JournalStore
from ..core.limits import Limits, is_count
from ..core.run import Ask, Run
from ..core.termination import StopReason
from .executing import FlowOptions
from .machine import StateFlow
from .result import FlowResult

ROLE = "You look back at a task that was not solved, and say what to do differently the next time."
PROMPT = (
    "The task:\n{task}\n\nWhat was done:\n{history}\n\nIt was not solved. In a few sentences: what went wrong, and "
    "what should be done differently the next time?"
)
LESSONS = "What was learned when this was tried before:"
LONGEST = 20_000  # characters of a history; the end of it counts most


@dataclass(frozen=True, slots=True)
class ReflexionResult:
    """What came of several trials.

    Attributes:
        succeeded: Whether the last of them solved the task.
        result: The last trial; of one that was cut off, what was done until then.
        trials: All of them.
        lessons: What was learned from each that failed.
        stop_reason: Why there were no more trials: "answered" where the last solved it, "max_turns" where all were
            used up, "cancelled", "timeout" or "budget".
    """

    succeeded: bool
    result: FlowResult
    trials: tuple[FlowResult, ...] = field(repr=False)
    lessons: tuple[str, ...] = ()
    stop_reason: StopReason = field(default_factory=lambda: StopReason("answered"))


class Reflexion:
    """Tries a task again and again, each time with the lessons from the times before.

    Args:
        flow: The flow that tries it.
        model: Writes the lessons: a client or an ``llm_config``; the flow's model by default.
        trials: How often the task is tried at most.
        solved: Whether a trial's `FlowResult` solves the task, sync or async; by default, whether a final state was
            reached.
        prompt: What the model is asked; {task} and {history} are filled in.

    Raises:
        ConfigError: If there is no model, or a setting can't be right.

    Example:
        >>> from autogen_like import ScriptedModel
        >>> from autogen_like.stateflow import ask
        >>> flow = StateFlow("sums", initial="solve", final={"end"}, model=ScriptedModel(["5", "Count again.", "4"]))
        >>> _ = flow.state("solve", ask("Solve it.")).transition("solve", "end")
        >>> async def main() -> ReflexionResult:
        ...     return await Reflexion(flow, solved=lambda result: result.summary == "4").run("2 + 2?")
        >>> import asyncio; asyncio.run(main()).lessons
        ('Count again.',)
    """

    def __init__(
        self,
        flow: StateFlow,
        model: Any = None,
        *,
        trials: int = 3,
        solved: Callable[[FlowResult], Any] | None = None,
        prompt: str = PROMPT,
    ) -> None:
        if not is_count(trials):
            raise ConfigError(f"the trials of Reflexion must be at least 1, not {trials!r}")
        if solved is not None and not callable(solved):
            raise ConfigError(f"'solved' must be a function of a trial's result, not {solved!r}")
        writer = model if model is not None else flow.client
        if writer is None:
            raise ConfigError(
                f"Reflexion needs a model to write lessons: Reflexion(flow, model), or give {flow.name} one"
            )
        flow.check()
        self.flow = flow
        self.trials = trials
        self.prompt = prompt
        self._solved = solved or (lambda result: result.finished)
        self._model = writer

    def run(
        self,
        task: str,
        *,
        limits: Limits | None = None,
        human: Ask | str | None = None,
        deps: object = None,
        store: JournalStore | str | None = None,
        resume: str | None = None,
        uncertain: str = "ask",
        **options: Any,
    ) -> Run[ReflexionResult]:
        """Tries a task; all trials are one run, in whose budgets they are.

        Args:
            task: The task.
            limits: Budgets for all trials together.
            human: Who answers for people; not "pause", since a trial can't pause in the middle.
            deps: Anything that tools should be able to reach.
            store: Where the run is kept; trials that had ended aren't made again.
            resume: The id of a kept run to go on with.
            uncertain: What becomes of tool calls that may have run: "ask" or "tell".
            **options: Further arguments of `StateFlow.run` for each trial: ``data``, ``stop``, ``on_step``, ...

        Raises:
            ConfigError: If an argument can't be right.
        """
        if not isinstance(task, str):
            raise ConfigError(f"the task must be a text, not {task!r}")
        how = FlowOptions(limits=limits, human=human, deps=deps, store=store, resume=resume, uncertain=uncertain)

        async def main(run: Run[ReflexionResult]) -> ReflexionResult:
            results: list[FlowResult] = []
            lessons: list[str] = []
            try:
                reason = await self._tried(run, task, options, results, lessons)
            except asyncio.CancelledError:
                absorbed = run.absorb_cancel()
                if absorbed is None or not results:
                    raise
                reason = absorbed
            solved = reason.kind == "answered"
            return ReflexionResult(solved, results[-1], tuple(results), tuple(lessons), reason)

        return run_of(main, how, f"Reflexion of {self.flow.name}")

    async def _tried(
        self,
        run: Run[ReflexionResult],
        task: str,
        options: dict[str, Any],
        results: list[FlowResult],
        lessons: list[str],
    ) -> StopReason:
        """Tries the task until it is solved or there is a reason to stop; fills the two lists."""
        while True:
            with run.at(f"trial {len(results)}"):
                await self._trial(run, _with_lessons(task, lessons), options, results)
            if await call_function(self._solved, results[-1]):
                return StopReason("answered", f"trial {len(results)} solved it", self.flow.name)
            over = run.stopped or run.over_budget()
            if over is not None:
                return over
            if len(results) >= self.trials:
                return StopReason("max_turns", f"trials={self.trials}", self.flow.name)
            with run.at(f"lesson {len(results)}"):
                lesson = await self._lesson(task, results[-1])
            lessons.append(lesson)

    async def _trial(
        self, run: Run[ReflexionResult], task: str, options: dict[str, Any], results: list[FlowResult]
    ) -> None:
        """One trial, whose result is kept even where all of it is cancelled meanwhile."""
        trial = self.flow.run(task, **options)
        under_way = asyncio.ensure_future(_result_of(trial))
        try:
            results.append(await asyncio.shield(under_way))
        except asyncio.CancelledError:
            if not under_way.done():
                trial.cancel(run.stopped or StopReason("cancelled", "its caller was cancelled"))
                results.append(await under_way)
            raise

    async def _lesson(self, task: str, result: FlowResult) -> str:
        said = "\n".join(f"{message.speaker}: {_text(message)}" for message in result.messages[1:])
        history = said if len(said) <= LONGEST else f"...{said[-LONGEST:]}"
        parts = self.prompt.replace("{task}", "\0task").replace("{history}", "\0history")
        prompt = parts.replace("\0task", task).replace("\0history", history)
        writer = AssistantAgent("reflexion", ROLE, llm_config=self._model)
        told = await writer.run(message=prompt)
        return str(told.summary).strip()


async def _result_of(run: Run[FlowResult]) -> FlowResult:
    return await run


def _with_lessons(task: str, lessons: list[str]) -> str:
    if not lessons:
        return task
    return "\n".join([task, "", LESSONS, *(f"- {lesson}" for lesson in lessons)])


def _text(message: Any) -> str:
    results = [result.content for result in message.tool_results]
    calls = [f"{call.name}({call.arguments})" for call in message.tool_calls]
    return "\n".join([message.text, *calls, *results]).strip()
