"""Tool calls are found in whatever form a model writes them, and text that only looks like one is left alone."""

from __future__ import annotations

import itertools
import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from autogen_like.serving.constrain.toolcalls import ToolCallStream, parse_tool_calls

NAMES = {"add", "get_weather"}
ADD = '{"name": "add", "arguments": {"a": 1, "b": 2}}'
WEATHER = '{"name": "get_weather", "arguments": {"city": "Zürich {north}"}}'

CALLS = {
    "tags": f"<tool_call>\n{ADD}\n</tool_call>",
    "tags left open": f"<tool_call>{ADD}",
    "bare": ADD,
    "bare with blanks": f"\n  {ADD}\n",
    "fenced": f"```json\n{ADD}\n```",
    "fenced without a language": f"```\n{ADD}\n```",
    "fenced in tags": f"<tool_call>\n```json\n{ADD}\n```\n</tool_call>",
    "doubled braces": '{{"name": "add", "arguments": {{"a": 1, "b": 2}}}}',
    "outer braces doubled": '<tool_call>{{"name": "add", "arguments": {"a": 1, "b": 2}}}</tool_call>',
    "called parameters": '{"name": "add", "parameters": {"a": 1, "b": 2}}',
    "encoded twice": '{"name": "add", "arguments": "{\\"a\\": 1, \\"b\\": 2}"}',
    "in a list": f"[{ADD}]",
    "in a list with an invented one": f'[{ADD}, {{"name": "unknown", "arguments": {{}}}}]',
    "on several lines": json.dumps(json.loads(ADD), indent=2),
}


@pytest.mark.parametrize("text", CALLS.values(), ids=CALLS)
def test_a_call_is_found_in_any_form(text: str) -> None:
    parsed = parse_tool_calls(text, NAMES)
    assert [(call.name, json.loads(call.arguments)) for call in parsed.calls] == [("add", {"a": 1, "b": 2})]
    assert parsed.content is None


TEXTS = [
    "Plain words.",
    "",
    "A set {1, 2} and a list [3].",
    '{"nation": "add"}',
    '{"name": "unknown", "arguments": {}}',
    '{"name": "add", "arguments": [1]}',
    '{"name": "add", "arguments": {"a": 1',
    "```python\nprint({'name': 'add'})\n```",
    '```json\n{"result": 3}\n```',
    "<tool_call>\nno json\n</tool_call>",
    "a < b and `code` and ``` open",
    '{{"name": "add", "arguments": {{"a": }}}}',
]


@pytest.mark.parametrize("text", TEXTS)
def test_text_that_is_no_call_is_left_as_it_is(text: str) -> None:
    parsed = parse_tool_calls(text, NAMES)
    assert (parsed.content, parsed.calls) == (text, ())


def test_words_around_calls_are_the_content() -> None:
    text = f"Let me see.\n<tool_call>{ADD}</tool_call>\n<tool_call>{WEATHER}</tool_call>\nDone."
    parsed = parse_tool_calls(text, NAMES)
    assert [call.name for call in parsed.calls] == ["add", "get_weather"]
    assert json.loads(parsed.calls[1].arguments) == {"city": "Zürich {north}"}
    assert parsed.content is not None
    assert parsed.content.split() == ["Let", "me", "see.", "Done."]


def test_each_call_has_its_own_id() -> None:
    calls = parse_tool_calls(f"[{ADD}, {ADD}]", NAMES).calls
    assert len({call.id for call in calls}) == 2


ALL = [*CALLS.values(), *TEXTS, f"First.\n{ADD}\nThen {{x}} and <b>.", f"Look: <tool_call>{WEATHER}</tool_call>"]


@given(text=st.sampled_from(ALL), cuts=st.lists(st.integers(0, 120)))
def test_a_stream_finds_what_the_whole_text_holds(text: str, cuts: list[int]) -> None:
    stream = ToolCallStream(NAMES)
    places = [0, *sorted({cut for cut in cuts if cut < len(text)}), len(text)]
    shown = "".join(stream.add(text[a:b]) for a, b in itertools.pairwise(places))
    rest, parsed = stream.finish()
    whole = parse_tool_calls(text, NAMES)
    assert [(call.name, call.arguments) for call in parsed.calls] == [
        (call.name, call.arguments) for call in whole.calls
    ]
    assert shown + rest == (parsed.content or "")
    assert (parsed.content or "").split() == (whole.content or "").split()


@given(text=st.text('ab{}[]"`<>:, \nnametool_call', max_size=40))
def test_a_stream_loses_and_invents_nothing(text: str) -> None:
    stream = ToolCallStream(NAMES)
    shown = "".join(stream.add(char) for char in text)
    rest, parsed = stream.finish()
    if not parsed.calls:
        assert shown + rest == parsed.content == text


@pytest.mark.parametrize(
    "text", ["Plain words.", "A set {1, 2}.", '{"nation": 1}', "```python\nx = {}", '{"name": "unknown", "arguments"']
)
def test_what_can_be_no_call_is_shown_at_once(text: str) -> None:
    stream = ToolCallStream(NAMES)
    assert "".join(stream.add(char) for char in text) == text


@pytest.mark.parametrize("text", ["<tool_call>\n{", '{"name": "add", "argu', '```json\n{"na', '{"name": "get_'])
def test_what_may_be_a_call_is_held_back(text: str) -> None:
    assert ToolCallStream(NAMES).add(text) == ""
