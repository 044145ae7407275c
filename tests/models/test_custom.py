"""Custom clients as in AutoGen 0.2."""

from __future__ import annotations

import threading
from types import SimpleNamespace
from typing import Any

import pytest

from autogen_like.core.errors import ConfigError, ModelError
from autogen_like.core.message import ToolCall
from autogen_like.models.client import Delta, ModelClient, ModelRequest
from autogen_like.models.config import client_from
from autogen_like.models.custom import CustomClient, activate

ASK = ModelRequest(
    [{"role": "user", "content": "Hello", "name": "a b", "context": {}}],
    system="Be kind.",
    tools=[{"type": "function", "function": {"name": "f"}}],
    tool_choice="auto",
    params={"temperature": 0},
)


class Echo:
    """As the 0.2 documentation shows: a response object of one's own."""

    def __init__(self, config: dict[str, Any], *, loud: bool = False) -> None:
        config["changed"] = True
        self.config = config
        self.loud = loud
        self.asked: list[dict[str, Any]] = []
        self.thread: int | None = None
        self.closed = False

    def create(self, params: dict[str, Any]) -> Any:
        self.asked.append(params)
        self.thread = threading.get_ident()
        text = params["messages"][-1]["content"]
        message = SimpleNamespace(content=text.upper() if self.loud else text, function_call=None)
        return SimpleNamespace(choices=[SimpleNamespace(message=message)], model="echo-1")

    def message_retrieval(self, response: Any) -> list[Any]:
        return [choice.message.content for choice in response.choices]

    def cost(self, response: Any) -> float:
        return 0.25

    @staticmethod
    def get_usage(response: Any) -> dict[str, Any]:
        return {"prompt_tokens": 3, "completion_tokens": 4, "total_tokens": 7, "cost": 0.25, "model": "echo-1"}

    def close(self) -> None:
        self.closed = True


CONFIG = {"model": "echo", "model_client_cls": "Echo", "n": 1, "device": "cpu", "cache_seed": None, "tags": ["x"]}


async def test_it_answers_in_a_thread_with_its_own_usage_and_cost() -> None:
    config = dict(CONFIG)
    client = client_from(config, custom={"Echo": lambda entry: Echo(entry, loud=True)})
    assert isinstance(client, CustomClient)
    assert isinstance(client, ModelClient)
    response = await client.complete(ASK)
    assert response.content == "HELLO"
    assert response.model == "echo-1"
    assert (response.usage.prompt_tokens, response.usage.completion_tokens, response.usage.cost) == (3, 4, 0.25)
    echo = client._custom
    assert echo.thread != threading.get_ident()
    assert config == CONFIG, "it gets a copy of its entry"
    asked = echo.asked[0]
    assert asked["messages"] == [
        {"role": "system", "content": "Be kind."},
        {"role": "user", "content": "Hello", "name": "a_b"},
    ]
    assert (asked["device"], asked["temperature"], asked["tool_choice"]) == ("cpu", 0, "auto")
    assert asked["tools"] == list(ASK.tools)
    assert "tags" not in asked
    assert "cache_seed" not in asked
    await client.aclose()
    assert echo.closed


async def test_until_it_is_registered_the_error_says_how() -> None:
    client = client_from({"config_list": [CONFIG, {"model": "echo", "model_client_cls": "Echo", "max_retries": 1}]})
    with pytest.raises(ConfigError, match=r"agent\.register_model_client\(Echo\)"):
        await client.complete(ASK)
    activate(client, Echo, loud=True)
    assert (await client.complete(ASK)).content == "HELLO"


def test_registering_what_no_entry_names_is_an_error() -> None:
    with pytest.raises(ConfigError, match="'model_client_cls': 'Echo'"):
        activate(client_from({"model": "m"}), Echo)


async def test_a_price_in_the_entry_wins() -> None:
    client = client_from({**CONFIG, "price": [1000, 0]}, custom={"Echo": Echo})
    assert (await client.complete(ASK)).usage.cost == 3


async def test_its_reply_streams_as_one_piece() -> None:
    client = client_from(CONFIG, custom={"Echo": Echo})
    first, last = [item async for item in client.stream(ASK)]
    assert first == Delta("Hello")
    assert not isinstance(last, Delta)
    assert last.content == "Hello"


@pytest.mark.parametrize(
    ("message", "content", "calls"),
    [
        ("Hi", "Hi", ()),
        ({"content": "Hi"}, "Hi", ()),
        ({"content": [{"type": "text", "text": "Hi"}]}, "Hi", ()),
        ({"content": None}, "", ()),
        (
            {"content": None, "tool_calls": [{"id": "1", "function": {"name": "f", "arguments": "{}"}}]},
            None,
            (ToolCall("1", "f", "{}"),),
        ),
        (
            SimpleNamespace(content=None, function_call=SimpleNamespace(name="f", arguments=None)),
            None,
            (ToolCall(None, "f", "{}"),),
        ),
    ],
)
async def test_messages_of_every_form_are_understood(message: Any, content: Any, calls: Any) -> None:
    class Any_(Echo):
        async def create(self, params: dict[str, Any]) -> Any:  # type: ignore[override]
            return {"choices": [{"finish_reason": "length"}]}

        def message_retrieval(self, response: Any) -> list[Any]:
            return [message]

        @staticmethod
        def get_usage(response: Any) -> dict[str, Any]:
            return None  # type: ignore[return-value]

    client = client_from({"model_client_cls": "Any_"}, custom={"Any_": Any_})
    response = await client.complete(ASK)
    assert (response.content, response.tool_calls, response.finish_reason) == (content, calls, "length")
    assert response.usage.total_tokens == 0
    assert client.model == "Any_"
    *deltas, _ = [item async for item in client.stream(ASK)]
    assert len(deltas) == len(calls) + bool(content)


async def test_what_it_raises_names_it_and_no_message_is_an_error() -> None:
    class Broken(Echo):
        def create(self, params: dict[str, Any]) -> Any:
            raise RuntimeError("no such device")

    class Silent(Echo):
        def message_retrieval(self, response: Any) -> list[Any]:
            return []

    for made, told in ((Broken, "Broken .* RuntimeError: no such device"), (Silent, "found no message")):
        client = client_from({**CONFIG, "model_client_cls": made.__name__}, custom={made.__name__: made})
        with pytest.raises(ModelError, match=told) as raised:
            await client.complete(ASK)
        assert not raised.value.transient
    assert "sk-1" not in str(CustomClient({**CONFIG, "api_key": "sk-1"}, None).identity())
    assert "sk-1" not in repr(CustomClient({**CONFIG, "api_key": "sk-1"}, None))
