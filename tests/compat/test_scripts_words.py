"""What 0.2's scripts see of messages: hooks, replies of tools, carryover, groups, what is done before a reply."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

import autogen_like.compat as autogen
from autogen_like import ConfigError, ScriptedModel
from autogen_like.compat import (
    UPDATE_SYSTEM_MESSAGE,
    ConversableAgent,
    GroupChat,
    GroupChatManager,
    UpdateSystemMessage,
    UserProxyAgent,
)

FUNCTION = {"content": None, "function_call": {"name": "add", "arguments": '{"n": 1}'}}
TOOL = {
    "content": None,
    "tool_calls": [{"id": "1", "type": "function", "function": {"name": "add", "arguments": '{"n": 1}'}}],
}
PARTS = [{"type": "text", "text": "Look"}, {"type": "image_url", "image_url": {"url": "https://example.org/a.png"}}]


def agent(name: str, **kwargs: Any) -> ConversableAgent:
    kwargs.setdefault("human_input_mode", "NEVER")
    return ConversableAgent(name, llm_config=kwargs.pop("llm_config", False), **kwargs)


def test_hooks_for_what_is_sent_get_it_as_it_was_said() -> None:
    seen: list[Any] = []

    def note(sender: Any, message: Any, recipient: Any, silent: bool) -> Any:
        seen.append(message)
        return message

    one = agent("one")
    one.register_hook("process_message_before_send", note)
    one.send("hello", agent("other"), silent=True)
    one.send(TOOL, agent("other"), silent=True)
    assert seen[0] == "hello"
    assert set(seen[1]) == {"content", "role", "tool_calls"}


def test_calls_and_retired_function_calls_are_answered_each_by_its_own_method() -> None:
    one = agent("one", function_map={"add": lambda n: n + 1})
    assert one.generate_function_call_reply([FUNCTION]) == (True, {"role": "function", "name": "add", "content": "2"})
    assert one.generate_function_call_reply([TOOL]) == (False, None)
    assert one.generate_tool_calls_reply([FUNCTION]) == (False, None)
    assert one.generate_tool_calls_reply([]) == (False, None)
    answer = {"tool_call_id": "1", "role": "tool", "content": "2"}
    assert one.generate_tool_calls_reply([TOOL]) == (True, {"role": "tool", "content": "2", "tool_responses": [answer]})

    async def main() -> tuple[Any, Any]:
        return await one.a_generate_tool_calls_reply([TOOL]), await one.a_generate_function_call_reply([FUNCTION])

    assert asyncio.run(main()) == (one.generate_tool_calls_reply([TOOL]), one.generate_function_call_reply([FUNCTION]))


def test_who_can_only_receive_is_told_results_without_a_name() -> None:
    class Ear:
        name = "ear"
        heard: list[Any]

        def receive(self, message: Any, sender: Any, request_reply: Any = None, silent: bool = False) -> None:
            self.heard = [*getattr(self, "heard", []), message]

    ear = Ear()
    agent("one", function_map={"add": lambda n: n + 1}).receive(TOOL, ear, request_reply=True, silent=True)
    assert ear.heard == [
        {"role": "tool", "content": "2", "tool_responses": [{"tool_call_id": "1", "role": "tool", "content": "2"}]}
    ]


def test_carryover_stands_before_the_parts_of_a_message() -> None:
    first = agent("one").generate_init_message({"content": PARTS}, carryover=["So far."])
    assert first["content"] == [{"type": "text", "text": "\nContext: \nSo far."}, *PARTS]
    assert agent("one").generate_init_message({"content": PARTS}) == {"content": PARTS}


def test_the_first_message_may_be_made_by_an_override_that_calls_super() -> None:
    class Polite(ConversableAgent):
        def generate_init_message(self, message: Any, **context: Any) -> Any:
            return super().generate_init_message(f"Please: {message}", **context)

    one = Polite("one", llm_config=False, human_input_mode="NEVER")
    result = one.initiate_chat(agent("other"), message="add", carryover="1", max_turns=1, silent=True)
    assert result.chat_history[0]["content"] == "Please: add\nContext: \n1"


def test_a_name_given_for_running_is_taken_over_by_the_decorators_above() -> None:
    one = agent("one", llm_config={"config_list": [{"model": "m", "api_key": "none"}]})

    @one.register_for_execution()
    @one.register_for_llm(description="Runs a script.")
    @agent("runner").register_for_execution(name="sh")
    def run_script(script: str) -> str:
        return script

    assert list(one.function_map) == ["sh"]
    assert [tool["function"]["name"] for tool in one.llm_config["tools"]] == ["sh"]


def test_a_group_that_says_nothing_ends_the_chat() -> None:
    members = [agent("alice", default_auto_reply="a"), agent("bob", default_auto_reply="b")]
    manager = GroupChatManager(GroupChat(members, [], max_round=1), llm_config=False)
    members[0].send("hello", manager, request_reply=True, silent=True)
    assert [one["content"] for one in members[0].chat_messages[manager]] == ["hello"]


def test_a_member_that_calls_what_others_can_run_too_waits_for_who_is_selected() -> None:
    alice, bob = agent("alice", default_auto_reply="a"), agent("bob", function_map={"add": lambda n: n})
    carol = agent("carol", function_map={"add": lambda n: n + 1})
    group = GroupChat([alice, bob, carol], [], max_round=2)
    carol.initiate_chat(GroupChatManager(group, llm_config=False), message=FUNCTION, silent=True)
    assert (group.messages[-1]["role"], group.messages[-1]["content"]) == ("function", "1")


def test_a_caller_that_is_no_member_runs_its_own() -> None:
    group = GroupChat([agent("alice", default_auto_reply="a"), agent("bob", default_auto_reply="b")], [], max_round=2)
    guest = agent("guest", function_map={"add": lambda n: n + 1})
    guest.initiate_chat(GroupChatManager(group, llm_config=False), message=FUNCTION, silent=True)
    assert group.messages[-1]["content"] == "2"


def test_messages_that_name_nobody_are_resumed_as_the_managers() -> None:
    coder = autogen.AssistantAgent("coder", llm_config=False)
    manager = GroupChatManager(GroupChat([coder], []), llm_config=False)
    said = [{"role": "system", "content": "Begin."}, {"role": "assistant", "name": "coder", "content": "Done. STOP"}]
    speaker, last = manager.resume(said, remove_termination_string="STOP")
    assert speaker is coder
    assert last == {**said[-1], "content": "Done. "}
    assert manager.groupchat.messages[0]["name"] == manager.name
    assert manager.resume(manager.messages_to_string(said))[1] == said[-1]


def test_the_old_configuration_says_whether_code_runs_in_docker(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AUTOGEN_USE_DOCKER", "False")
    assert UserProxyAgent("one", code_execution_config={})._code_execution_config == {"use_docker": False}
    assert UserProxyAgent("two", code_execution_config=False)._code_execution_config is False


CODE = [{"role": "user", "content": "```python\nprint(1)\n```"}]


@pytest.mark.parametrize("config", [{}, {"use_docker": True, "last_n_messages": 2}, {"use_docker": "python:3.12-slim"}])
def test_docker_is_looked_for_when_there_is_code_and_code_is_run_nowhere_else(
    config: dict[str, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("DOCKER_HOST", "unix:///nowhere/docker.sock")
    monkeypatch.delenv("AUTOGEN_USE_DOCKER", raising=False)
    monkeypatch.setattr("autogen_like.compat.code_utils.in_docker_container", lambda: True)  # where 0.2 asks no more
    agent = UserProxyAgent("agent", human_input_mode="NEVER", code_execution_config=config)
    assert agent.use_docker == config.get("use_docker", True)
    agent.reset()
    assert agent.generate_reply([{"role": "user", "content": "No code here."}]) == ""
    with pytest.raises(ConfigError, match="no engine answers"):
        agent.generate_code_execution_reply(CODE)


def test_where_no_docker_can_be_an_agent_that_asks_for_it_is_not_made(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DOCKER_HOST", "unix:///nowhere/docker.sock")
    monkeypatch.delenv("AUTOGEN_USE_DOCKER", raising=False)
    monkeypatch.setattr("autogen_like.compat.code_utils.in_docker_container", lambda: False)
    with pytest.raises(RuntimeError, match="no engine answers"):
        UserProxyAgent("agent", code_execution_config={})
    with pytest.raises(ConfigError, match="work_dirs"):
        UserProxyAgent("agent", code_execution_config={"work_dirs": "here", "use_docker": False})
    monkeypatch.setenv("AUTOGEN_USE_DOCKER", "None")  # if there is one
    agent = UserProxyAgent("agent", human_input_mode="NEVER", code_execution_config={"timeout": 30})
    assert agent.generate_code_execution_reply(CODE)[1].endswith("Code output: \n1\n")


def test_the_system_message_is_written_anew_before_each_reply() -> None:
    def count(agent: Any, messages: Any) -> str:
        return f"{len(messages)} so far."

    one = agent("one", llm_config=ScriptedModel(["a", "b"]), update_agent_state_before_reply=UpdateSystemMessage(count))
    other = agent("other", default_auto_reply="go on")
    other.initiate_chat(one, message="hi", max_turns=2, silent=True)
    assert one.system_message == "3 so far."


def test_several_things_may_be_done_before_a_reply() -> None:
    async def welcome(agent: Any, messages: Any) -> None:
        agent.context_variables["who"] = messages[-1]["content"]

    updates = [welcome, UPDATE_SYSTEM_MESSAGE("You talk to {who}.")]
    one = agent("one", default_auto_reply="yes", update_agent_state_before_reply=updates)
    assert one.generate_reply([{"role": "user", "content": "Bob"}]) == "yes"
    assert one.system_message == "You talk to Bob."


def test_a_swarms_variables_are_its_agents() -> None:
    one = agent(
        "one", llm_config=ScriptedModel(["done"]), update_agent_state_before_reply=[UpdateSystemMessage("For {who}.")]
    )
    autogen.initiate_swarm_chat(one, "hi", [one], context_variables={"who": "Ada"}, silent=True)
    assert one.system_message == "For Ada."


@pytest.mark.parametrize("wrong", [3, lambda agent: ""])
def test_only_texts_and_functions_of_agent_and_messages_make_system_messages(wrong: Any) -> None:
    with pytest.raises(ConfigError, match="UpdateSystemMessage"):
        UpdateSystemMessage(wrong)


def test_what_can_not_be_done_before_a_reply_is_said_at_once() -> None:
    with pytest.raises(ConfigError, match="update_agent_state_before_reply"):
        agent("one", update_agent_state_before_reply=["You help."])


@pytest.mark.parametrize(
    ("updater", "says"), [("For {who}.", "context variable 'who'"), (lambda agent, messages: 3, "must return a text")]
)
def test_a_system_message_that_can_not_be_made_names_why(updater: Any, says: str) -> None:
    one = agent("one", update_agent_state_before_reply=UpdateSystemMessage(updater))
    with pytest.raises(ConfigError, match=says):
        one.generate_reply([{"role": "user", "content": "hi"}])
