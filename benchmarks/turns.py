"""The framework's own work per turn, beside its peers': the same instant model, process CPU time, side by side.

    python benchmarks/turns.py                 # ours, and each peer whose environment is there
    python benchmarks/turns.py --install       # makes the peers' environments first (benchmarks/.peers/)

Times are medians of several rounds that alternate between the contestants, so that a machine that changes its speed
changes it for all. A turn is one message.
"""

from __future__ import annotations

import argparse
import json
import statistics
import subprocess
import sys
import venv
from pathlib import Path

HERE = Path(__file__).parent
PEERS = {"autogen 0.2.40": ("autogen_02", ["autogen-agentchat==0.2.40", "openai==1.109.1", "numpy<2"])}
TURNS = (50, 200, 800, 5000)
LABELS = {"two": "two agents", "group": "group of five", "group_events": "the same, events on", "tool": "tool run"}


def environment(name: str, packages: list[str], *, install: bool) -> Path | None:
    folder = HERE / ".peers" / name
    python = folder / "bin" / "python"
    if not python.exists() and install:
        venv.create(folder, with_pip=True)
        subprocess.run([python, "-m", "pip", "install", "-q", *packages], check=True)
    return python if python.exists() else None


def measured(python: str | Path, script: str, turns: tuple[int, ...]) -> dict[str, float]:
    command = [str(python), str(HERE / "peers" / f"{script}.py"), *map(str, turns)]
    done = subprocess.run(command, check=True, capture_output=True, text=True)
    return dict(json.loads(done.stdout.splitlines()[-1]))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--install", action="store_true", help="make the peers' environments (needs PyPI)")
    parser.add_argument("--rounds", type=int, default=5)
    options = parser.parse_args()
    contestants: dict[str, tuple[str | Path, str]] = {"autogen_like": (sys.executable, "ours")}
    for title, (name, packages) in PEERS.items():
        python = environment(name, packages, install=options.install)
        if python is None:
            print(f"{title}: not installed (--install)", file=sys.stderr)
        else:
            contestants[title] = (python, name)
    rounds: dict[str, list[dict[str, float]]] = {title: [] for title in contestants}
    for _ in range(options.rounds):
        for title, (python, script) in contestants.items():
            rounds[title].append(measured(python, script, TURNS))
    show(
        {title: {key: statistics.median(one[key] for one in runs) for key in runs[0]} for title, runs in rounds.items()}
    )


def show(results: dict[str, dict[str, float]]) -> None:
    width = max(map(len, results)) + 2
    print("ms of CPU a turn".ljust(26) + "".join(title.rjust(width) for title in results))
    rows = [
        (f"{LABELS[kind]}, {turns} turns", f"{kind}_{turns}")
        for kind in ("two", "group", "group_events")
        for turns in TURNS
    ]
    rows += [(LABELS["tool"], "tool"), ("import, ms", "import")]
    for label, key in rows:
        cells = [f"{result[key]:.3f}" if key in result else "-" for result in results.values()]
        print(label.ljust(26) + "".join(cell.rjust(width) for cell in cells))


if __name__ == "__main__":
    main()
