"""Agents whose `llm_config` names the server's KServe routes, or NVIDIA's Triton in front of it."""

from __future__ import annotations

import asyncio
import json
from contextlib import aclosing
from typing import Any, Literal

import pytest
from pydantic import BaseModel

from autogen_like import AssistantAgent, GroupChat, GroupChatManager, UserProxyAgent
from autogen_like.core.errors import ContextOverflow, ModelError
from autogen_like.core.protocols import PrefixHint
from autogen_like.models.client import Choice, Delta, JsonSchema, ModelRequest, ModelResponse
from autogen_like.models.config import client_from
from autogen_like.models.kserve import KServeClient
from autogen_like.models.retry import Retry
from autogen_like.serving.server.errors import ApiError
from autogen_like.serving.server.service import Service

from .asking import CALC, HELLO, KEY, nothing_held, numbers, post, until
from .test_limits import Held

pytestmark = [pytest.mark.slow, pytest.mark.xdist_group("triton")]


@pytest.fixture(params=["kserve", "triton"])
def config(request: pytest.FixtureRequest, behind: Any) -> dict[str, Any]:
    entry: dict[str, Any] = {"model": "tiny", "temperature": 0, "max_tokens": 12, "max_retries": 0}
    if request.param == "kserve":
        return {**entry, "api_type": "kserve", "base_url": behind.address, "api_key": KEY}
    front = request.getfixturevalue("front")
    return {**entry, "api_type": "triton", "base_url": f"http://127.0.0.1:{front.http_port}"}


def calc(sign: Literal["plus", "minus"], kind: Literal["a", "b"]) -> str:
    """Adds."""
    return f"{sign} {kind}"


async def ask(config: dict[str, Any], request: ModelRequest | None = None) -> ModelResponse:
    client = client_from(config)
    try:
        return await client.complete(request or ModelRequest(HELLO))
    finally:
        await client.aclose()


async def pieces(config: dict[str, Any], request: ModelRequest | None = None) -> tuple[list[Delta], ModelResponse]:
    client = client_from(config)
    try:
        *deltas, whole = [item async for item in client.stream(request or ModelRequest(HELLO))]
    finally:
        await client.aclose()
    assert isinstance(whole, ModelResponse)
    return [delta for delta in deltas if isinstance(delta, Delta)], whole


async def test_the_reply_is_that_of_the_openai_routes(config, behind):
    body = {"model": "tiny", "messages": [{"role": "system", "content": "Be brief."}, *HELLO], "temperature": 0}
    headers = {"Authorization": f"Bearer {KEY}"}
    direct = post(f"{behind.base_url}/chat/completions", json={**body, "max_tokens": 12}, headers=headers).json()
    got = await ask(config, ModelRequest(HELLO, system="Be brief."))
    assert got.content == direct["choices"][0]["message"]["content"]
    assert got.finish_reason == "length"
    assert got.model == "tiny"
    assert got.usage.prompt_tokens == direct["usage"]["prompt_tokens"]
    assert got.usage.completion_tokens == 12
    assert not got.usage.estimated
    assert got.raw.choices[0].message.content == got.content


async def test_it_streams_and_tells_what_it_took(config):
    whole = await ask(config)
    deltas, last = await pieces(config)
    assert len(deltas) > 2
    assert "".join(delta.text for delta in deltas) == last.content == whole.content
    assert last.finish_reason == "length"
    assert (last.usage.prompt_tokens, last.usage.completion_tokens) == (whole.usage.prompt_tokens, 12)


async def test_triton_named_as_kserve_streams_in_one_piece(front, config):
    deltas, last = await pieces({**config, "api_type": "kserve", "base_url": f"http://127.0.0.1:{front.http_port}"})
    assert len(deltas) == 1
    assert deltas[0].text == last.content
    assert last.usage.completion_tokens == 12


async def test_log_probabilities_come_along(config):
    config = {**config, "logprobs": True, "top_logprobs": 2}
    whole, (_, last) = await ask(config), await pieces(config)
    assert len(whole.logprobs["content"]) == len(last.logprobs["content"]) == 12
    assert len(whole.logprobs["content"][0]["top_logprobs"]) == 2


async def test_tools_are_called_whole_and_in_pieces(config):
    request = ModelRequest(HELLO, tools=(CALC,), tool_choice="required")
    config = {**config, "max_tokens": 300}
    whole, (deltas, last) = await ask(config, request), await pieces(config, request)
    for got in (whole, last):
        assert got.finish_reason == "tool_calls"
        [call] = got.tool_calls
        assert call.name == "calc"
        assert json.loads(call.arguments).keys() == {"sign", "kind"}
    assert "".join(delta.text for delta in deltas if delta.kind == "tool") == last.tool_calls[0].arguments


async def test_replies_keep_to_a_form(config):
    class Colour(BaseModel):
        red: bool

    config = {**config, "max_tokens": 60}
    chosen = await ask(config, ModelRequest(HELLO, constraint=Choice(("left", "right"))))
    assert chosen.content in ("left", "right")
    deltas, last = await pieces(config, ModelRequest(HELLO, constraint=Choice(("left", "right"))))
    assert [delta.text for delta in deltas] == [last.content] == [chosen.content]
    schema = {"type": "object", "properties": {"red": {"type": "boolean"}}, "required": ["red"]}
    told = await ask(config, ModelRequest(HELLO, constraint=JsonSchema({**schema, "additionalProperties": False})))
    assert json.loads(told.content or "").keys() == {"red"}
    parsed = await ask({**config, "response_format": Colour})
    assert isinstance(parsed.parsed, Colour)


