"""The sample in which a model looks numbers up and draws them."""

from __future__ import annotations

import base64
import importlib
import zlib
from pathlib import Path

import pytest

from autogen_like import ModelResponse, ScriptedModel, ToolCall

SAMPLES = Path(__file__).parents[2] / "samples"


@pytest.fixture
def sample(monkeypatch):
    monkeypatch.syspath_prepend(str(SAMPLES))
    return importlib.import_module("tools")


def test_numbers_are_looked_up_again_after_a_lost_answer_and_the_chart_reaches_the_model(sample, capsys):
    look_up = ToolCall("1", "sales", '{"region": "north", "period": {"first": 2}}')
    draw = ToolCall("2", "chart", '{"numbers": [5, 4, 7]}')
    model = ScriptedModel([ModelResponse(tool_calls=(look_up,)), ModelResponse(tool_calls=(draw,)), "They rose."])
    result = sample.main({"model": model})
    out = capsys.readouterr().out
    assert "... sales: failed (ConnectionError: the database went away); retry 1 of 2" in out
    assert 'sales: {"north": [5, 4, 7]}' in out
    assert "... chart: drawing 3 bars" in out
    assert out.endswith("clerk: They rose.\n")
    assert result.messages[4].tool_results[0].parts
    assert model.requests[2].messages[-1]["content"][1]["type"] == "image_url"


def test_the_chart_is_a_png(sample):
    data = sample.png([1, 2], scale=2)
    assert data.startswith(b"\x89PNG")
    pixels = zlib.decompress(data[data.index(b"IDAT") + 4 : data.index(b"IEND") - 8])
    rows = [pixels[start + 1 : start + 5] for start in range(0, len(pixels), 5)]
    assert rows == [b"\xff\xff\0\0"] * 2 + [b"\0\0\0\0"] * 2
    assert base64.b64encode(data)
