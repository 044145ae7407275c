"""What is done in a state: models, tools, code, functions, agents, chats and flows."""

from __future__ import annotations

from typing import Any

from flows import LOOKUP, calls, lookup, one, prompts, texts

from autogen_like import (
    AssistantAgent,
    CodeResult,
    ConversableAgent,
    GroupChat,
    GroupChatManager,
    Image,
    Limits,
    LocalCommandLineCodeExecutor,
    Message,
    ScriptedModel,
)
from autogen_like.stateflow import (
    Context,
    StateFlow,
    ask,
    call,
    chat,
    failed,
    flow,
    instruct,
    last,
    returned,
    run,
    since,
    succeeded,
)


async def test_a_prompt_is_seen_by_its_own_request_only_and_stands_behind_the_history():
    model = ScriptedModel(["one", "two"])
    made = one(instruct("Be short, {task}."), ask("First."), ask("Then, after {last}?"), model=model)
    result = await made.run("Bob")
    assert prompts(model) == [
        ["Bob", "Be short, Bob.", "First."],
        ["Bob", "Be short, Bob.", "one", "Then, after one?"],
    ]
    assert model.requests[1].messages[2]["role"] == "assistant"
    assert [text for _, text in texts(result)] == ["Bob", "Be short, Bob.", "one", "two"]


async def test_a_prompt_may_stand_in_the_system_message_instead():
    model = ScriptedModel(["one"])
    made = StateFlow("f", initial="a", final=["end"], model=model, system="You count.", instruction="first")
    await made.state("a", ask("Count.")).transition("a", "end").run("x")
    assert model.requests[0].system == "You count.\n\nCount."
    assert prompts(model) == [["x"]]


async def test_a_state_has_its_own_model_temperature_and_view():
    near, far = ScriptedModel(["b"]), ScriptedModel(["a", "c", "d", "e"])
    made = StateFlow("f", initial="a", final={"end"}, model=far)
    made.state("a", ask("1")).transition("a", "b")
    made.state("b", ask("2"), model=near, temperature=0.5, view=last(1)).transition("b", "c")
    made.state("c", ask("3"), view=since("b")).transition("c", "d")
    made.state("d", ask("4", view="{task}: {history} / {last} / {state} of {flow} {other}")).transition("d", "e")
    made.state("e", ask("5"), view=lambda context: [{"role": "user", "content": str(context.visits)}])
    await made.transition("e", "end").run("t")
    assert prompts(near) == [["a", "2"]]
    assert near.requests[0].params == {"temperature": 0.5}
    seen = prompts(far)
    assert seen[1] == ["b", "3"]
    assert seen[2] == ["t: user: t\nf: a\nf: b\nf: c / c / d of f {other}", "4"]
    assert seen[3] == ["1", "5"]


async def test_a_view_never_parts_a_result_from_its_call():
    model = ScriptedModel([calls("lookup", '{"query": "x"}'), "done"])
    await one(ask("Go.", view=last(1)), model=model, tools=[LOOKUP]).run("t")
    assert [message["role"] for message in model.requests[1].messages] == ["assistant", "tool", "user"]


async def test_a_model_may_call_the_tools_of_its_state_and_is_asked_again():
    model = ScriptedModel([calls("lookup", '{"query": "x"}'), calls("lookup", '{"query": "y"}', "2"), "done"])
    result = await one(ask("Go."), model=model, tools=[LOOKUP]).run("t")
    assert [message.tool_results[0].content for message in result.messages if message.tool_results] == [
        "found x", "found y"
    ]  # fmt: skip
    assert result.summary == "done"
    assert model.requests[0].tools[0]["function"]["name"] == "lookup"


