"""A flow runs: what its states do, what leads where, and what is told of it."""

from __future__ import annotations

import asyncio
import sys
from typing import Any

import pytest

from autogen_like import (
    AssistantAgent,
    CodeResult,
    ConversableAgent,
    ConversationError,
    FunctionTool,
    GroupChat,
    GroupChatManager,
    Image,
    Limits,
    LocalCommandLineCodeExecutor,
    MaxMessages,
    Message,
    MessageAdded,
    ModelError,
    ModelResponse,
    ScriptedModel,
    StopReason,
    ToolCall,
    Usage,
)
from autogen_like.models.client import Capabilities
from autogen_like.stateflow import (
    Context,
    OutputProduced,
    StateEntered,
    StateFlow,
    TransitionTaken,
    ask,
    call,
    chat,
    choose,
    failed,
    flow,
    instruct,
    last,
    matches,
    raised,
    returned,
    run,
    says,
    since,
    succeeded,
)


def lookup(query: str) -> str:
    "Looks something up."
    if query == "boom":
        raise ValueError("no such thing")
    return f"found {query}"


LOOKUP = FunctionTool(lookup, inline=True)


def calls(name: str, arguments: str, id_: str = "1") -> ModelResponse:
    return ModelResponse(tool_calls=(ToolCall(id_, name, arguments),))


def one(*outputs: Any, **more: Any) -> StateFlow:
    settings = {"model": more.pop("model", None)}
    return StateFlow("f", initial="a", final={"end"}, **settings).state("a", *outputs, **more).transition("a", "end")


def texts(result: Any) -> list[tuple[str, str]]:
    return [(message.speaker, message.text) for message in result.messages]


def prompts(model: ScriptedModel) -> list[list[str]]:
    return [[str(message["content"]) for message in request.messages] for request in model.requests]


def sql(*replies: Any, chooser: Any = None, usage: Usage | None = None, **more: Any) -> StateFlow:
    """The plan's own example."""
    model = ScriptedModel(list(replies), usage=usage)
    made = StateFlow("sql", initial="observe", final={"end"}, model=model, **more)
    made.state("observe", ask("Look at the tables first."), run(LOOKUP))
    made.state("solve", ask("Write the query."), run(LOOKUP))
    made.state("error", ask("The query failed. Fix it."), run(LOOKUP))
    made.state("verify", ask("Does this answer the question?"))
    made.transition("observe", "solve", when=succeeded)
    made.transition("solve", "verify", when=succeeded)
    made.transition("error", "verify", when=succeeded)
    made.transition("*", "error", when=failed)
    return made.transition("verify", choose(chooser or ScriptedModel(["end"]), ["solve", "end"]))


async def test_it_goes_through_its_states_and_tells_why():
    made = sql("tables", "boom", "rows", "It does.")
    going = made.run("How many?")
    events = [event async for event in going]
    result = await going
    assert [(step.source, step.target, step.reason) for step in result.path] == [
        ("", "observe", "it begins"),
        ("observe", "solve", "succeeded"),
        ("solve", "error", "failed"),
        ("error", "verify", "succeeded"),
        ("verify", "end", "the model chose it"),
    ]
    assert result.finished
    assert result.state == "end"
    assert result.summary == "It does."
    assert result.stop_reason == StopReason("answered", "sql has reached 'end'", "sql")
    assert [speaker for speaker, _ in texts(result)] == ["user", *["sql", "lookup"] * 3, "sql"]
    assert [event.state for event in events if isinstance(event, StateEntered)] == [
        "observe", "solve", "error", "verify", "end"
    ]  # fmt: skip
    taken = [event for event in events if isinstance(event, TransitionTaken)]
    assert [(one.source, one.target) for one in taken][-1] == ("verify", "end")
    produced = [(one.output, one.ok) for one in events if isinstance(one, OutputProduced) and one.state == "solve"]
    assert produced == [("ask", True), ("run lookup", False)]
    assert {event.recipient for event in events if isinstance(event, MessageAdded)} == {"sql", "user"}


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


