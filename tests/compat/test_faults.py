"""The faults of AutoGen 0.2: each test shows what happens here instead; `FAULTS` names those in other rooms."""

from __future__ import annotations

import asyncio
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest

import autogen_like.compat as autogen
from autogen_like import AgentNameConflict, ScriptedModel
from autogen_like.compat import ConversableAgent, GroupChat, GroupChatManager, UserProxyAgent
from autogen_like.compat.agentchat.contrib.capabilities.transform_messages import TransformMessages
from autogen_like.compat.agentchat.contrib.capabilities.transforms import MessageHistoryLimiter
from autogen_like.compat.coding import CodeBlock, LocalCommandLineCodeExecutor

TESTS = Path(__file__).parents[1]
TWO, TOOLS = "agents/test_two_agents.py::", "agents/test_tools_in_chats.py::"
HOOKS, CACHE = "agents/test_hooks_and_history.py::", "models/test_cache.py::"

FAULTS = {
    "the stack grows by every message": TWO + "test_a_hundred_thousand_turns_use_no_more_stack_than_two",
    "messages are copied": "agents/context/test_cost.py::test_no_message_is_copied_for_a_request",
    "a pair can have one chat at a time": TWO + "test_two_chats_of_the_same_pair_at_once_do_not_mix",
    "agents are not serialisable": "scale/test_pickling.py::test_an_agent_may_go_with_its_tools_and_settings",
    "imports are heavy": "packaging/test_import.py::test_agents_groups_and_clients_load_no_heavy_library_either",
    "no cancellation": TOOLS + "test_cancelling_in_a_tool_leaves_a_valid_transcript",
    "no streaming": "models/test_openai_client.py::test_a_stream_gives_text_reasoning_and_usage",
    "sync tools block async chats": TOOLS + "test_a_sync_tool_does_not_block_the_loop_and_an_async_one_is_awaited",
    "hooks change what was said": "agents/test_odd_input.py::test_a_hook_for_the_last_message_copies_no_other",
    "Done. TERMINATE ends nothing": TWO + "test_a_message_that_ends_with_terminate_ends_the_chat",
    "results change afterwards": TWO + "test_a_second_chat_starts_anew_and_leaves_the_first_result_alone",
    "costs are of whole lives": TWO + "test_the_cost_is_that_of_this_chat_alone",
    "errors lose the chat": TWO
    + "test_a_reply_function_that_raises_names_agent_backend_and_turn_and_keeps_the_transcript",
    "society of mind swallows errors": "agents/contrib/test_society_of_mind.py::"
    "test_an_error_inside_is_an_error_and_no_answer",
    "arguments are not converted": "tools/test_tool.py::test_arguments_are_coerced_and_defaults_hold",
    "the cache is on by default": HOOKS + "test_without_a_cache_nothing_is_cached",
    "the cache leaves endpoints out": CACHE
    + "test_endpoints_models_and_defaults_are_part_of_the_key_and_api_keys_are_not",
    "the cache holds pickles": CACHE + "test_a_cache_keeps_json",
    "configurations are written to": "models/test_openai_client.py::"
    "test_call_arguments_win_over_the_configuration_which_stays_as_it_is",
    "queues are written to": "agents/test_queues.py::test_the_same_queue_gives_the_same_twice_and_is_not_written_to",
    "cycles run nothing": "agents/test_queues.py::test_a_graph_that_cannot_be_is_refused_before_it_runs",
    "a failing log hides its error": "compat/test_parts.py::test_a_log_that_cannot_start_says_why_and_logs_nothing",
    "grandchildren live on after a timeout": "coding/test_local.py::test_no_grandchild_survives_a_time_out",
    "the optimizer's functions are bound late": "optimizer/test_agent_optimizer.py::"
    "test_what_a_step_gives_registers_with_agents_as_in_autogen_02",
    "the optimizer's removals never reach agents": "optimizer/test_function_set.py::"
    "test_an_agent_uses_a_set_and_then_another",
    "silent is not silent": "agents/test_odd_input.py::test_silent_is_silent_for_what_is_nested_too",
}