async def test_a_model_that_only_calls_tools_gets_none_after_its_rounds():
    said = [calls("lookup", f'{{"query": "{n}"}}', str(n)) for n in range(2)]
    model = ScriptedModel([*said, "at last"])
    result = await one(ask("Go.", rounds=2), model=model, tools=[LOOKUP]).run("t")
    assert [bool(request.tools) for request in model.requests] == [True, True, False]
    assert result.summary == "at last"


async def test_a_run_output_answers_the_calls_before_it():
    model = ScriptedModel([calls("lookup", '{"query": "boom"}')])
    made = StateFlow("f", initial="a", final={"end", "bad"}, model=model)
    made.state("a", ask("Go."), run(LOOKUP), tools=[LOOKUP])
    result = await made.transition("a", "bad", when=failed).transition("a", "end").run("t")
    assert (result.state, model.calls) == ("bad", 1)
    assert result.messages[-1].tool_results[0].error
    assert result.messages[-1].speaker == "lookup"


async def test_a_tool_is_run_on_a_code_block_a_text_or_arguments_of_its_own():
    def pair(left: str, right: str = "-") -> str:
        "Joins two."
        return f"{left}|{right}"

    def now() -> str:
        "Says when."
        return ""

    model = ScriptedModel(["Like so:\n```\nblock\n```"])
    made = one(
        ask("Go."),
        run(pair),
        run(pair, {"left": "{task}", "right": "x"}),
        run(pair, lambda context: context.task * 2),
        run(pair, lambda context: {"left": "a", "right": "b"}),
        run(now, lambda context: None),
        run(pair, lambda context: ""),
        model=model,
    )
    result = await made.run("t")
    assert [text for _, text in texts(result)[2:]] == [
        "block|-", "t|x", "tt|-", "a|b", "[no output]", "Error: there was nothing to run pair with."
    ]  # fmt: skip


async def test_images_of_a_tool_are_said_with_its_result():
    def draw() -> list[Any]:
        "Draws."
        return ["A plot:", Image("https://example.org/a.png")]

    result = await one(run(draw, {})).run("t")
    assert result.messages[-1].content[1] == Image("https://example.org/a.png")


async def test_code_is_run_by_an_executor(tmp_path):
    model = ScriptedModel(["```sh\necho hi\n```", "```sh\nexit 3\n```", "no code"])
    made = StateFlow("f", initial="a", final={"end"}, model=model)
    executor = LocalCommandLineCodeExecutor(work_dir=tmp_path)
    for name, after in (("a", "b"), ("b", "c"), ("c", "end")):
        made.state(name, ask("Code."), run(executor, name="shell")).transition(name, after, when=returned("shell"))
        made.transition(name, after, when=lambda context: not context.last.ok)
    result = await made.run("t")
    said = [text for speaker, text in texts(result) if speaker == "shell"]
    assert said[0] == "exitcode: 0 (execution succeeded)\nCode output: hi\n"
    assert said[1].startswith("exitcode: 3")
    assert said[2] == "Error: there is no code block to run."
    assert [step.reason for step in result.path[1:]] == ["shell returned", "a function", "a function"]


async def test_an_executor_that_only_blocks_is_run_too():
    class Old:
        class code_extractor:
            @staticmethod
            def extract_code_blocks(message):
                return [type("Block", (), {"language": "sh", "code": message})()]

        def execute_code_blocks(self, code_blocks):
            return CodeResult(0, code_blocks[0].code)

        def restart(self):
            pass

    result = await one(run(Old())).run("t")
    assert result.messages[-1].text.endswith("Code output: t")


async def test_functions_are_called_with_the_context_and_may_say_nothing():
    def count(context: Context) -> None:
        context.data["n"] = context.data.get("n", 0) + 1

    async def tell(context: Context) -> str:
        return f"{context.flow} {context.state} {context.data['n']}"

    def as_message(context: Context) -> Message:
        return Message("whoever", "as a message")

    made = one(call(count), call(tell), call(count), call(as_message), call(lambda context: {"n": 1}))
    result = await made.run("t", data={"n": 5})
    assert texts(result)[1:] == [("f", "f a 6"), ("f", "as a message"), ("f", '{"n": 1}')]
    assert result.data == {"n": 7}