def test_an_agent_calls_a_tool_and_hears_the_result(config):
    llm_config = {**config, "max_tokens": 100, "tool_choice": "required"}
    agent = AssistantAgent("agent", "You calculate.", llm_config=llm_config)
    agent.register_for_llm(description="Adds.")(calc)
    person = UserProxyAgent("person", human_input_mode="NEVER", code_execution_config=False)
    agent.register_for_execution()(calc)
    result = person.initiate_chat(agent, message="What is it?", max_turns=1)
    asyncio.run(agent.model_client.aclose())
    said = [message for message in result.chat_history if message.get("tool_calls")]
    answers = [message for message in result.chat_history if message.get("role") == "tool"]
    assert said[0]["tool_calls"][0]["function"]["name"] == "calc"
    assert answers[0]["content"].split()[0] in ("plus", "minus")
    assert result.chat_history[-1]["role"] != "tool", "the model was told, and spoke"


def test_a_group_chooses_its_speakers_over_it(config):
    person = UserProxyAgent("person", human_input_mode="NEVER", code_execution_config=False)
    agents = [AssistantAgent(name, f"You are {name}.", llm_config=config) for name in ("ada", "bob", "cy")]
    group = GroupChat([person, *agents], max_round=4, speaker_selection_method="auto")
    manager = GroupChatManager(group, llm_config=config)
    result = person.initiate_chat(manager, message="Who is first?")
    for agent in (*agents, manager):
        asyncio.run(agent.model_client.aclose())
    assert len(result.chat_history) == 4
    assert {message["name"] for message in result.chat_history} <= {"person", "ada", "bob", "cy"}


async def test_what_is_wrong_is_an_error_that_says_what(config):
    for changes, status, match in [
        ({"temperature": 9}, 400, "temperature: Input should be less than or equal to 2"),
        ({"colour": "red"}, 400, "colour"),
        ({"model": "other"}, 404, "'model' and 'base_url' in llm_config"),
    ]:
        for way in (ask, pieces):
            with pytest.raises(ModelError, match=match) as raised:
                await way({**config, **changes})
            assert raised.value.status == status
            assert not raised.value.transient


async def test_a_conversation_that_is_too_long_is_told_as_such(config):
    request = ModelRequest([{"role": "user", "content": "long " * 400}])
    for way in (ask, pieces):
        with pytest.raises(ContextOverflow, match="window is 1024"):
            await way(config, request)


async def test_an_address_where_nobody_listens_may_pass(config):
    for way in (ask, pieces):
        with pytest.raises(ModelError, match="could not be reached") as raised:
            await way({**config, "base_url": "http://127.0.0.1:1"})
        assert raised.value.transient


async def test_a_wrong_key_is_told_and_not_shown(behind, monkeypatch):
    entry = {"model": "tiny", "api_type": "kserve", "base_url": behind.address, "max_tokens": 2}
    for way in (ask, pieces):
        with pytest.raises(ModelError, match="the key is missing or wrong") as raised:
            await way({**entry, "api_key": "sk-not-the-right-one"})
        assert raised.value.status == 401
        assert not raised.value.transient
        assert "sk-not" not in str(raised.value)
    monkeypatch.setenv("AUTOGEN_LIKE_API_KEY", KEY)
    assert (await ask({**entry, "base_url": f"{behind.address}/v2/"})).finish_reason == "length"


async def test_a_server_that_is_full_is_asked_again(config, monkeypatch):
    full = ApiError(429, "too many", code="queue_full", headers={"Retry-After": "7"})
    whole, times = Service.ask, iter(range(99))

    def ask_twice(service: Service, body: Any) -> Any:
        if next(times) < 2:
            raise full
        return whole(service, body)

    monkeypatch.setattr(Service, "ask", ask_twice)
    with pytest.raises(ModelError, match="too many") as raised:
        await ask(config)
    assert raised.value.transient
    if config["api_type"] == "kserve":
        assert (raised.value.status, raised.value.retry_after) == (429, 7.0)
    client = Retry(KServeClient(config), 1, sleep=lambda _: asyncio.sleep(0))
    assert (await client.complete(ModelRequest(HELLO))).finish_reason == "length"
    await client.aclose()


async def test_a_stream_that_is_left_frees_its_blocks(config, behind, monkeypatch):
    Held(monkeypatch).seconds = 0.02
    before = numbers(behind)["engine_cancelled_total"]
    client = KServeClient({**config, "max_tokens": 500})
    async with aclosing(client.stream(ModelRequest(HELLO))) as items:
        async for _ in items:
            break
    await client.aclose()
    until(lambda: numbers(behind)["engine_cancelled_total"] == before + 1)
    until(lambda: nothing_held(behind))


async def test_an_agents_prompt_stays_longer_than_others(config, behind):
    hint = PrefixHint(f"chat-{config['api_type']}", "ada")
    await ask(config, ModelRequest(HELLO, prefix=hint))
    assert ("", f"{hint.conversation}/ada") in behind.engine.engine.engine.blocks.sessions()
