"""The tool call reward: all or nothing, and nothing for what only looks right."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from autogen_like import AssistantAgent, ConfigError, Message, ModelResponse, ScriptedModel, ToolCall, tool_call_reward

GOLD = [{"name": "weather", "arguments": {"city": "Rome", "days": 3}}, {"name": "time", "arguments": {}}]
WEATHER = '{"name": "weather", "arguments": {"days": 3, "city": "Rome"}}'
TIME = '{"arguments": {}, "name": "time"}'


def text(calls: str, think: str = "<think>Let me see.</think>\n") -> str:
    return f"{think}<tool_call>\n{calls}\n</tool_call>"


@pytest.mark.parametrize(
    "output",
    [
        text(f"{WEATHER}\n{TIME}"),
        text(f"{TIME}\n{WEATHER}"),
        text(f"[{TIME}, {WEATHER}]"),
        text(TIME) + f"\n<tool_call>{WEATHER}</tool_call>\n",
        [ToolCall("1", "time", "{}"), ToolCall("2", "weather", '{"city": "Rome", "days": 3.0}')],
        Message("ada", None, (ToolCall("1", "time", "{}"), ToolCall("2", "weather", '{"days": 3, "city": "Rome"}'))),
        ModelResponse(None, (ToolCall("1", "time", "{}"), ToolCall("2", "weather", '{"days": 3, "city": "Rome"}'))),
        GOLD,
    ],
)
def test_the_right_calls_are_right_in_any_order_and_form(output: Any) -> None:
    assert tool_call_reward(output, GOLD) == 1.0


@pytest.mark.parametrize(
    "output",
    [
        text(WEATHER),  # one is missing
        text(f"{WEATHER}\n{TIME}\n{TIME}"),  # one too many
        text(f'{TIME}\n{{"name": "weather", "arguments": {{"city": "Rome", "days": 3, "unit": "C"}}}}'),
        text(f'{TIME}\n{{"name": "weather", "arguments": {{"city": "Rome", "days": "3"}}}}'),
        text(f'{TIME}\n{{"name": "weather", "arguments": {{"city": "Rome", "days": true}}}}'),
        text(f"{WEATHER}\n{TIME}", think=""),  # without a thought
        text(f"{WEATHER}\n{TIME}") + " There you are.",
        "Sure! " + text(f"{WEATHER}\n{TIME}"),
        text(f"{WEATHER}\n{TIME}").replace("</tool_call>", ""),
        text(f"{WEATHER}, {TIME}"),
        text("null"),
        text('{"name": "time", "arguments": {"a": NaN}}'),
        text("[" * 100_000),
        "",
        None,
        3,
    ],
)
def test_anything_else_is_worth_nothing(output: Any) -> None:
    assert tool_call_reward(output, GOLD) == 0.0


async def test_a_chat_is_judged_by_all_calls_in_it() -> None:
    def look(city: str) -> str:
        """Looks out of the window."""
        return "sunny"

    model = ScriptedModel([ModelResponse(None, (ToolCall("1", "look", '{"city": "Rome"}'),)), "Sunny."])
    result = await AssistantAgent("ada", llm_config=model, tools=[look]).run(message="Weather?")
    assert tool_call_reward(result, {"name": "look", "arguments": {"city": "Rome"}}) == 1.0


def test_partial_credit_is_for_the_form_and_the_names() -> None:
    wrong = text(WEATHER.replace("Rome", "Oslo") + TIME)
    assert tool_call_reward(wrong, GOLD, binary=False) == pytest.approx(0.4)
    assert tool_call_reward(text(TIME), GOLD, binary=False) == pytest.approx(0.2)
    assert tool_call_reward("nothing", GOLD, binary=False) == 0.0
    assert tool_call_reward(text(WEATHER + TIME), GOLD, binary=False) == 1.0


@pytest.mark.parametrize("gold", ["weather", [{"name": "weather"}], 3, [{"name": 3, "arguments": {}}], [None]])
def test_right_calls_that_are_none_are_told(gold: Any) -> None:
    with pytest.raises(ConfigError, match="gold must be calls"):
        tool_call_reward("x", gold)


CALLS = st.lists(
    st.fixed_dictionaries(
        {
            "name": st.text(max_size=5),
            "arguments": st.dictionaries(st.text(max_size=3), st.none() | st.booleans() | st.integers() | st.text()),
        }
    ),
    max_size=4,
)


@given(CALLS, CALLS, st.randoms())
def test_it_is_one_exactly_where_the_calls_are_the_same(calls: Any, others: Any, chance: Any) -> None:
    shuffled = [
        {"arguments": dict(chance.sample(sorted(call["arguments"].items()), len(call["arguments"]))), **call}
        for call in chance.sample(calls, len(calls))
    ]
    assert tool_call_reward(shuffled, calls) == 1.0
    key = [json.dumps(call, sort_keys=True) for call in calls]
    other = [json.dumps(call, sort_keys=True) for call in others]
    assert tool_call_reward(others, calls) == float(sorted(key) == sorted(other))


@given(st.text())
def test_no_text_makes_it_fail(anything: str) -> None:
    assert tool_call_reward(anything, GOLD) == 0.0
    assert tool_call_reward(text(anything), GOLD) == 0.0
