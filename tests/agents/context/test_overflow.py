"""A conversation that outgrows the model's window: noticed before the request, and handled as the user chose."""

from __future__ import annotations

from typing import Any

import pytest

from autogen_like import (
    AssistantAgent,
    Capabilities,
    ConfigError,
    ContextOverflow,
    ConversationError,
    FunctionTool,
    GroupChat,
    GroupChatManager,
    MaxMessages,
    ModelRequest,
    ModelResponse,
    Notice,
    ScriptedModel,
    ToolCall,
    UserProxyAgent,
)
from autogen_like.agents.context import FitWindow, HeadAndTail, LastMessages
from autogen_like.agents.context.compact import SUMMARY
from autogen_like.models.tokens import count_tokens

WORDS = "word " * 20


def model_with(window: int | None, reply: Any = None) -> ScriptedModel:
    model = ScriptedModel(
        reply or (lambda _: f"reply {model.calls} {WORDS}"), capabilities=Capabilities(context=window), model="small"
    )
    return model


def size(request: ModelRequest) -> int:
    return count_tokens([{"role": "system", "content": request.system}, *request.messages], "small").tokens


async def talk(turns: int, context: Any, model: ScriptedModel, opening: str = "the task") -> Any:
    ada = AssistantAgent("ada", "Be brief.", llm_config=model, context=context, max_consecutive_auto_reply=10**6)
    bob = AssistantAgent("bob", llm_config=ScriptedModel(lambda _: WORDS), max_consecutive_auto_reply=10**6)
    notices: list[str] = []
    run = bob.run(ada, opening, stop=MaxMessages(turns))
    run.subscribe(lambda event: notices.append(event.text) if isinstance(event, Notice) else None)
    return await run, notices


async def test_the_oldest_messages_are_dropped() -> None:
    model = model_with(400)
    result, notices = await talk(41, FitWindow("drop"), model)
    assert len(result.messages) == 41
    assert max(map(size, model.requests)) <= 300, "a quarter is free for the answer"
    assert size(model.requests[-1]) > 220, "and no more is dropped than needs be"
    assert any("to fit the model's window" in notice for notice in notices)


async def test_the_past_is_summed_up() -> None:
    model = model_with(400, lambda request: "in short" if request.system != "Be brief." else WORDS)
    await talk(41, FitWindow("compact"), model)
    said = [request for request in model.requests if request.system == "Be brief."]
    assert max(map(size, said)) <= 300
    assert said[-1].messages[0]["content"] == f"{SUMMARY}in short"
    assert len(model.requests) - len(said) < 12, "not at each turn"


async def test_what_cannot_be_summed_up_is_dropped() -> None:
    model = model_with(400, lambda request: "" if request.system != "Be brief." else WORDS)
    result, _ = await talk(31, FitWindow("compact"), model)
    assert len(result.messages) == 31


async def test_the_conversation_ends_with_a_reason() -> None:
    model = model_with(400)
    result, _ = await talk(41, FitWindow("stop"), model)
    reason = result.stop_reason
    assert reason.kind == "context_overflow"
    assert reason.by == "ada"
    assert "small's window of 400" in reason.detail
    assert 8 < len(result.messages) < 20, "what was said until then is there"


@pytest.mark.parametrize("how", ["drop", "compact", "stop"])
async def test_a_newest_message_that_does_not_fit_ends_it_before_anything_is_sent(how: Any) -> None:
    model = model_with(400)
    result, _ = await talk(5, FitWindow(how), model, "word " * 1000)
    assert result.stop_reason.kind == "context_overflow"
    assert model.calls == 0


async def test_an_unknown_window_is_not_checked() -> None:
    model = model_with(None)
    result, _ = await talk(41, FitWindow("stop"), model)
    assert len(result.messages) == 41
    assert len(model.requests[-1].messages) == 39


@pytest.mark.parametrize("how", ["drop", "compact"])
async def test_a_refusal_by_the_endpoint_tells_where_the_limit_is(how: Any) -> None:
    def strict(request: ModelRequest) -> str:
        if request.system != "Be brief.":
            return "in short"
        if size(request) > 400:
            raise ContextOverflow("too long")
        return WORDS

    model = model_with(None, strict)
    result, _ = await talk(61, FitWindow(how), model)
    assert len(result.messages) == 61
    assert model.calls < 45, "it is learnt once"


async def test_a_refusal_stops_where_the_user_chose_so_and_is_raised_where_nothing_can_be_done() -> None:
    def refuse(_: ModelRequest) -> str:
        raise ContextOverflow("too long")

    result, _ = await talk(3, FitWindow("stop"), model_with(None, refuse))
    assert result.stop_reason.kind == "context_overflow"
    with pytest.raises(ConversationError, match="too long"):
        await talk(3, LastMessages(5), model_with(None, refuse))


