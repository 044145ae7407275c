"""A flow as a picture: in Mermaid, which needs nothing, and as SVG by Graphviz; a run may be drawn on it."""

from __future__ import annotations

import shutil
import subprocess
from collections.abc import Iterable
from dataclasses import dataclass
from html import escape
from typing import Any

from ..core.errors import ConfigError
from .plan import Plan
from .position import Spent
from .result import FlowResult

LONGEST = 60  # characters of a label
SECONDS = 60.0


@dataclass(frozen=True, slots=True)
class _Edge:
    source: str
    target: str
    label: str
    taken: int | None  # None where no run is drawn


@dataclass(frozen=True, slots=True)
class _Node:
    name: str
    lines: tuple[str, ...]
    final: bool
    visited: bool | None


class Picture:
    """A flow as a picture; in a notebook it shows itself.

    Args:
        plan: The flow.
        result: A run to draw on it: visits, tokens and time of each state, how often each edge was taken.
    """

    def __init__(self, plan: Plan, result: FlowResult | None = None) -> None:
        if result is not None and result.flow != plan.name:
            raise ConfigError(f"that is a run of the flow {result.flow!r}, not of {plan.name!r}")
        self._plan = plan
        self._nodes = [_node(plan, name, result) for name in plan.states]
        self._edges = list(_edges(plan, result))
        self._ids = {name: f"s{number}" for number, name in enumerate(plan.states)}

    def mermaid(self) -> str:
        """The picture in Mermaid's language."""
        lines = ["flowchart TD", f"    begin(( )) --> {self._ids[self._plan.initial]}"]
        for node in self._nodes:
            left, right = ("([", "])") if node.final else ("[", "]")
            label = "<br/>".join(_mermaid(line) for line in (node.name, *node.lines))
            lines.append(f'    {self._ids[node.name]}{left}"{label}"{right}')
        for edge in self._edges:
            arrow = {None: "-->", 0: "-.->"}.get(edge.taken, "==>")
            label = f'|"{_mermaid(edge.label)}"|' if edge.label else ""
            lines.append(f"    {self._ids[edge.source]} {arrow}{label} {self._ids[edge.target]}")
        return "\n".join(lines) + "\n"

    def dot(self) -> str:
        """The picture in Graphviz's language."""
        lines = [
            "digraph {",
            '    node [shape=box, style="rounded,filled", fillcolor=white, fontname="sans-serif", fontsize=11]',
            '    edge [fontname="sans-serif", fontsize=9]',
            '    begin [shape=circle, label="", width=0.15, fillcolor=black]',
            f"    begin -> {self._ids[self._plan.initial]}",
        ]
        for node in self._nodes:
            label = "\\n".join(_dot(line) for line in (node.name, *node.lines))
            more = ", peripheries=2" if node.final else ""
            more += ', fillcolor="#dcecff"' if node.visited else ""
            more += ", fontcolor=gray, color=gray" if node.visited is False else ""
            lines.append(f'    {self._ids[node.name]} [label="{label}"{more}]')
        for edge in self._edges:
            more = ", style=dashed, color=gray, fontcolor=gray" if edge.taken == 0 else ""
            more += ", penwidth=2" if edge.taken else ""
            lines.append(f'    {self._ids[edge.source]} -> {self._ids[edge.target]} [label="{_dot(edge.label)}"{more}]')
        return "\n".join([*lines, "}"]) + "\n"

    def svg(self) -> str:
        """The picture as SVG.

        Raises:
            ConfigError: If Graphviz isn't installed, or failed.
        """
        program = shutil.which("dot")
        if program is None:
            raise ConfigError(
                "to_svg() needs Graphviz's program dot (apt-get install graphviz); to_mermaid() needs nothing"
            )
        try:
            done = subprocess.run(  # noqa: S603 - no shell, and the text goes in at its standard input
                [program, "-Tsvg"], input=self.dot(), capture_output=True, text=True, check=False, timeout=SECONDS
            )
        except subprocess.TimeoutExpired as error:
            raise ConfigError(f"Graphviz took more than {SECONDS} s to draw {self._plan.name!r}") from error
        if done.returncode:
            raise ConfigError(f"Graphviz could not draw {self._plan.name!r}: {done.stderr.strip()}")
        return done.stdout[done.stdout.index("<svg") :]

    def _repr_mimebundle_(self, include: Any = None, exclude: Any = None) -> dict[str, str]:
        """What a notebook shows: SVG where Graphviz is there, otherwise Mermaid."""
        text = self.mermaid()
        if shutil.which("dot") is None:
            return {"text/vnd.mermaid": text, "text/plain": text}
        return {"image/svg+xml": self.svg(), "text/plain": text}

    def _repr_html_(self) -> str:
        """The same, for pages that take HTML only."""
        return self.svg() if shutil.which("dot") is not None else f'<pre class="mermaid">{escape(self.mermaid())}</pre>'


def _node(plan: Plan, name: str, result: FlowResult | None) -> _Node:
    if result is None:
        return _Node(name, (), name in plan.final, None)
    spent = result.states.get(name)
    return _Node(name, (_spent(spent),) if spent is not None else (), name in plan.final, spent is not None)


def _spent(spent: Spent) -> str:
    visits = f"{spent.visits} visit{'s' if spent.visits != 1 else ''}"
    return f"{visits}, {spent.tokens} tokens, {spent.seconds:.2f} s"


def _edges(plan: Plan, result: FlowResult | None) -> Iterable[_Edge]:
    """The edges; those between the same two states are one."""
    labels: dict[tuple[str, str], list[str]] = {}
    for source, target, label in plan.edges():
        labels.setdefault((source, target), []).append(label)
    for (source, target), found in labels.items():
        label = " / ".join(dict.fromkeys(one for one in found if one))
        label = label if len(label) <= LONGEST else f"{label[: LONGEST - 3]}..."
        if result is None:
            yield _Edge(source, target, label, None)
            continue
        spent = result.edges.get((source, target), Spent())
        if spent.visits:
            told = [
                label,
                f"x{spent.visits}",
                f"{spent.tokens} tokens" if spent.tokens else "",
                f"{spent.seconds:.2f} s",
            ]
            label = ", ".join(one for one in told if one)
        yield _Edge(source, target, label, spent.visits)


_CODES = str.maketrans({sign: f"#{ord(sign)};" for sign in '#&"<>`'})


def _mermaid(text: str) -> str:
    return " ".join(text.split()).translate(_CODES)


def _dot(text: str) -> str:
    return " ".join(text.split()).replace("\\", "\\\\").replace('"', '\\"')
