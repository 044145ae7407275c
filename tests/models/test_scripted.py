"""The scripted model."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from autogen_like.core.errors import ConfigError, ModelError
from autogen_like.core.message import ToolCall
from autogen_like.core.usage import Usage
from autogen_like.models.client import Delta, ModelClient, ModelRequest, ModelResponse
from autogen_like.models.scripted import ScriptedModel


async def test_it_says_what_the_script_says() -> None:
    async def later(request: ModelRequest) -> str:
        return f"{len(request.messages)} messages"

    whole = ModelResponse("whole")
    script = ["text", whole, ModelError("down"), lambda request: request.system, later]
    model = ScriptedModel(script, model="m", usage=Usage(1, 2))
    assert isinstance(model, ModelClient)
    ask = ModelRequest([{"role": "user", "content": "Hi"}], system="S")
    assert await model.complete(ask) == ModelResponse("text", usage=Usage(1, 2), model="m")
    assert (await model.complete(ask)).model == "m"
    with pytest.raises(ModelError, match="down"):
        await model.complete(ask)
    assert (await model.complete(ask)).content == "S"
    assert (await model.complete(ask)).content == "1 messages"
    with pytest.raises(AssertionError, match="a script of 5 replies, and this is call 6"):
        await model.complete(ask)
    assert model.calls == 6
    await model.aclose()


async def test_requests_are_kept_as_they_were() -> None:
    messages: list[dict[str, Any]] = [{"role": "user", "content": "Hi"}]
    model, forgetful = ScriptedModel(lambda _: "Hi"), ScriptedModel(lambda _: "Hi", record=False, delay=0.001)
    for each in (model, forgetful):
        await each.complete(ModelRequest(messages))
    messages.append({"role": "user", "content": "Ho"})
    assert len(model.requests[0].messages) == 1
    assert forgetful.requests == []


@given(st.text(max_size=30), st.text(max_size=10), st.integers(1, 9))
async def test_its_pieces_make_the_whole(text: str, arguments: str, chunk: int) -> None:
    response = ModelResponse(text, (ToolCall("1", "f", arguments),), reasoning=text, model="m")
    *deltas, last = [item async for item in ScriptedModel([response], chunk=chunk).stream(ModelRequest([]))]
    assert last == response
    for kind, whole in (("text", text), ("reasoning", text), ("tool", arguments)):
        pieces = [delta.text for delta in deltas if isinstance(delta, Delta) and delta.kind == kind]
        assert "".join(pieces) == whole
        assert all(len(piece) <= chunk for piece in pieces)


def test_a_script_that_cannot_be_is_refused() -> None:
    with pytest.raises(ConfigError, match="a list of replies"):
        ScriptedModel("Hello")
    with pytest.raises(ConfigError, match="'chunk'"):
        ScriptedModel([], chunk=0)
    assert repr(ScriptedModel([])) == "ScriptedModel(model='scripted', calls=0)"
