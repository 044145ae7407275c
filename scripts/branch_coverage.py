"""Fails where the tests take too few of the package's branches: ``python branch_coverage.py coverage.json 90``.

coverage.py's own total mixes lines and branches; the project's promise is about branches.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path


def branch_percentage(report: dict[str, dict[str, int]]) -> float:
    """The share of branches taken, from coverage.py's JSON report."""
    totals = report["totals"]
    return 100.0 * totals["covered_branches"] / max(1, totals["num_branches"])


def main(report: str, gate: str) -> int:
    """Says nothing where the gate is passed: the last word is the test runner's."""
    taken = branch_percentage(json.loads(Path(report).read_text()))
    if taken >= float(gate):
        return 0
    print(f"coverage: {taken:.1f} % of branches are taken, {gate} % are asked for", file=sys.stderr)
    return 1


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
