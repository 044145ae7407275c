"""A server that misbehaves: each fault has one outcome, as docs/models.md states it, and none loses a message."""

from __future__ import annotations

import re
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest

from autogen_like.agents.assistant import AssistantAgent
from autogen_like.agents.user_proxy import UserProxyAgent
from autogen_like.core.errors import ConversationError, ModelError
from autogen_like.core.events import TextDelta
from autogen_like.core.run import Run
from autogen_like.models.client import Delta, ModelRequest, ModelResponse, ReplyCut
from autogen_like.models.fallback import Fallback
from autogen_like.models.openai import OpenAIClient
from autogen_like.models.retry import Retry
from autogen_like.models.scripted import ScriptedModel
from autogen_like.testing import FAULTS, STRICT, OpenAIServer, Reply
from autogen_like.testing.openai_checks import check_request
from autogen_like.testing.openai_strict import check_arguments

KEPT, RETRIED, CUT, LASTING = "kept", "retried", "cut", "lasting"
# What becomes of a reply that streams; one that doesn't differs only where the fault is in the stream.
OUTCOMES = {
    "a slow stream": KEPT,
    "cut before the first piece": RETRIED,
    "cut after some pieces": CUT,
    "cut after the finish reason": KEPT,
    "the connection reset": RETRIED,
    "reset after some pieces": CUT,
    "a hang": RETRIED,
    "a hang after some pieces": CUT,
    "429 with Retry-After": RETRIED,
    "429 for want of credit": LASTING,
    "500": RETRIED,
    "503": RETRIED,
    "invalid JSON": RETRIED,
    "JSON of another form": RETRIED,
    "an empty answer": RETRIED,
    "no choices": RETRIED,
    "an error inside the answer": RETRIED,
    "an error inside the stream": CUT,
    "an error before the first piece": RETRIED,
    "a web page": LASTING,
    "the wrong content type": KEPT,
    "no stream": KEPT,
    "an unknown finish reason": KEPT,
    "no finish reason": KEPT,
    "no usage": KEPT,
    "broken arguments": KEPT,
}
STREAMS_ONLY = {"an error before the first piece"}  # the rest of the answer is in order
ASK = ModelRequest([{"role": "user", "content": "Hello"}])


def client_for(server: OpenAIServer, **settings: Any) -> OpenAIClient:
    return OpenAIClient({"model": "m", "api_key": "k-12345", "base_url": server.base_url, "timeout": 0.5, **settings})


def add(a: int, b: int) -> int:
    """Adds."""
    return a + b


@asynccontextmanager
async def talking(
    server: OpenAIServer, tool: Callable[..., Any] = add
) -> AsyncIterator[tuple[UserProxyAgent, AssistantAgent]]:
    client = Retry(client_for(server), 2, base=0)
    try:
        yield UserProxyAgent("user", human_input_mode="NEVER"), AssistantAgent("ada", llm_config=client, tools=[tool])
    finally:
        await client.aclose()


def chat(user: UserProxyAgent, ada: AssistantAgent, shown: list[str] | None, message: str = "Hello") -> Run[Any]:
    run = user.run(ada, message, max_turns=1)
    if shown is not None:
        run.subscribe(lambda event: shown.append(event.text) if isinstance(event, TextDelta) else None)
    return run


def failing_then_well(make: Callable[[], Reply], times: int = 1) -> Callable[[Any], Reply]:
    left = [make() for _ in range(times)]
    return lambda body: left.pop() if left else Reply("Here I am.")


@pytest.mark.parametrize("streamed", [True, False], ids=["streamed", "whole"])
@pytest.mark.parametrize("fault", OUTCOMES)
async def test_a_chat_survives_what_a_server_does(fault: str, streamed: bool) -> None:
    outcome = OUTCOMES[fault]
    if not streamed and (outcome == CUT or fault in STREAMS_ONLY):
        outcome = KEPT
    shown: list[str] | None = [] if streamed else None
    with OpenAIServer(failing_then_well(FAULTS[fault]), checks=(check_request, check_arguments)) as server:
        async with talking(server) as (user, ada):
            run = chat(user, ada, shown)
            if outcome in (CUT, LASTING):
                with pytest.raises(ConversationError) as raised:
                    await run
                assert [message.text for message in raised.value.transcript.messages] == ["Hello"]
                assert len(server.requests) == 1, "what was shown, or can't pass, is not tried again"
                _names_model_endpoint_and_cure(raised.value.__cause__, server)
            else:
                result = await run
                assert len(server.requests) == (2 if outcome == RETRIED or fault == "broken arguments" else 1)
                assert result.messages[-1].speaker == "ada"
                if shown is not None and fault != "broken arguments":
                    assert "".join(shown) == result.messages[-1].text, "nothing is shown twice, or not at all"
            again = await chat(user, ada, None, "And now?")
            assert [message.text for message in again.messages] == ["And now?", "Here I am."]


