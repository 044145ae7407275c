"""Compaction: a model sums up the past once, and the summary is seen from then on."""

from __future__ import annotations

from typing import Any

import pytest

from autogen_like import (
    AssistantAgent,
    Capabilities,
    ConfigError,
    GroupChat,
    GroupChatManager,
    MaxMessages,
    ModelError,
    ModelRequest,
    Notice,
    ScriptedModel,
    Usage,
    UserProxyAgent,
)
from autogen_like.agents.context import Compact, LastMessages, ShortenToolResults
from autogen_like.agents.context.compact import SUMMARY, as_text

WORDS = "word " * 20  # with its number, name and role about 30 tokens


def talker(name: str, context: Any = None, **settings: Any) -> AssistantAgent:
    model = ScriptedModel(lambda _: f"{name} {model.calls} {WORDS}", model="talk")
    return AssistantAgent(name, llm_config=model, context=context, max_consecutive_auto_reply=10**6, **settings)


def summariser() -> ScriptedModel:
    model = ScriptedModel(lambda _: f"summary {model.calls}", model="short", usage=Usage(100, 10, cost=0.5))
    return model


def contents(request: ModelRequest) -> list[str]:
    return [wire["content"] for wire in request.messages]


async def talk(turns: int, *agents: AssistantAgent) -> Any:
    run = agents[0].run(agents[1], "the task", stop=MaxMessages(turns))
    notices: list[Notice] = []
    run.subscribe(lambda event: notices.append(event) if isinstance(event, Notice) else None)
    return await run, notices


async def test_the_past_becomes_a_summary_and_the_newest_messages_stay() -> None:
    short = summariser()
    ada = talker("ada", Compact(short, at=300, keep=100))
    _, notices = await talk(41, ada, talker("bob"))
    seen = [contents(request) for request in ada.llm_config.requests]
    assert max(map(len, seen)) < 14
    for shown in seen:
        assert all(not text.startswith(SUMMARY) for text in shown[1:]), "one summary, at the beginning"
        assert shown[0] == "the task" or shown[0].startswith(SUMMARY)
    assert "messages were summed up" in notices[0].text
    assert short.calls == len([notice for notice in notices if "summed up" in notice.text])
    assert 3 <= short.calls <= 8, "once a stretch, not once a turn"


async def test_each_message_is_summed_up_once_and_each_summary_becomes_part_of_the_next() -> None:
    short = summariser()
    ada = talker("ada", Compact(short, at=300, keep=100))
    await talk(61, ada, talker("bob"))
    asked = [contents(request)[0] for request in short.requests]
    for index, text in enumerate(asked[1:], 1):
        assert text.startswith(f"{SUMMARY}summary {index}\n")
    replies = [line for text in asked for line in text.splitlines() if line.startswith("bob: ")]
    assert len(replies) == len(set(replies))


async def test_what_it_costs_is_counted() -> None:
    short = summariser()
    ada = talker("ada", Compact(short, at=300))
    await talk(31, ada, talker("bob"))
    assert ada.usage.total_by_model["short"].requests == short.calls
    assert ada.usage.total.cost == pytest.approx(0.5 * short.calls)


async def test_the_agents_own_model_sums_up_where_none_is_named() -> None:
    ada = talker("ada", Compact(at=300))
    await talk(21, ada, talker("bob"))
    prompts = [request.system for request in ada.llm_config.requests]
    assert any(prompt.startswith("You sum up the past") for prompt in prompts)


async def test_agents_that_share_the_policy_share_the_summary() -> None:
    short = summariser()
    context = Compact(short, at=600, keep=100)
    group = GroupChat([talker(name, context) for name in "abcde"], max_round=40, speaker_selection_method="round_robin")
    user = UserProxyAgent("user", human_input_mode="NEVER")
    await user.run(GroupChatManager(group), "the task")
    alone = summariser()
    await talk(40, talker("ada", Compact(alone, at=600, keep=100)), talker("bob"))
    assert short.calls <= alone.calls + 1


async def test_a_chat_that_goes_on_uses_the_summary_that_there_is() -> None:
    short = summariser()
    ada, bob = talker("ada", Compact(short, at=300, keep=100)), talker("bob")
    await talk(31, ada, bob)
    before = short.calls
    ada.context = ada.context  # its state is gone; the policy remembers
    await ada.run(bob, "and on", stop=MaxMessages(3), clear_history=False)
    assert short.calls == before
    assert contents(ada.llm_config.requests[-1])[0].startswith(SUMMARY)


async def test_hooks_do_not_have_it_summed_up_again_each_turn() -> None:
    short = summariser()
    ada = talker("ada", Compact(short, at=300, keep=100))
    ada.register_hook("process_last_received_message", lambda text: text + " (hurry)")
    await talk(41, ada, talker("bob"))
    assert short.calls <= 8
    assert contents(ada.llm_config.requests[-1])[0].startswith(SUMMARY)


async def test_the_first_messages_may_stay() -> None:
    ada = talker("ada", Compact(summariser(), at=300, first=1))
    await talk(41, ada, talker("bob"))
    shown = contents(ada.llm_config.requests[-1])
    assert shown[0] == "the task"
    assert shown[1].startswith(SUMMARY)


@pytest.mark.parametrize("reply", ["  ", ModelError("out of order")])
async def test_a_model_that_gives_no_summary_leaves_the_past_as_it_is(reply: Any) -> None:
    ada = talker("ada", Compact(ScriptedModel([reply] * 50), at=300))
    result, notices = await talk(21, ada, talker("bob"))
    assert len(result.messages) == 21
    assert notices[0].kind == "warning"
    assert "stays as it is" in notices[0].text
    assert len(contents(ada.llm_config.requests[-1])) >= 19


async def test_a_past_longer_than_the_summarisers_window_is_read_in_parts() -> None:
    small = ScriptedModel(lambda _: f"part {small.calls}", capabilities=Capabilities(context=200))
    ada = talker("ada", Compact(small, at=900, keep=100))
    await talk(45, ada, talker("bob"))
    asked = [contents(request)[0] for request in small.requests]
    assert len(asked) > 3
    assert asked[1].startswith("The summary so far:\npart 1\n")
    assert max(map(len, asked)) < 1200


async def test_it_works_behind_and_before_other_policies() -> None:
    short = summariser()
    ada = talker("ada", ShortenToolResults(4) | Compact(short, at=300) | LastMessages(4))
    await talk(41, ada, talker("bob"))
    assert max(len(request.messages) for request in ada.llm_config.requests) <= 5


def test_what_the_summariser_reads_names_speakers_calls_and_results() -> None:
    calls = [{"id": "1", "function": {"name": "look", "arguments": '{"at": "cat"}'}}]
    wires: list[dict[str, Any]] = [
        {"role": "assistant", "name": "ada", "content": "Let me look.", "tool_calls": calls},
        {"role": "tool", "tool_call_id": "1", "content": "grey"},
        {"role": "user", "name": "bob", "content": [{"type": "text", "text": "Thanks"}]},
    ]
    assert as_text(wires) == 'ada: Let me look.\nada calls look({"at": "cat"})\nlook gave: grey\nbob: Thanks'


@pytest.mark.parametrize(("settings", "told"), [({"at": 1}, "at least 2"), ({"at": 10, "keep": 10}, "keep=10")])
def test_settings_that_cannot_work_are_refused(settings: dict[str, int], told: str) -> None:
    with pytest.raises(ConfigError, match=told):
        Compact(**settings)
