"""The samples of this room, and the tools in them."""

from __future__ import annotations

import importlib
import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
from selective_boxes import calls, registers

from autogen_like import ScriptedModel, ToolCall

SAMPLES = Path(__file__).parents[2] / "samples"
BENCHMARKS = Path(__file__).parents[2] / "benchmarks" / "ecoact"


@pytest.fixture
def library(monkeypatch):
    monkeypatch.syspath_prepend(str(SAMPLES))
    return importlib.import_module("ecoact_tools").standard_library()


async def test_the_tools_are_two_hundred_and_real(library):
    by_name = {tool.name: tool for tool in library}
    assert len(by_name) == len(library) >= 200
    assert all(tool.description and tool.schema["function"]["parameters"]["properties"] for tool in library)
    for name, arguments, expected in (
        ("math_gcd", {"a": 12, "b": 18}, "6"),
        ("text_replace", {"a": "abc", "b": "b", "c": "x"}, "axc"),
        ("days_between", {"first": "2024-02-28", "last": "2024-03-01"}, "2"),
        ("date_weekday", {"a": "2024-02-29"}, "3"),
        ("time_hour", {"a": "2024-01-01T05:00:00"}, "5"),
        ("digest_md5", {"a": ""}, "d41d8cd98f00b204e9800998ecf8427e"),
        ("decode_b64decode", {"a": "eA=="}, "x"),
        ("address_is_private", {"a": "10.0.0.1"}, "True"),
        ("statistics_median", {"a": [1, 5, 3]}, "3.0"),
    ):
        result = await by_name[name].call(ToolCall("1", name, json.dumps(arguments)))
        assert result.content == expected, name


def test_the_sample_registers_calls_and_answers(monkeypatch, capsys):
    monkeypatch.syspath_prepend(str(SAMPLES))
    words = [registers("math_sqrt"), calls("math_sqrt", {"a": 1764}), "It is 42."]
    result = importlib.import_module("ecoact").main({"model": ScriptedModel(words)})
    out = capsys.readouterr().out
    assert result.summary == "It is 42."
    assert out.count("registered math_sqrt") == 1
    assert "  math_sqrt: 42.0" in out
    assert "saved" in out


@pytest.mark.slow
def test_the_sample_on_the_embedded_model_names_only_tools_that_exist(library):
    env = {key: value for key, value in os.environ.items() if not key.startswith("OPENAI_")}
    command = [sys.executable, str(SAMPLES / "ecoact.py")]
    done = subprocess.run(
        command, check=False, capture_output=True, text=True, timeout=300, env={**env, "OMP_NUM_THREADS": "1"}
    )
    assert done.returncode == 0, done.stderr
    registered = done.stdout.split("registered ")[1].split(":")[0]
    assert registered in {tool.name for tool in library}
    assert "no such tool" not in done.stdout


def start(name: str, *arguments: str, **variables: str) -> subprocess.CompletedProcess[str]:
    env = {key: value for key, value in os.environ.items() if key != "AUTOGEN_LIKE_DATA"}
    command = [sys.executable, str(BENCHMARKS / name), *arguments]
    return subprocess.run(command, check=False, capture_output=True, text=True, timeout=120, env={**env, **variables})


def recorded(at: int) -> dict[str, object]:
    tools = [
        {"name": f"t{at}_{i}", "description": f"Tells {at} {i} in words. " * 4, "parameters": {"type": "object"}}
        for i in range(4)
    ]
    node: dict[str, object] = {"role": "tool", "message": f"{{'name': 't{at}_1', 'arguments': '{{}}'}}", "next": []}
    return {"query": f"Tell {at} 1.", "available_tools": tools, "answer": {"answer_details": [node]}}


def test_the_replay_prints_every_method_at_every_number_of_tools(tmp_path):
    folder = tmp_path / "toolbench"
    folder.mkdir()
    for name in ("G1_category", "G1_instruction", "G1_tool", "G2_category", "G2_instruction", "G3_instruction"):
        (folder / f"{name}.json").write_text(json.dumps({str(at): recorded(at) for at in range(2)}))
    done = start("replay.py", "--discount", "1", "0.1", AUTOGEN_LIKE_DATA=str(tmp_path))
    assert done.returncode == 0, done.stderr
    assert done.stdout.count("\nauto  ") == 2
    assert len(done.stdout.splitlines()) == 25
    missing = start("replay.py")
    assert (missing.returncode, "AUTOGEN_LIKE_DATA" in missing.stderr) == (1, True)


def test_the_scale_prints_its_targets():
    done = start("scale.py", "--tools", "10", "300")
    assert done.returncode == 0, done.stderr
    assert len(done.stdout.strip().splitlines()) == 4
