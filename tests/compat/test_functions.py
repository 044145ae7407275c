"""Functions: run in an agent's own way, only described, answered to whoever can only listen; and what texts hold."""

from __future__ import annotations

from typing import Any

import pytest

import autogen_like.compat as autogen
from autogen_like import Handoff
from autogen_like.compat import ConversableAgent


def calling(*names: str) -> dict[str, Any]:
    made = [
        {"id": name, "type": "function", "function": {"name": name, "arguments": '{"code": "x"}'}} for name in names
    ]
    return {"content": None, "tool_calls": made}


def echo(code: str) -> str:
    return code


class Counting(ConversableAgent):
    """Counts what it runs, and shouts what comes of it."""

    def __init__(self, name: str, **kwargs: Any) -> None:
        self.ran: list[str] = []
        super().__init__(name, llm_config=False, human_input_mode="NEVER", **kwargs)

    def execute_function(self, func_call: Any, verbose: bool = False) -> Any:
        self.ran.append(func_call["name"])
        done, said = super().execute_function(func_call, verbose)
        return done, {**said, "content": said["content"].upper()}


class CountingLater(Counting):
    async def a_execute_function(self, func_call: Any) -> Any:
        done, said = await super().a_execute_function(func_call)
        return done, {**said, "content": f"{said['content']}, later"}


def answer(agent: ConversableAgent, *names: str) -> Any:
    caller = ConversableAgent("caller", llm_config=False, human_input_mode="NEVER")
    return caller.initiate_chat(agent, message=calling(*names), max_turns=1, silent=True).chat_history[-1]


def test_calls_of_a_chat_go_through_the_override_also_those_of_functions_that_are_not_there() -> None:
    agent = Counting("agent", function_map={"echo": echo})
    assert [one["content"] for one in answer(agent, "echo", "other")["tool_responses"]] == [
        "X",
        "ERROR: FUNCTION OTHER NOT FOUND.",
    ]
    assert sorted(agent.ran) == ["echo", "other"]
    function_call = {"content": None, "function_call": {"name": "echo", "arguments": '{"code": "y"}'}}
    assert agent.generate_reply([{"role": "assistant", **function_call}])["content"] == "Y"
    assert agent.execute_function({"name": "echo", "arguments": '{"code": "z"}'})[1]["content"] == "Z"


async def test_each_kind_of_chat_takes_the_override_of_its_kind() -> None:
    agent, caller = CountingLater("agent", function_map={"echo": echo}), Counting("caller")
    result = await caller.a_initiate_chat(agent, message=calling("echo"), max_turns=1, silent=True)
    assert result.chat_history[-1]["content"] == "x, later"
    assert agent.ran == []
    only_sync = Counting("only_sync", function_map={"echo": echo})
    result = await caller.a_initiate_chat(only_sync, message=calling("echo"), max_turns=1, silent=True)
    assert result.chat_history[-1]["content"] == "X"


def test_the_sync_override_is_taken_in_sync_chats() -> None:
    assert answer(CountingLater("agent", function_map={"echo": echo}), "echo")["content"] == "X"


def test_what_is_no_function_is_run_as_ever() -> None:
    agent = Counting("agent", tools=[Handoff("bob")])
    assert "bob" in answer(agent, "transfer_to_bob")["content"]
    assert agent.ran == []


def test_what_is_only_described_is_listed_until_it_is_removed() -> None:
    agent = ConversableAgent("agent", llm_config={"model": "gpt-4", "functions": []})
    agent.update_function_signature({"name": "greet", "description": "Greets.", "parameters": {}}, is_remove=False)
    assert [one["name"] for one in agent.llm_config["functions"]] == ["greet"]
    agent.update_function_signature("greet", is_remove=True)
    assert not agent.llm_config.get("functions")


class Fake(autogen.Agent):
    """Has only what it says here; the protocol that it names has more."""

    def __init__(self) -> None:
        self.heard: list[Any] = []

    @property
    def name(self) -> str:
        return "fake"

    @property
    def description(self) -> str:
        return "Listens."

    async def a_receive(self, message: Any, sender: Any, request_reply: Any = None, silent: bool = False) -> None:
        self.heard.append(message)


async def test_who_names_the_protocol_has_only_its_own_methods() -> None:
    fake = Fake()
    agent = ConversableAgent("agent", human_input_mode="NEVER", function_map={"echo": echo})
    await agent.a_receive(calling("echo"), fake, request_reply=True, silent=True)
    (heard,) = fake.heard
    assert heard == {
        "role": "tool",
        "content": "x",
        "tool_responses": [{"tool_call_id": "echo", "role": "tool", "content": "x"}],
    }


@pytest.mark.parametrize(
    ("text", "attributes"),
    [
        ("<img https://example.org/a=b.png>", {"src": "https://example.org/a=b.png"}),
        ("<img url='https://example.org/?a=b c'>", {"url": "https://example.org/?a=b c"}),
        ('<img a.png width=100 alt="a = b">', {"src": "a.png", "width": "100", "alt": "a = b"}),
        ("<img text='Ada's engine' detail='low'/>", {"text": "Ada's engine", "detail": "low"}),
    ],
)
def test_tags_in_texts_have_attributes(text: str, attributes: dict[str, str]) -> None:
    (found,) = autogen.agentchat.utils.parse_tags_from_content("img", [{"type": "text", "text": f"See {text}!"}])
    assert found["attr"] == attributes


@pytest.mark.parametrize(
    ("text", "formatted"),
    [
        ('{\n"code": "a\nb\tc",\n"n": 1}', '{"code": "a\\nb\\tc","n": 1}'),
        ('{"code": "a=\\"hello\\""}', '{"code": "a=\\"hello\\""}'),
        ('{"code": "a\n', '{"code": "a\\n'),
        ("", ""),
    ],
)
def test_json_with_line_breaks_is_put_right(text: str, formatted: str) -> None:
    assert ConversableAgent._format_json_str(text) == formatted
