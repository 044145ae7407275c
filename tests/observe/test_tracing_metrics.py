"""What is measured, and what tracing costs where nobody wants it."""

from __future__ import annotations

import builtins
import subprocess
import sys
from typing import Any

import pytest

import autogen_like
from autogen_like import AssistantAgent, MissingExtra, ModelError, ModelResponse, ScriptedModel, ToolCall, instrument
from autogen_like.core import steps
from autogen_like.core.usage import Usage
from autogen_like.testing.openai_server import OpenAIServer


def add(a: int, b: int) -> int:
    """Adds."""
    return a + b


CALL = (ToolCall("1", "add", '{"a": 1, "b": 2}'),)


def agent(*replies: Any, **more: Any) -> AssistantAgent:
    return AssistantAgent("ada", llm_config=ScriptedModel(list(replies)), tools=[add], **more)


async def test_requests_tokens_tools_agents_and_runs_are_measured(traced):
    usage = Usage(100, 20)
    await agent(ModelResponse(None, CALL, usage=usage), ModelResponse("3", usage=usage)).run(message="1 + 2?")
    (duration,) = traced.points("gen_ai.client.operation.duration")
    assert duration.count == 2
    assert dict(duration.attributes) == {
        "gen_ai.operation.name": "chat",
        "gen_ai.provider.name": "_OTHER",
        "gen_ai.request.model": "scripted",
        "gen_ai.response.model": "scripted",
    }
    tokens = {point.attributes["gen_ai.token.type"]: point for point in traced.points("gen_ai.client.token.usage")}
    assert {kind: (point.count, point.sum) for kind, point in tokens.items()} == {"input": (2, 200), "output": (2, 40)}
    assert tokens["input"].explicit_bounds[:4] == (1, 4, 16, 64)
    for name, labels in (
        ("gen_ai.execute_tool.duration", {"gen_ai.tool.name": "add"}),
        ("gen_ai.invoke_agent.duration", {"gen_ai.agent.name": "ada"}),
        ("gen_ai.workflow.duration", {"gen_ai.workflow.name": "ada"}),
    ):
        (point,) = traced.points(name)
        assert (point.count, dict(point.attributes)) == (1, labels)


async def test_an_agent_takes_as_long_as_its_turns_and_no_less_than_what_it_asks_for(traced):
    await agent("hi").run(message="Go")
    (agents,), (requests,), (runs,) = (
        traced.points(f"gen_ai.{name}.duration") for name in ("invoke_agent", "client.operation", "workflow")
    )
    assert requests.sum <= agents.sum <= runs.sum


async def test_what_fails_is_measured_with_its_kind(traced):
    with pytest.raises(Exception, match="busy"):
        await agent(ModelError("busy", status=503)).run(message="Go")
    for name in ("client.operation", "invoke_agent", "workflow"):
        (point,) = traced.points(f"gen_ai.{name}.duration")
        assert (point.count, point.attributes["error.type"]) == (1, "503")
    assert traced.points("gen_ai.client.token.usage") == []


async def test_tokens_that_were_only_estimated_are_not_measured(traced):
    await agent(ModelResponse("hi", usage=Usage(10, 2, estimated=True))).run(message="Go")
    assert traced.points("gen_ai.client.token.usage") == []
    assert traced.attributes("chat scripted")["autogen_like.usage.estimated"] is True


async def test_a_request_over_http_names_its_server_and_its_parameters(traced):
    with OpenAIServer(["Hello"]) as server:
        config = {
            "model": "gpt-4.1-mini",
            "base_url": server.base_url,
            "api_key": "sk-planted0123456789",
            "temperature": 0.5,
            "max_tokens": 9,
            "extra_headers": {"X-Key": "sk-planted0123456789"},
        }
        ada = AssistantAgent("ada", llm_config=config)
        await ada.run(message="Hi")
        assert ada.model_client is not None
        await ada.model_client.aclose()
        address = server.base_url
    about = traced.attributes("chat gpt-4.1-mini")
    assert about["gen_ai.provider.name"] == "openai"
    assert (about["gen_ai.request.temperature"], about["gen_ai.request.max_tokens"]) == (0.5, 9)
    assert f"//{about['server.address']}:{about['server.port']}/" in address
    assert isinstance(about["gen_ai.response.id"], str)
    assert traced.one("chat gpt-4.1-mini").kind.name == "CLIENT"
    assert "planted" not in traced.texts()


@pytest.mark.parametrize(
    ("config", "expected"),
    [
        ({}, ("openai", "api.openai.com:443")),
        ({"base_url": "http://me:pa55@host/v1"}, ("openai", "host:80")),
        ({"api_type": "google"}, ("gcp.gemini", "generativelanguage.googleapis.com:443")),
        (
            {"api_type": "azure", "base_url": "https://x.openai.azure.com"},
            ("azure.ai.openai", "x.openai.azure.com:443"),
        ),
        ({"config_list": [{"model": "m", "api_type": "groq", "api_key": "k"}] * 2}, ("groq", "api.groq.com:443")),
    ],
)
def test_who_serves_a_model_is_known_through_all_layers(config, expected):
    from autogen_like.models.layer import served_by

    ada = AssistantAgent("ada", llm_config={"model": "m", "api_key": "k", "max_retries": 2, **config})
    assert ada.model_client is not None
    assert served_by(ada.model_client) == expected


# --- what is off costs nothing


def test_agents_that_nobody_traces_never_import_opentelemetry():
    code = (
        "import sys;"
        "from autogen_like import AssistantAgent, GroupChat, GroupChatManager, ScriptedModel;"
        "ada = AssistantAgent('ada', llm_config=ScriptedModel(['hi', 'ho']), description='d');"
        "ada.initiate_chat(AssistantAgent('bob', llm_config=ScriptedModel(['hi'])), message='?', max_turns=1);"
        "print(*sorted(name for name in sys.modules if name.startswith(('opentelemetry', 'autogen_like.observe.'))))"
    )
    loaded = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout.split()
    assert not [name for name in loaded if name.startswith(("opentelemetry", "autogen_like.observe.tracing"))]


async def test_without_an_sdk_no_step_and_no_span_is_made(monkeypatch):
    made: list[object] = []
    monkeypatch.setattr(steps.Step, "__init__", lambda self, *_: made.append(self))
    for kind in (steps.RunStep, steps.TurnStep, steps.ModelStep, steps.ToolStep, steps.ConversationStep):
        monkeypatch.setattr(kind, "__init__", lambda self, *_, **__: made.append(self))
    stop = instrument()
    try:
        await agent(ModelResponse(None, CALL), "3").run(message="1 + 2?")
    finally:
        stop()
    assert made == []


def test_where_the_api_is_missing_the_error_names_the_extra(monkeypatch):
    real = builtins.__import__

    def without(name: str, *args: Any, **kwargs: Any) -> Any:
        if name.startswith("opentelemetry"):
            raise ImportError(f"No module named {name!r}", name=name)
        return real(name, *args, **kwargs)

    monkeypatch.delitem(sys.modules, "autogen_like.observe.spans", raising=False)
    monkeypatch.setattr(builtins, "__import__", without)
    with pytest.raises(MissingExtra, match=r"autogen_like\[otel\]"):
        autogen_like.Tracing()
