"""Benchmarks of the embedded model run, with few of everything: their counts are exact, and no measure is missing."""

from __future__ import annotations

import importlib
import json
import os
import re
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

from autogen_like.serving import library

SERVING = Path(__file__).parents[2] / "benchmarks" / "serving"


@pytest.fixture(scope="module", autouse=True)
def model() -> None:
    """The embedded model is there."""
    library.pull("smollm2-135m")


def printed(script: str, *options: object, **variables: str) -> str:
    command = [sys.executable, SERVING / script, *map(str, options)]
    environment = {**os.environ, "OMP_NUM_THREADS": "1", **variables}
    done = subprocess.run(command, check=False, capture_output=True, text=True, timeout=600, env=environment)
    assert done.returncode == 0, done.stderr
    return done.stdout


@pytest.mark.slow
def test_each_way_to_run_the_chat_computes_what_it_must_and_nothing_twice() -> None:
    text = printed("agents_workload.py", "--system", 100, "--turn", 20, "--said", 4, "--turns", 5)
    counts = {line[:28].strip(): [int(one.replace(",", "")) for one in re.findall(r"[\d,]+(?= |$)", line[28:])[:2]]
              for line in text.splitlines()[2:]}  # fmt: skip
    whole = [108 + 20 * turn for turn in range(5)]  # persona, tools, what was said, the speaker's name
    assert counts["cache off"][0] == sum(whole)
    # Who spoke before knows its prompt, and its reply but for the last token, which nobody had to compute.
    assert counts["per agent, replies spliced"][0] == sum(whole[:4]) + whole[4] - (whole[0] + 4 - 1)
    assert counts["and read while idle"][0] == 5
    assert counts["shared first"][0] == whole[0] + 4 * (20 + 10 + 8)


# --- layouts


def chat(number: int) -> dict[str, object]:
    said = [
        ("Planner", f"We need the area of field {number}."),
        ("Terminal", "exitcode: 0"),
        ("Critic", "The sides are 3 and 4 metres, as the map says."),
        ("Planner", "Then the area is the product of both sides, which is twelve square metres. " * 2),
        ("Critic", "I checked the product of both sides once more, and it is right: twelve square metres. " * 2),
    ]
    return {
        "history": [{"name": name, "role": "user", "content": content} for name, content in said],
        "system_prompt": {"Planner": "You plan.", "Critic": "You check."},
    }


def function(name: str) -> dict[str, object]:
    parameters = {"type": "dict", "properties": {"side": {"type": "integer", "description": "Length."}}}
    return {"name": name, "description": f"The {name} of a square.", "parameters": {**parameters, "required": ["side"]}}


@pytest.fixture
def data(tmp_path: Path) -> Path:
    """Four chats and four questions, in the form of the recorded ones."""
    (tmp_path / "who_and_when").mkdir()
    lines = "".join(json.dumps(chat(number)) + "\n" for number in range(4))
    (tmp_path / "who_and_when" / "algorithm_generated.jsonl").write_text(lines)
    questions, answers = [], []
    for number in range(4):
        text = f"What is the area of a square of side {number + 2}?"
        questions.append(
            {"id": f"q{number}", "question": [[{"role": "user", "content": text}]],
             "function": [function("area"), function("girth")]}
        )  # fmt: skip
        answers.append({"id": f"q{number}", "ground_truth": [{"area": {"side": [number + 2]}}]})
    with zipfile.ZipFile(tmp_path / "bfcl.whl", "w") as archive:
        for name, rows in (("", questions), ("possible_answer/", answers)):
            archive.writestr(f"bfcl_eval/data/{name}BFCL_v4_multiple.json", "\n".join(map(json.dumps, rows)))
    return tmp_path


@pytest.mark.slow
def test_both_layouts_are_measured_on_the_same_cases(data: Path) -> None:
    text = printed("layouts.py", data / "bfcl.whl", "--cases", 2, AUTOGEN_LIKE_DATA=str(data))
    _, head, *lines = text.splitlines()
    assert head.split("  ")[-1].strip() == "cases"
    assert [line[:26].split()[0] for line in lines] == ["likely", "alone", "own", "tool", "call", "word"]
    assert all(line.endswith(" 2") for line in lines)
    mean, perplexity = re.findall(r"-?[\d.]+", lines[0][26:48])
    assert float(mean) < 0
    assert float(perplexity) > 1


def test_without_data_it_says_which_is_missing(tmp_path: Path) -> None:
    command = [sys.executable, SERVING / "layouts.py", tmp_path / "none.whl"]
    environment = {key: value for key, value in os.environ.items() if key != "AUTOGEN_LIKE_DATA"}
    done = subprocess.run(command, check=False, capture_output=True, text=True, timeout=120, env=environment)
    assert done.returncode == 1
    assert "AUTOGEN_LIKE_DATA" in done.stderr


def test_what_was_said_is_bound_to_its_tokens_one_after_the_other(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.syspath_prepend(str(SERVING))
    layouts = importlib.import_module("layouts")
    told, tokens = layouts.Told([31, 63, 5, 0], 70), [31, 63, 5, 0]
    for place, token in enumerate(tokens):
        words = told.bits().tolist()
        assert [bit for bit in range(96) if words[bit // 32] >> bit % 32 & 1] == [token]
        assert told.accept(token) == (place < 3)


def test_speaking_for_others_and_repeating_instructions_are_found(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.syspath_prepend(str(SERVING))
    layouts = importlib.import_module("layouts")
    assert layouts.speaks_alone("I think so, Bob: yes.", {"Bob"})
    assert not layouts.speaks_alone("Yes.\n**Bob**: No.", {"Bob"})
    assert layouts.in_own_words("You check what others say.", "You check what others say, and no more.")
    assert not layouts.in_own_words(
        "I do as told: you check what others say, AND no more", "You check what others say, and no more."
    )
