"""Wrappers, streams, logs, transforms, swarms: what stands beside the agents in AutoGen 0.2 and AG2."""

from __future__ import annotations

import json
import sqlite3
import threading
from pathlib import Path
from typing import Any

import pytest

import autogen_like.compat as autogen
from autogen_like import ModelError, ScriptedModel
from autogen_like.compat import runtime_logging
from autogen_like.compat.agentchat.contrib.capabilities import transforms
from autogen_like.compat.agentchat.contrib.capabilities.transform_messages import TransformMessages
from autogen_like.compat.cache.cache_factory import CacheFactory
from autogen_like.compat.io import IOConsole, IOStream, IOWebsockets
from autogen_like.core.message import ToolCall
from autogen_like.models.client import ModelRequest, ModelResponse

HI = [{"role": "user", "content": "hi"}]


def agent(name: str, **kwargs: Any) -> autogen.ConversableAgent:
    return autogen.ConversableAgent(name, human_input_mode="NEVER", **kwargs)


# --- OpenAIWrapper


def test_a_wrapper_asks_the_next_model_where_one_fails_or_will_not_do() -> None:
    models = [ScriptedModel([ModelError("down")]), ScriptedModel(["no"]), ScriptedModel(["yes"])]
    wrapper = autogen.OpenAIWrapper(config_list=[{"model": model} for model in models])
    judge = lambda context, response: response.choices[0].message.content == context["wanted"]
    response = wrapper.create(messages=HI, filter_func=judge, context={"wanted": "yes"})
    assert (response.config_id, response.pass_filter) == (2, True)
    assert wrapper.total_usage_summary is not None
    wrapper.clear_usage_summary()
    assert wrapper.actual_usage_summary is None


def test_what_is_said_in_the_call_wins_over_the_list() -> None:
    model = ScriptedModel(["x"])
    autogen.OpenAIWrapper(config_list=[{"model": model, "temperature": 0}], top_p=1).create(messages=HI, temperature=1)
    assert model.requests[0].params["temperature"] == 1


def test_a_wrapper_gives_tool_calls_as_messages_and_keeps_its_configuration() -> None:
    call = ModelResponse(None, (ToolCall("1", "f", "{}"),), "tool_calls", model="m")
    entry = {"model": ScriptedModel([call]), "api_rate_limit": 1000}
    wrapper = autogen.OpenAIWrapper(config_list=[entry])
    tools = [{"type": "function", "function": {"name": "f", "parameters": {}}}]
    (message,) = wrapper.extract_text_or_completion_object(wrapper.create(messages=HI, tools=tools))
    assert message.tool_calls[0].function.name == "f"
    assert entry["api_rate_limit"] == 1000


def test_a_wrapper_uses_a_cache_only_where_it_is_asked_to(capsys: pytest.CaptureFixture[str]) -> None:
    from autogen_like.compat.cache.in_memory_cache import InMemoryCache

    model = ScriptedModel(["one", "two"])
    wrapper = autogen.OpenAIWrapper(config_list=[{"model": model}])
    with InMemoryCache() as cache:
        said = [wrapper.create(messages=HI, cache=cache).choices[0].message.content for _ in range(2)]
    assert said == ["one", "one"]
    assert wrapper.create(prompt="hi").choices[0].message.content == "two"
    wrapper.print_usage_summary()
    assert "This wrapper" in capsys.readouterr().out


@pytest.mark.parametrize(
    "work",
    [
        lambda: autogen.OpenAIWrapper().create(messages=HI),
        lambda: autogen.OpenAIWrapper(config_list=[{"model": ScriptedModel([])}]).create(),
        lambda: autogen.OpenAIWrapper(config_list=[{"model": "m"}]).register_model_client(dict),
        lambda: autogen.ChatCompletion.create(model="gpt-4"),
        lambda: CacheFactory.cache_factory(1, cosmosdb_config={"x": 1}),
    ],
)
def test_what_cannot_be_is_a_value_error(work: Any) -> None:
    with pytest.raises(ValueError, match=r"."):
        work()


# --- streams


