"""Constrained output: whatever the model would like to say, the reply is what it must be."""

from __future__ import annotations

import json
from typing import Any

import jsonschema
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from autogen_like.core.errors import ConfigError, MissingExtra
from autogen_like.serving.chat_model import ChatDelta, ChatModel, ChatReply, ChatRequest
from autogen_like.serving.constrain.grammar import (
    Constrainer,
    auto_grammar,
    call_schema,
    choice_grammar,
    schema_grammar,
)
from autogen_like.serving.engine import Sampling
from autogen_like.serving.engine.ops import expanded
from autogen_like.serving.engine.sequence import TokenConstraint

WEATHER = {
    "type": "function",
    "function": {
        "name": "get_weather",
        "description": "The weather in a city",
        "parameters": {
            "type": "object",
            "properties": {"city": {"type": "string", "maxLength": 20}, "unit": {"enum": ["C", "F"]}},
            "required": ["city", "unit"],
        },
    },
}
ADD = {
    "type": "function",
    "function": {
        "name": "add",
        "description": "Adds two numbers",
        "parameters": {
            "type": "object",
            "properties": {"a": {"$ref": "#/$defs/Small"}, "b": {"$ref": "#/$defs/Small"}},
            "required": ["a", "b"],
            "$defs": {"Small": {"type": "integer", "minimum": 0, "maximum": 99}},
        },
    },
}
NOTHING = {"type": "function", "function": {"name": "now"}}
SCHEMAS: list[dict[str, Any]] = [
    {
        "type": "object",
        "properties": {"name": {"type": "string", "maxLength": 12}, "age": {"type": "integer", "maximum": 120}},
        "required": ["name", "age"],
        "additionalProperties": False,
    },
    {"type": "array", "items": {"enum": ["red", "green", "blue"]}, "minItems": 2, "maxItems": 3},
    {"type": "object", "properties": {"ok": {"type": "boolean"}}, "required": ["ok"], "additionalProperties": False},
    {"anyOf": [{"type": "integer", "minimum": 10, "maximum": 99}, {"type": "null"}]},
    {"enum": ["a ß", 'b"', "c\\n"]},
]


def user(text: str) -> dict[str, Any]:
    return {"role": "user", "content": text}


def ask(model: ChatModel, text: str, **settings: Any) -> tuple[list[ChatDelta], ChatReply]:
    items = list(model.chat(ChatRequest([user(text)], **{"max_tokens": 80, **settings})))
    *deltas, reply = [item for item in items if item is not None]
    assert isinstance(reply, ChatReply)
    pieces = [item for item in deltas if isinstance(item, ChatDelta)]
    assert "".join(piece.text for piece in pieces if piece.kind == "text") == (reply.content or "")
    for index, call in enumerate(reply.tool_calls):
        mine = [piece for piece in pieces if piece.kind == "tool" and piece.index == index]
        assert "".join(piece.text for piece in mine) == call.arguments
        assert [piece.name for piece in mine if piece.name] == [call.name]
    return pieces, reply


@settings(max_examples=25, deadline=None)
@given(
    options=st.lists(
        st.text(st.characters(max_codepoint=0x2FFF, exclude_categories=["Cs", "Cc", "Cn"]), min_size=1, max_size=8),
        min_size=1,
        max_size=5,
    ),
    temperature=st.sampled_from([0.0, 1.5]),
)
def test_a_choice_is_always_one_of_the_options(chat_model: ChatModel, options: list[str], temperature: float) -> None:
    _, reply = ask(chat_model, "Choose.", choices=tuple(options), sampling=Sampling(temperature=temperature))
    assert reply.content in options
    assert reply.finish_reason == "stop"


def test_the_longer_of_two_options_can_be_chosen_too(chat_model: ChatModel) -> None:
    seen = {
        ask(chat_model, "Choose.", choices=("coder", "coder_two"), sampling=Sampling(temperature=3.0, seed=seed))[
            1
        ].content
        for seed in range(12)
    }
    assert seen == {"coder", "coder_two"}


@pytest.mark.parametrize("schema", SCHEMAS, ids=range(len(SCHEMAS)))
@pytest.mark.parametrize("temperature", [0.0, 1.0])
def test_json_always_fits_its_schema(chat_model: ChatModel, schema: dict[str, Any], temperature: float) -> None:
    _, reply = ask(chat_model, "Describe yourself.", schema=schema, sampling=Sampling(temperature=temperature, seed=5))
    assert reply.finish_reason == "stop"
    jsonschema.validate(json.loads(reply.content or ""), schema)


