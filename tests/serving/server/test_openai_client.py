"""OpenAI's own client against a real server of a random model: what it sends is understood, what it gets is read."""

from __future__ import annotations

import json
from typing import Any

import jsonschema
import openai
import pytest
from openai.types.chat import ChatCompletionMessage

from autogen_like.serving.server import ModelServer

from .asking import ASK, CALC, HELLO, LOOK, post


def chat(client: openai.OpenAI, **settings: Any) -> Any:
    return client.chat.completions.create(**{**ASK, "temperature": 0, "max_tokens": 12, **settings})


def test_a_chat_is_answered(client):
    reply = chat(client)
    assert reply.object == "chat.completion"
    assert reply.model == "tiny"
    (choice,) = reply.choices
    assert choice.message.role == "assistant"
    assert choice.message.content
    assert choice.finish_reason == "length"
    assert reply.usage.completion_tokens == 12
    assert reply.usage.total_tokens == reply.usage.prompt_tokens + 12


def test_a_stream_has_the_same_words(client):
    whole = chat(client)
    pieces = list(chat(client, stream=True, stream_options={"include_usage": True}))
    assert len({piece.id for piece in pieces}) == 1
    assert pieces[0].choices[0].delta.role == "assistant"
    said = "".join(choice.delta.content or "" for piece in pieces for choice in piece.choices)
    assert said == whole.choices[0].message.content
    assert pieces[-2].choices[0].finish_reason == "length"
    assert pieces[-1].choices == []
    assert pieces[-1].usage.completion_tokens == 12
    assert pieces[-1].usage.prompt_tokens_details.cached_tokens > 0  # of the whole one


def test_a_stream_tells_no_usage_where_nobody_asks(client):
    assert all(piece.usage is None for piece in chat(client, stream=True))


def test_several_replies_to_one_question(client):
    settings = {"n": 3, "temperature": 1.5, "seed": 5}
    replies = chat(client, **settings)
    assert [choice.index for choice in replies.choices] == [0, 1, 2]
    texts = [choice.message.content for choice in replies.choices]
    assert len(set(texts)) > 1
    assert replies.usage.completion_tokens <= 36
    streamed = ["", "", ""]
    for piece in chat(client, stream=True, **settings):
        for choice in piece.choices:
            streamed[choice.index] += choice.delta.content or ""
    assert streamed == texts  # the same seed, the same chance


def test_temperature_is_one_where_nobody_says_otherwise(client):
    texts = {chat(client, temperature=openai.omit, seed=seed).choices[0].message.content for seed in range(4)}
    assert len(texts) > 1


def test_a_biased_token_wins_or_never_comes(client):
    wanted = ord("b") - ord("!")  # its id
    told = chat(client, logit_bias={wanted: 100}, max_tokens=4)
    assert told.choices[0].message.content == "bbbb"
    told = chat(client, logit_bias={wanted: 100, wanted + 1: 100}, n=2, temperature=2, max_tokens=20, seed=1)
    assert {letter for choice in told.choices for letter in choice.message.content} <= {"b", "c"}
    told = chat(client, logit_bias={wanted: -100}, n=2, temperature=2, max_tokens=20, seed=1)
    assert not any("b" in choice.message.content for choice in told.choices)


def test_penalties_change_what_is_said(client):
    told = chat(client, logit_bias={"65": 5, "66": 5}, frequency_penalty=2, presence_penalty=2, max_tokens=12)
    plain = chat(client, logit_bias={"65": 5, "66": 5}, max_tokens=12)
    assert told.choices[0].message.content != plain.choices[0].message.content


def test_a_stop_string_ends_the_reply_and_is_not_in_it(client):
    text = chat(client).choices[0].message.content
    stop = text[4:6]
    reply = chat(client, stop=[stop, "never said"])
    assert reply.choices[0].finish_reason == "stop"
    assert reply.choices[0].message.content == text[: text.index(stop)]


def test_log_probabilities_come_whole_and_streamed(client):
    settings = {"logprobs": True, "top_logprobs": 3}
    whole = chat(client, **settings).choices[0].logprobs.content
    assert len(whole) == 12
    for token in whole:
        assert token.logprob <= 0
        assert len(token.top_logprobs) == 3
        assert token.top_logprobs[0].logprob == pytest.approx(token.logprob)  # greedy: the likeliest was taken
    streamed = [
        token
        for piece in chat(client, stream=True, **settings)
        for choice in piece.choices
        if choice.logprobs
        for token in choice.logprobs.content
    ]
    assert [token.bytes for token in streamed] == [token.bytes for token in whole]


