"""What came of running tasks with a module (a function set, or a prompt): records, losses, and what failed."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field, replace
from functools import cached_property
from typing import Any, TypeAlias

from .function_set import FunctionSet

Module: TypeAlias = FunctionSet | str
"""What is trained: an agent's functions, or its system message."""


@dataclass(frozen=True, slots=True)
class Record:
    """What came of one task.

    Args:
        task: The task's number in its list.
        history: What was said, as chat dicts.
        score: How well it went, from 0 to 1.
        error: What broke the conversation off; empty where nothing did.
        calls: How often a learned function was called, and gave a result.
        failed_calls: How often one was called, and failed.
        tokens: Tokens that the conversation took.
        cost: In US dollars.
    """

    task: int
    history: Sequence[Mapping[str, Any]]
    score: float
    error: str = ""
    calls: int = 0
    failed_calls: int = 0
    tokens: int = 0
    cost: float = 0.0


@dataclass(frozen=True)
class Evaluation:
    """What came of a list of tasks with one module.

    Args:
        module: The module.
        records: One for each task.
        validation: The same for tasks that aren't trained on, where these were run.

    Example:
        >>> Evaluation("Be brief.", (Record(0, [], 1.0), Record(1, [], 0.0))).loss
        0.5
    """

    module: Module
    records: tuple[Record, ...]
    validation: tuple[Record, ...] = field(default=(), kw_only=True)

    @cached_property
    def loss(self) -> float:
        """The share of the tasks that failed: 1 minus the mean score."""
        return _loss(self.records)

    @property
    def success(self) -> float:
        """1 minus the loss."""
        return 1.0 - self.loss

    @property
    def validation_loss(self) -> float | None:
        """The loss on tasks that aren't trained on; None where these weren't run."""
        return _loss(self.validation) if self.validation else None

    @cached_property
    def by_task(self) -> Mapping[int, Record]:
        """The records by the task's number."""
        return {record.task: record for record in self.records}

    def on(self, tasks: Sequence[int]) -> Evaluation:
        """The same of some of the tasks.

        Args:
            tasks: Their numbers.
        """
        return replace(self, records=tuple(self.by_task[task] for task in tasks))

    def with_records(self, more: Sequence[Record]) -> Evaluation:
        """The same with further tasks.

        Args:
            more: Their records.
        """
        return replace(self, records=(*self.records, *more))


@dataclass(frozen=True, slots=True)
class Failure:
    """A module that was tried and rolled back.

    Args:
        module: The module.
        success: Its success rate.
    """

    module: Module
    success: float


def sorted_failures(failures: Sequence[Failure]) -> list[Failure]:
    """Failures as the prompt shows them: the worst first (arXiv 2402.11359, algorithm 2)."""
    return sorted(failures, key=lambda failure: failure.success)


def module_to_dict(module: Module) -> dict[str, Any]:
    """A module as JSON."""
    return {"prompt": module} if isinstance(module, str) else {"functions": module.to_dict()}


def module_from_dict(state: Mapping[str, Any], modules: frozenset[str]) -> Module:
    """The module that `module_to_dict` described.

    Args:
        state: What it gave.
        modules: The modules of the standard library that functions may import.
    """
    return str(state["prompt"]) if "prompt" in state else FunctionSet.from_dict(state["functions"], modules)


def evaluation_to_dict(evaluation: Evaluation) -> dict[str, Any]:
    """An evaluation as JSON."""
    return {
        "module": module_to_dict(evaluation.module),
        "records": [asdict(record) for record in evaluation.records],
        "validation": [asdict(record) for record in evaluation.validation],
    }


def evaluation_from_dict(state: Mapping[str, Any], modules: frozenset[str]) -> Evaluation:
    """The evaluation that `evaluation_to_dict` described.

    Args:
        state: What it gave, from wherever it was kept.
        modules: The modules of the standard library that functions may import.

    Raises:
        ValueError: If it is none.
    """
    from pydantic import TypeAdapter  # only where something was kept

    adapter = TypeAdapter(tuple[Record, ...])
    records, validation = (adapter.validate_python(state[key]) for key in ("records", "validation"))
    if not all(0 <= record.score <= 1 for record in (*records, *validation)):
        raise ValueError("a score must lie between 0 and 1")
    return Evaluation(module_from_dict(state["module"], modules), records, validation=validation)


def _loss(records: Sequence[Record]) -> float:
    return 1.0 - sum(record.score for record in records) / len(records) if records else 1.0
