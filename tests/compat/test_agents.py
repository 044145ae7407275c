"""Agents by AutoGen 0.2's names: private names, old configuration, templates, counters."""

from __future__ import annotations

import asyncio
from typing import Annotated, Any

import pytest
from pydantic import BaseModel

import autogen_like.compat as autogen
from autogen_like import ScriptedModel
from autogen_like.compat import ConversableAgent, UserProxyAgent


class Money(BaseModel):
    amount: float


CONFIG = {"config_list": [{"model": "gpt-4", "api_key": "sk-none"}]}


def agent(name: str, **kwargs: Any) -> ConversableAgent:
    kwargs.setdefault("human_input_mode", "NEVER")
    return ConversableAgent(name, llm_config=kwargs.pop("llm_config", False), **kwargs)


def test_histories_can_be_read_and_replaced_by_the_private_name() -> None:
    one, other = agent("one", function_map={"add": lambda n: n + 10}), agent("other")
    assert one._oai_messages[other] == []
    call = {"role": "assistant", "function_call": {"name": "add", "arguments": '{"n": 5}'}}
    one._oai_messages[other] = [call]
    assert one.generate_reply(sender=other)["content"] == "15"
    one._oai_messages = {other: [{"role": "user", "content": "hi"}]}
    assert one.last_message(other)["content"] == "hi"


def test_a_message_may_be_appended_with_another_role() -> None:
    one, other = agent("one"), agent("other")
    assert one._append_oai_message({"content": "Pick.", "override_role": "system"}, "assistant", other)
    assert one.chat_messages[other][-1]["role"] == "system"
    assert not one._append_oai_message({"message": "no content"}, "assistant", other)


def test_counters_are_read_and_set_where_they_really_are() -> None:
    one, other = agent("one", default_auto_reply="go on", max_consecutive_auto_reply=2), agent("other")
    other.initiate_chat(one, message="hi", max_turns=1, silent=True)
    assert one._consecutive_auto_reply_counter[other] == 1
    one._consecutive_auto_reply_counter[other] = 0
    one._max_consecutive_auto_reply_dict[other] = 7
    assert one.max_consecutive_auto_reply(other) == 7
    del one._max_consecutive_auto_reply_dict[other]
    assert one.max_consecutive_auto_reply(other) == one._max_consecutive_auto_reply == 2
    assert list(one._consecutive_auto_reply_counter) == [other]
    assert len(one._max_consecutive_auto_reply_dict) == 1


def test_the_chain_is_a_list_of_dicts_that_may_be_changed() -> None:
    one = agent("one", default_auto_reply="last")
    one.register_reply([autogen.Agent, None], lambda recipient, messages, sender, config: (True, "first"))
    chain = one._reply_func_list
    assert chain[0]["reply_func"](one, [], None, None) == (True, "first")
    assert chain[1]["reply_func"] is ConversableAgent.check_termination_and_human_reply
    assert len(chain[:2]) == 2
    entry = chain[0]
    del chain[0]
    asked = [{"role": "user", "content": "?"}]
    assert one.generate_reply(asked) == "last"
    chain.insert(0, entry)
    assert one.generate_reply(asked) == "first"
    one._reply_func_list = [entry for entry in chain if entry["reply_func"] is ConversableAgent.generate_oai_reply]
    assert [backend.name for backend in one.backends] == ["model"]
    one._reply_func_list[0] = entry
    assert one.generate_reply(asked) == "first"


def test_attributes_by_their_old_names() -> None:
    one = agent("one", system_message="Be.", default_auto_reply="x", function_map={"f": str})
    one._name, one._description, one._default_auto_reply = "uno", "counts", "y"
    one._oai_system_message = [{"role": "system", "content": "Be brief."}]
    one._is_termination_msg = lambda message: True
    one._function_map = {"g": int}
    one._code_executor = None
    assert (one.name, one.description, one.default_auto_reply, one.system_message) == (
        "uno",
        "counts",
        "y",
        "Be brief.",
    )
    assert (one._name, one._description, one._default_auto_reply) == ("uno", "counts", "y")
    assert list(one.function_map) == list(one._function_map) == ["g"]
    assert one._is_termination_msg({})
    assert one._code_executor is None
    assert one._human_input == []
    assert one._message_to_dict("hi") == {"content": "hi"}
    assert one._oai_system_message[0]["role"] == "system"
    assert one._match_trigger("uno", one)
    with pytest.raises(ValueError, match="trigger"):
        one._match_trigger(1, one)


def test_nothing_to_answer_is_an_assertion_error_as_in_0_2() -> None:
    with pytest.raises(AssertionError, match="messages, a sender"):
        agent("one").generate_reply()
    with pytest.raises(AssertionError, match="messages, a sender"):
        asyncio.run(agent("one").a_generate_reply())


def test_content_may_be_a_function_or_a_template_of_a_context() -> None:
    one, other = agent("one"), agent("other")
    one.send({"content": lambda context: f"hi {context['x']}", "context": {"x": 1}}, other, silent=True)
    assert other.last_message(one)["content"] == "hi 1"
    one.send({"content": "hi {x}", "context": {"x": 2}}, other, silent=True)
    assert other.last_message(one)["content"] == "hi {x}"
    other.llm_config = {"allow_format_str_template": True}
    one.send({"content": "hi {x}", "context": {"x": 3}}, other, silent=True)
    assert other.last_message(one)["content"] == "hi 3"


