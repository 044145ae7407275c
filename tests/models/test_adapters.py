"""Conversations for models that take less: each adapter against a server that refuses what such a model refuses."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from itertools import combinations
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from autogen_like.core.errors import ConfigError, ModelError
from autogen_like.core.message import File, Image, Message, Text, ToolCall, ToolResult
from autogen_like.models.adapters import NAMES, adapters_for, message_adapter
from autogen_like.models.client import ModelRequest, ModelResponse
from autogen_like.models.config import client_from
from autogen_like.models.openai import OpenAIClient
from autogen_like.models.wire import encode_message, request_body
from autogen_like.testing import STRICT, OpenAIServer, Reply
from autogen_like.testing.openai_checks import check_request
from autogen_like.testing.openai_strict import check_arguments

TOOL = {
    "type": "function",
    "function": {
        "name": "add",
        "description": "Adds two numbers",
        "parameters": {"type": "object", "properties": {"a": {"type": "integer"}}},
    },
}
CALLS = (ToolCall("1", "add", '{"a": 1}'), ToolCall("2", "add", '{"a": 2}'))
RESULTS = (ToolResult("1", "add", "one"), ToolResult("2", "add", "two"))
SAID = [
    Message("ann", "Hi"),
    Message("bob", "Hello"),
    Message("me", "Greetings"),
    Message("me", "Once more"),
    Message("chair", "Go on", role="system"),
    Message("me", "I look it up.", CALLS),
    Message("me", None, tool_results=RESULTS),
    Message("ann", (Text("See"), Image("https://example.org/a.png"), File("b.pdf", file_id="f"))),
]


def rendered(said: Sequence[Message] = SAID, viewer: str = "me") -> list[Any]:
    return [message.render(viewer) for message in said]


async def sent_by(
    adapter: Any, request: ModelRequest, *checks: str, reply: str | Reply = "Fine", **config: Any
) -> tuple[dict[str, Any], ModelResponse]:
    """What a strict server gets, and its answer; a refusal is an error."""
    strict = (check_request, check_arguments, *(STRICT[name] for name in checks))
    with OpenAIServer([reply], checks=strict) as server:
        settings = {"model": "m", "base_url": server.base_url, "adapter": adapter, **config}
        client = OpenAIClient({key: value for key, value in settings.items() if value is not None})
        try:
            response = await client.complete(request)
        finally:
            await client.aclose()
        return dict(server.requests[0].body), response


FULL = ModelRequest(
    rendered(), "Be kind.", [TOOL], params={"max_tokens": 5, "temperature": 0.5, "parallel_tool_calls": True}
)


@pytest.mark.parametrize("name", STRICT)
async def test_a_strict_server_takes_what_its_adapter_makes_and_nothing_else(name: str) -> None:
    await sent_by(name, FULL, name)
    with pytest.raises(ModelError) as raised:
        await sent_by([], FULL, name)
    assert raised.value.status == 400


@pytest.mark.parametrize("names", [*combinations(STRICT, 2), tuple(STRICT)], ids="+".join)
async def test_adapters_combine(names: tuple[str, ...]) -> None:
    await sent_by(list(reversed(names)), FULL, *names)


async def test_the_system_message_goes_in_front_of_the_first_user_message() -> None:
    sent, _ = await sent_by("no_system", FULL, "no_system")
    assert sent["messages"][0] == {"role": "user", "content": "Be kind.\n\nHi", "name": "ann"}
    assert {"role": "user", "content": "Go on"} in sent["messages"]
    sent, _ = await sent_by("no_system", ModelRequest(rendered(SAID[2:3]), "Be kind."))
    assert sent["messages"][0] == {"role": "user", "content": "Be kind."}
    sent, _ = await sent_by("no_system", ModelRequest(rendered(SAID[-1:]), "Be kind."))
    assert sent["messages"][0]["content"][0] == {"type": "text", "text": "Be kind.\n\n"}
    sent, _ = await sent_by("no_system", ModelRequest(rendered(SAID[:1])))
    assert sent["messages"] == [{"role": "user", "content": "Hi", "name": "ann"}]


async def test_names_go_in_front_only_where_several_others_speak() -> None:
    sent, _ = await sent_by("no_name", ModelRequest(rendered(SAID[:3])))
    assert [message["content"] for message in sent["messages"]] == ["ann: Hi", "bob: Hello", "Greetings"]
    sent, _ = await sent_by("no_name", ModelRequest(rendered([SAID[0], SAID[2]])))
    assert [message["content"] for message in sent["messages"]] == ["Hi", "Greetings"]
    told = [Message("ann", "ann: Hi"), SAID[1]]
    sent, _ = await sent_by("no_name", ModelRequest(rendered(told)))
    assert [message["content"] for message in sent["messages"]] == ["ann: Hi", "bob: Hello"]


async def test_roles_alternate_and_nothing_that_was_said_is_lost() -> None:
    sent, _ = await sent_by("alternate", FULL, "alternate")
    messages = sent["messages"]
    assert [message["role"] for message in messages] == [
        *("system", "user", "assistant", "user", "assistant", "tool", "tool", "assistant", "user")
    ]
    assert messages[1]["content"] == "ann: Hi\n\nbob: Hello"
    assert messages[2]["content"] == "Greetings\n\nOnce more"
    assert messages[7]["content"] == "I have the results."
    sent, _ = await sent_by("alternate", ModelRequest(rendered(SAID[2:3])), "alternate")
    assert [message["content"] for message in sent["messages"]] == ["Begin.", "Greetings", "Please go on."]
    sent, _ = await sent_by("alternate", ModelRequest([], "Be kind."), "alternate")
    assert [message["role"] for message in sent["messages"]] == ["system", "user"]


async def test_calls_made_together_are_shown_one_after_the_other() -> None:
    sent, _ = await sent_by("no_parallel_tools", ModelRequest(rendered(SAID[:1] + SAID[5:7])), "no_parallel_tools")
    assert [(m["role"], m["content"]) for m in sent["messages"][1:]] == [
        ("assistant", "I look it up."),
        ("tool", "one"),
        ("assistant", None),
        ("tool", "two"),
    ]


async def test_images_and_files_become_notes() -> None:
    data = [Message("ann", (Text("See"), Image("data:image/png;base64,AAAA")))]
    for config in ({"adapter": "no_images"}, {"adapter": None, "capabilities": {"images": False}}):
        sent, _ = await sent_by(request=ModelRequest(rendered([SAID[0], *SAID[-1:], *data])), **config)
        assert sent["messages"][1]["content"] == (
            "See\n[An image (https://example.org/a.png) was left out: you can't see images.]\n"
            "[The file b.pdf was left out: you can't read files.]"
        )
        assert sent["messages"][2]["content"] == "See\n[An image (image/png) was left out: you can't see images.]"
    sent, _ = await sent_by(None, ModelRequest(rendered(SAID[-1:])))
    assert sent["messages"][0]["content"][1]["type"] == "image_url", "what nothing is known of is sent"


async def test_tools_are_described_and_called_in_text() -> None:
    reply = 'I add.\n<tool_call>\n{"name": "add", "arguments": {"a": 3}}\n</tool_call>'
    sent, response = await sent_by("no_tools", FULL, "no_tools", reply=reply)
    assert "Adds two numbers" in sent["messages"][0]["content"]
    assert '"a": {"type": "integer"}' in sent["messages"][0]["content"]
    assert [(call.name, call.arguments) for call in response.tool_calls] == [("add", '{"a": 3}')]
    assert response.tool_calls[0].id
    assert response.finish_reason == "tool_calls"
    assert (response.content or "").strip() == "I add."
    told = [message["content"] for message in sent["messages"]]
    assert 'I look it up.\n<tool_call>\n{"name": "add", "arguments": {"a": 1}}\n</tool_call>' in told[6]
    assert "Result of add:\none" in told


@pytest.mark.parametrize(
    ("reply", "called"),
    [
        ('```json\n{"name": "add", "arguments": {"a": 1}}\n```', True),
        ('{"name": "add", "parameters": {"a": 1}}', True),
        ('{"name": "erase", "arguments": {}}', False),
        ('The form is {"name": "a name"}.', False),
        ("Just words.", False),
    ],
)
async def test_a_call_is_what_names_a_declared_tool(reply: str, called: bool) -> None:
    _, response = await sent_by("no_tools", FULL, reply=reply)
    assert bool(response.tool_calls) is called
    assert called or response.content == reply
    _, untooled = await sent_by("no_tools", ModelRequest(FULL.messages), reply=reply)
    assert untooled.content == reply, "where no tool is on offer, all is text"
    assert not untooled.tool_calls
    sent, forbidden = await sent_by("no_tools", ModelRequest(FULL.messages, tools=[TOOL], tool_choice="none"))
    assert "tool_call>" not in str(sent["messages"][0])
    assert not forbidden.tool_calls


@pytest.mark.parametrize(
    ("choice", "told"),
    [("required", "Call a tool now."), ({"type": "function", "function": {"name": "add"}}, "Call the tool add now.")],
)
async def test_a_call_that_must_be_made_is_asked_for(choice: Any, told: str) -> None:
    sent, _ = await sent_by("no_tools", ModelRequest(FULL.messages, tools=[TOOL], tool_choice=choice), "no_tools")
    assert sent["messages"][0]["content"].endswith(told)


async def test_a_stream_shows_words_at_once_and_calls_as_calls() -> None:
    reply = Reply('Let me see.\n<tool_call>{"name": "add", "arguments": {"a": 3}}</tool_call>', piece=3)
    with OpenAIServer([reply], checks=(check_request, STRICT["no_tools"])) as server:
        client = OpenAIClient({"model": "m", "base_url": server.base_url, "adapter": "no_tools"})
        *deltas, response = [item async for item in client.stream(FULL)]
        await client.aclose()
    assert isinstance(response, ModelResponse)
    assert "".join(delta.text for delta in deltas if delta.kind == "text") == response.content == "Let me see.\n"
    assert [(delta.name, delta.text) for delta in deltas if delta.kind == "tool"] == [("add", '{"a": 3}')]
    assert len(deltas) > 3


async def test_reasoning_models_get_no_sampling_and_one_warning(caplog: pytest.LogCaptureFixture) -> None:
    params = {"temperature": 0.2, "top_p": 0.3, "max_tokens": 7, "reasoning_effort": "low"}
    for _ in range(2):
        sent, _ = await sent_by("reasoning", ModelRequest(FULL.messages, params=params), "reasoning", model="thinker")
    assert sent["max_completion_tokens"] == 7
    assert sent["reasoning_effort"] == "low"
    told = [record.getMessage() for record in caplog.records if record.levelno == logging.WARNING]
    assert len([line for line in told if "thinker is a reasoning model and takes no temperature, top_p" in line]) == 1
    sent, _ = await sent_by("reasoning", ModelRequest(FULL.messages, params={**params, "reasoning_effort": "none"}))
    assert sent["temperature"] == 0.2
    sent, _ = await sent_by("completion_limit", ModelRequest(FULL.messages, params=params))
    assert sent.keys() >= {"temperature", "max_completion_tokens"}


@pytest.mark.parametrize(
    ("model", "first_party", "service", "needs"),
    [
        ("o3-mini", True, "openai", {"no_parallel_tools", "reasoning"}),
        ("o1-mini", True, "openai", {"no_system", "no_tools", "reasoning"}),
        ("gpt-5.4-mini", True, "azure", {"reasoning"}),
        ("gpt-5-chat-latest", True, "openai", {"completion_limit"}),
        ("gpt-4.1", True, "openai", set()),
        ("o3-mini", False, "openai", set()),
        ("google/gemma-2-9b-it", False, "openai", {"no_system", "alternate", "no_tools"}),
        ("gemma3:1b", False, "ollama", {"no_system", "alternate", "no_tools"}),
        ("meta-llama/Llama-3.1-8B-Instruct", False, "openai", {"no_parallel_tools"}),
        ("llama3.2:3b", False, "ollama", {"no_parallel_tools"}),
        ("meta-llama/Llama-2-7b-chat-hf", False, "openai", {"alternate", "no_tools"}),
        ("mistral-large-latest", False, "mistral", {"no_name", "alternate"}),
        ("mistralai/Mistral-7B-Instruct-v0.2", False, "openai", {"no_system", "alternate", "no_tools"}),
        ("claude-x", False, "anthropic", {"no_name"}),
        ("qwen2.5", False, "openai", set()),
    ],
)
def test_some_models_are_known_by_their_name(model: str, first_party: bool, service: str, needs: set[str]) -> None:
    assert adapters_for(model, first_party=first_party, service=service)[0] == needs
    assert adapters_for(model, first_party=first_party, service=service, declared=[])[0] == set()


async def test_a_function_of_ones_own_goes_before_the_named_ones() -> None:
    def polite(messages: Any) -> Any:
        return [*messages, {"role": "system", "content": "Say please."}]

    sent, _ = await sent_by([polite, "no_system"], ModelRequest(rendered(SAID[:1]), "S"), "no_system")
    assert [message["content"] for message in sent["messages"]] == ["S\n\nHi", "Say please."]


def test_an_adapter_that_is_not_known_is_refused() -> None:
    with pytest.raises(ConfigError, match="'adapter' must name some of no_tools"):
        client_from({"model": "m", "base_url": "http://localhost:1/v1", "adapter": ["no_vowels"]})


def test_what_an_adapter_leaves_alone_stays_the_same_object_and_is_encoded_once() -> None:
    messages = rendered(SAID[:4])
    adapter = message_adapter({"no_system", "no_tools", "no_images", "no_parallel_tools"})
    assert adapter is not None
    assert all(one is other for one, other in zip(adapter(messages), messages, strict=True))
    request_body(messages, None, {"model": "m"}, adapter)
    first = [message.encoded for message in messages]
    request_body(messages, None, {"model": "m"}, adapter)
    assert all(encode_message(message) is kept for message, kept in zip(messages, first, strict=True))
    assert message_adapter(()) is None


spoken = st.one_of(
    st.tuples(st.sampled_from(["ann", "bob", "me"]), st.sampled_from(["a", "b", "c"])).map(lambda t: Message(*t)),
    st.just(SAID[4]),
    st.just(SAID[-1]),
)
exchange = st.just([SAID[5], SAID[6]])


@settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(
    st.lists(st.one_of(spoken.map(lambda m: [m]), exchange), max_size=8).map(lambda runs: [m for r in runs for m in r]),
    st.sets(st.sampled_from(NAMES)),
    st.sampled_from([None, "Be kind."]),
)
def test_any_conversation_fits_any_strictness_and_keeps_its_words(
    said: list[Message], names: set[str], system: str | None
) -> None:
    adapter = message_adapter(names) or tuple
    head = [] if system is None else [{"role": "system", "content": system}]
    adapted = list(adapter([*head, *rendered(said)]))
    if not adapted:
        return
    body = {"model": "m", "messages": adapted}
    for name in names & set(STRICT) - {"reasoning"}:
        assert STRICT[name](body) is None
    whole = str(adapted)
    assert all(str(message.text) in whole for message in said if isinstance(message.content, str))
    assert whole.count("'one'") + whole.count(":\\none") >= sum(bool(message.tool_results) for message in said)
