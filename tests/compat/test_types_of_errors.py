"""What a script of AutoGen 0.2's catches is still caught: errors are of its types, too."""

from __future__ import annotations

import asyncio
import pickle
from typing import Any

import pytest

import autogen_like.compat as autogen
from autogen_like import ConfigError, ConversationError
from autogen_like.compat import ConversableAgent, GroupChat, GroupChatManager, OpenAIWrapper
from autogen_like.compat._errors import also
from autogen_like.compat.oai.client_utils import should_hide_tools, validate_parameter


def agent(name: str, **kwargs: Any) -> ConversableAgent:
    kwargs.setdefault("human_input_mode", "NEVER")
    return ConversableAgent(name, llm_config=kwargs.pop("llm_config", False), **kwargs)


def failing(error: Exception) -> ConversableAgent:
    def fail(recipient: Any, messages: Any, sender: Any, config: Any) -> Any:
        raise error

    one = agent("failing")
    one.register_reply([autogen.Agent, None], fail)
    return one


def test_what_a_reply_function_raises_is_caught_by_its_type() -> None:
    with pytest.raises(LookupError) as caught:
        agent("asker").initiate_chat(failing(LookupError("gone")), message="hi", silent=True)
    error: Any = caught.value
    assert isinstance(error, ConversationError)
    assert error.agent == "failing"
    assert [message.text for message in error.transcript.messages] == ["hi"]


def test_so_it_is_when_a_message_is_sent_or_received() -> None:
    one = agent("asker")
    with pytest.raises(LookupError):
        one.send("hi", failing(LookupError("gone")), request_reply=True, silent=True)
    with pytest.raises(LookupError):
        failing(LookupError("gone")).receive("hi", one, request_reply=True, silent=True)


def test_and_in_async_chats() -> None:
    async def main() -> None:
        one = agent("asker")
        with pytest.raises(LookupError):
            await one.a_initiate_chat(failing(LookupError("gone")), message="hi", silent=True)
        with pytest.raises(LookupError):
            await one.a_send("hi", failing(LookupError("gone")), request_reply=True, silent=True)
        with pytest.raises(LookupError):
            await failing(LookupError("gone")).a_receive("hi", one, request_reply=True, silent=True)

    asyncio.run(main())


def test_an_error_of_the_system_stays_the_cause() -> None:
    with pytest.raises(ConversationError) as caught:
        agent("asker").initiate_chat(failing(FileNotFoundError("no file")), message="hi", silent=True)
    assert isinstance(caught.value.__cause__, FileNotFoundError)


def test_an_error_of_two_types_can_be_sent_to_another_process() -> None:
    error: Any = also(ConfigError("no model"), AssertionError)
    again = pickle.loads(pickle.dumps(error))
    assert isinstance(again, ConfigError)
    assert isinstance(again, AssertionError)
    assert str(again) == "no model"


def test_a_function_that_nobody_in_the_group_can_run_is_a_value_error() -> None:
    members = [agent("alice", default_auto_reply="a"), agent("bob", default_auto_reply="b")]
    manager = GroupChatManager(GroupChat(members, [], max_round=3), llm_config=False)
    with pytest.raises(ValueError, match="no member of the group can run it"):
        members[0].initiate_chat(
            manager, message={"function_call": {"name": "unknown", "arguments": "{}"}}, silent=True
        )


def test_an_agent_without_a_model_can_not_be_told_of_tools() -> None:
    one = agent("one")
    with pytest.raises(AssertionError, match="llm_config"):
        one.register_for_llm(description="Adds.")(lambda: "")
    with pytest.raises(AssertionError, match="llm_config"):
        one.update_tool_signature({"type": "function", "function": {"name": "f"}}, is_remove=False)


@pytest.mark.parametrize("method", ["llm", "reflection_with_llm"])
def test_a_summary_that_can_not_be_had_is_an_assertion_error(method: str) -> None:
    with pytest.raises(AssertionError, match="summary_method"):
        agent("one").initiate_chat(agent("other"), message="hi", summary_method=method, max_turns=1, silent=True)


def test_what_is_wrong_with_parameters_of_clients_is_a_type_error() -> None:
    with pytest.raises(TypeError, match="must be a list"):
        validate_parameter({}, "stream", bool, True, None, None, "yes")
    with pytest.raises(TypeError, match="not both"):
        validate_parameter({}, "top_k", int, True, None, (0, None), [1])
    with pytest.raises(TypeError, match="if_all_run"):
        should_hide_tools([], [], "sometimes")


def test_an_unregistered_client_is_a_runtime_error() -> None:
    wrapper = OpenAIWrapper(config_list=[{"model": "m", "model_client_cls": "Mine"}])
    with pytest.raises(RuntimeError, match="not registered"):
        wrapper.create(messages=[{"role": "user", "content": "hi"}])