async def test_transitions_look_at_texts_patterns_and_tools_in_order():
    model = ScriptedModel(["Submit!", "total: 42", "x"])
    made = StateFlow("f", initial="a", final={"end"}, model=model)
    made.state("a", ask("1")).transition("a", "b", when=says("submit")).transition("a", "end")
    made.state("b", ask("2")).transition("b", "end", when=says("tota")).transition("b", "c", when=matches(r"\d+"))
    made.state("c", ask("3"), run(LOOKUP)).transition("c", "end", when=returned("nobody"))
    made.transition("c", "d", when=returned("lookup", lambda result: "found x" in result.content))
    made.state("d").transition("d", "end", when=returned("lookup"))
    result = await made.run("t")
    assert [step.reason for step in result.path[1:]] == [
        "says 'submit'", "matches '\\\\d+'", "lookup returned a function", "lookup returned"
    ]  # fmt: skip


async def test_a_predicate_may_be_async_and_named():
    async def late(context: Context) -> bool:
        await asyncio.sleep(0)
        return context.task == "t"

    made = StateFlow("f", initial="a", final={"end"}).state("a").transition(["a"], "end", when=late)
    assert (await made.run("t")).path[-1].reason == "late"
    stuck = await made.run("other")
    assert stuck.stop_reason.kind == "no_speaker"
    assert "no transition of the state 'a' holds" in stuck.stop_reason.detail
    assert not stuck.finished


async def test_a_predicate_that_raises_is_named_with_its_state():
    made = StateFlow("f", initial="a", final={"end"}).state("a").transition("a", "end", when=lambda context: 1 / 0)
    with pytest.raises(ConversationError, match="f, state 'a': ZeroDivisionError"):
        await made.run("t")


# --- choosing


UNABLE = Capabilities(choices=False)


async def test_a_model_that_can_be_constrained_is_given_the_legal_states_alone():
    chooser = ScriptedModel(["end"])
    made = StateFlow("f", initial="a", final={"end"}).state("a", description="Try once more.")
    made.transition("a", choose(chooser, ["a", "end"]))
    await made.run("t")
    assert chooser.requests[0].constraint.options == ("a", "end")
    assert "a: Try once more.\nend" in prompts(chooser)[0][-1]


async def test_a_model_that_names_no_state_is_asked_again_and_then_the_default_is_taken():
    chooser = ScriptedModel(["no idea", "either a or end", "The end."], capabilities=UNABLE)
    made = StateFlow("f", initial="a", final={"end", "other"}).state("a")
    made.transition("a", choose(chooser, ["a", "end", "other"], default="other"))
    result = await made.run("t")
    assert result.path[-1].reason == "the model chose it, asked 3 times"
    assert result.edges["a", "end"].requests == 3
    lost = ScriptedModel(["hm"] * 3, capabilities=UNABLE)
    made.transitions.clear()
    made.transition("a", choose(lost, ["a", "end", "other"], default="other"))
    result = await made.run("t")
    assert (result.state, result.path[-1].reason) == ("other", "the model named no state; this is the default")


async def test_a_choice_may_have_a_condition_and_leaves_out_what_is_used_up():
    chooser = ScriptedModel(["a", "b"])
    made = StateFlow("f", initial="a", final={"end"}, model=chooser)
    made.state("a", max_visits=1, otherwise="end").state("b", max_visits=1, otherwise="end")
    made.transition("*", choose(None, ["a", "b"]), when=lambda context: True)
    result = await made.run("t")
    assert [(step.target, step.reason) for step in result.path[1:]] == [
        ("b", "a function: the only one left"),
        ("end", "a function: the model chose it; 'a' was visited 1 times"),
    ]


async def test_a_budget_ends_the_run_before_a_choice_is_paid_for():
    chooser = ScriptedModel(["hm"] * 9, capabilities=UNABLE)
    made = StateFlow("f", initial="a", final={"end"}).state("a").transition("a", choose(chooser, ["a", "end"]))
    result = await made.run("t", limits=Limits(requests=2))
    assert (result.stop_reason.kind, chooser.calls) == ("budget", 2)


# --- limits, failures, cancellation


