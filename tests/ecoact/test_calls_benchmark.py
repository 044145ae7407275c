"""The benchmark of a real model's calls reads the leaderboard's cases and judges calls as it does."""

from __future__ import annotations

import importlib.util
import json
import sys
import zipfile
from pathlib import Path
from types import ModuleType

import pytest
from selective_boxes import calls, registers

from autogen_like import ScriptedModel, ToolCall

SCRIPT = Path(__file__).parents[2] / "benchmarks" / "ecoact" / "calls.py"


@pytest.fixture(scope="module")
def benchmark() -> ModuleType:
    spec = importlib.util.spec_from_file_location("ecoact_calls", SCRIPT)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module
    spec.loader.exec_module(module)
    return module


@pytest.fixture
def wheel(tmp_path: Path) -> str:
    parameters = {"type": "dict", "properties": {"a": {"type": "integer"}, "unit": {"type": "float", "default": 1}}}
    functions = [{"name": f"sum.{at}", "description": "Adds.", "parameters": parameters} for at in range(3)]
    question = {"id": "m0", "question": [[{"role": "user", "content": "Add."}]], "function": functions}
    gold = {"id": "m0", "ground_truth": [{"sum.1": {"a": [5], "unit": ["", 1]}}]}
    path = tmp_path / "bfcl.whl"
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("bfcl_eval/data/BFCL_v4_multiple.json", json.dumps(question))
        archive.writestr("bfcl_eval/data/possible_answer/BFCL_v4_multiple.json", json.dumps(gold))
    return str(path)


async def test_calls_are_judged_and_counted(benchmark, wheel):
    (case,) = benchmark.load(wheel)
    assert case.right(ToolCall("1", "sum_1", '{"a": 5}'))
    for name, arguments in (("sum_0", '{"a": 5}'), ("sum_1", "{}"), ("sum_1", '{"a": 5, "b": 1}'), ("sum_1", "no")):
        assert not case.right(ToolCall("1", name, arguments))
    right = calls("sum_1", {"a": 5})
    model = ScriptedModel([right, registers("sum_1"), right, calls("sum_2", {"a": 5})])
    scores = await benchmark.measured(model, [case], case.functions, 3)
    assert {name: (one.cases, one.first, one.called) for name, one in scores.items()} == {
        "listing all": (1, 1, 1), "EcoAct": (1, 1, 1), "BM25, five": (1, 0, 0)
    }  # fmt: skip
    assert model.requests[2].tool_choice == {"type": "function", "function": {"name": "sum_1"}}
    assert benchmark.interval(5, 10) == "50 (24-76)"
