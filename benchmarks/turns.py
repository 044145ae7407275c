"""The framework's own work, beside its peers': the same instant model, process CPU time, side by side in one run.

    python benchmarks/turns.py                  # ours, a bare loop, and each peer whose environment is there
    python benchmarks/turns.py --install        # makes the peers' environments first (benchmarks/.peers/, 600 MB)
    python benchmarks/turns.py --markdown       # the same as a page of the documentation has it
    python benchmarks/turns.py --only ours bare # some of them

What is measured is said in peers/measure.py, what a turn of each peer is in its script beside that. Each number is the
median of several rounds that alternate between the contestants, so that a machine that changes its speed changes it for
all. A peer that has no way to do something has "none".
"""

from __future__ import annotations

import argparse
import json
import os
import statistics
import subprocess
import sys
import venv
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from report import Results, show

HERE = Path(__file__).parent
PEERS = HERE / ".peers"
TURNS = (50, 200, 800)
FAR = 5000


@dataclass(frozen=True)
class Contestant:
    """Who is measured.

    Attributes:
        script: Its file in peers/.
        title: Its column.
        names: What a program that uses it imports.
        packages: What its environment holds; nothing where it runs in ours.
        far: Whether conversations of 5,000 turns are short work for it.
        apart: Whether it is shown beside the peers and not counted among them.
        home: Whose environment it shares; its own by default.
    """

    script: str
    title: str
    names: str
    packages: tuple[str, ...] = ()
    far: bool = False
    apart: bool = False
    home: str = ""

    def python(self, *, install: bool) -> Path | None:
        """The interpreter of its environment; None where that isn't there."""
        if not self.packages:
            return Path(sys.executable)
        folder = PEERS / (self.home or self.script)
        python = folder / "bin" / "python"
        if not python.exists() and install:
            venv.create(folder, with_pip=True)
            subprocess.run([python, "-m", "pip", "install", "-q", *self.packages], check=True)
        return python if python.exists() else None


NAMES = "AssistantAgent, UserProxyAgent, GroupChat, GroupChatManager"
OURS = Contestant("ours", "autogen_like", f"from autogen_like import {NAMES}", far=True)
CONTESTANTS = (
    OURS,
    Contestant("bare", "bare loop", "", far=True, apart=True),
    Contestant(
        "autogen_02",
        "AutoGen 0.2.40",
        f"from autogen import {NAMES}",
        ("autogen-agentchat==0.2.40", "openai==1.109.1", "numpy<2"),
    ),
    Contestant(
        "autogen_07",
        "AutoGen 0.7.5",
        "from autogen_agentchat.agents import AssistantAgent; from autogen_agentchat.teams import RoundRobinGroupChat",
        ("autogen-agentchat==0.7.5",),
    ),
    Contestant(
        "microsoft",
        "Agent Framework 1.23",
        "from agent_framework import Agent; from agent_framework.orchestrations import GroupChatBuilder",
        ("agent-framework-core==1.23.0", "agent-framework-orchestrations==1.4.0"),
    ),
    Contestant(
        "microsoft_off",
        "the same, uninstrumented",
        "",
        ("agent-framework-core==1.23.0", "agent-framework-orchestrations==1.4.0"),
        apart=True,
        home="microsoft",
    ),
    Contestant(
        "langgraph_1",
        "LangGraph 1.2",
        "from langgraph.graph import StateGraph; from langgraph.prebuilt import create_react_agent",
        ("langgraph==1.2.22",),
    ),
    Contestant(
        "openai_sdk",
        "OpenAI Agents 0.24",
        "from agents import Agent, Runner, function_tool",
        ("openai-agents==0.24.0",),
    ),
    Contestant("pydantic_ai_2", "pydantic-ai 2.68", "from pydantic_ai import Agent", ("pydantic-ai-slim==2.68.0",)),
    Contestant(
        "ag2_1",
        "AG2 1.2.1",
        "from ag2 import Agent; from ag2.network import Hub, HubClient, LocalLink",
        ("ag2==1.2.1",),
    ),
)


