"""A person in the loop: what is asked when, and how it is answered."""

from __future__ import annotations

import asyncio

import pytest

from autogen_like.agents.assistant import AssistantAgent
from autogen_like.agents.user_proxy import UserProxyAgent
from autogen_like.core.events import HumanRequested, Notice
from autogen_like.core.message import ToolCall
from autogen_like.models.client import ModelResponse
from autogen_like.models.scripted import ScriptedModel


class Person(UserProxyAgent):
    """Answers from a list instead of the terminal."""

    def __init__(self, *answers: str, mode: str = "ALWAYS", **kwargs: object) -> None:
        super().__init__("person", human_input_mode=mode, **kwargs)
        self.answers = list(answers)
        self.prompts: list[str] = []

    def get_human_input(self, prompt: str) -> str:
        self.prompts.append(prompt)
        return self.answers.pop(0)


def bob(*replies: object) -> AssistantAgent:
    return AssistantAgent("bob", llm_config=ScriptedModel(list(replies)))


def texts(result) -> list[object]:
    return [message["content"] for message in result.chat_history]


def test_always_asks_before_each_reply_and_exit_ends_it():
    person = Person("more", "exit")
    result = person.initiate_chat(bob("one", "two"), message="hi", silent=True)
    assert texts(result) == ["hi", "one", "more", "two"]
    assert result.stop_reason.kind == "human_exit"
    assert result.human_input == ["more"]
    assert all("bob" in prompt and "person" in prompt for prompt in person.prompts)


def test_always_with_an_empty_answer_replies_by_itself():
    person = Person("", "exit", default_auto_reply="auto")
    result = person.initiate_chat(bob("one", "two"), message="hi", silent=True)
    assert texts(result) == ["hi", "one", "auto", "two"]


def test_always_with_an_empty_answer_to_a_final_message_ends_the_chat():
    result = Person("").initiate_chat(bob("done TERMINATE"), message="hi", silent=True)
    assert result.stop_reason.kind == "termination_message"


def test_terminate_asks_only_when_the_chat_would_end():
    person = Person("what about rain?", "", mode="TERMINATE", default_auto_reply="go on")
    result = person.initiate_chat(bob("one", "TERMINATE", "two TERMINATE"), message="hi", silent=True)
    assert texts(result) == ["hi", "one", "go on", "TERMINATE", "what about rain?", "two TERMINATE"]
    assert len(person.prompts) == 2


def test_terminate_asks_at_the_limit_of_replies_and_goes_on_without_an_answer():
    person = Person("", "exit", mode="TERMINATE", max_consecutive_auto_reply=1, default_auto_reply="go on")
    result = person.initiate_chat(bob("1", "2", "3", "4"), message="hi", silent=True)
    assert texts(result) == ["hi", "1", "go on", "2", "go on", "3"]
    assert result.stop_reason.kind == "human_exit"


async def test_the_async_form_asks_just_as_often():
    person = Person("more", "exit")
    result = await person.a_initiate_chat(bob("one", "two"), message="hi", silent=True)
    assert len(person.prompts) == 2
    assert texts(result) == ["hi", "one", "more", "two"]


async def test_an_async_override_is_asked():
    class Remote(UserProxyAgent):
        async def a_get_human_input(self, prompt: str) -> str:
            await asyncio.sleep(0)
            return "exit"

    result = await Remote("remote").a_initiate_chat(bob("one"), message="hi", silent=True)
    assert result.stop_reason.kind == "human_exit"


async def test_a_person_may_answer_an_event_instead_of_the_terminal():
    person = UserProxyAgent("person")
    run = person.run(bob("one", "two"), "hi", human="events")
    answers = iter(["more", "exit"])
    async for event in run:
        if isinstance(event, HumanRequested):
            run.answer(event.id, next(answers))
    assert [message.text for message in (await run).messages] == ["hi", "one", "more", "two"]


async def test_a_function_may_answer_for_the_person():
    async def answer(request: HumanRequested) -> str:
        return "exit" if request.agent == "person" else ""

    result = await UserProxyAgent("person").run(bob("one"), "hi", human=answer)
    assert result.stop_reason.kind == "human_exit"


def test_a_person_who_speaks_up_interrupts_the_tools():
    call = ModelResponse(None, tool_calls=(ToolCall("c1", "rm", "{}"),))
    model = ScriptedModel([call, "all right"])
    person = Person("don't!", "exit", function_map={"rm": lambda: "gone"})
    result = person.initiate_chat(AssistantAgent("bob", llm_config=model), message="hi", silent=True)
    interrupted = result.messages[2]
    assert interrupted.tool_results[0].content == "USER INTERRUPTED"
    assert interrupted.text == "don't!"
    wire = [message["role"] for message in model.requests[1].messages]
    assert wire == ["user", "assistant", "tool", "user"]


def test_a_chat_without_a_message_asks_the_person_for_it():
    person = Person("first words", "exit")
    result = person.initiate_chat(bob("one"), silent=True)
    assert texts(result)[0] == "first words"
    assert person.prompts[0] == ">"


async def test_listeners_hear_that_nobody_answered():
    person = Person("", "exit")
    notices = []
    run = person.run(bob("one", "two"), "hi")
    run.subscribe(lambda event: notices.append(event.kind) if isinstance(event, Notice) else None)
    await run
    assert notices == ["no_human_input", "auto_reply"]


def test_ctrl_c_at_the_prompt_ends_the_chat_with_keyboard_interrupt():
    class Impatient(UserProxyAgent):
        def get_human_input(self, prompt: str) -> str:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        Impatient("person").initiate_chat(bob("one"), message="hi", silent=True)