async def test_a_flow_of_functions_alone_says_nothing_and_ends():
    result = await one(call(lambda context: None)).run("t")
    assert (result.finished, result.summary, len(result.messages)) == (True, "", 1)


async def test_an_agent_speaks_for_itself_with_its_own_tools():
    seen = ScriptedModel([calls("lookup", '{"query": "x"}'), "It is there."])
    ada = AssistantAgent("ada", "You are Ada.", llm_config=seen, tools=[LOOKUP])
    result = await one(instruct("Listen."), ask(ada, "Look it up.")).run("t")
    assert [speaker for speaker, _ in texts(result)] == ["user", "f", "ada", "ada", "ada"]
    assert prompts(seen)[0] == ["t", "Listen.", "Look it up."]
    assert seen.requests[0].system == "You are Ada."
    assert result.summary == "It is there."


async def test_an_agent_without_a_prompt_sees_the_conversation_as_in_any_chat():
    bob = AssistantAgent("bob", llm_config=ScriptedModel(["Yes.", "Again."]))
    result = await one(ask(bob), ask(bob, view=last(1))).run("t")
    assert texts(result)[1:] == [("bob", "Yes."), ("bob", "Again.")]
    assert prompts(bob.model_client) == [["t"], ["Yes."]]


async def test_calls_that_an_agent_cannot_run_are_for_the_run_that_follows():
    ada = AssistantAgent("ada", llm_config=ScriptedModel([calls("lookup", '{"query": "x"}')]))
    ada.register_for_llm(name="lookup", description="Looks up.")(lookup)
    result = await one(ask(ada), run(LOOKUP)).run("t")
    assert result.messages[-1].tool_results[0].content == "found x"


async def test_an_agent_that_ends_the_chat_ends_the_run():
    ada = AssistantAgent("ada", llm_config=ScriptedModel(["Bye. TERMINATE"]))
    bob = ConversableAgent("bob", llm_config=ScriptedModel([]), human_input_mode="NEVER")
    result = await one(ask(ada), ask(bob)).run("t")
    assert (result.stop_reason.kind, result.finished, result.state) == ("termination_message", False, "a")


async def test_a_chat_and_a_flow_inside_are_conversations_of_their_own():
    ada = AssistantAgent("ada", llm_config=ScriptedModel(["From ada."]))
    members = [AssistantAgent(name, llm_config=ScriptedModel([f"From {name}."])) for name in ("eve", "kim")]
    group = GroupChatManager(GroupChat(members, speaker_selection_method="round_robin", max_round=3), "team")
    inner_model = ScriptedModel(["Inside."])
    inner = (
        StateFlow("inner", initial="i", final={"o"}, model=inner_model).state("i", ask("Go in.")).transition("i", "o")
    )
    made = one(chat(ada, "Ask {task}."), chat(group, lambda context: "Team?"), flow(inner), flow(inner, "{task}!"))
    inner_model._script = iter(["Inside.", "Inside again."])
    result = await made.run("t")
    assert texts(result)[1:] == [
        ("ada", "From ada."), ("team", "From kim."), ("inner", "Inside."), ("inner", "Inside again.")
    ]  # fmt: skip
    assert [one[0] for one in prompts(inner_model)] == ["From kim.", "t!"]


async def test_a_chat_that_was_cut_off_has_failed():
    ada = AssistantAgent("ada", llm_config=ScriptedModel([calls("lookup", '{"query": "x"}')]), tools=[LOOKUP])
    made = StateFlow("f", initial="a", final={"end", "bad"})
    made.state("a", chat(ada, limits=Limits(requests=1))).transition("a", "end", when=succeeded)
    result = await made.transition("a", "bad", when=failed).run("t")
    assert result.state == "bad"