def _names_model_endpoint_and_cure(error: BaseException | None, server: OpenAIServer) -> None:
    assert isinstance(error, ModelError)
    host = server.url.removeprefix("http://")
    assert str(error).startswith(f"m: {host} ")
    assert re.search(r"max_retries|base_url|timeout|must be mended", str(error))


@pytest.mark.parametrize("fault", [fault for fault, outcome in OUTCOMES.items() if outcome == RETRIED])
async def test_what_does_not_pass_is_told_at_last(fault: str) -> None:
    shown: list[str] = []
    with OpenAIServer(failing_then_well(FAULTS[fault], 3)) as server:
        async with talking(server) as (user, ada):
            with pytest.raises(ConversationError) as raised:
                await chat(user, ada, shown)
            assert len(server.requests) == 3
            assert not shown
            assert isinstance(raised.value.__cause__, ModelError)
            assert raised.value.__cause__.transient
            _names_model_endpoint_and_cure(raised.value.__cause__, server)
            again = await chat(user, ada, None)
            assert again.summary == "Here I am."


async def test_a_stream_that_is_cut_gives_what_came_with_the_error() -> None:
    with OpenAIServer([FAULTS["cut after some pieces"]()]) as server:
        client = Retry(client_for(server), base=0)
        came: list[str] = []

        async def read() -> None:
            async for item in client.stream(ASK):
                assert isinstance(item, Delta)
                came.append(item.text)

        with pytest.raises(ReplyCut) as raised:
            await read()
        await client.aclose()
    partial = raised.value.partial
    assert partial.content == "".join(came) == "A rep" * 3
    assert partial.finish_reason == "cut"
    assert partial.usage.completion_tokens > 0
    assert partial.usage.estimated
    assert raised.value.transient, "asking again may help: it is for whoever showed the pieces to do it"


async def test_a_tool_call_that_is_cut_is_never_made() -> None:
    ran = []

    def erase(path: str) -> str:
        """Erases a file."""
        ran.append(path)
        return "gone"

    call = Reply(tool_calls=[("erase", {"path": "/a/very/long/path"})], piece=4)
    size = sum(len(f"data: {chunk}\n\n") for chunk in list(call.stream({"model": "m"}))[:3])
    with OpenAIServer([Reply(tool_calls=call.tool_calls, piece=4, cut=size)]) as server:
        async with talking(server, erase) as (user, ada):
            with pytest.raises(ConversationError) as raised:
                await chat(user, ada, [])
    assert isinstance(raised.value.__cause__, ReplyCut)
    assert raised.value.__cause__.partial.tool_calls[0].name == "erase"
    assert not ran
    assert len(raised.value.transcript.messages) == 1


async def test_broken_arguments_go_back_to_the_model_as_a_result_and_on_as_json() -> None:
    with OpenAIServer(
        [FAULTS["broken arguments"](), Reply(tool_calls=[("add", {"a": 1, "b": 2})]), "It is 3."],
        checks=(check_request, check_arguments),
    ) as server:
        async with talking(server) as (user, ada):
            result = await chat(user, ada, None)
            assert result.summary == "It is 3."
            assert result.messages[1].tool_calls[0].arguments == '{"a": 1, "b', (
                "the transcript has what the model wrote"
            )
            assert result.messages[2].tool_results[0].error
            assert server.requests[1].body["messages"][-1]["role"] == "tool"


async def test_another_model_answers_where_one_is_out_of_order() -> None:
    with OpenAIServer(lambda body: FAULTS["a web page"]()) as server:
        both = Fallback([client_for(server), ScriptedModel(["I can."], model="spare")])
        assert (await both.complete(ASK)).model == "spare"
        await both.aclose()


async def test_a_reply_that_ended_before_the_cut_is_whole() -> None:
    with OpenAIServer([FAULTS["cut after the finish reason"]()]) as server:
        client = client_for(server)
        *_, last = [item async for item in client.stream(ASK)]
        await client.aclose()
    assert isinstance(last, ModelResponse)
    assert (last.content, last.finish_reason, last.usage.estimated) == ("A rep", "stop", True)


async def test_a_connection_is_used_again_after_a_stream() -> None:
    ports = []

    class Watching(OpenAIServer):
        def answer(self, request: Any) -> Reply:
            ports.append(request.headers.get("connection"))
            return super().answer(request)

    with Watching(["one", "two"]) as server:
        client = client_for(server)
        for _ in range(2):
            assert [item async for item in client.stream(ASK)]
        http = client._endpoint.client()._client
        assert len(http._transport._pool.connections) == 1
        await client.aclose()


def test_every_fault_has_an_outcome_and_the_docs_state_it() -> None:
    assert list(OUTCOMES) == list(FAULTS)
    page = (Path(__file__).parents[2] / "docs" / "models.md").read_text()
    rows = dict(re.findall(r"^\| ([^|]+?) \| (kept|retried|cut|lasting)\b", page, re.MULTILINE))
    assert rows == OUTCOMES


def test_every_strict_check_is_the_mirror_of_an_adapter() -> None:
    from autogen_like.models.adapters import NAMES

    assert set(STRICT) == set(NAMES) - {"completion_limit"}
