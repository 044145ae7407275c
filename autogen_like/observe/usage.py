"""Who said how much, and what it cost: a table for each agent."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, TextIO

from ..core.message import Message
from ..core.text import one_line
from ..core.usage import Tally, UsageLedger

if TYPE_CHECKING:
    from rich.table import Table


def usage_table(messages: Sequence[Message], by_agent: Mapping[str, UsageLedger]) -> Table:
    """Messages, tokens, cost and speed of each agent, and their sum.

    What a cache of this program's own answered is left out: it cost nothing and took no time.

    Args:
        messages: What was said: a transcript's messages.
        by_agent: What each agent's model used: ``result.usage_by_agent`` or ``run.usage_by_agent``.

    Returns:
        A table that rich prints; `print_usage` does that.

    Example:
        >>> usage_table([Message("ada", "Hello")], {}).row_count
        2
    """
    from rich.box import SIMPLE_HEAD
    from rich.table import Table
    from rich.text import Text

    counts = Counter(message.speaker for message in messages)
    names = list(dict.fromkeys([*counts, *by_agent]))
    table = Table(box=SIMPLE_HEAD, show_footer=False)
    table.add_column("agent")
    for title in ("messages", "prompt tokens", "completion tokens", "cost", "tokens/s"):
        table.add_column(title, justify="right")
    total = Tally()
    for name in names:
        tally = by_agent[name].actual if name in by_agent else Tally()
        total.merge(tally)
        table.add_row(Text(one_line(name)), *_cells(counts[name], tally), end_section=name == names[-1])
    table.add_row("total", *_cells(counts.total(), total))
    return table


def _cells(messages: int, tally: Tally) -> tuple[str, ...]:
    speed = f"{tally.completion_tokens / tally.seconds:.1f}" if tally.seconds > 0 else "-"
    return (f"{messages:,}", f"{tally.prompt_tokens:,}", f"{tally.completion_tokens:,}", f"${tally.cost:.4f}", speed)


def print_usage(
    messages: Sequence[Message], by_agent: Mapping[str, UsageLedger], *, file: TextIO | None = None
) -> None:
    """Prints the `usage_table`.

    Args:
        messages: What was said.
        by_agent: What each agent's model used.
        file: Where to print; standard output by default.
    """
    from rich.console import Console

    console = Console(file=file)
    if not console.is_terminal:
        console = Console(file=file, width=120)  # a pipe has no width of its own: don't cut the columns short
    console.print(usage_table(messages, by_agent))
