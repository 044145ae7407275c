"""The state of a training, written after every evaluation, so that a killed run goes on where it was."""

from __future__ import annotations

import hashlib
import json
import os
import re
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field, fields, is_dataclass
from pathlib import Path
from typing import Any

from ..core.errors import ConfigError
from .evaluation import (
    Evaluation,
    Failure,
    Module,
    evaluation_from_dict,
    evaluation_to_dict,
    module_from_dict,
    module_to_dict,
)
from .training_history import Point

FORMAT = 1


@dataclass(slots=True)
class Pending:
    """A module that was proposed, and isn't judged yet.

    Args:
        module: The module.
        prompt_tokens: What the step that proposed it took.
        cost: In US dollars.
        rejected: Why invalid actions were refused in that step.
        trial: What came of the training tasks with it, once they were run.
    """

    module: Module
    prompt_tokens: int = 0
    cost: float = 0.0
    rejected: tuple[str, ...] = ()
    trial: Evaluation | None = None


@dataclass(slots=True)
class TrainingState:
    """Where a training is.

    Args:
        best: The best module, with what came of the tasks that it was run on.
        failures: What was tried since the last success.
        epochs: How many improved on the one before.
        failed: How many in a row didn't.
        points: What was tried.
        pending: What is to be tried next.
    """

    best: Evaluation
    failures: list[Failure] = field(default_factory=list)
    epochs: int = 0
    failed: int = 0
    points: list[Point] = field(default_factory=list)
    pending: Pending | None = None

    def to_dict(self) -> dict[str, Any]:
        """The state as JSON."""
        pending = self.pending
        return {
            "best": evaluation_to_dict(self.best),
            "failures": [{**module_to_dict(one.module), "success": one.success} for one in self.failures],
            "epochs": self.epochs,
            "failed": self.failed,
            "points": [asdict(point) for point in self.points],
            "pending": pending
            and {
                **module_to_dict(pending.module),
                "prompt_tokens": pending.prompt_tokens,
                "cost": pending.cost,
                "rejected": pending.rejected,
                "trial": pending.trial and evaluation_to_dict(pending.trial),
            },
        }

    @classmethod
    def from_dict(cls, state: Mapping[str, Any], modules: frozenset[str]) -> TrainingState:
        """The state that `to_dict` described.

        Args:
            state: What it gave.
            modules: The modules of the standard library that functions may import.

        Raises:
            ValueError: If it is none, or not everything in it is of one kind: functions, or system messages.
        """
        from pydantic import TypeAdapter  # only where something was kept

        waits = state["pending"]
        pending = waits and Pending(
            module_from_dict(waits, modules),
            int(waits["prompt_tokens"]),
            float(waits["cost"]),
            tuple(map(str, waits["rejected"])),
            waits["trial"] and evaluation_from_dict(waits["trial"], modules),
        )
        best = evaluation_from_dict(state["best"], modules)
        failures = [Failure(module_from_dict(one, modules), float(one["success"])) for one in state["failures"]]
        points = TypeAdapter(list[Point]).validate_python(state["points"])
        if not points:
            raise ValueError("it has no points")
        waiting = [pending.module, *([pending.trial.module] if pending.trial else [])] if pending else []
        if len({type(module) for module in (best.module, *(one.module for one in failures), *waiting)}) > 1:
            raise ValueError("it has functions and system messages")
        return cls(best, failures, int(state["epochs"]), int(state["failed"]), points, pending)


class Checkpoint:
    """A file that holds the state of one training.

    Args:
        path: The file.
        what: What is trained, on what: a state of another training is refused.
        start: The module that it begins with; what was kept is of the same kind.
        modules: The modules of the standard library that functions may import.

    Raises:
        ConfigError: If what is trained on can't be told from other tasks.
    """

    def __init__(self, path: str | Path, what: Sequence[Any], start: Module, modules: frozenset[str]) -> None:
        self._path = Path(path)
        self._modules = modules
        self._prompts = isinstance(start, str)
        try:
            text = json.dumps(list(what), sort_keys=True, default=_known_by)
        except TypeError as error:
            raise ConfigError(f"a checkpoint can't tell these tasks from others: {error}") from None
        self._key = hashlib.sha256(text.encode()).hexdigest()

    def load(self) -> TrainingState | None:
        """The state; None where there is no file yet.

        Raises:
            ConfigError: If the file is another training's, or none of ours, or can't be written later.
        """
        try:
            found = json.loads(self._path.read_text(encoding="utf-8"))
        except FileNotFoundError:
            self._make_folder()
            return None
        except (OSError, ValueError, RecursionError) as error:
            raise ConfigError(f"checkpoint {self._path} can't be read: {error}") from None
        if not isinstance(found, dict) or found.get("format") != FORMAT:
            raise ConfigError(f"{self._path} is no checkpoint of a training: name another file")
        if found.get("key") != self._key:
            raise ConfigError(
                f"checkpoint {self._path} belongs to a training with other tasks or settings: name another file, or "
                "delete it to begin anew"
            )
        try:
            state = TrainingState.from_dict(found["state"], self._modules)
        except (KeyError, TypeError, ValueError) as error:
            raise ConfigError(f"checkpoint {self._path} is damaged: {error}") from error
        if isinstance(state.best.module, str) != self._prompts:
            raise ConfigError(f"checkpoint {self._path} is damaged: it holds what another optimizer trains")
        return state

    def _make_folder(self) -> None:
        folder = self._path.parent
        try:
            folder.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise ConfigError(f"checkpoint {self._path} can't be written: {error}") from None
        if not os.access(folder, os.W_OK):
            raise ConfigError(f"checkpoint {self._path} can't be written: its folder is read-only")

    def save(self, state: TrainingState) -> None:
        """Writes the state, whole or not at all."""
        part = self._path.with_name(f".{self._path.name}.{os.getpid()}.part")
        with part.open("w", encoding="utf-8") as file:
            json.dump({"format": FORMAT, "key": self._key, "state": state.to_dict()}, file, default=str)
            file.flush()
            os.fsync(file.fileno())
        part.replace(self._path)


def _known_by(thing: Any) -> Any:
    """What tells a thing from others that JSON has no form for, the same in each process."""
    kind: Any = type(thing)
    if is_dataclass(thing) and not isinstance(thing, type):
        return [kind.__qualname__, {one.name: getattr(thing, one.name) for one in fields(thing)}]
    if isinstance(thing, set | frozenset):
        return sorted(map(_shown, thing))
    if kind.__repr__ is object.__repr__:
        return [kind.__qualname__, {name: _shown(value) for name, value in getattr(thing, "__dict__", {}).items()}]
    return _shown(thing)


def _shown(thing: Any) -> str:
    return re.sub(r" at 0x[0-9A-Fa-f]+", "", repr(thing))  # where it lies is another place each time
