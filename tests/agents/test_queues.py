"""Several chats: in sequence with carryover, as a graph, and nested."""

from __future__ import annotations

import asyncio

import pytest

from autogen_like.agents.assistant import AssistantAgent
from autogen_like.agents.conversable import ConversableAgent
from autogen_like.agents.queue import a_initiate_chats, initiate_chats
from autogen_like.agents.user_proxy import UserProxyAgent
from autogen_like.core.errors import ConfigError, InvalidCarryOverType, SenderRequired
from autogen_like.core.limits import Limits
from autogen_like.models.scripted import ScriptedModel


def bot(name: str, *replies: object) -> AssistantAgent:
    return AssistantAgent(name, llm_config=ScriptedModel(list(replies)))


def user(name: str = "user") -> UserProxyAgent:
    return UserProxyAgent(name, human_input_mode="NEVER")


def one(recipient: ConversableAgent, message: object = "go", **more: object) -> dict[str, object]:
    return {"recipient": recipient, "message": message, "max_turns": 1, "silent": True, **more}


def opening(result) -> str:
    return result.chat_history[0]["content"]


def test_each_chat_carries_the_summaries_of_those_before():
    a, b, c = bot("a", "A"), bot("b", "B"), bot("c", "C")
    results = user().initiate_chats([one(a), one(b), one(c)])
    assert [opening(result) for result in results] == ["go", "go\nContext: \nA", "go\nContext: \nA\nB"]
    assert [result.summary for result in results] == ["A", "B", "C"]


def test_a_chat_may_leave_summaries_out_and_bring_carryover_of_its_own():
    a, b, c = bot("a", "A"), bot("b", "B"), bot("c", "C")
    chats = [one(a), one(b), one(c, carryover="own", finished_chat_indexes_to_exclude_from_carryover=[0])]
    results = user().initiate_chats(chats)
    assert opening(results[2]) == "go\nContext: \nown\nB"


def test_the_same_queue_gives_the_same_twice_and_is_not_written_to():
    person = user()
    chats = [one(bot("a", "A", "A")), one(bot("b", "B", "B"))]
    before = [dict(chat) for chat in chats]
    first, second = person.initiate_chats(chats), person.initiate_chats(chats)
    assert chats == before
    assert [opening(result) for result in first] == [opening(result) for result in second]
    assert person.get_chat_results(1).summary == "B"


def test_a_function_gets_the_carryover_in_its_context():
    def message(sender, recipient, context):
        return "given: " + ", ".join(context["carryover"])

    results = user().initiate_chats([one(bot("a", "A")), one(bot("b", "B"), message)])
    assert opening(results[1]) == "given: A"


def test_parts_of_a_message_get_the_carryover_in_their_text():
    parts = {"content": [{"type": "text", "text": "look"}, {"type": "image_url", "image_url": {"url": "data:x"}}]}
    result = user().initiate_chat(bot("a", "A"), message=parts, carryover=["before"], max_turns=1, silent=True)
    assert opening(result)[0]["text"] == "look\nContext: \nbefore"
    assert parts["content"][0]["text"] == "look"


@pytest.mark.parametrize("carryover", [7, {"a": 1}])
def test_carryover_of_another_type_is_refused_before_the_first_chat(carryover):
    a = bot("a", "A")
    with pytest.raises(InvalidCarryOverType, match="string or a list"):
        user().initiate_chats([one(a), one(bot("b"), carryover=carryover)])
    assert a.model_client.calls == 0


def test_a_chat_without_a_sender_or_a_recipient_is_refused():
    with pytest.raises(SenderRequired, match="chat 0"):
        initiate_chats([one(bot("a", "A"))])
    with pytest.raises(ConfigError, match="recipient"):
        user().initiate_chats([{"message": "x"}])


def test_a_repeated_recipient_is_warned_about():
    a = bot("a", "A", "B")
    with pytest.warns(UserWarning, match="clear_history"):
        user().initiate_chats([one(a), one(a)])


async def test_a_graph_runs_its_independent_parts_in_parallel():
    both = asyncio.Barrier(2)

    async def together(request):
        await asyncio.wait_for(both.wait(), 5)
        return "met"

    a, b = (AssistantAgent(name, llm_config=ScriptedModel(together)) for name in "ab")
    c = bot("c", "C")
    chats = [
        one(a, chat_id="a"),
        one(b, chat_id="b"),
        one(c, chat_id="c", prerequisites=["a", "b"]),
    ]
    results = await user().a_initiate_chats(chats)
    assert list(results) == ["a", "b", "c"]
    assert opening(results["c"]) == "go\nContext: \nmet\nmet"
    assert results["c"].chat_id == "c"


