"""The tables that turns.py prints: our numbers beside their targets and the best peer's, and everybody's."""

from __future__ import annotations

import math
from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass
from typing import TypeAlias

Results: TypeAlias = dict[str, dict[str, float]]
"""Column -> row's key -> number."""


@dataclass(frozen=True)
class Row:
    """One thing that is measured.

    Attributes:
        key: Its name in the results.
        label: Its name for people, with the unit.
        digits: How many decimals are shown.
        target: What ours may be at most, or must be at least where more is better.
        ratio: The same of ours to the best peer's.
        more: Whether more is better.
    """

    key: str
    label: str
    digits: int
    target: float | None = None
    ratio: float | None = None
    more: bool = False

    def cell(self, value: float | None) -> str:
        if value is None:
            return "none"
        return "> 60" if math.isinf(value) else f"{value:,.{self.digits}f}"

    def met(self, value: float, limit: float) -> bool:
        return value >= limit if self.more else value <= limit


def rows(turns: Sequence[int], far: int) -> list[Row]:
    """All rows, with the targets."""
    last = max(turns)
    return [
        *(Row(f"two_{n}", f"two agents, ms a turn, {n:,} turns", 3, 0.05, 0.333) for n in turns),
        Row(f"two_{far}", f"two agents, ms a turn, {far:,} turns", 3, 0.05),
        Row("growth", f"a turn of {far:,} to one of {min(turns)}", 2, 1.2),
        *(Row(f"group_{n}", f"group of five, ms a turn, {n:,} turns", 3, 0.08, 0.45) for n in turns if n <= last),
        Row("tool", "one tool run, ms, agent reused", 3, 0.15, 0.333),
        Row("tool_built", "one tool run, ms, agent built for it", 3, 0.25),
        Row("chunk", "one streamed chunk, us", 2, 4, 0.6),
        Row("concurrent", "500 tool runs at once, runs/s", 0, 6000, 3.4, more=True),
        Row("waiting", "1,000 conversations, model 3 x 1 s, s", 2, 3.3),
        Row("memory", "further turn of two, bytes beside text", 0, 0.6 * 1024),
        Row("memory_ten", "further turn of ten, bytes beside text", 0),
        Row("import_bare", "import autogen_like, ms", 0, 80),
        Row("import", "import the agents and the chat, ms", 0, 120),
    ]


def show(
    results: Results, *, ours: str, apart: Collection[str], turns: Sequence[int], far: int, markdown: bool
) -> None:
    """Prints both tables.

    Args:
        results: What was measured.
        ours: Our column.
        apart: Columns that aren't counted among the peers.
        turns: Lengths of the conversations.
        far: The length that shows whether a turn gets dearer.
        markdown: Whether they are for a page.
    """
    for found in results.values():
        if f"two_{far}" in found:
            found["growth"] = found[f"two_{far}"] / found[f"two_{min(turns)}"]
    shown = [row for row in rows(turns, far) if any(row.key in found for found in results.values())]
    draw: Callable[[list[list[str]]], str] = page_table if markdown else plain_table
    if ours in results:
        peers = {title: found for title, found in results.items() if title != ours and title not in apart}
        print(
            draw(
                [
                    ["", "ours", "target", "", "best peer", "", "ratio", "target", ""],
                    *verdicts(shown, results[ours], peers),
                ]
            )
        )
        print()
    print(draw([["", *results], *([row.label, *(cell(row, found) for found in results.values())] for row in shown)]))


def cell(row: Row, found: dict[str, float]) -> str:
    far_alone = row.key in ("growth", "import_bare") or row.key.startswith("two_")
    return "" if far_alone and row.key not in found else row.cell(found.get(row.key))


def verdicts(shown: Sequence[Row], mine: dict[str, float], peers: Results) -> list[list[str]]:
    """Ours, its target and whether it is met; the best peer; the ratio to it, its target and whether it is met."""
    lines = []
    for row in shown:
        value = mine.get(row.key)
        if value is None:
            continue
        sign = ">=" if row.more else "<="
        line = [row.label, row.cell(value)]
        line += [f"{sign} {row.target:,g}", verdict(row, value, row.target)] if row.target else ["", ""]
        having = {title: found[row.key] for title, found in peers.items() if row.key in found}
        if having:
            best = (max if row.more else min)(having, key=having.__getitem__)
            ratio = value / having[best]
            line += [row.cell(having[best]), best, f"{ratio:.2f}"]
            line += [f"{sign} {row.ratio:g}", verdict(row, ratio, row.ratio)] if row.ratio else ["", ""]
        lines.append(line + [""] * (9 - len(line)))
    return lines


def verdict(row: Row, value: float, limit: float) -> str:
    return "met" if row.met(value, limit) else "MISSED"


def plain_table(lines: list[list[str]]) -> str:
    widths = [max(len(line[column]) for line in lines) for column in range(len(lines[0]))]
    return "\n".join(
        "  ".join(
            text.ljust(width) if not index else text.rjust(width)
            for index, (text, width) in enumerate(zip(line, widths, strict=True))
        ).rstrip()
        for line in lines
    )


def page_table(lines: list[list[str]]) -> str:
    head, *rest = (f"| {' | '.join(line)} |" for line in lines)
    return "\n".join([head, "| --- |" + " ---: |" * (len(lines[0]) - 1), *rest])