class Recorded(IOStream):
    def __init__(self, *answers: str) -> None:
        self.answers, self.printed = list(answers), ""

    def print(self, *objects: Any, sep: str = " ", end: str = "\n", flush: bool = False) -> None:
        self.printed += sep.join(map(str, objects)) + end

    def input(self, prompt: str = "", *, password: bool = False) -> str:
        return self.answers.pop(0)


def test_chats_are_printed_to_the_default_stream_and_people_asked_there() -> None:
    stream = Recorded("more", "exit")
    person = autogen.UserProxyAgent("person", code_execution_config=False)
    with IOStream.set_default(stream):
        person.initiate_chat(agent("b", default_auto_reply="yes"), message="hi")
    assert "person (to b):\n\nhi" in stream.printed
    assert "more" in stream.printed
    assert isinstance(IOStream.get_default(), IOConsole)


def test_the_global_default_may_be_set() -> None:
    stream, before = Recorded(), IOStream.get_global_default()
    IOStream.set_global_default(stream)
    try:
        assert IOStream.get_default() is stream
    finally:
        IOStream.set_global_default(before)


def test_a_chat_over_a_websocket() -> None:
    from websockets.sync.client import connect

    done = threading.Event()

    def on_connect(stream: IOWebsockets) -> None:
        task = stream.input("What is to be done?")
        agent("a").initiate_chat(agent("b", default_auto_reply="done"), message=task, max_turns=1)
        done.set()

    with IOWebsockets.run_server_in_thread(port=0, on_connect=on_connect) as address, connect(address) as client:
        assert client.recv() == "What is to be done?"
        client.send("Paint it.")
        assert done.wait(30)
        text = ""
        while "done" not in text:
            text += str(client.recv(timeout=10))
    assert "Paint it." in text


# --- logs


def test_what_agents_do_is_logged_as_tables() -> None:
    runtime_logging.start(config={"dbname": ":memory:"})
    try:
        con = runtime_logging.get_connection()
        assert con is not None
        con.row_factory = sqlite3.Row
        call = ModelResponse(None, (ToolCall("1", "add", '{"n": 1}'),), "tool_calls", model="m")
        config = {"config_list": [{"model": ScriptedModel([call, "TERMINATE"]), "api_key": "sk-secret"}]}
        writer = autogen.AssistantAgent("writer", llm_config=config)
        runner = autogen.UserProxyAgent("runner", human_input_mode="NEVER", function_map={"add": lambda n: n + 1})
        runner.initiate_chat(writer, message="hi", silent=True)
        rows = con.execute("SELECT source_name, request, response, is_cached FROM chat_completions").fetchall()
        assert [row["source_name"] for row in rows] == ["writer", "writer"]
        assert json.loads(rows[1]["response"])["choices"][0]["message"]["content"] == "TERMINATE"
        used = con.execute("SELECT * FROM function_calls").fetchone()
        assert (used["source_name"], used["function_name"], used["args"], used["returns"]) == (
            "runner", "<lambda>", '{"n": 1}', '"2"',
        )  # fmt: skip
        agents = con.execute("SELECT name, class, init_args FROM agents").fetchall()
        assert [row["name"] for row in agents] == ["writer", "runner"]
        assert "sk-secret" not in agents[0]["init_args"]
        events = {row["event_name"] for row in con.execute("SELECT event_name FROM events")}
        assert events == {"received_message", "reply_func_executed"}
    finally:
        runtime_logging.stop()
    assert not runtime_logging.logging_enabled()


