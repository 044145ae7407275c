"""Where a run of a flow is, how it came there, and what it has spent in each state: all that must outlive a process."""

from __future__ import annotations

import json
import time
from collections.abc import Mapping
from dataclasses import asdict, astuple, dataclass, field
from typing import Any, TypeAlias, TypeVar

from ..core.errors import ConfigError
from ..core.run import Run

K = TypeVar("K")
Meter: TypeAlias = tuple[int, int, int, float, float]  # requests, tokens sent and received, dollars, the clock
VERSION = 1
PATH_KEPT = 100  # steps that a saved state holds: its size must not grow with the conversation


@dataclass(frozen=True, slots=True)
class Step:
    """One transition of a run.

    Args:
        source: The state that was left; "" at the beginning.
        target: The state that was entered.
        reason: Why.
        at: How many messages there were.
    """

    source: str
    target: str
    reason: str
    at: int


@dataclass(slots=True)
class Spent:
    """What was spent in a state, or on deciding to take an edge.

    Attributes:
        visits: How often it was entered, or taken.
        requests: Model requests.
        prompt_tokens: Tokens sent.
        completion_tokens: Tokens received.
        cost: US dollars.
        seconds: Wall time.
    """

    visits: int = 0
    requests: int = 0
    prompt_tokens: int = 0
    completion_tokens: int = 0
    cost: float = 0.0
    seconds: float = 0.0

    @property
    def tokens(self) -> int:
        """Tokens sent and received."""
        return self.prompt_tokens + self.completion_tokens


@dataclass(frozen=True, slots=True)
class Outcome:
    """What came of an output.

    Args:
        kind: Which kind of output: "ask", "run", ...
        ok: Whether it succeeded: its tools gave no error, its code ended with 0, its chat came to its own end.
        name: The tool, agent or function.
        value: What a function or tool returned, for programs; lost where a run goes on in another process.
    """

    kind: str
    ok: bool = True
    name: str = ""
    value: Any = None


@dataclass(slots=True)
class Position:
    """Where a run is.

    Attributes:
        state: The state it is in; "" before the first.
        index: The output it is at.
        said: Messages that this output has said in this visit.
        failed: The exception that an output ended with: the names of its class and of those above it.
        expired: Whether the state's time is over.
        last: What came of the last output.
        seconds: Time spent in this visit.
        taken: Transitions so far.
        entered: How many messages there were when each state was entered last.
        states: What was spent in each state.
        edges: What was spent on each edge, by (source, target).
        path: The transitions; in a run that goes on in another process, the last `PATH_KEPT` before that.
        data: What the flow's functions keep; JSON where the run is kept.
    """

    state: str = ""
    index: int = 0
    said: int = 0
    failed: tuple[str, ...] | None = None
    expired: bool = False
    last: Outcome | None = None
    seconds: float = 0.0
    taken: int = 0
    entered: dict[str, int] = field(default_factory=dict)
    states: dict[str, Spent] = field(default_factory=dict)
    edges: dict[tuple[str, str], Spent] = field(default_factory=dict)
    path: list[Step] = field(default_factory=list)
    data: dict[str, Any] = field(default_factory=dict)
    _mark: Meter | None = None

    def visits(self, state: str) -> int:
        """How often a state was entered."""
        spent = self.states.get(state)
        return spent.visits if spent is not None else 0

    def enter(self, target: str, reason: str, at: int) -> None:
        """Goes to a state.

        Args:
            target: The state.
            reason: Why.
            at: How many messages there are.
        """
        if self.state:
            self.taken += 1
            _spent(self.edges, (self.state, target)).visits += 1
        self.path.append(Step(self.state, target, reason, at))
        self.state, self.index, self.said, self.seconds = target, 0, 0, 0.0
        self.failed, self.expired = None, False
        self.entered[target] = at
        _spent(self.states, target).visits += 1

    def set_out(self, run: Run[Any]) -> None:
        """Begins to count what a run spends: what was spent, and the time that went by, before isn't the flow's."""
        self._mark = _meter(run)

    def charge(self, run: Run[Any], edge: tuple[str, str] | None = None) -> None:
        """Books what the run has spent since the last time.

        Args:
            run: The run.
            edge: The edge that it was spent on; the state by default.
        """
        now = _meter(run)
        before, self._mark = self._mark, now
        if before is None or not self.state:
            return
        spent = _spent(self.edges, edge) if edge is not None else self.states[self.state]
        spent.requests += now[0] - before[0]
        spent.prompt_tokens += now[1] - before[1]
        spent.completion_tokens += now[2] - before[2]
        spent.cost += now[3] - before[3]
        spent.seconds += now[4] - before[4]
        self.seconds += now[4] - before[4]

    def snapshot(self) -> dict[str, Any]:
        """The position as JSON.

        Raises:
            ConfigError: If `data` holds what JSON can't say.
        """
        if self.data:
            try:
                json.dumps(self.data)
            except (TypeError, ValueError) as error:
                raise ConfigError(
                    f"a run is to be kept, and its flow's 'data' must be JSON for that: {error}"
                ) from error
        last = self.last
        return {
            "version": VERSION,
            "state": self.state,
            "index": self.index,
            "said": self.said,
            "failed": list(self.failed) if self.failed else None,
            "expired": self.expired,
            "last": [last.kind, last.ok, last.name] if last is not None else None,
            "seconds": self.seconds,
            "taken": self.taken,
            "entered": dict(self.entered),
            "states": {name: list(astuple(spent)) for name, spent in self.states.items()},
            "edges": [[*edge, *astuple(spent)] for edge, spent in self.edges.items()],
            "path": [list(asdict(step).values()) for step in self.path[-PATH_KEPT:]],
            "data": dict(self.data),
        }

    def restore(self, state: Mapping[str, Any]) -> None:
        """Takes a position that `snapshot` gave.

        Raises:
            ConfigError: If it is of another version.
        """
        if state.get("version") != VERSION:
            raise ConfigError(f"the saved flow is of version {state.get('version')!r}; this reads {VERSION}")
        self.state, self.index, self.said = state["state"], state["index"], state["said"]
        self.failed = tuple(state["failed"]) if state["failed"] else None
        self.expired = state["expired"]
        self.last = Outcome(*state["last"]) if state["last"] else None
        self.seconds, self.taken = state["seconds"], state["taken"]
        self.entered = dict(state["entered"])
        self.states = {name: Spent(*figures) for name, figures in state["states"].items()}
        self.edges = {(source, target): Spent(*figures) for source, target, *figures in state["edges"]}
        self.path = [Step(*step) for step in state["path"]]
        self.data = dict(state["data"])
        self._mark = None


def _meter(run: Run[Any]) -> Meter:
    """What a run has spent so far, and the time. Asked several times in each state, so it makes no `Tally`."""
    requests = prompt = completion = 0
    cost = 0.0
    for by_model in (run.usage.actual_by_model, run.usage.cached_by_model):
        for tally in by_model.values():
            requests += tally.requests
            prompt += tally.prompt_tokens
            completion += tally.completion_tokens
            cost += tally.cost
    return requests, prompt, completion, cost, time.perf_counter()


def _spent(table: dict[K, Spent], key: K) -> Spent:
    spent = table.get(key)
    if spent is None:
        spent = table[key] = Spent()
    return spent
