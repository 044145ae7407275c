"""A group chat that speaks with one voice."""

from __future__ import annotations

import asyncio

import pytest

from autogen_like import AssistantAgent, ConfigError, ConversableAgent, GroupChat, GroupChatManager, ScriptedModel
from autogen_like.agents.contrib.society_of_mind import SocietyOfMindAgent
from autogen_like.core.errors import ConversationError


def group(*members, **options):
    chat = GroupChat(list(members), speaker_selection_method="round_robin", **options)
    return GroupChatManager(chat)


def member(name, *words):
    return AssistantAgent(name, llm_config=ScriptedModel(words))


def asking(**options):
    return ConversableAgent("user", human_input_mode="NEVER", **options)


def test_its_own_model_makes_an_answer_of_the_discussion():
    model = ScriptedModel(["Paris."])
    team = SocietyOfMindAgent("team", group(member("ada", "Paris?"), member("bob", "Yes. TERMINATE")), llm_config=model)
    result = asking().initiate_chat(team, message="The capital of France?", max_turns=1, silent=True)
    assert [(one.speaker, one.text) for one in result.messages] == [
        ("user", "The capital of France?"),
        ("team", "Paris."),
    ]
    shown = [one["content"] for one in model.requests[0].messages]
    assert shown[1:4] == ["The capital of France?", "Paris?", "Yes. TERMINATE"]
    assert shown[0] != shown[-1]
    assert team.usage.summary


def test_without_a_model_the_last_word_is_the_answer():
    team = SocietyOfMindAgent("team", group(member("ada", "Four. TERMINATE")))
    assert team.generate_reply([{"role": "user", "content": "2 + 2?"}]) == "Four."


def test_a_question_of_ones_own_is_put_to_the_model():
    model = ScriptedModel(["1"])
    team = SocietyOfMindAgent("team", group(member("ada", "x TERMINATE")), "How many spoke?", llm_config=model)
    assert team.generate_reply([{"role": "user", "content": "Go"}]) == "1"
    assert model.requests[0].messages[-1] == {"role": "system", "content": "How many spoke?"}


@pytest.mark.parametrize("is_async", [False, True])
def test_a_function_may_make_the_answer(is_async):
    def joined(agent, messages):
        return {"content": "|".join(one["content"] for one in messages) + f" by {agent.name}"}

    async def later(agent, messages):
        await asyncio.sleep(0)
        return joined(agent, messages)

    team = SocietyOfMindAgent("team", group(member("ada", "a TERMINATE")), later if is_async else joined)
    assert team.generate_reply([{"role": "user", "content": "Go"}]) == "Go|a TERMINATE by team"


def test_the_members_know_what_was_said_outside_and_start_afresh_each_time():
    model = ScriptedModel(["one TERMINATE", "two TERMINATE"])
    ada = AssistantAgent("ada", llm_config=model)
    team = SocietyOfMindAgent("team", group(ada))
    asker = asking(default_auto_reply="And then?")
    asker.initiate_chat(team, message="First?", max_turns=2, silent=True)
    assert [one["content"] for one in model.requests[1].messages] == ["First?", "one", "And then?"]


def test_it_works_in_async_chats_too_and_costs_are_counted():
    inner = ScriptedModel(["x TERMINATE"])
    team = SocietyOfMindAgent("team", group(AssistantAgent("ada", llm_config=inner)), llm_config=ScriptedModel(["y"]))

    async def main():
        return await asking().a_initiate_chat(team, message="Go", max_turns=1, silent=True)

    result = asyncio.run(main())
    assert set(result.usage_by_agent) == {"ada", "team"}


def test_it_can_be_a_member_of_a_group_itself():
    team = SocietyOfMindAgent("team", group(member("ada", "from inside TERMINATE")))
    outer = group(team, member("bob", "Thanks. TERMINATE"))
    result = asking().initiate_chat(outer, message="Go", silent=True)
    assert [one.speaker for one in result.messages] == ["user", "team", "bob"]
    assert result.messages[1].text == "from inside"


def test_two_chats_at_once_dont_mix():
    async def echo(request):
        await asyncio.sleep(0.01)
        return request.messages[-1]["content"] + " TERMINATE"

    team = SocietyOfMindAgent("team", group(AssistantAgent("ada", llm_config=ScriptedModel(echo))))

    async def main():
        chats = [asking().a_initiate_chat(team, message=f"m{n}", max_turns=1, silent=True) for n in range(5)]
        return await asyncio.gather(*chats)

    assert [one.messages[-1].text for one in asyncio.run(main())] == [f"m{n}" for n in range(5)]


def test_an_error_inside_is_an_error_and_no_answer():
    team = SocietyOfMindAgent("team", group(member("ada", RuntimeError("broken"))))
    with pytest.raises(ConversationError, match="broken"):
        asking().initiate_chat(team, message="Go", max_turns=1, silent=True)


def test_a_group_that_says_nothing_ends_the_chat_and_says_why():
    team = SocietyOfMindAgent("team", group(member("ada", "x"), max_round=1))
    result = asking().initiate_chat(team, message="Go", max_turns=1, silent=True)
    assert result.stop_reason.kind == "no_reply"
    assert "max_round=1" in result.stop_reason.detail


def test_cancelling_reaches_the_members():
    started, ended = asyncio.Event(), []

    async def slow(request):
        started.set()
        try:
            await asyncio.sleep(60)
        finally:
            ended.append("ada")

    team = SocietyOfMindAgent("team", group(AssistantAgent("ada", llm_config=ScriptedModel(slow))))

    async def main():
        task = asyncio.create_task(asking().a_initiate_chat(team, message="Go", silent=True))
        await started.wait()
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task

    asyncio.run(main())
    assert ended == ["ada"]


def test_a_person_inside_cannot_be_waited_for_elsewhere():
    team = SocietyOfMindAgent("team", group(ConversableAgent("person", human_input_mode="ALWAYS")))
    with pytest.raises(ConversationError, match='human="events"'):
        asyncio.run(_awaited(asking().run(team, message="Go", human="pause")))


async def _awaited(run):
    return await run


def test_without_a_group_it_is_an_agent_like_any_other():
    team = SocietyOfMindAgent("team", None, default_auto_reply="Nobody is here.")
    assert team.generate_reply([{"role": "user", "content": "Go"}]) == "Nobody is here."


def test_images_reach_the_members():
    model = ScriptedModel(["A cat. TERMINATE"])
    team = SocietyOfMindAgent("team", group(AssistantAgent("ada", llm_config=model)))
    image = {"type": "image_url", "image_url": {"url": "data:image/png;base64,eA==", "detail": "auto"}}
    team.generate_reply([{"role": "user", "content": [{"type": "text", "text": "What?"}, image]}])
    assert model.requests[0].messages[0]["content"][1] == image


@pytest.mark.parametrize(
    ("manager", "options", "cure"),
    [
        ("a group", {}, "must be a GroupChatManager"),
        (member("ada"), {}, "must be a GroupChatManager"),
        (group(member("team")), {}, "give one another name"),
        (group(member("ada")), {"response_preparer": "Sum it up."}, "give it an llm_config"),
        (group(member("ada")), {"response_preparer": 3}, "must be a text or a function"),
    ],
)
def test_what_cannot_be_is_refused_with_the_cure(manager, options, cure):
    with pytest.raises(ConfigError, match=cure):
        SocietyOfMindAgent("team", manager, **options)
