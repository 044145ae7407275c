"""What a turn costs doesn't grow with the conversation: counted, not timed."""

from __future__ import annotations

import asyncio
from collections import Counter as Tally
from typing import Any

import pytest

from autogen_like import AssistantAgent, MaxMessages, Message, ScriptedModel
from autogen_like.agents.context import (
    Compact,
    ContextPolicy,
    DropToolResults,
    FitWindow,
    HeadAndTail,
    LastMessages,
    MaxTokens,
    ShortenToolResults,
    pieces,
    policy,
)
from autogen_like.core.message import ChatMessage

POLICIES = [
    LastMessages(10),
    HeadAndTail(2, 10),
    MaxTokens(200),
    ShortenToolResults(5),
    DropToolResults(5),
    Compact(ScriptedModel(lambda _: "in short", record=False), at=400),
    FitWindow("drop", window=600, reserve=0),
    FitWindow("compact", model=ScriptedModel(lambda _: "in short", record=False), window=600, reserve=0),
    ShortenToolResults(5) | HeadAndTail(1, 50) | MaxTokens(300) | FitWindow("drop", window=100_000),
]


@pytest.fixture
def work(monkeypatch: pytest.MonkeyPatch) -> Tally[str]:
    """Counts renderings, messages whose tokens were counted, pieces made, and changes carried out."""
    done: Tally[str] = Tally()
    render, count, make, change = Message._rendering, pieces.count_tokens, pieces.Cutter.add, policy.Shown.change

    def counted_tokens(text: Any, model: str = "", **more: Any) -> Any:
        done["token counts"] += len(text)
        return count(text, model, **more)

    def counted_change(self: Any, edits: Any) -> None:
        edits = list(edits)
        done["changes"] += len(edits)
        change(self, edits)

    monkeypatch.setattr(Message, "_rendering", lambda self, role: done.update(renderings=1) or render(self, role))
    monkeypatch.setattr(pieces, "count_tokens", counted_tokens)
    monkeypatch.setattr(pieces.Cutter, "add", lambda *given: done.update(pieces=1) or make(*given))
    monkeypatch.setattr(policy.Shown, "change", counted_change)
    return done


async def last_fifty(context: ContextPolicy, turns: int, work: Tally[str]) -> dict[str, float]:
    """What each of the last 50 turns cost, of so many."""
    before: Tally[str] = Tally()

    def reply(request: Any) -> str:
        if model.calls == turns - 50:
            before.update(work)
        return f"a reply of some words to {len(request.messages):05}"

    work.clear()
    model = ScriptedModel(reply, record=False)
    agents = [
        AssistantAgent(name, llm_config=model, context=context, max_consecutive_auto_reply=10**9) for name in ("a", "b")
    ]
    await agents[0].run(agents[1], "begin", stop=MaxMessages(turns))
    return {kind: (count - before[kind]) / 50 for kind, count in work.items()}


@pytest.mark.parametrize("context", POLICIES, ids=repr)
def test_a_turn_costs_the_same_at_5000_turns(context: ContextPolicy, work: Tally[str]) -> None:
    early, late = (asyncio.run(last_fifty(context, turns, work)) for turns in (100, 5000))
    for kind, spent in late.items():
        assert spent <= max(early.get(kind, 0) * 1.2, 1), f"{kind}: {early} at 100 turns, {late} at 5000"
    assert late["renderings"] <= 2
    assert late["pieces"] <= 2, "each message once for each of the two agents"
    assert late.get("token counts", 0) <= 3, "and summaries"
    assert late["changes"] <= 6


async def test_no_message_is_copied_for_a_request() -> None:
    model = ScriptedModel(lambda _: "hm")
    agent = AssistantAgent("a", llm_config=model, context=HeadAndTail(1, 4, note=None))
    await agent.run(AssistantAgent("b", llm_config=model), "hi", stop=MaxMessages(9))
    said = {id(message) for view in agent.chat_messages.values() for message in view}
    mine = model.requests[-1].messages
    assert len(mine) == 5
    assert all(isinstance(wire, ChatMessage) and id(wire) in said for wire in mine), "so that each is encoded once"


def test_an_agent_without_context_loads_none_of_it() -> None:
    import subprocess
    import sys

    program = (
        "import sys; from autogen_like import AssistantAgent, ScriptedModel\n"
        "AssistantAgent('a', llm_config=ScriptedModel(['hi'])).generate_reply([{'role': 'user', 'content': 'x'}])\n"
        "assert 'autogen_like.agents.context' not in sys.modules"
    )
    subprocess.run([sys.executable, "-c", program], check=True)