def test_each_piece_of_a_stream_has_the_log_probabilities_of_its_tokens(smol_client):
    settings = {"logprobs": True, "top_logprobs": 2, "temperature": 0, "max_tokens": 12, "model": "smollm2-135m"}
    question = [{"role": "user", "content": "What is the capital of France?"}]
    pieces = list(smol_client.chat.completions.create(messages=question, stream=True, **settings))
    told = [piece.choices[0] for piece in pieces if piece.choices[0].logprobs]
    assert len(told) == len([piece for piece in pieces if piece.choices[0].delta.content]) > 4
    for choice in told:
        assert "".join(token.token for token in choice.logprobs.content) == choice.delta.content
        assert choice.logprobs.refusal is None
    assert pieces[0].choices[0].logprobs is None
    assert pieces[-1].choices[0].finish_reason == "stop"
    assert pieces[-1].choices[0].logprobs is None


@pytest.mark.parametrize(
    "settings",
    [
        {"tools": [CALC], "tool_choice": "required", "max_tokens": 300},
        {"tools": [CALC], "max_tokens": 30},
        {"n": 3, "temperature": 1.0, "seed": 5},
        {"stop": ["\n", " "]},
        {"response_format": {"type": "json_object"}, "max_tokens": 30},
    ],
    ids=["a call", "perhaps a call", "several", "a stop string", "a form"],
)
def test_no_log_probability_is_lost_or_told_twice(client, settings):
    asked = {"logprobs": True, "max_tokens": 12, **settings}
    whole = {choice.index: choice.logprobs.content for choice in chat(client, **asked).choices}
    pieces: dict[int, list[Any]] = {index: [] for index in whole}
    for piece in chat(client, stream=True, **asked):
        for choice in piece.choices:
            pieces[choice.index] += choice.logprobs.content if choice.logprobs else []
    assert {index: [token.bytes for token in told] for index, told in pieces.items()} == {
        index: [token.bytes for token in told] for index, told in whole.items()
    }
    assert all(whole.values())


def test_json_fits_its_schema(client):
    schema = {
        "type": "object",
        "properties": {"yes": {"type": "boolean"}, "kind": {"enum": ["red", "blue"]}},
        "required": ["yes", "kind"],
        "additionalProperties": False,
    }
    form = {"type": "json_schema", "json_schema": {"name": "answer", "schema": schema, "strict": True}}
    reply = chat(client, response_format=form, max_tokens=90)
    jsonschema.validate(json.loads(reply.choices[0].message.content), schema)
    assert reply.choices[0].finish_reason == "stop"


def test_a_json_object_begins_like_one(client):
    reply = chat(client, response_format={"type": "json_object"}, max_tokens=90)
    assert reply.choices[0].message.content.lstrip().startswith("{")


@pytest.mark.parametrize("choice", ["required", {"type": "function", "function": {"name": "calc"}}])
def test_a_tool_is_called_whole_and_streamed(client, choice):
    tools = [CALC] if choice == "required" else [CALC, LOOK]
    reply = chat(client, tools=tools, tool_choice=choice, max_tokens=90).choices[0]
    (call,) = reply.message.tool_calls
    assert reply.finish_reason == "tool_calls"
    assert reply.message.content is None
    assert call.function.name == "calc"
    assert json.loads(call.function.arguments)["sign"] in ("plus", "minus")
    calls: list[Any] = []
    for piece in chat(client, tools=tools, tool_choice=choice, max_tokens=90, stream=True):
        calls += piece.choices[0].delta.tool_calls or []
    assert calls[0].id
    assert calls[0].function.name == "calc"
    assert all(other.id is None and other.index == 0 for other in calls[1:])
    assert "".join(one.function.arguments for one in calls) == call.function.arguments


def test_the_clients_own_helper_reads_the_stream(client):
    with client.chat.completions.stream(**ASK, tools=[CALC], tool_choice="required", max_tokens=90) as stream:
        final = stream.get_final_completion()
    assert final.choices[0].message.tool_calls[0].function.name == "calc"