@pytest.mark.parametrize("temperature", [0.0, 1.0])
@pytest.mark.parametrize(("choice", "names"), [("required", {"get_weather", "add"}), ("add", {"add"})])
def test_a_forced_call_always_fits_its_tools_schema(
    chat_model: ChatModel, choice: str, names: set[str], temperature: float
) -> None:
    tools = {tool["function"]["name"]: tool["function"]["parameters"] for tool in (WEATHER, ADD)}
    pieces, reply = ask(
        chat_model,
        "What is the weather in Paris?",
        tools=[WEATHER, ADD],
        tool_choice=choice,
        sampling=Sampling(temperature=temperature, seed=2),
    )
    (call,) = reply.tool_calls
    assert (reply.content, reply.finish_reason) == (None, "tool_calls")
    assert call.name in names
    jsonschema.validate(json.loads(call.arguments), tools[call.name])
    assert call.arguments.startswith("{")
    assert len(pieces) > 1


def test_a_tool_without_parameters_is_called_with_none(chat_model: ChatModel) -> None:
    _, reply = ask(chat_model, "What time is it?", tools=[NOTHING], tool_choice="now")
    assert [(call.name, json.loads(call.arguments)) for call in reply.tool_calls] == [("now", {})]


def test_a_call_that_is_cut_says_so(chat_model: ChatModel) -> None:
    _, reply = ask(chat_model, "What is the weather?", tools=[WEATHER], tool_choice="required", max_tokens=15)
    assert reply.finish_reason == "length"
    assert reply.tool_calls[0].arguments.startswith('{"c')
    _, reply = ask(chat_model, "What is the weather?", tools=[WEATHER], tool_choice="required", max_tokens=3)
    assert reply.tool_calls == ()
    assert reply.content


def test_with_tools_on_offer_plain_words_remain_possible(chat_model: ChatModel) -> None:
    pieces, reply = ask(chat_model, "What is the capital of France?", tools=[ADD])
    assert "Paris" in (reply.content or "")
    assert reply.tool_calls == ()
    assert len(pieces) > 3


def test_tools_may_be_shown_to_nobody(chat_model: ChatModel) -> None:
    with_none = chat_model.prompt(ChatRequest([user("Hi")], tools=[ADD], tool_choice="none"))
    assert with_none == chat_model.prompt(ChatRequest([user("Hi")]))
    _, reply = ask(chat_model, "Hi", tools=[ADD], tool_choice="none", max_tokens=4)
    assert reply.tool_calls == ()


# --- the grammar of "auto", token by token


def allowed(constraint: TokenConstraint) -> torch.Tensor:
    bits = constraint.bits()
    return expanded(bits[None], 32 * len(bits))[0]


def spelled(model: ChatModel, grammar: str, text: str) -> str:
    """Feeds a text to a grammar, and gives how much of it was allowed."""
    tokenizer = model.engine.tokenizer
    constraint = Constrainer(tokenizer, model.engine.model.config.vocabulary).constraint(grammar)()
    accepted = ""
    for token in tokenizer.encode_plain(text):
        if not allowed(constraint)[token]:
            break
        accepted += tokenizer.decode([token])
        constraint.accept(token)
    return accepted


GOOD = '<tool_call>\n{"name": "add", "arguments": {"a": 1, "b": 22}}\n</tool_call>'


@pytest.mark.parametrize("text", ["Hello.", "a < b <tool", "x\n\n{1}", GOOD, f"Let me see.\n{GOOD}"])
def test_auto_allows_words_and_right_calls(chat_model: ChatModel, text: str) -> None:
    assert spelled(chat_model, auto_grammar([ADD, WEATHER]), text) == text


@pytest.mark.parametrize(
    "text",
    [
        '<tool_call>\n{"name": "sub", "arguments": {}}',
        '<tool_call>\n{"name": "add", "arguments": {"a": "one"}}',
        "<tool_call>\nLet me",
        f"{GOOD} and more",
    ],
)
def test_auto_allows_no_wrong_call_and_no_words_behind_one(chat_model: ChatModel, text: str) -> None:
    assert spelled(chat_model, auto_grammar([ADD, WEATHER]), text) != text


