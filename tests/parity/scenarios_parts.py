"""Scenarios of what agents are made of: models, costs, tools, code, transforms; see scenarios.py."""

from __future__ import annotations

import asyncio
import importlib
import json
import tempfile
from typing import Annotated, Any

from scenarios import bot, call, scenario, scripted, told

# --- helpers


class FixedModel:
    """A custom model client in 0.2's form; its words come with the configuration."""

    def __init__(self, config: dict[str, Any], **_: Any) -> None:
        self.words = list(config["words"])

    def create(self, params: dict[str, Any]) -> Any:
        from types import SimpleNamespace

        words = self.words.pop(0) if self.words else ""
        message = SimpleNamespace(content=words, function_call=None, tool_calls=None)
        if words == "SEEN":
            message.content = json.dumps([one["content"] for one in params["messages"]])
        return SimpleNamespace(choices=[SimpleNamespace(message=message)], model="fixed")

    def message_retrieval(self, response: Any) -> list[Any]:
        return [choice.message.content for choice in response.choices]

    def cost(self, response: Any) -> float:
        return 0.5

    @staticmethod
    def get_usage(response: Any) -> dict[str, Any]:
        return {"prompt_tokens": 3, "completion_tokens": 2, "total_tokens": 5, "cost": 0.5, "model": "fixed"}


def modelled(ag: Any, name: str, *words: str, kind: str = "ConversableAgent", **kwargs: Any) -> Any:
    entry = {"model": "fixed", "model_client_cls": "FixedModel", "words": list(words)}
    config = {"config_list": [entry], "cache_seed": None}
    kwargs.setdefault("human_input_mode", "NEVER")
    agent = getattr(ag, kind)(name, llm_config=config, **kwargs)
    agent.register_model_client(model_client_cls=FixedModel)
    return agent


def runner(ag: Any, **kwargs: Any) -> Any:
    return ag.UserProxyAgent("runner", human_input_mode="NEVER", code_execution_config=False, **kwargs)


def part(ag: Any, path: str) -> Any:
    return importlib.import_module(f"{ag.__name__}.{path}")


# --- models, costs, summaries


@scenario
def a_model_answers(ag: Any) -> Any:
    return told(bot(ag, "a").initiate_chat(modelled(ag, "b", "Hello."), message="hi", max_turns=1, silent=True))


@scenario
def a_model_sees_its_system_message_and_the_conversation(ag: Any) -> Any:
    model = modelled(ag, "b", "first", "SEEN", system_message="Be brief.")
    return told(bot(ag, "a", "and then?").initiate_chat(model, message="hi", max_turns=2, silent=True))


@scenario
def the_cost_of_a_chat(ag: Any) -> Any:
    result = bot(ag, "a").initiate_chat(modelled(ag, "b", "Hello."), message="hi", max_turns=1, silent=True)
    return result.cost["usage_including_cached_inference"]


@scenario
def the_cost_of_a_second_chat(ag: Any) -> Any:
    a, b = bot(ag, "a"), modelled(ag, "b", "one", "two")
    a.initiate_chat(b, message="hi", max_turns=1, silent=True)
    return a.initiate_chat(b, message="hi", max_turns=1, silent=True).cost["usage_including_cached_inference"]


@scenario
def the_usage_of_agents(ag: Any) -> Any:
    a, b = bot(ag, "a"), modelled(ag, "b", "one", "two")
    a.initiate_chat(b, message="hi", max_turns=1, silent=True)
    a.initiate_chat(b, message="hi", max_turns=1, silent=True)
    return [b.get_total_usage(), ag.gather_usage_summary([a, b])["usage_excluding_cached_inference"]]


@scenario
def a_summary_by_reflection(ag: Any) -> Any:
    args = {"summary_prompt": "Sum up."}
    b = modelled(ag, "b", "Hello.", "They greeted.")
    chat = {"message": "hi", "max_turns": 1, "silent": True}
    return bot(ag, "a").initiate_chat(b, summary_method="reflection_with_llm", summary_args=args, **chat).summary


@scenario
def no_summary(ag: Any) -> Any:
    result = bot(ag, "a").initiate_chat(bot(ag, "b", "x"), message="hi", max_turns=1, silent=True, summary_method=None)
    return bool(result.summary)


@scenario
def the_wrapper_alone(ag: Any) -> Any:
    entry = {"model": "fixed", "model_client_cls": "FixedModel", "words": ["Hello.", "Again."]}
    wrapper = ag.OpenAIWrapper(config_list=[entry], cache_seed=None)
    wrapper.register_model_client(FixedModel)
    response = wrapper.create(messages=[{"role": "user", "content": "hi"}])
    return [wrapper.extract_text_or_completion_object(response), response.cost, response.config_id]


@scenario
def the_wrapper_fills_in_templates(ag: Any) -> Any:
    fill = ag.OpenAIWrapper.instantiate
    return [fill("a {x}", {"x": 1}, True), fill("a {x}", {"x": 1}), fill(lambda c: str(c["x"]), {"x": 2}), fill(None)]


