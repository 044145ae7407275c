"""Replies' own tokens go into the next prompt; several replies share one; the shared layout is the same for all."""

from __future__ import annotations

from typing import Any

import pytest

from autogen_like.serving.chat_model import ChatDelta, ChatModel, ChatReply, ChatRequest
from autogen_like.serving.engine import Sampling
from autogen_like.serving.engine.chat import ChatTemplate

STORY = {"role": "user", "content": "Tell me an odd story about a zebra & 3 xylophones."}
TOOL = {
    "type": "function",
    "function": {"name": "add", "parameters": {"type": "object", "properties": {"a": {"type": "integer"}}}},
}


def replies_to(model: ChatModel, request: ChatRequest) -> list[ChatReply]:
    return [item for item in model.chat(request) if isinstance(item, ChatReply)]


def next_request(reply: ChatReply, **changes: Any) -> ChatRequest:
    said: dict[str, Any] = {"role": "assistant", "content": reply.content}
    if reply.tool_calls:
        said["tool_calls"] = [
            {"id": call.id, "type": "function", "function": {"name": call.name, "arguments": call.arguments}}
            for call in reply.tool_calls
        ]
    return ChatRequest([STORY, said, {"role": "user", "content": "Go on."}], owner="ada", max_tokens=1, **changes)


@pytest.mark.parametrize("seed", range(4))
def test_a_replys_own_tokens_are_in_the_next_prompt(chat_model: ChatModel, seed: int) -> None:
    how = Sampling(temperature=1.3, seed=seed)
    request = ChatRequest([STORY], sampling=how, max_tokens=40, logprobs=0, owner="ada")
    [reply] = replies_to(chat_model, request)
    assert reply.sampled is not None
    prompt, tokens = reply.sampled[:2]
    follow_up = chat_model.prompt(next_request(reply))
    assert reply.content is not None
    whole = len(tokens) if "\ufffd" not in reply.content else len(tokens) - 3  # the limit may cut a character
    assert tuple(follow_up[: len(prompt) + whole]) == prompt + tokens[:whole]
    [second] = replies_to(chat_model, next_request(reply))
    assert second.usage.cached_tokens >= len(prompt) + whole - 1


def test_the_token_that_ended_a_reply_is_the_last_of_the_sampled(chat_model: ChatModel) -> None:
    request = ChatRequest([{"role": "user", "content": "Say hi."}], max_tokens=60, logprobs=0, owner="ada")
    [reply] = replies_to(chat_model, request)
    assert reply.finish_reason == "stop"
    assert reply.sampled is not None
    assert reply.logprobs is not None
    prompt, tokens, logprobs, ends = reply.sampled
    assert tokens[-1] in ends
    assert not ends & set(tokens[:-1])
    assert len(tokens) == len(logprobs) == reply.usage.completion_tokens
    assert logprobs[-1] < 0
    assert len(reply.logprobs["content"]) == len(tokens) - 1, "it says nothing"
    assert chat_model.engine.tokenizer.decode(tokens[:-1]) == reply.content
    said = {"role": "assistant", "content": reply.content}
    follow_up = ChatRequest([*request.messages, said, {"role": "user", "content": "Go on."}], owner="ada")
    assert tuple(chat_model.prompt(follow_up)[: len(prompt) + len(tokens)]) == prompt + tokens


@pytest.mark.parametrize("changes", [{"max_tokens": 3}, {"choices": ("yes", "no")}, {"stop": ("i",)}])
def test_a_reply_that_was_cut_has_no_token_that_ends_it(chat_model: ChatModel, changes: dict[str, Any]) -> None:
    [reply] = replies_to(chat_model, ChatRequest([{"role": "user", "content": "Say hi."}], logprobs=0, **changes))
    assert reply.sampled is not None
    _, tokens, logprobs, ends = reply.sampled
    assert not ends & set(tokens)
    assert len(tokens) == len(logprobs) == reply.usage.completion_tokens


def test_anothers_reply_is_encoded_as_text(chat_model: ChatModel) -> None:
    [reply] = replies_to(chat_model, ChatRequest([STORY], max_tokens=8, owner="ada"))
    request = next_request(reply)
    other = ChatRequest(request.messages, owner="bob")
    assert chat_model.prompt(other) == chat_model.engine.tokenizer.encode(chat_model.template.render(request.messages))


