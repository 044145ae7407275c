"""What was said is captured on request only, in the conventions' form, and after redaction."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from autogen_like import (
    AssistantAgent,
    ConfigError,
    ModelError,
    ModelResponse,
    ScriptedModel,
    ToolCall,
    Tracing,
    hide_secrets,
    instrument,
)
from autogen_like.observe import content
from autogen_like.observe.tracing import CONTENT_VARIABLE

from .conftest import Telemetry

PLANTED = "sk-" + "planted0123456789abcdef"  # in two, for nobody to take it for a real one


@pytest.fixture
def told(telemetry: Telemetry) -> Iterator[Telemetry]:
    stop = instrument(content=True, **telemetry.providers)
    yield telemetry
    stop()


def look_up(key: str, password: str = "") -> str:
    """Looks something up."""
    return f"{key} is {PLANTED}"


def agent(*replies: Any) -> AssistantAgent:
    return AssistantAgent("ada", "Be kind.", llm_config=ScriptedModel(list(replies)), tools=[look_up])


def calling(arguments: str) -> ModelResponse:
    return ModelResponse(None, (ToolCall("call-1", "look_up", arguments),), "tool_calls", reasoning="Let me see")


async def test_without_asking_nothing_that_was_said_is_captured(traced):
    await agent(calling('{"key": "the question"}'), "the answer").run(message="the opening")
    for text in ("the opening", "the question", "the answer", "Be kind.", PLANTED, "Let me see"):
        assert text not in traced.texts()


async def test_messages_have_the_conventions_form(told):
    await agent(calling('{"key": "blue"}'), "Here it is.").run(message="Look.")
    first, second = (dict(span.attributes or {}) for span in told.named("chat scripted"))
    assert json.loads(first["gen_ai.system_instructions"]) == [{"type": "text", "content": "Be kind."}]
    assert json.loads(first["gen_ai.tool.definitions"]) == [{"type": "function", "name": "look_up"}]
    asked = {"type": "tool_call", "id": "call-1", "name": "look_up", "arguments": {"key": "blue"}}
    reasoned = {"type": "reasoning", "content": "Let me see"}
    assert json.loads(first["gen_ai.output.messages"]) == [
        {"role": "assistant", "parts": [reasoned, asked], "finish_reason": "tool_call"}
    ]
    said, called, answered = json.loads(second["gen_ai.input.messages"])
    assert (said["role"], said["parts"]) == ("user", [{"type": "text", "content": "Look."}])
    assert (called["role"], called["parts"]) == ("assistant", [asked])
    assert answered == {
        "role": "tool",
        "parts": [{"type": "tool_call_response", "id": "call-1", "response": "blue is ***"}],
    }


async def test_tools_tell_their_arguments_and_results_and_agents_their_last_reply(told):
    await agent(calling('{"key": "blue", "password": "hunter22"}'), "Here it is.").run(message="Look.")
    tool = told.attributes("execute_tool look_up")
    assert json.loads(tool["gen_ai.tool.call.arguments"]) == {"key": "blue", "password": "***"}
    assert tool["gen_ai.tool.call.result"] == "blue is ***"
    (reply,) = json.loads(told.attributes("invoke_agent ada")["gen_ai.output.messages"])
    assert reply["parts"] == [{"type": "text", "content": "Here it is."}]
    assert PLANTED not in told.texts()


async def test_errors_tell_what_happened_where_content_is_captured(told):
    with pytest.raises(Exception, match="down"):
        await agent(ModelError(f"down, said {PLANTED}")).run(message="Hi")
    assert told.one("chat scripted").status.description == "down, said ***"
    assert PLANTED not in told.texts()


async def test_everything_goes_through_ones_own_hook(telemetry: Telemetry):
    stop = instrument(content=True, redact=lambda text: f"<{len(text)}>", **telemetry.providers)
    try:
        await agent(calling('{"key": "blue"}'), "Here it is.").run(message="Look.")
    finally:
        stop()
    for text in ("blue", "Here it is", "Look.", "Be kind", "Let me see"):
        assert text not in telemetry.texts()
    assert "<5>" in telemetry.texts()


@pytest.mark.parametrize("hook", [lambda text: 1 / 0, lambda text: None], ids=["raises", "gives no text"])
async def test_a_hook_that_fails_withholds_what_it_was_given(telemetry: Telemetry, hook, caplog):
    stop = instrument(content=True, redact=hook, **telemetry.providers)
    try:
        assert (await agent("the answer").run(message="the question")).summary == "the answer"
    finally:
        stop()
    assert "the answer" not in telemetry.texts() + caplog.text
    assert "the question" not in telemetry.texts() + caplog.text
    assert content.WITHHELD in telemetry.texts()
    assert "redaction hook" in caplog.text


def test_a_hook_must_be_a_function():
    with pytest.raises(ConfigError, match="redact"):
        Tracing(redact="all")  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("value", "captured"),
    [("true", True), ("SPAN_ONLY", True), ("false", False), ("NO_CONTENT", False), ("EVENT_ONLY", False), ("", False)],
)
async def test_the_environment_can_ask_for_content(telemetry: Telemetry, monkeypatch, value, captured):
    monkeypatch.setenv(CONTENT_VARIABLE, value)
    await Tracing(**telemetry.providers).watch(agent("the answer").run(message="Hi"))
    assert ("the answer" in telemetry.texts()) is captured


def test_an_environment_that_cant_be_understood_is_an_error(monkeypatch):
    monkeypatch.setenv(CONTENT_VARIABLE, "perhaps")
    with pytest.raises(ConfigError, match=CONTENT_VARIABLE):
        Tracing()


async def test_pictures_are_named_and_not_carried(told):
    parts = [
        {"type": "text", "text": "What is this?"},
        {"type": "image_url", "image_url": {"url": "data:image/png;base64,QUJD"}},
        {"type": "image_url", "image_url": {"url": "https://me:secret@example.com/cat.png"}},
    ]
    await agent("A cat.").run(message={"role": "user", "content": parts})
    (asked,) = json.loads(told.attributes("chat scripted")["gen_ai.input.messages"])
    assert asked["parts"] == [
        {"type": "text", "content": "What is this?"},
        {"type": "image_url"},
        {"type": "uri", "modality": "image", "uri": "https://***@example.com/cat.png"},
    ]


# --- what is told by its looks


@pytest.mark.parametrize(
    "secret",
    [
        "sk-proj-abc_DEF-0123456789abcdef",
        "ghp_" + "0123456789abcdefghijABCDEFGHIJ012345",
        "github_pat_0123456789abcdefghij_ABCDEFG",
        "glpat-0123456789abcdefghij",
        "xoxb-0123456789-abcdefghij",
        "AKIA" + "IOSFODNN7EXAMPLE",
        "AIzaSyA0123456789abcdefghijklmnopqrstuv",
        "hf_abcdefghijABCDEFGHIJabcdef",
        "eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiIxMjM0In0.abc-DEF_123",
        "-----BEGIN RSA PRIVATE" + " KEY-----\nMIIabc\ndef==\n-----END RSA PRIVATE KEY-----",
        "-----BEGIN PRIVATE" + " KEY-----\nMIIcut off",
    ],
)
@pytest.mark.parametrize("around", ["{}", "the key is {}, they say", '{{"k": "{}"}}', "x={}&y=1", "({})"])
def test_keys_are_known_by_their_looks(secret, around):
    hidden = hide_secrets(around.format(secret))
    assert secret[:24] not in hidden
    assert "***" in hidden


@pytest.mark.parametrize(
    ("text", "hidden"),
    [
        ("postgresql://me:pa55@db/x", "postgresql://***@db/x"),
        ("http://:pa55@db/x", "http://***@db/x"),
        ("Authorization: Bearer abcdef.123456", "Authorization: Bearer ***"),
        ("authorization: basic dXNlcjpwYXNz", "authorization: basic ***"),
        ("OPENAI_API_KEY=abcdef0123", "OPENAI_API_KEY=***"),
        ("password: hunter22, user: me", "password: ***, user: me"),
        ('{\\"api_key\\": \\"abcdef0123\\"}', '{\\"api_key\\": \\"***\\"}'),
        ("client-secret='abcdef0123'", "client-secret='***'"),
    ],
)
def test_secrets_are_known_by_what_stands_before_them(text, hidden):
    assert hide_secrets(text) == hidden


@pytest.mark.parametrize(
    "text",
    [
        "The task-force met at 10:30; ask-me-anything-on-friday-please.",
        "max_tokens: 4096, the password policy, a token of esteem",
        "https://example.com/a:b@c is no login",
        "me@example.com",
        "risk-assessment-of-long-words",
    ],
)
def test_ordinary_text_stays(text):
    assert hide_secrets(text) == text


@given(st.text())
def test_any_text_can_be_looked_at_twice(text):
    once = hide_secrets(text)
    assert hide_secrets(once).count("***") >= once.count("***")


@pytest.mark.parametrize(
    "text",
    [
        "://" * 20_000,
        "a:" * 40_000,
        "sk-" * 30_000,
        "api_key" * 10_000,
        "eyJ." * 20_000,
        "a-" * 60_000,
        "eyJabcdefgh-" * 9_000,
    ],
)
def test_a_long_text_takes_no_longer_than_it_is_long(text):
    assert isinstance(hide_secrets(text), str)  # what grows with the square of it would not end here


@given(
    st.recursive(
        st.none() | st.booleans() | st.integers() | st.text(),
        lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
    )
)
def test_arguments_keep_their_shape(value):
    told = content.arguments(json.dumps(value), lambda text: text)
    assert (told if isinstance(value, str) else json.loads(told)) == value


@pytest.mark.parametrize("text", ["", "not json", "[" * 100_000, '{"a": '])
def test_arguments_that_are_no_json_are_told_as_they_are(text):
    assert content.arguments(text, lambda said: said) == text


@given(st.dictionaries(st.sampled_from(["role", "content", "tool_calls", "name", "x"]), st.none() | st.text()))
def test_any_message_can_be_told(message):
    message.pop("tool_calls", None)
    assert isinstance(json.loads(content.input_messages([message], lambda text: text)), list)
