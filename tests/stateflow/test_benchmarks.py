"""The benchmarks of StateFlow run, with few of everything: that they work, never how fast they are."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

FOLDER = Path(__file__).parents[2] / "benchmarks" / "stateflow"


def start(name: str, *arguments: str, **variables: str) -> subprocess.CompletedProcess[str]:
    environment = {key: value for key, value in os.environ.items() if key != "AUTOGEN_LIKE_DATA"}
    return subprocess.run(
        [sys.executable, str(FOLDER / name), *arguments],
        check=False,
        capture_output=True,
        text=True,
        timeout=120,
        env={**environment, **variables},
    )


def test_the_overhead_is_printed_with_its_targets():
    few = ["--transitions", "20", "--states", "5", "--flows", "3", "--nap", "0.01", "--rounds", "1"]
    done = start("overhead.py", *few)
    assert done.returncode == 0, done.stderr
    rows = done.stdout.strip().splitlines()
    assert len(rows) == 4
    assert all(row.split()[-1] in ("met", "MISSED") for row in rows)


def recorded(question: str, *actions: tuple[str, str], reward: float) -> dict[str, object]:
    history = {
        "thoughts": [f"I think of {action}." for action, _ in actions],
        "actions": [action for action, _ in actions],
        "observations": [observation for _, observation in actions],
        "rewards": [0.0] * (len(actions) - 1) + [reward],
    }
    return {"query": question, "turn_history": history}


def test_prompt_tokens_are_counted_on_recorded_runs(tmp_path: Path):
    folder = tmp_path / "intercode_sql"
    folder.mkdir()
    solved = recorded(
        "How many?",
        ("execute[DESC t]", "[('a', 'int')]"),
        ("execute[SELECT x]", "Error executing query: no column"),
        ("execute[SELECT COUNT(*) FROM t]", "[(3,)]"),
        ("submit", "[(3,)]"),
        reward=1.0,
    )
    wrong = recorded("Who?", ("execute[SELECT 1]", "[(1,), (2"), ("submit", "3"), reward=0.0)
    runs = {"0": solved, "1": wrong, "2": {**solved, "query": "How few?"}}
    (folder / "react_runs.json").write_text(json.dumps(runs))
    (folder / "questions.json").write_text(json.dumps([{"query": "How many?", "db_tables": {"t": ["a"]}}]))
    for more in ([], ["--thoughts"], ["--runs", "1"]):
        done = start("tokens.py", *more, AUTOGEN_LIKE_DATA=str(tmp_path))
        assert done.returncode == 0, done.stderr
        lines = done.stdout.strip().splitlines()
        assert len(lines) == 7
        assert float(lines[2].split()[-1]) == 1.0
        assert float(lines[-1].split()[-1]) > 1.0


def test_without_the_data_it_says_what_is_missing():
    done = start("tokens.py")
    assert (done.returncode, "AUTOGEN_LIKE_DATA" in done.stderr) == (1, True)
