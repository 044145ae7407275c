"""The state of a training, written after every evaluation, so that a killed run goes on where it was."""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
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
        """
        waits = state["pending"]
        pending = waits and Pending(
            module_from_dict(waits, modules),
            waits["prompt_tokens"],
            waits["cost"],
            tuple(waits["rejected"]),
            waits["trial"] and evaluation_from_dict(waits["trial"], modules),
        )
        return cls(
            evaluation_from_dict(state["best"], modules),
            [Failure(module_from_dict(one, modules), one["success"]) for one in state["failures"]],
            state["epochs"],
            state["failed"],
            [Point(**{**point, "rejected": tuple(point["rejected"])}) for point in state["points"]],
            pending,
        )


class Checkpoint:
    """A file that holds the state of one training.

    Args:
        path: The file.
        what: What is trained, on what: a state of another training is refused.
        modules: The modules of the standard library that functions may import.
    """

    def __init__(self, path: str | Path, what: Sequence[Any], modules: frozenset[str]) -> None:
        self._path = Path(path)
        self._modules = modules
        text = json.dumps(list(what), sort_keys=True, default=lambda thing: type(thing).__qualname__)
        self._key = hashlib.sha256(text.encode()).hexdigest()

    def load(self) -> TrainingState | None:
        """The state; None where there is no file yet.

        Raises:
            ConfigError: If the file is another training's, or none of ours.
        """
        try:
            found = json.loads(self._path.read_text(encoding="utf-8"))
        except FileNotFoundError:
            return None
        except (OSError, ValueError) as error:
            raise ConfigError(f"checkpoint {self._path} can't be read: {error}") from None
        if not isinstance(found, dict) or found.get("format") != FORMAT:
            raise ConfigError(f"{self._path} is no checkpoint of a training: name another file")
        if found.get("key") != self._key:
            raise ConfigError(
                f"checkpoint {self._path} belongs to a training with other tasks or settings: name another file, or "
                "delete it to begin anew"
            )
        try:
            return TrainingState.from_dict(found["state"], self._modules)
        except (KeyError, TypeError, ValueError) as error:
            raise ConfigError(f"checkpoint {self._path} is damaged: {error}") from error

    def save(self, state: TrainingState) -> None:
        """Writes the state, whole or not at all."""
        self._path.parent.mkdir(parents=True, exist_ok=True)
        part = self._path.with_name(f".{self._path.name}.{os.getpid()}.part")
        with part.open("w", encoding="utf-8") as file:
            json.dump({"format": FORMAT, "key": self._key, "state": state.to_dict()}, file, default=str)
            file.flush()
            os.fsync(file.fileno())
        part.replace(self._path)
