"""What the tools of a chat have cost, and what listing all of them would have cost for the same calls."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from ..core.errors import ConfigError, MissingExtra
from ..core.message import Message, ToolCall
from .costs import Bill, Chain, Prices, Step, Use
from .registry import CALL, REGISTER, SEARCH, called

if TYPE_CHECKING:
    from matplotlib.figure import Figure

    from .toolbox import SelectiveToolbox

_FRAME = 4  # tokens around each message


@dataclass(frozen=True, slots=True)
class Report:
    """What was sent, request by request; counted, not billed: system messages aren't in it, on neither side.

    Args:
        steps: The requests as they were.
        listing: The requests, fewer, in which the same calls are made with all tools listed.
        names: Tokens of names and meta-tools in each request that had them.
        registrations: Tokens that registering and searching added to what was sent and said.
        registered: The tools that were registered, in order.
        called: The tools that were called.
        prices: The prices.
    """

    steps: tuple[Step, ...]
    listing: tuple[Step, ...]
    names: int
    registrations: int
    registered: tuple[str, ...]
    called: tuple[str, ...]
    prices: Prices

    @classmethod
    def of(cls, box: SelectiveToolbox, messages: Sequence[Message], agent: str | None, prices: Prices) -> Report:
        """The report on what was said; see `SelectiveToolbox.report`."""
        return _Accounts(box, messages, agent or caller_of(messages)).report(prices)

    @property
    def bill(self) -> Bill:
        """What it came to."""
        return Bill.of(self.steps)

    @property
    def listing_bill(self) -> Bill:
        """What it would have come to with all tools listed."""
        return Bill.of(self.listing)

    @property
    def saved(self) -> float:
        """The share of the cost that was saved; negative where it cost more."""
        full = self.listing_bill.cost(self.prices)
        return 1 - self.bill.cost(self.prices) / full if full else 0.0

    def table(self) -> str:
        """Tokens by what they were spent on, both ways."""
        ours, full = self.bill, self.listing_bill
        names = self.names * sum(1 for step in self.steps if step.tools)
        history = sum(step.history for step in self.steps)
        rows: list[tuple[str, float, float]] = [
            ("requests", ours.requests, full.requests),
            ("names and meta-tools", names, 0),
            ("schemas", sum(step.tools for step in self.steps) - names, sum(step.tools for step in self.listing)),
            ("registrations", self.registrations, 0),
            ("history", history - self.registrations, sum(step.history for step in self.listing)),
            ("sent in all", ours.sent, full.sent),
            ("  cacheable", ours.cached, full.cached),
            ("received", ours.output, full.output),
        ]
        lines = [f"{'tokens':22}{'as it was':>12}{'listing all':>13}"]
        lines += [f"{name:22}{was:12,.0f}{would:13,.0f}" for name, was, would in rows]
        costs = ours.cost(self.prices), full.cost(self.prices)
        lines.append(f"{'US dollars':22}{costs[0]:12.5f}{costs[1]:13.5f}   {self.saved:+.0%} saved")
        return "\n".join(lines)

    __str__ = table

    def chart(self) -> Figure:
        """Tokens sent by request, both ways, as a matplotlib figure.

        Raises:
            MissingExtra: If matplotlib is not installed.
        """
        try:
            from matplotlib.figure import Figure
            from matplotlib.ticker import MaxNLocator
        except ImportError:
            raise MissingExtra("the chart of a report", "ecoact") from None
        figure = Figure(figsize=(7, 3.5), layout="constrained")
        axes = figure.subplots()
        for steps, label, marker in ((self.listing, "listing all tools", "s"), (self.steps, "as it was", "o")):
            numbers = range(1, len(steps) + 1)
            axes.plot(numbers, [step.sent for step in steps], marker=marker, label=label)
        axes.bar(
            range(1, len(self.steps) + 1), [step.tools for step in self.steps], alpha=0.25, label="tools, as it was"
        )
        axes.set(xlabel="request", ylabel="tokens sent", title=f"{self.saved:+.0%} of the cost saved")
        axes.set_ylim(bottom=0)
        axes.xaxis.set_major_locator(MaxNLocator(integer=True))
        axes.legend()
        return figure


class _Accounts:
    """Goes through what was said once, as the toolbox saw it, and keeps both books."""

    def __init__(self, box: SelectiveToolbox, messages: Sequence[Message], caller: str) -> None:
        self._box, self._messages, self._caller = box, messages, caller
        self._listed = box.listed()
        self._registry = box.registry()
        if any(call.name == REGISTER for message in messages for call in message.tool_calls):
            self._registry.chosen = True
        self._names = box.tokens_always(self._listed) if self._registry.chosen else 0
        self.steps: list[Step] = []
        self.listing: list[Step] = []
        self._history = self._without = self._spent = 0
        self._before: dict[str, int] | None = None
        self._extra: set[str | None] = set()
        self._registered: list[str] = []
        self._called: list[str] = []

    def report(self, prices: Prices) -> Report:
        for at, message in enumerate(self._messages):
            self._registry.take(_Head(self._messages, at), self._caller, self._listed)
            self._registered += [name for name in self._registry.used if name not in self._registered]
            if message.speaker == self._caller and not message.tool_results:
                self._request(message)
            self._said(message)
        return Report(
            tuple(self.steps), tuple(self.listing), self._names, self._spent,
            tuple(self._registered), tuple(dict.fromkeys(self._called)), prices,
        )  # fmt: skip

    def _request(self, message: Message) -> None:
        box, listed, registry = self._box, self._listed, self._registry
        everything = listed.all_tokens()
        output = box.tokens_of(message)
        real = [call for call in message.tool_calls if not self._is_extra(call)]
        self._extra |= {call.id for call in message.tool_calls} - {call.id for call in real}
        if registry.chosen:
            room = box.room(registry, listed) if box.window is not None else None
            for name in room.names if room is not None else ():
                registry.unregister(name)
            sizes = {name: listed.tokens(name) for name in registry.used if box.layout == "native" and name in listed}
            tools = self._names + sum(sizes.values())
            cached = self._cached(sizes)
            self._before = sizes
        else:
            tools = everything
            cached = self.steps[-1].sent if self.steps else 0
        self.steps.append(Step(tools, self._history, output, cached))
        self._spent += self._history - self._without
        if message.tool_calls and not real:
            return  # where all tools are listed, nobody registers
        self._called += [called(call.arguments)[0] if call.name == CALL else call.name for call in real]
        self.listing.append(Step(everything, self._without, output, self.listing[-1].sent if self.listing else 0))

    def _cached(self, sizes: dict[str, int]) -> int:
        """How much of the last request is still the beginning of this one."""
        before = self._before
        if before is None:
            return 0
        if list(before) == list(sizes):
            return self.steps[-1].sent
        kept = self._names
        for one, other in zip(before, sizes, strict=False):
            if one != other:
                break
            kept += before[one]
        return kept

    def _said(self, message: Message) -> None:
        """Adds a message to both histories; what only registers, to ours alone."""
        tokens = self._box.tokens_of(message)
        self._history += tokens
        if message.tool_calls and all(call.id in self._extra for call in message.tool_calls):
            return
        if message.tool_results:
            extra = [result for result in message.tool_results if result.call_id in self._extra]
            if len(extra) == len(message.tool_results):
                return
            tokens -= sum(self._box.tokens_of(Message("", tool_results=(result,))) for result in extra)
        self._without += tokens

    def _is_extra(self, call: ToolCall) -> bool:
        """Whether nobody would make this call where all tools are listed: it registers, or was made too early."""
        name = called(call.arguments)[0] if call.name == CALL else call.name
        early = name in self._listed and name not in self._registry.used and name not in self._box.always(self._listed)
        return _is_meta(call) or (bool(self._registry.chosen) and early)


class _Head(Sequence[Message]):
    """The first messages of many, without a copy."""

    def __init__(self, messages: Sequence[Message], end: int) -> None:
        self._messages, self._end = messages, end

    def __len__(self) -> int:
        return self._end

    def __getitem__(self, at: Any) -> Any:
        return self._messages[at]


def _is_meta(call: ToolCall) -> bool:
    return call.name in (REGISTER, SEARCH)


def message_tokens(message: Message, count: Callable[[str], int]) -> int:
    """Tokens of a message, its frame included.

    Args:
        message: The message.
        count: Counts the tokens of a text.
    """
    texts = [message.text, *(f"{call.name} {call.arguments}" for call in message.tool_calls)]
    texts += [result.content for result in message.tool_results]
    return _FRAME * max(1, len(message.tool_results)) + sum(count(text) for text in texts if text)


def said_in(result: Any) -> Sequence[Message]:  # a ChatResult, a Conversation or messages
    """The messages of a result or a conversation, or the messages themselves.

    Raises:
        ConfigError: If there are none.
    """
    found = result
    for attribute in ("transcript", "messages"):
        found = getattr(found, attribute, found)
    messages = tuple(found) if isinstance(found, Sequence) else ()
    if not messages or not all(isinstance(one, Message) for one in messages):
        raise ConfigError(f"this takes the result of a chat, its conversation or its messages, not {result!r:.200}")
    return messages


def caller_of(messages: Sequence[Message]) -> str:
    """Who called tools most often; who spoke last where nobody did."""
    counted = Counter(message.speaker for message in messages if message.tool_calls)
    return counted.most_common(1)[0][0] if counted else messages[-1].speaker


def chain_of(messages: Sequence[Message], agent: str | None, count: Callable[[str], int]) -> Chain:
    """What was done, whatever tools were listed.

    Args:
        messages: What was said.
        agent: Whose calls are meant; who called tools by default.
        count: Counts the tokens of a text.
    """
    caller = agent or caller_of(messages)
    results = {result.call_id: result for message in messages for result in message.tool_results}
    uses: list[Use] = []
    prompt, answer = 0, 0
    for message in messages:
        if message.speaker == caller and not message.tool_results:
            answer = message_tokens(message, count)
            for call in message.tool_calls:
                if not _is_meta(call):
                    result = results.get(call.id)
                    name, arguments = called(call.arguments) if call.name == CALL else (call.name, call.arguments)
                    spent = count(result.content) + _FRAME if result is not None else 0
                    uses.append(Use(name, count(f"{name} {arguments}") + _FRAME, spent))
        elif not uses and not message.tool_results:
            prompt += message_tokens(message, count)
    return Chain(prompt, tuple(uses), answer)
