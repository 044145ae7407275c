"""What each policy leaves of a conversation."""

from __future__ import annotations

import copy
import pickle
from typing import Any

import pytest

from autogen_like import AssistantAgent, ConfigError, ModelResponse, ScriptedModel, ToolCall, UserProxyAgent
from autogen_like.agents.context import (
    Context,
    ContextPolicy,
    DropToolResults,
    HeadAndTail,
    LastMessages,
    MaxTokens,
    ShortenToolResults,
    Stage,
)


def say(*texts: str) -> list[dict[str, Any]]:
    return [{"role": "user", "name": "ada", "content": text} for text in texts]


def call(*ids: str, text: str | None = None) -> dict[str, Any]:
    calls = [{"id": one, "type": "function", "function": {"name": "f", "arguments": "{}"}} for one in ids]
    return {"role": "assistant", "name": "bob", "content": text, "tool_calls": calls}


def result(one: str, content: str = "ok") -> dict[str, Any]:
    return {"role": "tool", "tool_call_id": one, "content": content}


def contents(wires: Any) -> list[Any]:
    return [wire["content"] for wire in wires]


def test_the_newest_messages_stay_where_autogen_02_lost_the_very_newest() -> None:
    said = [*say("question"), call("1", "2"), result("1"), result("2"), *say("latest")]
    assert LastMessages(3).apply(said) == said[-1:], "a call with its two results and the latest are four messages"
    assert LastMessages(4).apply(said) == said[1:]
    assert LastMessages(1).apply(said) == said[-1:]


def test_the_newest_results_are_whole_even_above_the_limit() -> None:
    said = [*say("question"), call("1", "2", "3"), result("1"), result("2"), result("3")]
    assert LastMessages(1).apply(said) == said[1:]


def test_ids_that_a_server_uses_again_are_no_trouble() -> None:
    said = [call("1"), result("1", "a"), *say("x"), call("1"), result("1", "b")]
    assert contents(LastMessages(3).apply(said)) == ["x", None, "b"]


def test_results_of_one_message_count_as_one() -> None:
    results = {"role": "tool", "tool_responses": [result("1"), result("2")], "content": "ok\n\nok"}
    said = [*say("a"), call("1", "2"), results]
    assert len(LastMessages(3).apply(said)) == 4


def test_what_a_person_said_with_the_results_is_kept() -> None:
    interrupted = {"role": "tool", "name": "cyd", "tool_responses": [result("1")], "content": "Stop!"}
    shown = LastMessages(5).apply([call("1"), interrupted])
    assert shown[1:] == [result("1"), {"role": "user", "name": "cyd", "content": "Stop!"}]


def test_the_retired_function_call_goes_with_its_result() -> None:
    made = {"role": "assistant", "content": None, "function_call": {"name": "f", "arguments": "{}"}}
    said = [*say("a"), made, {"role": "function", "name": "f", "content": "ok"}]
    assert LastMessages(1).apply(said) == said[1:]
    assert DropToolResults(1).apply([*said, *say("b")]) == [*say("a"), *say("b")]


def test_head_and_tail_mark_the_gap_once_there_is_one() -> None:
    assert contents(HeadAndTail(2, 2).apply(say(*"abcd"))) == list("abcd")
    assert contents(HeadAndTail(2, 2, note="[...]").apply(say(*"abcdefg"))) == ["a", "b", "[...]", "f", "g"]
    assert contents(HeadAndTail(1, 2, note=None).apply(say(*"abcdefg"))) == ["a", "f", "g"]


def test_a_call_in_the_head_keeps_its_results() -> None:
    said = [*say("a"), call("1"), result("1"), *say(*"bcd")]
    assert contents(HeadAndTail(2, 1, note=None).apply(said)) == ["a", None, "ok", "d"]


def test_tokens_are_kept_within_a_budget() -> None:
    said = say(*(f"{index} " + "word " * 20 for index in range(30)))
    shown = MaxTokens(100).apply(said, "gpt-4")
    assert shown == said[-len(shown) :]
    assert 2 <= len(shown) <= 5
    with_task = MaxTokens(100, first=1).apply(said, "gpt-4")
    assert with_task[0] == said[0]
    assert len(with_task) == len(shown)


def test_a_newest_message_above_the_budget_is_all_that_is_seen() -> None:
    said = say("a", "b", "word " * 500)
    assert MaxTokens(50).apply(said) == said[-1:]


def test_old_results_are_shortened_and_new_ones_are_whole() -> None:
    long = "x" * 500
    said = [call("1"), result("1", long), *say("a"), call("2"), result("2", long), *say("b")]
    shown = ShortenToolResults(2, to=5).apply(said)
    assert contents(shown) == [None, "xxxxx [495 more characters were left out]", "a", None, long, "b"]
    assert shown[0] is said[0]


def test_a_short_result_is_not_made_longer() -> None:
    said = [call("1"), result("1", "x" * 30), *say(*"abc")]
    assert ShortenToolResults(1, to=0).apply(said) == said


def test_old_calls_are_dropped_with_their_results_but_not_what_was_said_along() -> None:
    said = [call("1", text="I'll look"), result("1"), *say("a"), call("2"), result("2"), *say(*"bc")]
    assert contents(DropToolResults(2).apply(said)) == ["I'll look", "a", "b", "c"]