def test_auto_allows_several_calls_only_where_it_is_told_to(chat_model: ChatModel) -> None:
    text = f"{GOOD}\n{GOOD}"
    assert spelled(chat_model, auto_grammar([ADD]), text) != text
    assert spelled(chat_model, auto_grammar([ADD], parallel=True), text) == text


def test_a_call_in_auto_is_taken_apart(chat_model: ChatModel) -> None:
    wish = f"Say exactly: {GOOD.replace('22', '2')}"
    pieces, reply = ask(chat_model, wish, tools=[ADD])
    assert [(call.name, call.arguments) for call in reply.tool_calls] == [("add", '{"a": 1, "b": 2}')]
    assert (reply.content, reply.finish_reason) == (None, "tool_calls")
    assert [piece.kind for piece in pieces] == ["tool"]


# --- what is refused


def test_a_schema_that_cannot_be_is_refused(chat_model: ChatModel) -> None:
    with pytest.raises(ConfigError, match="can't be constrained"):
        ask(chat_model, "Hi", schema={"type": "strange"})


@pytest.mark.parametrize("options", [(), ("a", "")])
def test_a_choice_of_nothing_is_refused(options: tuple[str, ...]) -> None:
    with pytest.raises(ConfigError, match="a choice needs options"):
        choice_grammar(options)


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"choices": ("a",), "schema": {}}, "not both"),
        ({"max_tokens": 0}, "'max_tokens' must be at least 1"),
        ({"logprobs": 21}, "'top_logprobs'"),
        ({"tool_choice": "required"}, "needs tools"),
        ({"tool_choice": "sub", "tools": [ADD]}, "names 'sub', but the tools are"),
    ],
)
def test_a_request_that_contradicts_itself_is_refused(
    chat_model: ChatModel, settings: dict[str, Any], message: str
) -> None:
    with pytest.raises(ConfigError, match=message):
        ask(chat_model, "Hi", **settings)


def test_without_llguidance_the_extra_is_named(chat_model: ChatModel, monkeypatch: pytest.MonkeyPatch) -> None:
    import sys

    monkeypatch.setitem(sys.modules, "llguidance", None)
    with pytest.raises(MissingExtra, match=r"autogen_like\[local\]"):
        Constrainer(chat_model.engine.tokenizer, 10)


# --- details


def test_a_mask_covers_logits_beyond_the_vocabulary(chat_model: ChatModel) -> None:
    tokenizer = chat_model.engine.tokenizer
    constraint = Constrainer(tokenizer, tokenizer.size + 45).constraint(choice_grammar(["yes", "no"]))()
    mask = expanded(constraint.bits()[None], tokenizer.size + 45)[0]
    assert mask.shape == (tokenizer.size + 45,)
    assert {tokenizer.decode([token]) for token in mask.nonzero().flatten().tolist()} == {"y", "ye", "yes", "n", "no"}


def test_definitions_of_several_tools_are_put_at_the_root() -> None:
    schema = call_schema([WEATHER, ADD])
    assert set(schema["$defs"]) == {"Small"}
    jsonschema.validate({"name": "add", "arguments": {"a": 1, "b": 2}}, schema)
    with pytest.raises(jsonschema.ValidationError):
        jsonschema.validate({"name": "add", "arguments": {"a": 1, "b": 200}}, schema)
    assert "$defs" not in json.loads(schema_grammar(call_schema([WEATHER])).removeprefix("start: %json "))


def test_grammars_are_compiled_once(chat_model: ChatModel) -> None:
    first = chat_model._grammar(choice_grammar(["a", "b"]))
    assert chat_model._grammar(choice_grammar(["a", "b"])) is first
    for number in range(40):
        chat_model._grammar(choice_grammar([f"x{number}"]))
    assert chat_model._grammar(choice_grammar(["a", "b"])) is not first


def test_logprobs_have_openais_form(chat_model: ChatModel) -> None:
    _, reply = ask(chat_model, "What is the capital of France?", logprobs=2, max_tokens=3)
    assert reply.logprobs is not None
    first = reply.logprobs["content"][0]
    assert (first["token"], bytes(first["bytes"])) == ("The", b"The")
    assert len(reply.logprobs["content"]) == 3
    assert next(entry["token"] for entry in first["top_logprobs"]) == "The"
