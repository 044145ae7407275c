"""Whatever the policies and whatever was said: calls keep their results, the newest message is last, in order."""

from __future__ import annotations

import asyncio
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from autogen_like import Message, ModelRequest, ModelResponse, ScriptedModel, ToolCall, ToolResult, Transcript
from autogen_like.agents.context import (
    Compact,
    Context,
    ContextPolicy,
    DropToolResults,
    FitWindow,
    HeadAndTail,
    LastMessages,
    MaxTokens,
    Occasion,
    ShortenToolResults,
)
from autogen_like.core.conversation import Conversation

SPEAKERS = st.sampled_from(["ada", "bob", "cyd"])
WORDS = st.integers(1, 30).map(lambda count: "word " * count)


@st.composite
def transcripts(draw: Any) -> list[Message]:
    """Talk with parallel calls, whose results come in one message or several, from several speakers."""
    said: list[Message] = []
    for index in range(draw(st.integers(1, 25))):
        kind = draw(st.sampled_from(["text", "text", "calls", "retired"]))
        if kind == "text":
            said.append(Message(draw(SPEAKERS), f"{index} {draw(WORDS)}"))
            continue
        ids = [None] if kind == "retired" else [f"c{number}" for number in range(draw(st.integers(1, 3)))]
        text = draw(st.sampled_from([None, f"{index} I'll look"]))
        said.append(Message(draw(SPEAKERS), text, tuple(ToolCall(one, "tool", "{}") for one in ids)))
        results = [ToolResult(one, "tool", f"{index} {draw(WORDS)}") for one in ids]
        cut = draw(st.integers(0, len(results)))
        for part in (results[:cut], results[cut:]):
            if part:
                interrupted = "I stepped in" if part[0].call_id and draw(st.booleans()) else None
                said.append(Message(draw(SPEAKERS), interrupted, tool_results=tuple(part)))
    return said


def policy() -> st.SearchStrategy[ContextPolicy]:
    small, tokens = st.integers(1, 12), st.integers(1, 200)
    note = st.sampled_from([None, "[left out]"])
    model = ScriptedModel(lambda _: "a summary", record=False)
    return st.one_of(
        st.builds(LastMessages, small, note=note),
        st.builds(HeadAndTail, st.integers(0, 4), small, note=note),
        st.builds(MaxTokens, tokens, first=st.integers(0, 2), note=note),
        st.builds(ShortenToolResults, small, to=st.integers(0, 20)),
        st.builds(DropToolResults, small),
        st.builds(lambda at, first: Compact(model, at=at, first=first), st.integers(10, 300), st.integers(0, 2)),
        st.builds(
            lambda how, window: FitWindow(how, model=model, window=window, reserve=0),
            st.sampled_from(["compact", "drop"]),
            st.integers(200, 400),
        ),
    )


POLICIES = st.lists(policy(), min_size=1, max_size=4)


class Nobody:
    async def next(self, conversation: Conversation) -> Any:
        raise AssertionError


def occasion(client: ScriptedModel) -> Occasion:
    async def ask(model: Any, request: ModelRequest) -> ModelResponse:
        return await model.complete(request)

    return Occasion(client, None, (), ask, lambda *_: None)


def watch(messages: list[Message], policies: list[ContextPolicy], look: list[bool]) -> Any:
    """What "ada" is shown at the end, having looked every now and then."""

    async def main() -> Any:
        context, client = Context(policies), ScriptedModel(lambda _: "hm", record=False)
        conversation = Conversation((), Nobody(), lambda one: one, Transcript())
        shown: Any = None
        for index, message in enumerate(messages):
            conversation.transcript.append(message)
            if look[index % len(look)] or index == len(messages) - 1:
                shown = await context.see(conversation, "ada", occasion(client))
                check(list(shown), messages[: index + 1])
        return shown

    return asyncio.run(main())


def made(wire: Any) -> bool:
    return isinstance(wire["content"], str) and wire["content"].startswith("[") and "name" not in wire


def check(shown: list[Any], messages: list[Message]) -> None:
    wires = [wire for message in messages for wire in message.wire("ada")]
    paired(shown, messages)
    last = list(messages[-1].wire("ada"))
    assert shown[-len(last) :] == last, "the newest message is last and whole"
    position = 0
    for wire in shown:
        if made(wire):
            continue
        origin = [at for at in range(position, len(wires)) if came_from(wire, wires[at])]
        assert origin, f"out of order, or invented: {wire}"
        position = origin[0] + 1


def came_from(shown: Any, said: Any) -> bool:
    if shown == said:
        return True
    if shown["role"] in ("tool", "function"):
        text = str(shown["content"])
        return said.get("tool_call_id") == shown.get("tool_call_id") and text.endswith("more characters were left out]")
    without = {key: value for key, value in said.items() if key not in ("tool_calls", "function_call")}
    return bool(shown == without)


def paired(shown: list[Any], messages: list[Message]) -> None:
    """Results follow their call; only calls that nobody has answered yet are without results, at the end."""
    waiting: set[Any] = set()
    for wire in shown:
        if wire["role"] in ("tool", "function"):
            assert wire.get("tool_call_id") in waiting, "a result without its call"
            waiting.discard(wire.get("tool_call_id"))
        elif wire.get("content") != "I stepped in":
            assert not waiting, "a call without its results"
            waiting = calls_of(wire)
    assert waiting == {call.id for call in Transcript(messages).open_calls()}


def calls_of(wire: Any) -> set[Any]:
    return {call["id"] for call in wire.get("tool_calls", ())} | ({None} if wire.get("function_call") else set())


@settings(max_examples=200, deadline=None)
@given(transcripts(), POLICIES, st.lists(st.booleans(), min_size=1, max_size=5))
def test_no_composition_parts_calls_from_results_or_loses_the_newest_message(
    messages: list[Message], policies: list[ContextPolicy], look: list[bool]
) -> None:
    watch(messages, policies, look)


@settings(max_examples=100, deadline=None)
@given(transcripts(), POLICIES, st.lists(st.booleans(), min_size=1, max_size=5))
def test_what_is_shown_does_not_depend_on_how_often_one_looked(
    messages: list[Message], policies: list[ContextPolicy], look: list[bool]
) -> None:
    sync = [one for one in policies if not isinstance(one, Compact | FitWindow)] or [LastMessages(3)]
    shown = watch(messages, sync, look)
    combined = Context(sync).policy
    assert list(shown) == combined.apply([message.render("ada") for message in messages], "scripted")


@settings(max_examples=50, deadline=None)
@given(transcripts(), POLICIES)
def test_what_is_shown_is_a_sequence_like_any_other(messages: list[Message], policies: list[ContextPolicy]) -> None:
    shown = watch(messages, policies, [True])
    whole = list(shown)
    assert len(shown) == len(whole)
    assert [shown[at] for at in range(len(whole))] == whole
    assert [shown[at - len(whole)] for at in range(len(whole))] == whole
    assert shown[1:] == whole[1:]
    assert list(reversed(shown)) == whole[::-1]