def test_code_runs_by_the_older_configuration_and_its_form_of_output() -> None:
    one = agent("one")
    said = [{"role": "user", "content": "```python\nprint('hello')\n```"}]
    assert one.generate_code_execution_reply(said) == (False, None)
    one._code_execution_config = {"use_docker": False, "last_n_messages": 2}
    assert one.use_docker is False
    hello = (True, "exitcode: 0 (execution succeeded)\nCode output: \nhello\n")
    assert one.generate_code_execution_reply(said) == hello
    assert one.generate_code_execution_reply([*said, *([{"role": "user", "content": "no"}] * 2)]) == (False, None)
    assert one.execute_code_blocks([("python", "print(1)"), ("python", "raise SystemExit(2)"), ("python", "")]) == (
        2, "\n1\n\n",
    )  # fmt: skip
    one._code_execution_config = {"use_docker": False, "last_n_messages": -1}
    with pytest.raises(ValueError, match="last_n_messages"):
        one.generate_code_execution_reply(said)
    one._code_execution_config = False
    assert one.code_executor is None
    assert one.use_docker is None
    one.reset()


def test_a_subclass_that_overrides_run_code_runs_it_its_own_way() -> None:
    class Pretending(ConversableAgent):
        def run_code(self, code: str, **kwargs: Any) -> tuple[int, str, str | None]:
            return 0, f"{kwargs['lang']}: {code}", None

    runner = Pretending("runner", human_input_mode="NEVER", code_execution_config={"use_docker": False})
    writer = agent("writer", default_auto_reply="```python\n1 + 1\n```")
    said = runner.initiate_chat(writer, message="hi", max_turns=2, silent=True).chat_history[2]["content"]
    assert said == "exitcode: 0 (execution succeeded)\nCode output: \npython: 1 + 1"
    runner.reset()


def test_functions_are_listed_as_functions_where_they_are_registered_so() -> None:
    one, runner = agent("one", llm_config=CONFIG), UserProxyAgent("runner")

    @runner.register_for_execution()
    @one.register_for_llm(description="Runs.", api_style="function")
    def run(cell: Annotated[str, "What"]) -> str:
        return cell

    one.update_tool_signature({"type": "function", "function": {"name": "t", "description": "d"}}, is_remove=False)
    one.update_function_signature({"name": "f", "description": "d", "parameters": {}}, is_remove=False)
    assert {spec["name"] for spec in one.llm_config["functions"]} == {"run", "f"}
    assert [spec["function"]["name"] for spec in one.llm_config["tools"]] == ["t"]
    assert runner.function_map["run"]._origin is run
    assert runner.function_map["run"](cell="x") == "x"
    runner.register_function({"run": None})
    assert not runner.function_map


async def test_wrapped_functions_take_dicts_for_models_and_give_text() -> None:
    one = agent("one")

    @one._wrap_function
    def double(money: Money) -> Money:
        return Money(amount=money.amount * 2)

    @one._wrap_function
    async def later(money: Money) -> float:
        return money.amount

    assert double(money={"amount": 2}) == '{"amount":4.0}'
    assert await later(money={"amount": 2}) == "2.0"


def test_an_old_client_may_be_put_in_the_place_of_an_agents() -> None:
    one = agent("one", llm_config={"config_list": [{"model": ScriptedModel(["by the model"])}]})
    other = autogen.OpenAIWrapper(config_list=[{"model": ScriptedModel(["by another"])}])
    assert one.client.create(messages=[{"role": "user", "content": "?"}]).choices[0].message.content == "by the model"
    one.client = other
    assert one.generate_reply([{"role": "user", "content": "?"}]) == "by another"
    one.client = None
    assert agent("two").client is None


def test_hooks_run_by_the_sync_methods() -> None:
    one = agent("one")
    one.register_hook("process_last_received_message", lambda content: f"{content}!")
    one.register_hook("process_all_messages_before_reply", lambda messages: messages[-1:])
    said = [{"role": "user", "content": "a"}, {"role": "user", "content": "b"}]
    assert one.process_last_received_message(said)[-1]["content"] == "b!"
    assert one.process_all_messages_before_reply(said) == said[1:]


def test_a_configuration_may_be_the_default_of_a_block() -> None:
    with autogen.LLMConfig({"model": "gpt-4", "api_key": "k"}, temperature=0) as config:
        assert autogen.LLMConfig.get_current_llm_config() is config
        assert autogen.AssistantAgent("inside").llm_config["temperature"] == 0
        assert autogen.AssistantAgent("none", llm_config=False).llm_config is False
    assert autogen.AssistantAgent("outside").llm_config is False
    both = autogen.LLMConfig({"model": "a"}, {"model": "b"})
    assert [entry["model"] for entry in both.entries] == ["a", "b"]


def test_a_configuration_is_read_from_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MODELS", '[{"model": "a"}, {"model": "b"}]')
    config = autogen.LLMConfig.from_json(env="MODELS", filter_dict={"model": ["b"]}, temperature=1)
    assert [(entry["model"], entry["temperature"]) for entry in config.entries] == [("b", 1)]


def test_the_protocols_know_agents() -> None:
    from autogen_like.compat.agentchat.agent import LLMAgent

    assert isinstance(agent("one"), autogen.Agent)
    assert isinstance(agent("one"), LLMAgent)
