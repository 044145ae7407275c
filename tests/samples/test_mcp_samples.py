"""The MCP samples: a server, an assistant that uses it, and an assistant that is served."""

from __future__ import annotations

import importlib
import sys
from pathlib import Path

import pytest
from mcp import Client, StdioServerParameters

from autogen_like import ModelResponse, ScriptedModel, ToolCall

SAMPLES = Path(__file__).parents[2] / "samples"

SERVED = """
import sys
sys.path.insert(0, sys.argv[1])
from mcp_serve import main
from autogen_like import ScriptedModel
main({"model": ScriptedModel(["Because of light."])})
"""


def test_the_assistant_looks_up_the_moons_on_the_server(monkeypatch):
    monkeypatch.syspath_prepend(str(SAMPLES))
    call = ModelResponse(None, (ToolCall("c", "count_moons", '{"planet": "Mars"}'),))
    model = {"model": ScriptedModel([call, "Mars has two moons."])}
    result = importlib.import_module("mcp_tools").main(model)
    (answer,) = next(message.tool_results for message in result.messages if message.tool_results)
    assert answer.content == "2"
    assert result.summary == "Mars has two moons."


@pytest.mark.slow
async def test_the_teacher_answers_an_mcp_client():
    parameters = StdioServerParameters(command=sys.executable, args=["-c", SERVED, str(SAMPLES)])
    async with Client(parameters) as client:
        (offered,) = (await client.list_tools()).tools
        assert (offered.name, offered.description) == ("ask_the_teacher", "Explains things.")
        result = await client.call_tool("ask_the_teacher", {"message": "Why is the sky blue?"})
    assert result.content[0].text == "Because of light."