@pytest.mark.parametrize(("fault", "shown"), FAULTS.items())
def test_the_test_that_shows_it_is_there(fault: str, shown: str) -> None:
    file, _, name = shown.partition("::")
    assert f"def {name}(" in (TESTS / file).read_text(encoding="utf-8"), f"nothing shows ours doing right: {fault}"


def agent(name: str, **kwargs: Any) -> ConversableAgent:
    kwargs.setdefault("human_input_mode", "NEVER")
    return ConversableAgent(name, llm_config=kwargs.pop("llm_config", False), **kwargs)


def chat(one: Any, other: Any, sync: bool, **kwargs: Any) -> Any:
    if sync:
        return one.initiate_chat(other, silent=True, **kwargs)
    return asyncio.run(one.a_initiate_chat(other, silent=True, **kwargs))


@pytest.mark.parametrize("sync", [True, False])
def test_a_person_is_asked_once_for_each_message(sync: bool) -> None:
    asked: list[str] = []

    class Person(ConversableAgent):
        def get_human_input(self, prompt: str) -> str:
            asked.append(prompt)
            return "go on"

    person = Person("person", llm_config=False, human_input_mode="ALWAYS")
    chat(agent("other", default_auto_reply="yes"), person, sync, message="hi", max_turns=3)
    assert len(asked) == 3


@pytest.mark.parametrize("sync", [True, False])
def test_a_reply_is_counted_once(sync: bool) -> None:
    one, other = agent("one", default_auto_reply="a", max_consecutive_auto_reply=2), agent("other")
    other.default_auto_reply = "b"
    result = chat(other, one, sync, message="hi", max_turns=9)
    assert len([said for said in result.chat_history if said["name"] == "one"]) == 2


@pytest.mark.parametrize("sync", [True, False])
def test_sync_hooks_work_in_one_order(sync: bool) -> None:
    order: list[str] = []
    model = ScriptedModel(["ok"])
    one = agent("one", llm_config=model)
    one.register_hook("process_last_received_message", lambda content: order.append("last") or f"{content}!")
    one.register_hook("process_all_messages_before_reply", lambda messages: order.append("all") or messages)
    TransformMessages(transforms=[MessageHistoryLimiter(max_messages=2)], verbose=False).add_to_agent(one)
    other = agent("other", default_auto_reply="more")
    for said in ("a", "b", "c"):
        other.send(said, one, request_reply=False, silent=True)
    result = chat(other, one, sync, message="d", max_turns=1, clear_history=False)
    assert order == ["all", "last"]
    asked = [message["content"] for message in model.requests[0].messages]
    assert asked[-2:] == ["c", "d!"]
    assert len(asked) <= 3  # two, after the system message
    assert result.chat_history[-2]["content"] == "d"


@pytest.mark.parametrize("sync", [True, False])
def test_all_members_hear_the_message_that_ends_the_chat(sync: bool) -> None:
    members = [agent("a", default_auto_reply="hi"), agent("b", default_auto_reply="Bye. TERMINATE"), agent("c")]
    manager = GroupChatManager(GroupChat(members, [], speaker_selection_method="round_robin"), llm_config=False)
    chat(members[0], manager, sync, message="hello")
    assert [len(member.chat_messages[manager]) for member in members] == [2, 2, 2]


def test_members_of_one_name_are_an_error() -> None:
    group = GroupChat([agent("a"), agent("a"), agent("c")], [])
    with pytest.raises(AgentNameConflict, match="'a'"):
        group.agents[2].initiate_chat(GroupChatManager(group), message="Go", silent=True)
    assert group.messages == []


def test_summary_arguments_are_each_chats_own() -> None:
    seen: list[dict[str, Any]] = []

    def summary(sender: Any, recipient: Any, summary_args: dict[str, Any]) -> str:
        seen.append(dict(summary_args))
        summary_args["left"] = "behind"
        return ""

    for _ in range(2):
        chat(agent("one"), agent("other"), True, message="hi", max_turns=1, summary_method=summary)
    assert "left" not in seen[1]


def test_a_chats_cache_ends_with_it_also_after_an_error() -> None:
    def fail(recipient: Any, messages: Any, sender: Any, config: Any) -> Any:
        raise RuntimeError("no luck")

    one, other = agent("one", llm_config=ScriptedModel(["fine"])), agent("other")
    other.register_reply([autogen.Agent, None], fail)
    with autogen.Cache.memory() as cache, pytest.raises(RuntimeError):
        one.initiate_chat(other, message="hi", cache=cache, silent=True)
    assert one.client_cache is None
    assert one.generate_reply([{"role": "user", "content": "hi"}]) == "fine"