def test_a_conversation_with_tools_goes_on(client):
    called = chat(client, tools=[CALC], tool_choice="required", max_tokens=90).choices[0].message
    assert isinstance(called, ChatCompletionMessage)
    answer = {"role": "tool", "tool_call_id": called.tool_calls[0].id, "content": "42"}
    # The client's own object is sent back as it is, with all that it has empty.
    reply = chat(client, messages=[*HELLO, called, answer], tools=[CALC], tool_choice="none")
    assert reply.choices[0].message.content
    assert reply.choices[0].message.tool_calls is None


def test_texts_go_on(client):
    one = client.completions.create(model="tiny", prompt="abc", max_tokens=4, temperature=0)
    assert one.object == "text_completion"
    several = client.completions.create(model="tiny", prompt=["abc", "xyz"], n=2, max_tokens=4, temperature=0)
    assert [choice.index for choice in several.choices] == [0, 1, 2, 3]
    assert several.choices[0].text == several.choices[1].text == one.choices[0].text
    assert several.usage.prompt_tokens == 6
    assert several.usage.completion_tokens == 16
    ids = client.completions.create(model="tiny", prompt=[[97, 98, 99]], max_tokens=4, temperature=0)
    told = client.completions.create(model="tiny", prompt=[97, 98, 99], max_tokens=4, temperature=0, logprobs=2)
    assert ids.choices[0].text == told.choices[0].text
    assert len(told.choices[0].logprobs.tokens) == len(told.choices[0].logprobs.token_logprobs) == 4
    assert told.choices[0].logprobs.text_offset[0] == 0


def test_texts_go_on_in_pieces(client):
    whole = client.completions.create(model="tiny", prompt=["abc", "xyz"], max_tokens=6, temperature=0)
    pieces = ["", ""]
    for piece in client.completions.create(
        model="tiny", prompt=["abc", "xyz"], max_tokens=6, temperature=0, stream=True, logprobs=1
    ):
        for choice in piece.choices:
            pieces[choice.index] += choice.text
    assert pieces == [choice.text for choice in whole.choices]


def test_there_is_one_model(client):
    assert [model.id for model in client.models.list()] == ["tiny"]
    assert client.models.retrieve("tiny").owned_by == "autogen_like"
    with pytest.raises(openai.NotFoundError):
        client.models.retrieve("other")


def test_the_prefix_cache_shares_nothing_between_salts(client):
    messages = [{"role": "user", "content": "a text that nobody else has said here " * 3}]
    first = chat(client, messages=messages, extra_body={"cache_salt": "one"})
    again = chat(client, messages=messages, extra_body={"cache_salt": "one"})
    other = chat(client, messages=messages, extra_body={"cache_salt": "two"})
    cached = [reply.usage.prompt_tokens_details.cached_tokens for reply in (first, again, other)]
    assert cached[0] == cached[2] == 0
    assert cached[1] > 100


BAD: list[tuple[dict[str, Any], int, str | None]] = [
    ({"model": "gpt-9"}, 404, "model"),
    ({"messages": []}, 400, "messages"),
    ({"messages": [{"role": "king", "content": "x"}]}, 400, "messages[0]"),
    ({"messages": [{"role": "user"}]}, 400, "messages[0].content"),
    ({"messages": [{"role": "user", "content": [{"type": "image_url"}]}]}, 400, "messages[0].content"),
    ({"messages": [{"role": "assistant", "tool_calls": [{"id": "x", "function": {}}]}]}, 400, None),
    ({"temperature": 3}, 400, "temperature"),
    ({"top_p": 0}, 400, "top_p"),
    ({"n": 0}, 400, "n"),
    ({"n": 1000}, 400, "n"),
    ({"max_tokens": "many"}, 400, "max_tokens"),
    ({"max_completion_tokens": 0}, 400, "max_completion_tokens"),
    ({"seed": 2**80}, 400, "seed"),
    ({"stop": [""]}, 400, "stop"),
    ({"logit_bias": {"65": 101}}, 400, "logit_bias.65"),
    ({"logit_bias": {"word": 1}}, 400, "logit_bias"),
    ({"logit_bias": {"260": 1}}, 400, "logit_bias"),
    ({"logit_bias": {"9" * 500: 1}}, 400, "logit_bias"),
    ({"top_logprobs": 2}, 400, "top_logprobs"),
    ({"logprobs": True, "top_logprobs": 21}, 400, "top_logprobs"),
    ({"tool_choice": "required"}, 400, "tool_choice"),
    ({"tools": [CALC], "tool_choice": {"type": "function", "function": {"name": "x"}}}, 400, "tool_choice"),
    ({"tools": [CALC, CALC]}, 400, "tools"),
    ({"tools": [{"type": "function", "function": {"name": "a b"}}]}, 400, "tools[0].function.name"),
    ({"tools": [{"type": "web_search"}]}, 400, "tools[0].type"),
    (
        {"tools": [{"type": "function", "function": {"name": "a", "parameters": {"type": "objekt"}}}],
         "tool_choice": "required"}, 400, "tools",
    ),
    ({"response_format": {"type": "xml"}}, 400, "response_format"),
    ({"response_format": {"type": "json_schema", "json_schema": {"name": "a", "schema": {"type": 3}}}}, 400,
     "response_format"),
    ({"stream_options": {"include_usage": True}}, 400, "stream_options"),
    ({"extra_body": {"colour": "red"}}, 400, "colour"),
    ({"messages": [{"role": "user", "content": "x" * 1200}]}, 400, "messages"),
    ({"messages": [{"role": "user", "content": "x" * 1200}], "stream": True}, 400, "messages"),
]  # fmt: skip


