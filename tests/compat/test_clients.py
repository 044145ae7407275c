"""Models as 0.2's scripts ask them: OpenAI's SDK behind four methods, the wrapper's streams and counts, overrides."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Iterator
from typing import Any

import openai
import pytest

import autogen_like.compat as autogen
from autogen_like import ModelError, ScriptedModel
from autogen_like.compat import ConversableAgent, OpenAIWrapper, runtime_logging
from autogen_like.compat.io import IOStream
from autogen_like.compat.oai.client import ModelClient, OpenAIClient
from autogen_like.core.sync import run as run_sync
from autogen_like.testing import OpenAIServer, Reply

HI = [{"role": "user", "content": "hi"}]
FUNCTION = {"name": "add", "description": "Adds.", "parameters": {"type": "object", "properties": {}}}


def increased(n: int) -> int:
    return n + 1


class Printed(IOStream):
    def __init__(self) -> None:
        self.pieces: list[str] = []

    def print(self, *objects: Any, sep: str = " ", end: str = "\n", flush: bool = False) -> None:
        self.pieces.append(sep.join(map(str, objects)) + end)

    def input(self, prompt: str = "", *, password: bool = False) -> str:
        return ""


@pytest.fixture
def server() -> Iterator[OpenAIServer]:
    with OpenAIServer(lambda body: Reply("Hello there", piece=6)) as running:
        yield running


@pytest.fixture
def kept() -> Iterator[Callable[[Any], Any]]:
    """Keeps agents and wrappers, whose connections are closed in the end."""
    found: list[Any] = []

    def keep(one: Any) -> Any:
        found.append(one)
        return one

    yield keep
    for one in found:
        wrapper = one if isinstance(one, OpenAIWrapper) else one.client
        own = [] if one is wrapper else [one.model_client]
        for client in (*own, *(wrapper._clients if wrapper is not None else ())):
            if client is not None:
                run_sync(client.aclose())


Kept = Callable[[Any], Any]


def settings(server: OpenAIServer, **more: Any) -> dict[str, Any]:
    entry = {"model": "gpt-4", "api_key": "sk-secret", "base_url": server.base_url, "max_retries": 0}
    return {"config_list": [entry], **more}


@pytest.mark.parametrize("stream", [False, True])
def test_a_client_of_the_sdk_has_the_four_methods_of_a_model_client(server: OpenAIServer, stream: bool) -> None:
    printed = Printed()
    with (
        openai.OpenAI(api_key="sk-secret", base_url=server.base_url) as sdk,
        IOStream.set_default(printed),
    ):
        client = OpenAIClient(sdk)
        usage = {"stream_options": {"include_usage": True}} if stream else {}
        answer = client.create({"model": "gpt-4", "messages": HI, "stream": stream, **usage})
    assert client.message_retrieval(answer) == ["Hello there"]
    assert printed.pieces == (["Hello ", "there", "\n\n"] if stream else [])
    answer.cost = client.cost(answer)
    counted = client.get_usage(answer)
    assert list(counted) == ModelClient.RESPONSE_USAGE_KEYS
    assert counted["total_tokens"] == counted["prompt_tokens"] + counted["completion_tokens"] > 0
    assert counted["cost"] == pytest.approx(counted["prompt_tokens"] * 30e-6 + counted["completion_tokens"] * 60e-6)


def test_the_older_endpoint_is_asked_with_a_prompt() -> None:
    asked: list[dict[str, Any]] = []

    class Completions:
        def create(self, **params: Any) -> Any:
            asked.append(params)
            return openai.types.Completion(
                id="1", choices=[], created=0, model="gpt-3.5-turbo-instruct", object="text_completion"
            )

    class Sdk:
        completions = Completions()

    client = OpenAIClient(Sdk())
    answer = client.create({"prompt": "1+1=", "stream": True})
    assert asked == [{"prompt": "1+1=", "stream": False}]
    assert client.message_retrieval(answer) == []
    assert client.get_usage(answer)["total_tokens"] == 0


def test_a_wrapper_prints_what_it_streams(server: OpenAIServer, kept: Kept) -> None:
    printed = Printed()
    with IOStream.set_default(printed):
        answer = kept(OpenAIWrapper(**settings(server))).create(messages=HI, stream=True)
    assert OpenAIWrapper.extract_text_or_completion_object(answer) == ["Hello there"]
    assert printed.pieces == ["Hello ", "there", "\n\n"]


def test_a_chat_is_streamed_to_the_default_stream_where_a_configuration_says_so(
    server: OpenAIServer, kept: Kept
) -> None:
    printed = Printed()
    talker = kept(autogen.AssistantAgent("talker", llm_config=settings(server, stream=True)))
    with IOStream.set_default(printed):
        ConversableAgent("one", human_input_mode="NEVER").initiate_chat(talker, message="hi", max_turns=1)
    assert "Hello " in printed.pieces


def test_whoever_offers_functions_is_answered_with_a_function_call(kept: Kept) -> None:
    def answer(body: Any) -> Reply:
        return Reply(tool_calls=[("add", {"n": 1})])

    with OpenAIServer(answer) as server:
        wrapper = kept(OpenAIWrapper(**settings(server)))
        (message,) = wrapper.extract_text_or_completion_object(wrapper.create(messages=HI, functions=[FUNCTION]))
        assert (message.function_call.name, message.function_call.arguments) == ("add", '{"n": 1}')
        assert message.tool_calls is None
        tools = [{"type": "function", "function": FUNCTION}]
        (message,) = wrapper.extract_text_or_completion_object(wrapper.create(messages=HI, tools=tools))
        assert message.tool_calls[0].function.name == "add"


@pytest.mark.parametrize(
    ("status", "kind"),
    [
        (400, openai.BadRequestError),
        (401, openai.AuthenticationError),
        (429, openai.RateLimitError),
        (503, openai.InternalServerError),
        (418, openai.APIStatusError),
    ],
)
def test_errors_of_endpoints_are_of_the_sdks_types_too(
    status: int, kind: type[openai.APIStatusError], kept: Kept
) -> None:
    with OpenAIServer(lambda body: Reply.error(status, "no")) as server:
        with pytest.raises(kind) as raised:
            kept(OpenAIWrapper(**settings(server))).create(messages=HI)
        assert isinstance(raised.value, ModelError)
        assert raised.value.status_code == status
        assistant = kept(autogen.AssistantAgent("assistant", llm_config=settings(server)))
        with pytest.raises(kind):
            ConversableAgent("one", human_input_mode="NEVER").initiate_chat(assistant, message="hi", silent=True)


def test_an_endpoint_that_is_not_there_is_a_connection_error(kept: Kept) -> None:
    entry = {"model": "m", "api_key": "k", "base_url": "http://127.0.0.1:9/v1", "max_retries": 0}
    with pytest.raises(openai.APIConnectionError):
        kept(OpenAIWrapper(config_list=[entry])).create(messages=HI)


def row(cost: float) -> dict[str, Any]:
    return {"cost": cost, "prompt_tokens": 10, "completion_tokens": 20, "total_tokens": 30}


def test_usage_may_be_set_and_is_the_agents_too() -> None:
    agents = [autogen.AssistantAgent(f"a{n}", llm_config={"config_list": [{"model": "gpt-4"}]}) for n in range(2)]
    for agent, cost in zip(agents, (0.25, 0.5), strict=True):
        agent.client.total_usage_summary = {"total_cost": cost, "gpt-4": row(cost)}
    assert agents[0].get_total_usage() == {"total_cost": 0.25, "gpt-4": row(0.25)}
    assert agents[0].get_actual_usage() is None
    summary = autogen.gather_usage_summary(agents)
    assert summary["usage_including_cached_inference"]["total_cost"] == 0.75
    agents[0].client.actual_usage_summary = {"total_cost": 0.125, "gpt-4": {**row(0.125), "prompt_tokens": 4}}
    assert agents[0].client.total_usage_summary == {"total_cost": 0.25, "gpt-4": row(0.25)}
    assert agents[0].client.actual_usage_summary["total_cost"] == 0.125
    agents[0].client.clear_usage_summary()
    assert agents[0].get_total_usage() is agents[0].client.actual_usage_summary is None


class Own(ConversableAgent):
    """Asks its model in a way of its own."""

    def _generate_oai_reply_from_client(self, llm_client: Any, messages: Any, cache: Any) -> Any:
        said = super()._generate_oai_reply_from_client(llm_client, messages, cache)
        return f"{messages[0]['role']}, {len(messages)}: {said}" if isinstance(said, str) else said


def test_an_agent_that_asks_in_its_own_way_is_asked_so_in_chats_and_for_summaries(
    server: OpenAIServer, kept: Kept
) -> None:
    agent = kept(Own("agent", "Be kind.", llm_config=settings(server, stream=True), human_input_mode="NEVER"))
    other = ConversableAgent("other", human_input_mode="NEVER")
    result = other.initiate_chat(
        agent, message="hi", max_turns=1, silent=True, summary_method="reflection_with_llm",
        summary_args={"summary_role": "user"},
    )  # fmt: skip
    assert result.chat_history[-1]["content"] == "system, 2: Hello there"
    assert result.summary == "user, 3: Hello there"
    assert agent.get_actual_usage()["gpt-4"]["completion_tokens"] > 0
    assert server.requests[-1].body["messages"][-1]["role"] == "user"


def test_what_such_an_agent_calls_is_called(kept: Kept) -> None:
    with OpenAIServer([Reply(tool_calls=[("add", {"n": 1})]), "Done. TERMINATE"]) as server:
        agent = kept(Own("agent", llm_config=settings(server), human_input_mode="NEVER"))
        other = ConversableAgent("other", human_input_mode="NEVER")
        autogen.register_function(increased, caller=agent, executor=other, name="add", description="Adds.")
        result = other.initiate_chat(agent, message="hi", silent=True)
    assert result.chat_history[2]["tool_responses"][0]["content"] == "2"
    assert "tools" in server.requests[0].body


def test_an_agents_wrapper_and_clients_are_logged_when_it_is_made(server: OpenAIServer, kept: Kept) -> None:
    runtime_logging.start(config={"dbname": ":memory:"})
    try:
        con = runtime_logging.get_connection()
        assert con is not None
        con.row_factory = sqlite3.Row
        config = settings(server)
        config["config_list"] *= 2
        agent = kept(autogen.AssistantAgent("agent", llm_config=config))
        autogen.AssistantAgent("scripted", llm_config=ScriptedModel(["x"]))
        assert len(con.execute("SELECT * FROM oai_wrappers").fetchall()) == 1
        made = {one["name"]: one["wrapper_id"] for one in con.execute("SELECT name, wrapper_id FROM agents")}
        assert made == {"agent": agent.client.wrapper_id, "scripted": ""}
        assert tuple(con.execute("SELECT * FROM version").fetchone()) == (1, 1)
        clients = [client["client_id"] for client in con.execute("SELECT client_id FROM oai_clients")]
        assert len(clients) == 2
        agent.generate_reply(HI)
        agent.client.create(messages=HI)
        asked = con.execute("SELECT client_id, wrapper_id FROM chat_completions").fetchall()
        assert {one["wrapper_id"] for one in asked} == {agent.client.wrapper_id}
        assert {one["client_id"] for one in asked} <= set(clients)
    finally:
        runtime_logging.stop()


@pytest.mark.parametrize(
    ("key", "valid"),
    [("sk-", False), ("sk-a-b--" + "x" * 40, False), ("sk--a-" + "x" * 40, False), ("sk-a--b-" + "x" * 40, True)],
)
def test_the_form_of_keys(key: str, valid: bool) -> None:
    from autogen_like.compat.oai.openai_utils import is_valid_api_key

    assert is_valid_api_key(key) is valid


def test_carryover_by_0_2s_private_names() -> None:
    from autogen_like.compat.agentchat.chat import _post_process_carryover_item

    agent = ConversableAgent("agent")
    for carryover in ("More.", ["More."], [{"content": "More.", "role": "model"}]):
        assert agent._process_carryover("Go.", {"carryover": carryover}) == "Go.\nContext: \nMore."
        assert agent._handle_carryover("Go.", {"carryover": carryover}) == "Go.\nContext: \nMore."
    assert agent._process_carryover("Go.", {"carryover": None}) == "Go."
    assert _post_process_carryover_item({"content": "More."}) == _post_process_carryover_item("More.") == "More."