@scenario
def configurations_are_filtered(ag: Any) -> Any:
    entries = [{"model": "a", "tags": ["x", "y"]}, {"model": "b", "tags": ["z"]}, {"model": "c"}]
    return [
        ag.filter_config(entries, {"model": ["a", "c"]}), ag.filter_config(entries, {"tags": ["y", "q"]}),
        ag.filter_config(entries, {"model": "b"}), ag.filter_config(entries, {"model": ["a"]}, exclude=True),
    ]  # fmt: skip


# --- tools


@scenario
def a_registered_tool(ag: Any) -> Any:
    a, b = runner(ag), modelled(ag, "b", "unused", kind="AssistantAgent")

    def add(x: Annotated[int, "one"], y: Annotated[int, "other"] = 1) -> int:
        return x + y

    ag.register_function(add, caller=b, executor=a, description="Adds.")
    b = scripted(ag, b, call("add", '{"x": 1, "y": 2}'), "TERMINATE")
    return told(a.initiate_chat(b, message="hi", silent=True))


@scenario
def a_tool_that_returns_a_dict(ag: Any) -> Any:
    a, b = runner(ag), modelled(ag, "b", "unused", kind="AssistantAgent")

    def look(city: Annotated[str, "where"]) -> dict:
        return {"city": city, "temperature": [1, 2.5, None]}

    ag.register_function(look, caller=b, executor=a, description="Looks.")
    scripted(ag, b, call("look", '{"city": "Köln"}'), "TERMINATE")
    return told(a.initiate_chat(b, message="hi", silent=True))


@scenario
def a_function_call_of_the_old_form(ag: Any) -> Any:
    a = runner(ag, function_map={"add": lambda x, y: x + y})
    old = {"role": "assistant", "content": None, "function_call": {"name": "add", "arguments": '{"x": 1, "y": 2}'}}
    return told(a.initiate_chat(bot(ag, "b", old, "TERMINATE"), message="hi", silent=True))


@scenario
def an_async_tool_in_an_async_chat(ag: Any) -> Any:
    async def wait() -> str:
        await asyncio.sleep(0)
        return "done"

    a = runner(ag, function_map={"wait": wait})
    return told(asyncio.run(a.a_initiate_chat(bot(ag, "b", call("wait"), "TERMINATE"), message="hi", silent=True)))


@scenario
def an_async_tool_in_a_sync_chat(ag: Any) -> Any:
    async def wait() -> str:
        return "done"

    a = runner(ag, function_map={"wait": wait})
    return told(a.initiate_chat(bot(ag, "b", call("wait"), "TERMINATE"), message="hi", silent=True))


@scenario
def a_function_is_executed_alone(ag: Any) -> Any:
    a = runner(ag, function_map={"add": lambda x, y: x + y})
    return [a.execute_function({"name": "add", "arguments": '{"x": 1, "y": 2}'}), a.can_execute_function("add")]


@scenario
def an_unknown_function_is_executed_alone(ag: Any) -> Any:
    return runner(ag).execute_function({"name": "nope", "arguments": "{}"})


@scenario
def functions_are_registered_and_removed(ag: Any) -> Any:
    a = runner(ag, function_map={"one": str, "two": str})
    a.register_function({"three": str, "one": None})
    return sorted(a.function_map)


@scenario
def tool_signatures_are_updated(ag: Any) -> Any:
    agent = modelled(ag, "a")
    sig = {"type": "function", "function": {"name": "f", "description": "d", "parameters": {}}}
    agent.update_tool_signature(sig, is_remove=False)
    agent.update_function_signature({"name": "g", "description": "d", "parameters": {}}, is_remove=False)
    listed = [agent.llm_config["tools"], agent.llm_config["functions"]]
    agent.update_tool_signature("f", is_remove=True)
    return [listed, "tools" in agent.llm_config]


@scenario
def the_schema_of_a_function(ag: Any) -> Any:
    def find(name: Annotated[str, "whom"], ages: dict[str, tuple[int, float]], limit: int = 5) -> str:
        return name

    return part(ag, "function_utils").get_function_schema(find, name="finder", description="Finds.")


@scenario
def values_as_text(ag: Any) -> Any:
    text = part(ag, "function_utils").serialize_to_str
    return [text("a"), text(1), text([1, "b"]), text({"k": None}), text("ä")]


# --- code


def coder(ag: Any, folder: str, **config: Any) -> Any:
    config = {"work_dir": folder, "use_docker": False, **config}
    return ag.UserProxyAgent("runner", human_input_mode="NEVER", code_execution_config=config)


@scenario
def code_is_run(ag: Any) -> Any:
    with tempfile.TemporaryDirectory() as folder:
        b = bot(ag, "b", "Run:\n```python\nprint(6 * 7)\n```", "TERMINATE")
        return told(coder(ag, folder).initiate_chat(b, message="hi", silent=True))


