"""The sample of handoffs, with scripted words."""

from __future__ import annotations

import importlib
import json
from pathlib import Path

from autogen_like import ModelResponse, ScriptedModel, ToolCall

SAMPLES = Path(__file__).parents[2] / "samples"


def test_the_swarm_hands_over_and_asks(monkeypatch):
    monkeypatch.syspath_prepend(str(SAMPLES))
    hand_over = ModelResponse(None, (ToolCall("1", "transfer_to_guide", "{}"),))
    ask = ModelResponse(None, (ToolCall("2", "historian", json.dumps({"message": "When?"})),))
    model = ScriptedModel([hand_over, ask, "In 2021.", "It last flooded in 2021."])
    result = importlib.import_module("handoffs").main({"model": model})
    assert [message.speaker for message in result.messages] == ["user", "desk", "desk", "guide", "guide", "guide"]
    assert result.messages[4].tool_results[0].content == "In 2021."
    assert result.stop_reason.kind == "answered"
