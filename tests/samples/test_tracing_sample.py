"""The sample of tracing, with scripted words."""

from __future__ import annotations

import importlib
from pathlib import Path

from autogen_like import ModelResponse, ScriptedModel, ToolCall
from autogen_like.core.usage import Usage

SAMPLES = Path(__file__).parents[2] / "samples"


def test_the_spans_of_a_chat_are_shown_as_a_tree(monkeypatch, capsys):
    monkeypatch.syspath_prepend(str(SAMPLES))
    call = ModelResponse(None, (ToolCall("1", "to_celsius", '{"fahrenheit": 86}'),), "tool_calls")
    model = ScriptedModel([call, ModelResponse("30 degrees.", usage=Usage(50, 7))])
    spans = importlib.import_module("tracing").main({"model": model})
    assert len(spans) >= 5
    tree = capsys.readouterr().out.splitlines()
    assert any(line.startswith("invoke_workflow helper") for line in tree)
    assert any(line.startswith("    execute_tool to_celsius") for line in tree)
    assert any(line.startswith("    chat scripted") and line.endswith("7 tokens") for line in tree)