async def test_visits_and_transitions_are_limited():
    made = StateFlow("f", initial="a", final={"gave_up", "end"}, model=ScriptedModel(lambda _: "again"))
    made.state("a", ask("Try."), max_visits=3, otherwise="gave_up").transition("a", "end", when=says("done"))
    result = await made.transition("a", "a").run("t")
    assert (result.state, result.states["a"].visits) == ("gave_up", 3)
    assert result.path[-1].reason == "always; 'a' was visited 3 times"


async def test_a_machine_that_loops_without_a_word_is_ended():
    made = StateFlow("f", initial="a", final={"end"}, max_transitions=50).state("a").state("b")
    made.transition("a", "b").transition("b", "end", when=lambda context: False).transition("b", "a")
    result = await made.run("t")
    assert result.stop_reason == StopReason("max_turns", "max_transitions=50", "f")


async def test_states_whose_visits_lead_to_each_other_end_the_run():
    made = StateFlow("f", initial="a", final={"end"})
    made.state("a", max_visits=1, otherwise="b").state("b", max_visits=1, otherwise="a")
    made.transition("a", "b").transition("b", "end", when=says("never")).transition("b", "a")
    assert "visits of a, b are used up" in (await made.run("t")).stop_reason.detail


async def test_a_tool_that_fails_for_ever_ends_at_a_limit():
    result = await sql("tables", *["boom"] * 9, max_transitions=6).run("t")
    assert (result.state, result.stop_reason.kind) == ("error", "max_turns")


async def test_a_state_whose_time_is_over_goes_elsewhere():
    async def slow(context: Context) -> None:
        await asyncio.sleep(60)

    slow_model = ScriptedModel(["late"], delay=60)
    for output in (ask("Go."), call(slow)):
        made = StateFlow("f", initial="a", final={"late", "end"}, model=slow_model)
        made.state("a", output, timeout=0.05, otherwise="late").transition("a", "end")
        result = await made.run("t")
        assert result.state == "late"
        assert result.path[-1].reason == "the 0.05 s of 'a' are over"
        assert result.messages[-1].text == "Not finished: the 0.05 s of the state 'a' are over."


async def test_the_time_of_a_state_holds_while_a_model_chooses():
    made = StateFlow("f", initial="a", final={"late", "end"})
    made.state("a", timeout=0.05, otherwise="late")
    made.transition("a", choose(ScriptedModel(["end"], delay=60), ["a", "end"]))
    assert (await made.run("t")).state == "late"


async def test_a_time_out_of_the_output_itself_is_an_exception_like_others():
    async def times_out(context: Context) -> None:
        raise TimeoutError("mine")

    made = StateFlow("f", initial="a", final={"end"}).state("a", call(times_out), timeout=60, otherwise="end")
    made.transition("a", "end")
    with pytest.raises(ConversationError, match="TimeoutError: mine"):
        await made.run("t")


async def test_an_exception_goes_where_a_transition_waits_for_it():
    model = ScriptedModel([ModelError("the endpoint is down"), "mended"])
    made = StateFlow("f", initial="a", final={"end"}, model=model)
    made.state("a", ask("Go."), ask("Never.")).transition("a", "end")
    made.state("mend", ask("Mend it.")).transition("mend", "end")
    made.transition("*", "end", when=raised(KeyError)).transition("*", "mend", when=raised("AutogenLikeError"))
    result = await made.run("t")
    assert texts(result)[1] == ("f", "Error: ModelError: the endpoint is down")
    assert [step.target for step in result.path] == ["a", "mend", "end"]
    assert result.path[1].reason == "raised AutogenLikeError"


async def test_an_exception_of_a_function_goes_there_too():
    made = StateFlow("f", initial="a", final={"end", "bad"}).state("a", call(lambda context: 1 / 0))
    result = await made.transition("a", "end").transition("a", "bad", when=raised()).run("t")
    assert (result.state, result.path[-1].reason) == ("bad", "raised an exception")


