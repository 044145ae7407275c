"""Subclasses that override send and receive: each message goes through them."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from autogen_like.compat import ConversableAgent, GroupChat, GroupChatManager

Heard = list[tuple[str, str, Any]]


def text(message: Any) -> str:
    return message if isinstance(message, str) else message["content"]


def loud(heard: Heard, *, asynchronous: bool = False) -> type[ConversableAgent]:
    class Loud(ConversableAgent):
        def receive(self, message: Any, sender: Any, request_reply: Any = None, silent: Any = False) -> None:
            heard.append((self.name, sender.name, text(message)))
            super().receive(message, sender, request_reply, silent)

        def send(self, message: Any, recipient: Any, request_reply: Any = None, silent: Any = False) -> None:
            super().send(f"{text(message)}!", recipient, request_reply, silent)

    class AsyncLoud(ConversableAgent):
        async def a_receive(self, message: Any, sender: Any, request_reply: Any = None, silent: Any = False) -> None:
            heard.append((self.name, sender.name, text(message)))
            await super().a_receive(message, sender, request_reply, silent)

        async def a_send(self, message: Any, recipient: Any, request_reply: Any = None, silent: Any = False) -> None:
            await super().a_send(f"{text(message)}!", recipient, request_reply, silent)

    return AsyncLoud if asynchronous else Loud


def made(kind: type[ConversableAgent], name: str) -> ConversableAgent:
    return kind(name, human_input_mode="NEVER", default_auto_reply=f"by {name}")


EVERYTHING = [("b", "a", "hi!"), ("a", "b", "by b!"), ("b", "a", "by a!"), ("a", "b", "by b!")]


def test_each_message_of_a_chat_is_sent_and_received_by_the_overrides() -> None:
    heard: Heard = []
    a, b = made(loud(heard), "a"), made(loud(heard), "b")
    result = a.initiate_chat(b, message="hi", max_turns=2, silent=True)
    assert [one["content"] for one in result.chat_history] == ["hi!", "by b!", "by a!", "by b!"]
    assert heard == EVERYTHING


@pytest.mark.parametrize("asynchronous", [False, True])
def test_async_chats_call_them_too(asynchronous: bool) -> None:
    heard: Heard = []
    a, b = (made(loud(heard, asynchronous=asynchronous), name) for name in "ab")
    asyncio.run(a.a_initiate_chat(b, message="hi", max_turns=2, silent=True))
    assert heard == EVERYTHING


def test_async_overrides_are_called_in_sync_chats_where_there_are_no_others() -> None:
    heard: Heard = []
    a, b = (made(loud(heard, asynchronous=True), name) for name in "ab")
    result = a.initiate_chat(b, message="hi", max_turns=1, silent=True)
    assert [one["content"] for one in result.chat_history] == ["hi!", "by b!"]


def test_outside_a_chat_an_override_is_called_once() -> None:
    heard: Heard = []
    a, b = made(loud(heard), "a"), made(loud(heard), "b")
    a.send("news", b, request_reply=False, silent=True)
    assert heard == [("b", "a", "news!")]
    assert a.chat_messages[b][-1]["content"] == "news!"
    heard.clear()
    asyncio.run(a.a_send("more", b, request_reply=False, silent=True))
    assert heard == [("b", "a", "more")], "the async method isn't overridden"
    heard.clear()
    b.receive("told", a, request_reply=False, silent=True)
    asyncio.run(b.a_receive("told again", a, request_reply=False, silent=True))
    assert [said for _, _, said in heard] == ["told"]
    assert b.last_message(a)["content"] == "told again"


def test_in_a_group_the_manager_and_the_other_members_hear() -> None:
    heard: Heard = []
    a, b = made(loud(heard), "a"), made(loud(heard), "b")
    c = made(ConversableAgent, "c")
    chat = GroupChat([a, b, c], [], max_round=3, speaker_selection_method="round_robin")
    a.initiate_chat(GroupChatManager(chat), message="hi", silent=True)
    assert [(name, said) for name, _, said in heard] == [
        ("b", "hi!"), ("a", "by b!"), ("a", "by c"), ("b", "by c"),
    ]  # fmt: skip
    assert {sender for _, sender, _ in heard} == {"chat_manager"}


def test_what_receive_makes_of_a_message_is_what_was_said() -> None:
    class Deaf(ConversableAgent):
        def receive(self, message: Any, sender: Any, request_reply: Any = None, silent: Any = False) -> None:
            super().receive(text(message).upper(), sender, request_reply, silent)

    result = made(ConversableAgent, "a").initiate_chat(made(Deaf, "b"), message="hi", max_turns=1, silent=True)
    assert [one["content"] for one in result.chat_history] == ["HI", "by b"]


def test_a_subclass_may_watch_what_it_receives() -> None:
    seen: list[Any] = []

    class Watching(ConversableAgent):
        def _process_received_message(self, message: Any, sender: Any, silent: bool) -> None:
            seen.append(message)

    made(ConversableAgent, "a").initiate_chat(made(Watching, "b"), message="hi", max_turns=1, silent=True)
    asyncio.run(
        made(ConversableAgent, "a").a_initiate_chat(made(Watching, "b"), message="yo", max_turns=1, silent=True)
    )
    assert seen == ["hi", "yo"]


def test_an_override_of_send_that_sends_nothing_is_an_error_that_says_so() -> None:
    class Mute(ConversableAgent):
        def send(self, message: Any, recipient: Any, request_reply: Any = None, silent: Any = False) -> None:
            """Says nothing."""

    with pytest.raises(ValueError, match=r"Mute\.send said nothing"):
        made(Mute, "a").initiate_chat(made(ConversableAgent, "b"), message="hi", silent=True)


def test_messages_with_calls_pass_as_dicts_and_stay_as_they_are() -> None:
    seen: list[Any] = []

    class Calling(ConversableAgent):
        def send(self, message: Any, recipient: Any, request_reply: Any = None, silent: Any = False) -> None:
            seen.append(message)
            super().send(message, recipient, request_reply, silent)

    call = {"tool_calls": [{"id": "1", "type": "function", "function": {"name": "f", "arguments": "{}"}}]}
    runner = ConversableAgent("b", human_input_mode="NEVER", function_map={"f": lambda: "six"})
    result = made(Calling, "a").initiate_chat(runner, message=call, max_turns=1, silent=True)
    assert seen[0]["tool_calls"][0]["id"] == "1"
    assert result.chat_history[1]["content"] == "six"