def test_a_silent_recipient_ends_the_chat() -> None:
    one, other = agent("one", default_auto_reply="more"), agent("other", default_auto_reply="yes")
    other.update_max_consecutive_auto_reply(1)
    said = chat(one, other, True, message="hi", max_turns=8).chat_history
    speakers = [message["name"] for message in said]
    assert all(before != after for before, after in pairwise(speakers))


def test_an_async_tool_works_in_a_sync_chat_inside_a_running_loop() -> None:
    async def add(n: int) -> int:
        return n + 1

    call = {"role": "assistant", "function_call": {"name": "add", "arguments": '{"n": 1}'}}

    async def main() -> Any:
        return agent("one", function_map={"add": add}).generate_reply([call])

    assert asyncio.run(main())["content"] == "2"


def test_an_unknown_function_is_told_also_where_it_is_verbose() -> None:
    worked, told = agent("one").execute_function({"name": "gone", "arguments": "{}"}, verbose=True)
    assert (worked, told["content"]) == (False, "Error: Function gone not found.")


def test_registering_a_tool_keeps_the_client_and_what_was_used() -> None:
    one = agent("one", llm_config=ScriptedModel(["hello"]))
    one.generate_reply([{"role": "user", "content": "hi"}])
    client, used = one.model_client, one.get_total_usage()
    one.register_for_llm(name="add", description="Adds.")(lambda: "")
    assert one.model_client is client
    assert one.get_total_usage() == used is not None


def test_the_newest_message_is_never_the_one_that_a_limiter_drops() -> None:
    calls = [{"id": name, "type": "function", "function": {"name": "f", "arguments": "{}"}} for name in ("1", "2")]
    said = [
        {"role": "user", "content": "first"},
        {"role": "assistant", "content": None, "tool_calls": calls},
        *({"role": "tool", "tool_call_id": name, "content": "done"} for name in ("1", "2")),
        {"role": "user", "content": "LATEST"},
    ]
    assert MessageHistoryLimiter(max_messages=3).apply_transform(said)[-1]["content"] == "LATEST"


def test_a_speaker_is_selected_with_one_request_and_a_resumed_message_is_its_authors() -> None:
    model = ScriptedModel(["b"])
    members = [agent("a", default_auto_reply="hi"), agent("b", default_auto_reply="hello"), agent("c")]
    manager = GroupChatManager(GroupChat(members, [], max_round=2, allow_repeat_speaker=True), llm_config=model)
    chat(members[0], manager, True, message="hi")
    assert len(model.requests) == 1
    manager.resume([{"role": "user", "name": name, "content": name} for name in ("a", "b", "c")])
    assert [one["role"] for one in members[0].chat_messages[manager]] == ["assistant", "user"]


def test_comments_name_no_files_and_words_are_not_refused(tmp_path: Path) -> None:
    executor = LocalCommandLineCodeExecutor(work_dir=tmp_path)
    code = "# compute the sum\nprint(1 + 1)"
    result = executor.execute_code_blocks([CodeBlock(code=code, language="python")])
    assert (result.exit_code, result.output) == (0, "2\n")
    assert not (tmp_path / "compute the sum").exists()
    assert executor.execute_code_blocks([CodeBlock(code="echo add dd", language="sh")]).output == "add dd\n"
    assert executor.execute_code_blocks([]).exit_code == 0


def test_what_was_printed_before_a_timeout_is_kept_in_its_order(tmp_path: Path) -> None:
    code = "echo out; echo err >&2; echo again; sleep 60"
    executor = LocalCommandLineCodeExecutor(work_dir=tmp_path, timeout=2)
    result = executor.execute_code_blocks([CodeBlock(code=code, language="sh")])
    assert result.exit_code != 0
    assert result.output.startswith("out\nerr\nagain\n")


def test_a_person_is_no_docker_user_by_default() -> None:
    person = UserProxyAgent("person")
    assert person.code_executor is None
    assert person._code_execution_config is False
