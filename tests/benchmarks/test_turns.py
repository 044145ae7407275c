"""The benchmark of turns runs, with few of everything: that it works, never how fast it is."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

import pytest

BENCHMARKS = Path(__file__).parents[2] / "benchmarks"


def printed(*options: str) -> str:
    command = [sys.executable, BENCHMARKS / "turns.py", "--only", "ours", "bare", "--rounds", "1", "--quick", *options]
    done = subprocess.run(command, check=False, capture_output=True, text=True, timeout=120)
    assert done.returncode == 0, done.stderr
    return done.stdout


@pytest.fixture(scope="module")
def tables() -> list[list[list[str]]]:
    text = printed("--turns", "4", "6", "--waiting", "0", "--markdown")
    return [
        [[cell.strip() for cell in line.strip("|").split("|")] for line in table.splitlines()]
        for table in text.strip().split("\n\n")
    ]


def test_it_prints_our_numbers_beside_their_targets_and_then_everybodys(tables: list[list[list[str]]]) -> None:
    targets, everybody = tables
    assert targets[0][1:4] == ["ours", "target", ""]
    assert everybody[0] == ["", "autogen_like", "bare loop"]
    assert [line[0] for line in everybody[2:]] == [line[0] for line in targets[2:]]


def test_every_row_has_a_number_and_a_verdict(tables: list[list[list[str]]]) -> None:
    for line in tables[0][2:]:
        assert re.fullmatch(r"-?[\d,.]+", line[1]), line
        if line[2]:
            assert line[3] in ("met", "MISSED"), line


def test_cells_line_up_in_a_terminal() -> None:
    sys.path.insert(0, str(BENCHMARKS))
    try:
        from report import plain_table
    finally:
        sys.path.remove(str(BENCHMARKS))
    lines = plain_table([["", "ours"], ["a label longer than its heading", "1"], ["b", "1,000"]]).splitlines()
    assert [line[-1] for line in lines] == ["s", "1", "0"]
    assert len({len(line) for line in lines}) == 1


@pytest.mark.parametrize(
    ("ours", "peer", "verdicts"),
    [(0.04, 0.2, ["met", "met"]), (0.04, 0.1, ["met", "MISSED"]), (0.06, 0.1, ["MISSED"] * 2)],
)
def test_targets_are_judged_by_themselves_and_beside_the_best_peer(
    ours: float, peer: float, verdicts: list[str]
) -> None:
    sys.path.insert(0, str(BENCHMARKS))
    try:
        from report import Row
        from report import verdicts as judged
    finally:
        sys.path.remove(str(BENCHMARKS))
    row = Row("two_50", "two agents", 3, 0.05, 0.333)
    [line] = judged([row], {"two_50": ours}, {"slow": {"two_50": peer * 2}, "quick": {"two_50": peer}})
    assert line[4:6] == [f"{peer:.3f}", "quick"]
    assert [line[3], line[8]] == verdicts