async def test_the_tools_and_the_system_message_count() -> None:
    def search(query: str) -> str:
        """Looks for something."""
        return query

    wordy = FunctionTool(search, description=WORDS * 4)
    model = model_with(400, lambda _: "hm")
    plain = AssistantAgent("ada", "Be brief.", llm_config=model, context=FitWindow("stop", reserve=0))
    user = UserProxyAgent("user", human_input_mode="NEVER")
    text = "word " * 330
    assert (await user.run(plain, text, max_turns=1)).stop_reason.kind == "max_turns"
    told = AssistantAgent("ada", WORDS * 4, llm_config=model, context=FitWindow("stop", reserve=0))
    assert (await user.run(told, text, max_turns=1)).stop_reason.kind == "context_overflow"
    able = AssistantAgent("ada", "Be brief.", llm_config=model, context=FitWindow("stop", reserve=0), tools=[wordy])
    assert (await user.run(able, text, max_turns=1)).stop_reason.kind == "context_overflow"


async def test_calls_are_dropped_with_their_results() -> None:
    def look() -> str:
        """Looks."""
        return WORDS

    def reply(request: ModelRequest) -> Any:
        if request.messages[-1]["role"] == "tool":
            return "seen"
        return ModelResponse(None, tuple(ToolCall(f"{model.calls}-{index}", "look", "{}") for index in range(3)))

    model = model_with(700, reply)
    ada = AssistantAgent("ada", llm_config=model, context=FitWindow("drop"), tools=[look], system_message="Look.")
    user = UserProxyAgent("user", human_input_mode="NEVER", default_auto_reply="again")
    user.initiate_chat(ada, message="go", max_turns=10, silent=True)
    for request in model.requests:
        calls: set[str] = set()
        for wire in request.messages:
            if wire["role"] == "tool":
                calls.remove(wire["tool_call_id"])
            else:
                assert not calls
                calls = {call["id"] for call in wire.get("tool_calls", ())}
        assert not calls
    assert len(model.requests[-1].messages) < 20


async def test_one_may_say_how_large_the_window_is_and_what_stays_free() -> None:
    model = model_with(None)
    await talk(41, HeadAndTail(1, 100) | FitWindow("drop", first=1, window=300, reserve=50), model)
    assert 200 < size(model.requests[-1]) <= 250
    assert model.requests[-1].messages[0]["content"] == "the task"


@pytest.mark.parametrize("settings", [{"on_overflow": "shrug"}, {"window": 0}, {"reserve": -1}, {"first": -1}])
def test_wrong_settings_are_refused(settings: Any) -> None:
    with pytest.raises(ConfigError):
        FitWindow(**settings)


# --- what the speaker selector sees


def group(selector: ScriptedModel, *, context: Any = None, **settings: Any) -> GroupChatManager:
    members = [AssistantAgent(name, llm_config=ScriptedModel(lambda _: WORDS)) for name in ("ada", "bob")]
    return GroupChatManager(GroupChat(members, max_round=12, **settings), llm_config=selector, context=context)


async def select(manager: GroupChatManager) -> Any:
    return await UserProxyAgent("user", human_input_mode="NEVER").run(manager, "the task")


def shown(request: ModelRequest) -> list[str]:
    return [wire["content"] for wire in request.messages][:-1]  # the question comes last


@pytest.mark.parametrize(
    "settings",
    [
        {"context": LastMessages(2)},
        {"select_speaker_transform_messages": LastMessages(2)},
        {"select_speaker_transform_messages": [HeadAndTail(1, 5), LastMessages(2)]},
        {"context": LastMessages(50), "select_speaker_transform_messages": LastMessages(2)},
        {"context": LastMessages(2), "select_speaker_transform_messages": lambda messages: messages[1:]},
    ],
)
async def test_the_selector_sees_through_the_same_policies(settings: dict[str, Any]) -> None:
    selector = ScriptedModel(lambda _: "ada")
    await select(group(selector, **settings))
    assert max(len(shown(request)) for request in selector.requests) == 2


async def test_a_question_asked_again_is_behind_what_the_context_shows() -> None:
    answers = iter(["nobody", "ada"] * 20)
    selector = ScriptedModel(lambda _: next(answers), capabilities=Capabilities())
    await select(group(selector, context=LastMessages(2)))
    again = selector.requests[-1].messages
    assert [wire["role"] for wire in again][-3:] == ["system", "assistant", "user"]
    assert len(again) == 5


async def test_a_selector_whose_window_is_full_drops_or_stops() -> None:
    selector = ScriptedModel(lambda _: "ada", capabilities=Capabilities(context=500))
    result = await select(group(selector, context=FitWindow("drop")))
    assert result.stop_reason.kind == "max_round"
    assert "the task" not in shown(selector.requests[-1])
    selector = ScriptedModel(lambda _: "ada", capabilities=Capabilities(context=500))
    result = await select(group(selector, context=FitWindow("stop")))
    assert result.stop_reason.kind == "context_overflow"
    assert result.stop_reason.by == "chat_manager"


async def test_members_and_selector_have_their_own_sight() -> None:
    selector = ScriptedModel(lambda _: "ada")
    manager = group(selector, context=LastMessages(3))
    ada = manager.groupchat.agents[0]
    ada.context = LastMessages(1)
    await select(manager)
    assert max(len(request.messages) for request in ada.llm_config.requests) == 1
    assert max(len(shown(request)) for request in selector.requests) == 3