@pytest.mark.parametrize(("settings", "status", "param"), BAD, ids=range(len(BAD)))
def test_what_is_wrong_is_named(client, settings, status, param):
    with pytest.raises(openai.APIStatusError) as raised:
        client.chat.completions.create(**{**ASK, **settings})
    error = raised.value
    assert error.status_code == status
    assert isinstance(error.body, dict)
    assert set(error.body) == {"message", "type", "param", "code"}
    assert error.type == "invalid_request_error"
    if param is not None:
        assert error.param == param


def test_the_context_that_is_too_small_has_openais_code(client):
    with pytest.raises(openai.BadRequestError) as raised:
        chat(client, messages=[{"role": "user", "content": "x" * 1200}])
    assert raised.value.code == "context_length_exceeded"


@pytest.mark.parametrize(
    ("settings", "param"),
    [
        ({"prompt": ""}, "prompt"),
        ({"prompt": []}, None),
        ({"prompt": [[]]}, None),
        ({"prompt": [260]}, "prompt"),
        ({"prompt": [-1]}, None),
        ({"prompt": "x" * 1200}, "prompt"),
        ({"prompt": "x", "echo": True}, "echo"),
        ({"prompt": "x", "best_of": 3}, "best_of"),
        ({"prompt": "x", "suffix": "y"}, "suffix"),
        ({"prompt": ["x"] * 33}, None),
    ],
)  # fmt: skip
def test_what_is_wrong_with_a_text_is_named(client, settings, param):
    with pytest.raises(openai.BadRequestError) as raised:
        client.completions.create(model="tiny", **settings)
    if param is not None:
        assert raised.value.param == param


@pytest.mark.parametrize(
    ("body", "status"),
    [
        (b"", 400),
        (b"{", 400),
        (b"[1]", 400),
        (b'"text"', 400),
        (b"\xff\xfe", 400),
        (b'{"model": NaN}', 400),
        (b"[" * 100_000, 400),
        (b'{"model":"tiny","messages":[{"role":"user","content":"\\ud800"}]}', 400),
        (b'{"model":"tiny","messages":[{"role":"user","content":"Hi"}],"temperature":1e999}', 400),
        (b'{"model":"tiny","messages":[{"role":"user","content":"Hi"}],"seed":' + b"9" * 5000 + b"}", 400),
        (
            b'{"model":"tiny","messages":[{"role":"user","content":"Hi"}],"response_format":{"type":"json_schema",'
            b'"json_schema":{"name":"a","schema":' + b'{"not":' * 90 + b"{}" + b"}" * 90 + b"}}}", 400,
        ),
    ],
    ids=range(11),
)  # fmt: skip
def test_garbage_is_a_wrong_request_not_a_failure(tiny: ModelServer, body, status):
    for path in ("/v1/chat/completions", "/v1/completions", "/v2/models/tiny/infer", "/v2/models/tiny/generate"):
        got = post(f"{tiny.address}{path}", content=body, headers={"Content-Type": "application/json"})
        assert got.status_code == status, (path, got.text)
        assert got.json()["error"]