@pytest.mark.parametrize(
    ("graph", "complaint"),
    [
        ({1: [2], 2: [1]}, "wait for each other"),
        ({1: [9]}, "not in the queue"),
    ],
)
async def test_a_graph_that_cannot_be_is_refused_before_it_runs(graph, complaint):
    agents = {key: bot(f"a{key}", "x") for key in graph}
    chats = [one(agents[key], chat_id=key, prerequisites=needs) for key, needs in graph.items()]
    with pytest.raises(ConfigError, match=complaint):
        await a_initiate_chats(chats, user())
    assert all(agent.model_client.calls == 0 for agent in agents.values())


async def test_two_chats_with_the_same_id_are_refused():
    with pytest.raises(ConfigError, match="chat_id 1"):
        await a_initiate_chats([one(bot("a", "x"), chat_id=1), one(bot("b", "x"), chat_id=1)], user())


async def test_a_chat_that_fails_in_a_graph_is_raised_and_the_others_are_stopped():
    stopped = asyncio.Event()

    async def forever(request):
        try:
            await asyncio.sleep(3600)
        except asyncio.CancelledError:
            stopped.set()
            raise

    slow = AssistantAgent("slow", llm_config=ScriptedModel(forever))
    broken = AssistantAgent("broken", llm_config=ScriptedModel([RuntimeError("no")]))
    with pytest.raises(Exception, match="broken"):
        await user().a_initiate_chats([one(slow), one(broken)])
    assert stopped.is_set()


# --- nested


def nested_bob(*inner: object, **kwargs: object) -> ConversableAgent:
    bob = ConversableAgent("bob", human_input_mode="NEVER")
    bob.register_nested_chats(list(inner), trigger=lambda sender: sender.name == "user", **kwargs)
    return bob


def test_an_agent_may_answer_with_the_summary_of_chats_of_its_own():
    writer, critic = bot("writer", "a draft"), bot("critic", "a better draft")
    bob = nested_bob(one(writer, None), one(critic, "Improve it."))
    result = user().initiate_chat(bob, message="write", max_turns=1, silent=True)
    assert result.summary == "a better draft"
    assert writer.model_client.requests[0].messages[0]["content"] == "write"
    assert "a draft" in critic.model_client.requests[0].messages[0]["content"]


def test_the_nested_chats_are_counted_in_the_chat_around_them():
    from autogen_like.core.usage import Usage
    from autogen_like.models.client import ModelResponse

    inner = AssistantAgent(
        "inner", llm_config=ScriptedModel([ModelResponse("x", usage=Usage(1, 1, cost=2.0), model="m")])
    )
    result = user().initiate_chat(nested_bob(one(inner)), message="go", max_turns=1, silent=True)
    assert result.cost["usage_including_cached_inference"]["total_cost"] == 2.0
    assert result.usage_by_agent["inner"].total.requests == 1


async def test_one_budget_holds_for_nested_chats_too():
    inner = AssistantAgent("inner", llm_config=ScriptedModel(lambda _: "x"))
    bob = nested_bob({"recipient": inner, "message": "go", "silent": True, "max_turns": 100})
    outer = UserProxyAgent("user", human_input_mode="NEVER", default_auto_reply="again")
    result = await outer.run(bob, "go", limits=Limits(requests=5))
    assert inner.model_client.calls == 5
    assert result.stop_reason.kind == "budget"


def test_a_message_of_a_nested_chat_may_be_a_function():
    inner = bot("inner", "x")
    bob = nested_bob(
        one(inner, lambda recipient, messages, sender, config: f"{sender.name}: {messages[-1]['content']}")
    )
    user().initiate_chat(bob, message="hello", max_turns=1, silent=True)
    assert inner.model_client.requests[0].messages[0]["content"] == "user: hello"


def test_nested_chats_may_be_a_graph():
    a, b = bot("a", "A"), bot("b", "B")
    bob = nested_bob(one(a, chat_id=1), one(b, chat_id=2, prerequisites=[1]), use_async=True)
    assert user().initiate_chat(bob, message="go", max_turns=1, silent=True).summary == "B"


def test_a_function_of_ones_own_may_answer_from_the_queue():
    def from_queue(chat_queue, recipient, messages, sender, config):
        return True, f"{len(chat_queue)} chats for {sender.name}"

    bob = nested_bob(one(bot("a")), reply_func_from_nested_chats=from_queue)
    assert user().initiate_chat(bob, message="go", max_turns=1, silent=True).summary == "1 chats for user"
    with pytest.raises(ConfigError, match="summary_from_nested_chats"):
        nested_bob(reply_func_from_nested_chats="magic")


async def test_cancelling_reaches_the_innermost_chat():
    entered = asyncio.Event()

    async def forever(request):
        entered.set()
        await asyncio.sleep(3600)

    inner = AssistantAgent("inner", llm_config=ScriptedModel(forever))
    run = user().run(nested_bob(one(inner)), "go").start()
    await entered.wait()
    run.cancel()
    result = await run
    assert result.stop_reason.kind == "cancelled"
    assert len(result.messages) == 1