def test_policies_work_in_order() -> None:
    long = "word " * 200
    said = [*say("task"), call("1"), result("1", long), *say(*"abc"), call("2"), result("2", long), *say("now")]
    both = ShortenToolResults(2, to=10) | LastMessages(6)
    assert repr(both) == "ShortenToolResults(2, to=10) | LastMessages(6)"
    assert contents(both.apply(said))[:3] == ["a", "b", "c"]
    assert both.apply_transform(said) == both.apply(said), "AutoGen 0.2's name"
    assert contents((HeadAndTail(5, 5, note=None) | LastMessages(10)).apply(say(*map(str, range(20))))) == [
        *map(str, range(5)),
        *map(str, range(15, 20)),
    ]


@pytest.mark.parametrize(
    ("make", "told"),
    [
        (lambda: LastMessages(0), "LastMessages needs numbers of at least 1"),
        (lambda: HeadAndTail(-1, 2), "at least 0"),
        (lambda: HeadAndTail(1, 0), "at least 1"),
        (lambda: MaxTokens(0), "MaxTokens"),
        (lambda: ShortenToolResults(0), "ShortenToolResults"),
        (lambda: Context(20), "LastMessages\\(20\\)"),  # type: ignore[arg-type]
        (lambda: Context([]), "an empty list"),
        (lambda: AssistantAgent("ada", context="short"), "not 'short'"),  # type: ignore[arg-type]
    ],
)
def test_a_wrong_setting_is_named(make: Any, told: str) -> None:
    with pytest.raises(ConfigError, match=told):
        make()


def chat(context: Any, turns: int = 4, **settings: Any) -> tuple[ScriptedModel, AssistantAgent, UserProxyAgent]:
    model = ScriptedModel([f"reply {index}" for index in range(turns)])
    agent = AssistantAgent("ada", llm_config=model, context=context, **settings)
    user = UserProxyAgent("user", human_input_mode="NEVER", default_auto_reply="go on")
    user.initiate_chat(agent, message="start", max_turns=turns, silent=True)
    return model, agent, user


def test_an_agents_model_sees_what_the_context_shows() -> None:
    model, agent, _ = chat(LastMessages(2))
    assert [len(request.messages) for request in model.requests] == [1, 2, 2, 2]
    assert contents(model.requests[-1].messages) == ["reply 2", "go on"]
    assert len(next(iter(agent.chat_messages.values()))) == 8, "the transcript has it all"
    assert repr(agent.context) == "Context(LastMessages(2))"


def test_the_context_can_be_changed_and_taken_away() -> None:
    agent = AssistantAgent("ada", llm_config=ScriptedModel(lambda _: "hm"), context=[LastMessages(5), MaxTokens(100)])
    other = AssistantAgent("bob", context=None)
    assert other.context is None
    other.context = agent.context
    assert repr(other.context) == "Context(LastMessages(5) | MaxTokens(100))"
    assert other.context is not agent.context
    agent.context = None
    assert agent.context is None


def test_what_was_forgotten_is_not_seen() -> None:
    model = ScriptedModel(lambda _: "hm")
    agent = AssistantAgent("ada", llm_config=model, context=LastMessages(50))
    user = UserProxyAgent("user", human_input_mode="NEVER")
    user.initiate_chat(agent, message="one", max_turns=1, silent=True)
    agent.clear_history()
    user.initiate_chat(agent, message="two", max_turns=1, silent=True, clear_history=False)
    assert contents(model.requests[-1].messages) == ["two"]


def test_hooks_edit_first_and_the_context_shows_what_they_made() -> None:
    model = ScriptedModel(lambda _: "hm")
    agent = AssistantAgent("ada", llm_config=model, context=LastMessages(2))
    agent.register_hook("process_last_received_message", lambda text: f"{text} (and remember the milk)")
    agent.register_hook(
        "process_all_messages_before_reply", lambda messages: [*messages[:-1], *say("extra"), messages[-1]]
    )
    user = UserProxyAgent("user", human_input_mode="NEVER", default_auto_reply="go on")
    user.initiate_chat(agent, message="start", max_turns=3, silent=True)
    assert contents(model.requests[-1].messages) == ["extra", "go on (and remember the milk)"]


def test_tools_that_ran_are_seen_whole() -> None:
    def look() -> str:
        """Looks."""
        return "a cat"

    asked = ScriptedModel([ModelResponse(None, (ToolCall("1", "look", "{}"),)), "done"])
    agent = AssistantAgent("ada", llm_config=asked, tools=[look], context=LastMessages(1))
    user = UserProxyAgent("user", human_input_mode="NEVER")
    user.initiate_chat(agent, message="Look!", max_turns=1, silent=True)
    assert contents(asked.requests[-1].messages) == [None, "a cat"]


def test_an_agent_with_a_context_can_be_copied() -> None:
    context = Context(LastMessages(3))
    assert repr(copy.deepcopy(context)) == repr(pickle.loads(pickle.dumps(context))) == "Context(LastMessages(3))"


def test_a_policy_of_ones_own_needs_one_method() -> None:
    class WithoutShouting(ContextPolicy):
        def begin(self, counter: Any) -> Stage:
            class Calm(Stage):
                def take(self, edits: Any) -> Any:
                    return [(place, None if loud(piece) else piece) for place, piece in edits]

            return Calm()

    def loud(piece: Any) -> bool:
        return piece is not None and all(str(wire["content"]).isupper() for wire in piece.wires)

    assert contents((WithoutShouting() | LastMessages(2)).apply(say("a", "B", "C", "d", "E", "f"))) == ["d", "f"]
    assert contents(WithoutShouting().apply(say("a", "B"))) == ["a", "B"], "the newest is shown in any case"
    assert contents(WithoutShouting().apply(say("a", "B", "c", "D"))) == ["a", "c", "D"]