async def test_an_exception_that_nothing_waits_for_ends_the_run_and_names_the_state():
    made = one(ask("Go."), model=ScriptedModel([ModelError("down")]))
    with pytest.raises(ConversationError, match="f, backend \"state 'a', ask\", turn 0: ModelError: down"):
        await made.run("t")
    broken = one(call(lambda context: 1 / 0))
    with pytest.raises(ConversationError, match="state 'a': ZeroDivisionError"):
        await broken.run("t")


@pytest.mark.parametrize("output", [ask("Go."), run(LOOKUP, {"query": "x"}), call(lambda context: None)])
async def test_cancelling_ends_it_wherever_it_is(output: Any):
    slow = ScriptedModel(lambda request: asyncio.sleep(60, "late"), record=False)
    made = StateFlow("f", initial="a", final={"end"}, model=slow, max_transitions=10**9)
    made.state("a", output).state("b", ask("Wait.")).transition("a", "b", when=lambda context: context.visits > 30)
    made.transition("a", "a").transition("b", "end")
    going = made.run("t").start()
    await asyncio.sleep(0.02)
    going.cancel()
    result = await going
    assert result.stop_reason.kind == "cancelled"
    assert not result.finished


async def test_a_stop_condition_and_the_callers_cancellation_hold():
    made = StateFlow("f", initial="a", final={"end"}, model=ScriptedModel(lambda _: "x"))
    made.state("a", ask("Go.")).transition("a", "end", when=says("y")).transition("a", "a")
    assert len((await made.run("t", stop=MaxMessages(4))).messages) == 4
    task = asyncio.ensure_future(made.run("t")._wait())
    await asyncio.sleep(0)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task


# --- what is told


async def test_costs_are_told_by_state_and_edge():
    usage = Usage(10, 5, cost=0.5)
    made = sql("tables", "rows", "Yes.", chooser=ScriptedModel(["end"], usage=Usage(7, 1, cost=0.25)), usage=usage)
    result = await made.run("t")
    assert {name: (spent.requests, spent.tokens, spent.cost) for name, spent in result.states.items()} == {
        "observe": (1, 15, 0.5), "solve": (1, 15, 0.5), "verify": (1, 15, 0.5), "end": (0, 0, 0.0)
    }  # fmt: skip
    assert result.edges["verify", "end"].prompt_tokens == 7
    assert sum(spent.cost for spent in (*result.states.values(), *result.edges.values())) == 1.75
    assert result.usage_by_agent["sql"].total.cost == 1.75
    told = made.explain(result)
    assert "   2. observe -> solve: succeeded" in told
    assert "choosing: 1 requests, 7 + 1 tokens, $0.2500" in told


async def test_the_answer_may_be_made_of_the_context():
    made = StateFlow("f", initial="a", final={"end"}, answer=lambda context: context.data["best"])
    made.state("a", call(lambda context: context.data.update(best="42"))).transition("a", "end")
    assert (await made.run("t")).summary == "42"


async def test_it_can_be_gone_through_step_by_step():
    seen: list[str] = []

    async def step(event: Any) -> None:
        seen.append(type(event).__name__)
        await asyncio.sleep(0)

    await one(call(lambda context: "x")).run("t", on_step=step)
    assert seen == ["StateEntered", "OutputProduced", "TransitionTaken", "StateEntered"]
    await one(call(lambda context: "x")).run("t", on_step=lambda event: seen.append("plain"))
    assert seen[4:] == ["plain"] * 4


async def test_what_a_flow_does_in_a_long_run_costs_no_stack():
    made = StateFlow("f", initial="a", final={"end"}, max_transitions=10**9).state("a", call(lambda context: None))
    made.transition("a", "end", when=lambda context: context.visits > sys.getrecursionlimit()).transition("a", "a")
    assert (await made.run("t")).finished


async def test_a_thousand_run_at_once_and_keep_apart():
    made = StateFlow("f", initial="a", final={"end"}, model=ScriptedModel(lambda r: r.messages[0]["content"]))
    made.state("a", ask("Say it.")).transition("a", "end")
    results = await asyncio.gather(*(made.run(str(n)).start()._wait() for n in range(1000)))
    assert [result.summary for result in results] == [str(n) for n in range(1000)]