def test_a_log_that_cannot_start_says_why_and_logs_nothing(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("no database" * 100)
    with pytest.raises(sqlite3.Error):
        runtime_logging.start(config={"dbname": str(tmp_path / "file")})
    assert not runtime_logging.logging_enabled()
    with pytest.raises(ValueError, match="logger_type"):
        runtime_logging.start(logger_type="cloud")  # type: ignore[arg-type]


def test_a_row_that_cannot_be_written_is_an_error_in_the_log_and_stops_nothing(
    caplog: pytest.LogCaptureFixture,
) -> None:
    runtime_logging.start(config={"dbname": ":memory:"})
    runtime_logging.log_chat_completion("1", 1, 1, "a", {}, None, {"no": "number"}, 0.0, "")  # type: ignore[arg-type]
    runtime_logging.stop()
    assert "[sqlite logger]" in caplog.text


def test_the_same_as_lines_of_json(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    session = runtime_logging.start(logger_type="file", config={"filename": "log.jsonl"})
    model = ScriptedModel([ModelError("down")])
    wrapper = autogen.OpenAIWrapper(config_list=[{"model": model}])
    with pytest.raises(ModelError):
        wrapper.create(messages=HI, agent="script")
    agent("b", default_auto_reply="x").generate_reply(HI)
    runtime_logging.log_event("script", "ended")
    runtime_logging.log_function_use("script", len, {"obj": "x"}, 1)
    runtime_logging.stop()
    first, *lines = (tmp_path / "autogen_logs" / "log.jsonl").read_text().splitlines()
    assert session in first
    told = [json.loads(line) for line in lines]
    assert all(line["session_id"] == session for line in told)
    assert any(line.get("response") == "down" for line in told)
    assert {line.get("function_name") for line in told} >= {"len"}


# --- transforms


def test_the_newest_message_survives_where_the_window_would_begin_with_results() -> None:
    said = [
        {"role": "user", "content": "old"},
        {"role": "assistant", "content": None, "tool_calls": [{"id": "1"}]},
        {"role": "tool", "content": "t1", "tool_call_id": "1"},
        {"role": "tool", "content": "t2", "tool_call_id": "2"},
        {"role": "user", "content": "latest"},
    ]
    assert [one["content"] for one in transforms.MessageHistoryLimiter(3).apply_transform(said)] == ["latest"]


def test_tokens_are_limited_for_each_message_and_for_all() -> None:
    said = [
        {"role": "user", "content": "very " * 20},
        {"role": "user", "content": [{"type": "text", "text": "a b c d"}]},
    ]
    cut = transforms.MessageTokenLimiter(max_tokens_per_message=3).apply_transform(said)
    assert cut[0]["content"] == "very very very"
    assert cut[1]["content"][0]["text"] == "a b c"
    limiter = transforms.MessageTokenLimiter(max_tokens=6)
    kept = limiter.apply_transform(said)
    assert [len(kept), kept[0]["content"]] == [2, "very very"]
    assert limiter.get_logs(said, kept)[1]
    assert said[0]["content"] == "very " * 20
    assert transforms.MessageTokenLimiter(max_tokens=50, min_tokens=50).apply_transform(said) is said
    assert transforms.MessageTokenLimiter(1, filter_dict={"role": "user"}).apply_transform(said) == said


def test_a_compressor_is_asked_once_for_each_message() -> None:
    class Half:
        asked = 0

        def compress_text(self, text: str, **params: Any) -> dict[str, Any]:
            Half.asked += 1
            return {"compressed_prompt": text[: len(text) // 2], "origin_tokens": 2, "compressed_tokens": 1}

    one, other = agent("one", default_auto_reply="four"), agent("other", default_auto_reply="more")
    compressor = transforms.TextMessageCompressor(Half())
    TransformMessages(transforms=[compressor], verbose=False).add_to_agent(one)
    other.initiate_chat(one, message="hihi", max_turns=3, silent=True)
    assert Half.asked == 5
    parts = [{"role": "user", "content": [{"type": "text", "text": "abcd"}, {"type": "image_url", "image_url": {}}]}]
    assert compressor.apply_transform(parts)[0]["content"][0]["text"] == "ab"
    assert compressor.get_logs(parts, parts) == ("1 tokens saved with text compression.", True)


@pytest.mark.parametrize(
    "make",
    [
        lambda: transforms.MessageHistoryLimiter(0),
        lambda: transforms.MessageTokenLimiter(max_tokens_per_message=-1),
        lambda: transforms.MessageTokenLimiter(min_tokens=-1),
        lambda: transforms.MessageTokenLimiter(max_tokens=1, min_tokens=2),
        lambda: transforms.TextMessageCompressor(min_tokens=0),
        transforms.TextMessageCompressor,
        lambda: transforms.TextMessageContentName(position="middle"),
        lambda: transforms.TextMessageContentName(format_string="no name"),
    ],
)
def test_a_transform_that_cannot_be_says_why(make: Any) -> None:
    with pytest.raises(ValueError, match=r"."):
        make()


def test_what_transforms_did_is_printed() -> None:
    stream = Recorded()
    one = agent("one")
    system = {"role": "system", "content": "Be."}
    TransformMessages(transforms=[transforms.MessageHistoryLimiter(1)]).add_to_agent(one)
    with IOStream.set_default(stream):
        assert one.process_all_messages_before_reply([system, *HI, *HI]) == [system, *HI]
    assert "Removed 1 messages" in stream.printed


# --- swarms


def test_a_swarm_hands_over_by_functions_and_shares_variables() -> None:
    from autogen_like.compat import AfterWork, AfterWorkOption, OnCondition, SwarmAgent, SwarmResult

    def book(city: str, context_variables: dict[str, Any]) -> SwarmResult:
        """Books."""
        return SwarmResult(f"Booked {city} for {context_variables['who']}.", "closer", {"city": city})

    call = lambda name, arguments="{}": ModelResponse(None, (ToolCall("1", name, arguments),), model="m")
    closer = SwarmAgent("closer", llm_config=ScriptedModel(["Bye."]))
    booker = SwarmAgent("booker", llm_config=ScriptedModel([call("book", '{"city": "Rome"}')]), functions=[book])
    triage = SwarmAgent("triage", llm_config=ScriptedModel([call("transfer_triage_to_booker")]))
    triage.register_hand_off([OnCondition(booker, "to book"), AfterWork(AfterWorkOption.STAY)])
    schema = booker.llm_config["tools"] if isinstance(booker.llm_config, dict) else booker.tool_schemas()
    assert list(schema[0]["function"]["parameters"]["properties"]) == ["city"]
    result, variables, last = autogen.initiate_swarm_chat(
        triage, "A trip, please.", [triage, booker, closer], context_variables={"who": "Ada"}, silent=True
    )
    assert variables == {"who": "Ada", "city": "Rome"}
    assert last is closer
    assert result.summary == "Bye."
    assert "Booked Rome for Ada." in [one["content"] for one in result.chat_history]


def test_a_swarm_reverts_to_the_user_or_follows_a_function_and_offers_what_is_available() -> None:
    from autogen_like.compat import AfterWork, AfterWorkOption, OnCondition, SwarmAgent, register_hand_off

    seen: list[list[str]] = []

    def words(request: ModelRequest) -> str:
        seen.append([tool["function"]["name"] for tool in request.tools])
        return "Yes."

    one, other = (
        SwarmAgent("one", llm_config=ScriptedModel(words)),
        SwarmAgent("other", llm_config=ScriptedModel(words)),
    )
    register_hand_off(one, OnCondition(other, "x", available="open"))
    register_hand_off(one, AfterWork(lambda last, messages, group: AfterWorkOption.REVERT_TO_USER))
    user = autogen.UserProxyAgent("user", human_input_mode="NEVER", default_auto_reply="More.")
    result, _, _ = autogen.initiate_swarm_chat(
        one, [{"role": "user", "content": "Hi"}], [one, other], user, max_rounds=4, context_variables={"open": False},
        silent=True,
    )  # fmt: skip
    assert [message["name"] for message in result.chat_history] == ["user", "one", "user", "one"]
    assert seen[0] == []
    with pytest.raises(ValueError, match="AfterWork already"):
        register_hand_off(one, AfterWork("TERMINATE"))
    with pytest.raises(ValueError, match="one of the agents"):
        autogen.initiate_swarm_chat(user, "x", [one])


def test_a_swarm_may_hand_over_to_nested_chats() -> None:
    from autogen_like.compat import OnCondition, SwarmAgent, register_hand_off

    call = ModelResponse(None, (ToolCall("1", "transfer_one_to_nested_chat_one_1", "{}"),), model="m")
    one = SwarmAgent("one", llm_config=ScriptedModel([call, "Thanks."]))
    expert = agent("expert", default_auto_reply="42")
    chats = [{"recipient": expert, "message": "What is it?", "max_turns": 1, "silent": True}]
    register_hand_off(one, OnCondition({"chat_queue": chats}, "to ask"))
    result, _, _ = autogen.initiate_swarm_chat(one, "Ask.", [one], silent=True)
    assert [message["content"] for message in result.chat_history][-2:] == ["42", "Thanks."]