class Failed(Exception):
    """A contestant's program failed."""


def environ() -> dict[str, str]:
    """Ours, with byte code kept, as an installed package has it."""
    kept = {key: value for key, value in os.environ.items() if key != "PYTHONDONTWRITEBYTECODE"}
    return {**kept, "PYTHONPYCACHEPREFIX": str(PEERS / "bytecode")}


def output(command: list[str]) -> str:
    done = subprocess.run(command, check=False, capture_output=True, text=True, env=environ())
    if done.returncode:
        raise Failed(f"{' '.join(command)} failed:\n{done.stderr[-3000:]}")
    return done.stdout.splitlines()[-1]


def imported(python: Path, statement: str) -> float:
    """Milliseconds of CPU that an import takes in a new process, the interpreter's start not counted."""
    program = f"import time; t = time.process_time(); {statement}; print((time.process_time() - t) * 1e3)"
    return float(output([str(python), "-c", program]))


def measured(contestant: Contestant, python: Path, plan: dict[str, object]) -> dict[str, float]:
    found = dict(json.loads(output([str(python), str(HERE / "peers" / f"{contestant.script}.py"), json.dumps(plan)])))
    if contestant.names:
        found["import"] = imported(python, contestant.names)
    if contestant is OURS:
        found["import_bare"] = imported(python, "import autogen_like")
    return found


def compete(contestants: dict[Contestant, Path], options: argparse.Namespace) -> Results:
    """Rounds of all contestants, the medians of which count."""
    rounds: dict[Contestant, list[dict[str, float]]] = {contestant: [] for contestant in contestants}
    for number in range(options.rounds):
        for contestant, python in contestants.items():
            print(f"round {number + 1}: {contestant.title}", file=sys.stderr)
            plan: dict[str, object] = {
                "turns": [*options.turns, FAR] if contestant.far and not options.quick else options.turns,
                "waiting": 0 if number else options.waiting,  # takes its time, and varies little
            }
            if options.quick:
                plan |= {"runs": 3, "chunks": 10, "concurrent": 3, "further": 20, "spend": 0}
            try:
                rounds[contestant].append(measured(contestant, python, plan))
            except (OSError, Failed) as error:  # one that fails takes nobody else's numbers with it
                print(f"{contestant.title}: left out of this round: {error}", file=sys.stderr)
    return {contestant.title: medians(runs) for contestant, runs in rounds.items() if runs}


def medians(runs: Iterable[dict[str, float]]) -> dict[str, float]:
    gathered: dict[str, list[float]] = {}
    for run in runs:
        for key, value in run.items():
            gathered.setdefault(key, []).append(value)
    return {key: statistics.median(values) for key, values in gathered.items()}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--install", action="store_true", help="make the peers' environments (needs PyPI)")
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--only", nargs="+", choices=[one.script for one in CONTESTANTS], help="leave the others out")
    parser.add_argument("--turns", nargs="+", type=int, default=list(TURNS))
    parser.add_argument("--waiting", type=int, default=1000, help="conversations at once; 0 leaves them out")
    parser.add_argument("--quick", action="store_true", help="few of each: to see whether it runs")
    parser.add_argument("--markdown", action="store_true")
    options = parser.parse_args()
    present: dict[Contestant, Path] = {}
    for contestant in CONTESTANTS:
        if options.only and contestant.script not in options.only:
            continue
        python = contestant.python(install=options.install)
        if python is None:
            print(f"{contestant.title}: not installed (--install)", file=sys.stderr)
        else:
            present[contestant] = python
    show(
        compete(present, options),
        ours=OURS.title,
        apart={contestant.title for contestant in CONTESTANTS if contestant.apart},
        turns=options.turns,
        far=FAR,
        markdown=options.markdown,
    )


if __name__ == "__main__":
    main()