@scenario
def code_by_an_executor(ag: Any) -> Any:
    with tempfile.TemporaryDirectory() as folder:
        executor = part(ag, "coding").LocalCommandLineCodeExecutor(work_dir=folder)
        a = ag.UserProxyAgent("runner", human_input_mode="NEVER", code_execution_config={"executor": executor})
        b = bot(ag, "b", "```python\nprint(6 * 7)\n```\n```sh\necho done\n```", "TERMINATE")
        return told(a.initiate_chat(b, message="hi", silent=True))


@scenario
def code_that_fails(ag: Any) -> Any:
    with tempfile.TemporaryDirectory() as folder:
        b = bot(ag, "b", "```python\nraise SystemExit(3)\n```", "TERMINATE")
        return told(coder(ag, folder).initiate_chat(b, message="hi", silent=True))


@scenario
def no_code_no_reply(ag: Any) -> Any:
    with tempfile.TemporaryDirectory() as folder:
        return told(coder(ag, folder).initiate_chat(bot(ag, "b", "Just words."), message="hi", silent=True))


@scenario
def code_is_looked_for_in_the_last_messages(ag: Any) -> Any:
    agent = ag.ConversableAgent("a", llm_config=False, human_input_mode="NEVER")
    code = {"content": "```python\nprint(1)\n```", "role": "user"}
    plain_words = {"content": "no code", "role": "user"}
    agent._code_execution_config = {"last_n_messages": 2, "use_docker": False}
    reply = agent.generate_code_execution_reply
    return [reply([code, plain_words]), reply([code, plain_words, plain_words]), reply([code], config=False)]


@scenario
def code_is_extracted(ag: Any) -> Any:
    extract = part(ag, "code_utils").extract_code
    text = "One:\n```python\nx = 1\n```\nTwo:\n```sh\nls\n```"
    return [extract(text), extract("none"), extract("run `ls` now", detect_single_line_code=True)]


@scenario
def the_text_of_content(ag: Any) -> Any:
    text = part(ag, "code_utils").content_str
    parts = [{"type": "text", "text": "see "}, {"type": "image_url", "image_url": {"url": "a.png"}}]
    return [text(None), text("x"), text(parts), text([])]


# --- transforms


SAID = [{"role": "user", "content": f"message {number}", "name": f"n{number % 2}"} for number in range(6)]


def transforms(ag: Any) -> Any:
    return part(ag, "agentchat.contrib.capabilities.transforms")


def seen(ag: Any, *limits: Any) -> Any:
    """What an agent sees at its third turn."""
    b = ag.ConversableAgent("b", llm_config=False, human_input_mode="NEVER")
    views: list[Any] = []

    def reply(recipient: Any, messages: Any = None, sender: Any = None, config: Any = None) -> Any:
        views.append([message["content"] for message in messages])
        return True, f"b{len(views)}"

    b.register_reply([ag.Agent, None], reply)
    capability = part(ag, "agentchat.contrib.capabilities.transform_messages")
    capability.TransformMessages(transforms=list(limits), verbose=False).add_to_agent(b)
    bot(ag, "a", "a1", "a2").initiate_chat(b, message="hi", max_turns=3, silent=True)
    return views[-1]


@scenario
def the_newest_messages(ag: Any) -> Any:
    limiter = transforms(ag).MessageHistoryLimiter(max_messages=3)
    return [limiter.apply_transform(SAID), limiter.get_logs(SAID, SAID[3:])]


@scenario
def the_first_and_the_newest_messages(ag: Any) -> Any:
    return transforms(ag).MessageHistoryLimiter(max_messages=3, keep_first_message=True).apply_transform(SAID)


@scenario
def an_agent_sees_the_newest_messages(ag: Any) -> Any:
    return seen(ag, transforms(ag).MessageHistoryLimiter(max_messages=2))


@scenario
def names_in_the_text(ag: Any) -> Any:
    named = transforms(ag).TextMessageContentName(position="end", format_string=" ({name})")
    return named.apply_transform([dict(message) for message in SAID])


@scenario
def a_compressor_of_ones_own(ag: Any) -> Any:
    class Half:
        def compress_text(self, text: str, **params: Any) -> dict[str, Any]:
            return {"compressed_prompt": text[: len(text) // 2], "origin_tokens": 4, "compressed_tokens": 2}

    compressor = transforms(ag).TextMessageCompressor(text_compressor=Half(), cache=None)
    after = compressor.apply_transform([dict(message) for message in SAID[:2]])
    return [after, compressor.get_logs(SAID[:2], after)]


@scenario
def an_agent_sees_what_two_transforms_leave(ag: Any) -> Any:
    made = transforms(ag)
    return seen(ag, made.MessageHistoryLimiter(max_messages=3), made.TextMessageContentName(deduplicate=True))
