"""What tools cost: the tokens of each request, listing all tools and registering them, and their price.

A request holds the list of tools and, behind it, the messages. An endpoint's prefix cache knows what the request before
began with: all of it, as long as the list of tools is the same; only the list, once something was added at its end.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Literal, TypeAlias

from ..core.errors import ConfigError
from ..models.pricing import cost_of

Layout: TypeAlias = Literal["native", "inline"]
_ACKNOWLEDGED = 16  # tokens of the call that registers, beside the name; and of its result, beside the schema
_MILLION = 1_000_000


@dataclass(frozen=True, slots=True)
class Prices:
    """US dollars for a million tokens.

    Args:
        input: Sent.
        output: Received.
        cached: Sent, and found in the endpoint's prefix cache; None for the full price.

    Example:
        >>> Prices.of("gpt-4o")
        Prices(input=2.5, output=10.0, cached=1.25)
    """

    input: float = 2.5
    output: float = 10.0
    cached: float | None = None

    def __post_init__(self) -> None:
        if min(self.input, self.output, self.cached or 0.0) < 0:
            raise ConfigError(f"prices can't be negative: {self}")

    @classmethod
    def of(cls, model: str) -> Prices:
        """A model's prices, from the table that costs are made with.

        Raises:
            ConfigError: If it isn't in it.
        """
        sent, received = cost_of([model], _MILLION, 0), cost_of([model], 0, _MILLION)
        if not sent and not received:
            raise ConfigError(f"no prices are known for the model {model!r}: give Prices(input, output, cached)")
        return cls(sent, received, cost_of([model], _MILLION, 0, _MILLION))

    @property
    def hit(self) -> float:
        """What a cached token costs."""
        return self.input if self.cached is None else self.cached


@dataclass(frozen=True, slots=True)
class Step:
    """One request.

    Args:
        tools: Tokens of the list of tools.
        history: Tokens of the messages.
        output: Tokens of the reply.
        cached: How many of those sent are the beginning of the request before.
    """

    tools: int
    history: int
    output: int
    cached: int = 0

    @property
    def sent(self) -> int:
        """Tokens sent."""
        return self.tools + self.history


@dataclass(frozen=True, slots=True)
class Bill:
    """What a chain of requests comes to. May be an average, and then its steps are those of no single one.

    Args:
        sent: Tokens sent, those from a cache included.
        cached: Tokens that a prefix cache would know.
        output: Tokens received.
        requests: How many requests.
    """

    sent: float
    cached: float
    output: float
    requests: float

    @classmethod
    def of(cls, steps: Sequence[Step]) -> Bill:
        """The sums."""
        return cls(
            sum(step.sent for step in steps),
            sum(step.cached for step in steps),
            sum(step.output for step in steps),
            len(steps),
        )

    def cost(self, prices: Prices) -> float:
        """In US dollars; what the cache knows is cheaper only where the prices say so."""
        fresh = self.sent - self.cached
        return (fresh * prices.input + self.cached * prices.hit + self.output * prices.output) / _MILLION

    def __add__(self, other: Bill) -> Bill:
        return Bill(
            self.sent + other.sent,
            self.cached + other.cached,
            self.output + other.output,
            self.requests + other.requests,
        )

    def __mul__(self, factor: float) -> Bill:
        return Bill(self.sent * factor, self.cached * factor, self.output * factor, self.requests * factor)


@dataclass(frozen=True, slots=True)
class Use:
    """One call of a tool.

    Args:
        tool: Its name.
        call: Tokens of what the model writes to call it.
        result: Tokens of what it gives.
    """

    tool: str
    call: int
    result: int


@dataclass(frozen=True, slots=True)
class Chain:
    """What is done in a task, whatever tools are listed.

    Args:
        prompt: Tokens of the system message and the task.
        uses: The calls.
        answer: Tokens of the last reply.
    """

    prompt: int
    uses: tuple[Use, ...]
    answer: int


@dataclass(frozen=True, slots=True)
class Workload:
    """What is expected of a task. The defaults are those of ToolBench's recorded chains.

    Args:
        calls: Calls of tools.
        tools: Different tools among them.
        observation: Tokens of a result.
        prompt: Tokens of the system message and the task.
        call: Tokens of what a model writes to call a tool.
        answer: Tokens of the answer.
        tasks: How many tasks these numbers stand for, when others are learned from.
    """

    calls: float = 4.5
    tools: float = 2.6
    observation: float = 250
    prompt: float = 300
    call: float = 60
    answer: float = 150
    tasks: float = 3

    def __post_init__(self) -> None:
        if self.calls < self.tools or min(self.tools, self.observation, self.prompt, self.call, self.answer) < 0:
            raise ConfigError(f"a workload has no negative numbers, and at least as many calls as tools: {self}")

    def learned(self, chain: Chain) -> Workload:
        """The same with one more task seen."""
        number = len(chain.uses)
        seen: dict[str, float] = {
            "calls": number,
            "tools": len({use.tool for use in chain.uses}),
            "prompt": chain.prompt,
            "answer": chain.answer,
        }
        if number:
            seen["observation"] = sum(use.result for use in chain.uses) / number
            seen["call"] = sum(use.call for use in chain.uses) / number
        mean = {key: (getattr(self, key) * self.tasks + value) / (self.tasks + 1) for key, value in seen.items()}
        return replace(self, **mean, tasks=self.tasks + 1)

    def chains(self) -> Iterable[tuple[float, Chain]]:
        """Tasks of whole numbers of calls and tools whose mean it is, each with its weight."""
        for calls, share in _split(self.calls):
            for tools, part in _split(min(self.tools, calls)):
                if share * part:
                    # New tools come evenly: the later one is registered, the more of the cached prompt is lost.
                    uses = tuple(
                        Use(str(at * max(tools, 1) // calls), round(self.call), round(self.observation))
                        for at in range(calls)
                    )
                    yield share * part, Chain(round(self.prompt), uses, round(self.answer))


def _split(mean: float) -> tuple[tuple[int, float], tuple[int, float]]:
    low = int(mean)
    return (low, 1 - (mean - low)), (low + 1, mean - low)


def listing(chain: Chain, tools: int) -> list[Step]:
    """The requests where all tools are listed each time.

    Args:
        chain: What is done.
        tools: Tokens of all schemas.
    """
    steps: list[Step] = []
    history = chain.prompt
    for output, result in (*((use.call, use.result) for use in chain.uses), (chain.answer, 0)):
        steps.append(Step(tools, history, output, steps[-1].sent if steps else 0))
        history += output + result
    return steps


def registering(
    chain: Chain, meta: int, sizes: Mapping[str, int], *, layout: Layout = "native", at_once: bool = False
) -> list[Step]:
    """The requests where each tool is registered before it is first called.

    Args:
        chain: What is done.
        meta: Tokens of what is listed always: the meta-tools, with the names.
        sizes: Tokens of each schema.
        layout: Where schemas go: into the list of tools ("native"), or into the result that registers ("inline").
        at_once: Whether one call registers all that will be needed.
    """
    steps: list[Step] = []
    tools, history = meta, chain.prompt
    known: set[str] = set()
    before = 0  # how much of the list of tools the last request had

    def step(output: int) -> None:
        cached = 0 if not steps else steps[-1].sent if before == tools else before
        steps.append(Step(tools, history, output, cached))

    for use in chain.uses:
        if use.tool not in known:
            new = {one.tool for one in chain.uses} - known if at_once else {use.tool}
            schemas = sum(sizes[name] for name in new)
            step(_ACKNOWLEDGED)
            before = tools
            history += 2 * _ACKNOWLEDGED + (schemas if layout == "inline" else 0)
            tools += schemas if layout == "native" else 0
            known |= new
        step(use.call)
        before = tools
        history += use.call + use.result
    step(chain.answer)
    return steps
