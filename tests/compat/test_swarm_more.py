"""Swarms that go on, and functions that agents are given when they are made."""

from __future__ import annotations

import json
from typing import Any, Literal

import pytest

from autogen_like import ModelRequest, ModelResponse, ScriptedModel, ToolCall, ToolSchemaError
from autogen_like.compat import AfterWork, ConversableAgent, SwarmResult, initiate_swarm_chat


def calling(name: str, **arguments: Any) -> dict[str, Any]:
    function = {"name": name, "arguments": json.dumps(arguments)}
    return {"content": None, "tool_calls": [{"id": "1", "type": "function", "function": function}]}


def said(result: Any) -> list[tuple[str | None, Any]]:
    return [(message.get("name"), message["content"]) for message in result.chat_history]


def agent(name: str, text: str = "Yes.", **settings: Any) -> ConversableAgent:
    return ConversableAgent(name, human_input_mode="NEVER", default_auto_reply=text, **settings)


def test_a_chat_that_goes_on_gives_the_first_turn_to_the_initial_agent_whoever_spoke_last() -> None:
    one, two = agent("one"), agent("two")
    before = [{"role": "user", "content": "Hi", "name": "one"}, {"role": "user", "content": "Ho", "name": "two"}]
    assert said(initiate_swarm_chat(one, before, [one, two], silent=True)[0])[2:] == [("one", "Yes.")]
    assert said(initiate_swarm_chat(two, before, [one, two], silent=True)[0])[2:] == [("two", "Yes.")]


def test_a_chat_that_goes_on_runs_the_tools_that_were_called_last() -> None:
    done: list[str] = []

    def book(city: str) -> str:
        done.append(city)
        return "Booked."

    one, two = agent("one"), agent("two", llm_config=ScriptedModel(["Yes."]), functions=[book])
    before = [{"role": "user", "content": "Hi"}, {"role": "assistant", "name": "two", **calling("book", city="Rome")}]
    result, _, _ = initiate_swarm_chat(one, before, [one, two], silent=True)
    assert done == ["Rome"]
    assert said(result)[2:] == [("_Swarm_Tool_Executor", "Booked."), ("one", "Yes.")]


def test_who_has_no_name_is_the_user() -> None:
    one = agent("one")
    before = [{"role": "user", "content": "Hi"}, {"role": "user", "content": "Ho", "name": "one"}]
    assert said(initiate_swarm_chat(one, before, [one], silent=True)[0])[0] == (None, "Hi")
    user = agent("ada")
    assert said(initiate_swarm_chat(one, before, [one], user, silent=True)[0])[0] == ("ada", "Hi")


def test_an_empty_reply_is_a_message_and_none_ends_the_chat() -> None:
    one, two = agent("one", ""), agent("two")
    result, _, _ = initiate_swarm_chat(one, "Hi", [one, two], after_work=AfterWork(two), max_rounds=3, silent=True)
    assert said(result) == [(None, "Hi"), ("one", ""), ("two", "Yes.")]
    two.register_reply([ConversableAgent, None], lambda *_args, **_kwargs: (True, None))
    result, _, _ = initiate_swarm_chat(one, "Hi", [one, two], after_work=AfterWork(two), silent=True)
    assert said(result) == [(None, "Hi"), ("one", "")]


def test_functions_are_offered_to_the_agents_model_and_run_by_the_agent() -> None:
    offered: list[Any] = []

    def words(request: ModelRequest) -> str:
        offered.extend(tool["function"] for tool in request.tools)
        return "Yes."

    async def paint(color: Literal["red", "blue"], context_variables: dict[str, Any], times: int = 1) -> str:
        """Paints."""
        return f"{color} {times} {context_variables['who']}"

    def plain() -> str:
        return "plain"

    made = agent("one", llm_config=ScriptedModel(words), functions=[paint, plain], context_variables={"who": "ada"})
    made.generate_reply([{"role": "user", "content": "Hi"}])
    assert [(one["name"], one["description"]) for one in offered] == [("paint", "Paints."), ("plain", "plain")]
    assert set(offered[0]["parameters"]["properties"]) == {"color", "times"}
    assert offered[0]["parameters"]["properties"]["color"]["enum"] == ["red", "blue"]
    assert set(made.function_map) == {"paint", "plain"}
    reply = made.generate_reply([calling("paint", color="red")])
    assert reply["tool_responses"][0]["content"] == "red 1 ada"


def test_functions_of_any_agent_share_a_swarms_variables_and_hand_over() -> None:
    two = agent("two")

    def count(context_variables: dict[str, Any]) -> SwarmResult:
        return SwarmResult("Counted.", two, {"n": context_variables["n"] + 1})

    one = agent(
        "one",
        llm_config=ScriptedModel([ModelResponse(None, (ToolCall("1", "count", "{}"),), model="m")]),
        functions=count,
    )
    result, variables, last = initiate_swarm_chat(one, "Hi", [one, two], context_variables={"n": 1}, silent=True)
    assert (variables, last) == ({"n": 2}, two)
    assert said(result)[2:] == [("_Swarm_Tool_Executor", "Counted."), ("two", "Yes.")]


@pytest.mark.parametrize("wrong", [["book"], 7, {"book": 1}])
def test_what_is_no_function_is_refused(wrong: Any) -> None:
    with pytest.raises(TypeError, match="functions must be"):
        agent("one", functions=wrong)


def test_a_hint_that_cannot_be_found_is_named() -> None:
    def odd(what: Unknown, context_variables: dict[str, Any]) -> str:  # type: ignore[name-defined]  # noqa: F821
        return str(what)

    with pytest.raises(ToolSchemaError, match="the hint 'Unknown' can't be found"):
        agent("one", llm_config=ScriptedModel(["Yes."]), functions=[odd])