def test_a_forced_calls_tokens_are_in_the_next_prompt_where_the_template_writes_it_alike(
    chat_model: ChatModel,
) -> None:
    request = ChatRequest([STORY], tools=[TOOL], tool_choice="add", owner="ada", logprobs=0, max_tokens=40)
    [reply] = replies_to(chat_model, request)
    assert reply.sampled is not None
    follow_up = next_request(reply, tools=[TOOL])
    text = chat_model.template.render(follow_up.messages, tools=[TOOL])
    prompt = chat_model.prompt(follow_up)
    assert chat_model.engine.tokenizer.decode(prompt) == chat_model.engine.tokenizer.decode(
        chat_model.engine.tokenizer.encode(text)
    )


def test_what_a_stop_string_cut_is_kept_up_to_there(chat_model: ChatModel) -> None:
    [whole] = replies_to(chat_model, ChatRequest([STORY], max_tokens=12, owner="eve"))
    assert whole.content is not None
    request = ChatRequest([STORY], max_tokens=12, stop=(whole.content[9:14],), owner="eve", logprobs=0)
    [cut] = replies_to(chat_model, request)
    assert cut.content == whole.content[:9]
    follow_up = chat_model.prompt(ChatRequest([STORY, {"role": "assistant", "content": cut.content}], owner="eve"))
    decoded = chat_model.engine.tokenizer.decode(follow_up)
    assert cut.content in decoded
    assert whole.content[9:14] not in decoded


def test_several_replies_to_one_request_share_its_prompt(chat_model: ChatModel) -> None:
    chat_model.engine.clear()
    before = chat_model.engine.prefilled_tokens
    request = ChatRequest([STORY], n=3, sampling=Sampling(temperature=1.0, seed=9), max_tokens=12)
    items = list(chat_model.chat(request))
    replies = [item for item in items if isinstance(item, ChatReply)]
    assert sorted(reply.index for reply in replies) == [0, 1, 2]
    assert len({reply.content for reply in replies}) == 3
    assert chat_model.engine.prefilled_tokens - before == replies[0].usage.prompt_tokens
    for reply in replies:
        shown = [item.text for item in items if isinstance(item, ChatDelta) and item.reply == reply.index]
        assert "".join(shown) == reply.content
    [alone] = replies_to(chat_model, ChatRequest([STORY], sampling=request.sampling, max_tokens=12))
    assert alone.content == next(reply.content for reply in replies if reply.index == 0)


def test_a_prompt_that_is_computed_ahead_costs_one_token_later(chat_model: ChatModel) -> None:
    chat_model.engine.clear()
    request = ChatRequest([STORY], system="You are Ada.", owner="ada", max_tokens=1)
    for _ in chat_model.prefill(request):
        pass
    [reply] = replies_to(chat_model, request)
    assert reply.usage.prompt_tokens - reply.usage.cached_tokens == 1


# --- the shared layout

TALK = [
    {"role": "user", "name": "bob", "content": "Hello"},
    {"role": "assistant", "name": "ada", "content": "Hi"},
    {"role": "user", "name": "cyd", "content": "Ho"},
]


def seen_by(speaker: str) -> list[dict[str, str]]:
    return [{**one, "role": "assistant" if one["name"] == speaker else "user"} for one in TALK]


def test_agents_see_the_same_conversation_first_and_then_their_own_part() -> None:
    template = ChatTemplate(None)
    ada, bob = (
        template.render(seen_by(name), system=f"You are called {name}.", speaker=name, shared_first=True)
        for name in ("ada", "bob")
    )
    talk = "bob: Hello\n\nada: Hi\n\ncyd: Ho"
    assert talk in ada
    assert ada[: ada.index(talk) + len(talk)] == bob[: bob.index(talk) + len(talk)]
    assert ada.index("You are called ada.") > ada.index(talk)
    assert "Say what ada says next." in ada


def test_agents_share_what_is_computed_of_a_shared_conversation(chat_model: ChatModel) -> None:
    chat_model.engine.clear()
    talk = [{**one, "content": one["content"] + " my friends, how are you all today?" * 6} for one in TALK]
    for name in ("ada", "bob"):
        messages = [{**one, "role": "assistant" if one["name"] == name else "user"} for one in talk]
        request = ChatRequest(
            messages, system="Be brief.", owner=name, speaker=name, shared_first=True, tools=[TOOL], max_tokens=1
        )
        [reply] = replies_to(chat_model, request)
    assert reply.usage.cached_tokens > 0.6 * reply.usage.prompt_tokens
