"""The sample of a long conversation, with scripted words."""

from __future__ import annotations

import importlib
from pathlib import Path

import pytest

from autogen_like import ScriptedModel

SAMPLES = Path(__file__).parents[3] / "samples"


async def test_the_guides_past_is_summed_up(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.syspath_prepend(str(SAMPLES))
    model = ScriptedModel(lambda request: "In short." if "sum up" in (request.system or "") else "A fact. " * 10)
    result = await importlib.import_module("long_conversation").main({"model": model}, turns=20)
    assert len(result.messages) == 20
    out = capsys.readouterr().out
    assert "messages were summed up" in out
    assert "20 messages were said" in out
    assert max(len(request.messages) for request in model.requests) < 14
