"""Steps of the optimizer: at most so many actions, each checked, each invalid one told why."""

from __future__ import annotations

import json

import pytest

from autogen_like import (
    AgentOptimizer,
    AssistantAgent,
    ConfigError,
    FunctionSet,
    HoldOut,
    ModelResponse,
    PromptOptimizer,
    Sandbox,
    ScriptedModel,
    ToolCall,
    UserProxyAgent,
)
from autogen_like.optimizer.evaluation import Evaluation, Failure, Record

FAILED = Record(0, [{"role": "user", "content": "2 + 2?"}], 0.0)


@pytest.fixture
def start(kit):
    return Evaluation(FunctionSet([kit.function("alpha")]), (FAILED,))


def optimizer(sandbox, *replies, **settings):
    model = ScriptedModel(list(replies))
    return AgentOptimizer(
        settings.pop("max_actions_per_step", 3), optimizer_model=model, executor=sandbox, **settings
    ), model


async def test_a_step_takes_at_most_so_many_actions(kit, sandbox, start):
    train, model = optimizer(sandbox, kit.add("a"), kit.add("b"), kit.add("c"), kit.add("d"), max_actions_per_step=2)
    proposal = await train.propose(start)
    assert [action.name for action in proposal.actions] == ["a", "b"]
    assert model.calls == 2
    assert proposal.module.version == 2


async def test_each_action_sees_what_the_ones_before_it_did(kit, sandbox, start):
    revised = kit.call("revise_function", name="a", description="d", arguments="{}", code="def a():\n    return 7")
    train, model = optimizer(sandbox, kit.add("a"), revised, kit.call("remove_function", name="alpha"))
    proposal = await train.propose(start)
    assert [(action.kind, action.name) for action in proposal.actions] == [
        ("add", "a"),
        ("revise", "a"),
        ("remove", "alpha"),
    ]
    assert list(proposal.module) == ["a"]
    assert list(start.module) == ["alpha"]  # what it began with is as it was
    lists = [request.messages[0]["content"].split("# List B")[1] for request in model.requests]
    assert ['"name": "a"' in text for text in lists] == [False, True, True]


async def test_terminate_ends_a_step(kit, sandbox, start):
    train, model = optimizer(sandbox, kit.add("a"), "I would say: TERMINATE.")
    proposal = await train.propose(start)
    assert (len(proposal.actions), proposal.terminated, model.calls) == (1, True, 2)


INVALID = {
    "no action": ("Sure, I can help!", "that is no action"),
    "no JSON": (ModelResponse(None, (ToolCall("1", "add_function", "{'name"),)), "not valid JSON"),
    "no object": (ModelResponse(None, (ToolCall("1", "add_function", "[1]"),)), "must be an object"),
    "an unknown action": (("launch_missiles", {}), "there is no action 'launch_missiles'"),
    "a field is missing": (("add_function", {"name": "a"}), "missing: description, arguments, code"),
    "does not compile": ({"code": "def double(x) return x"}, "doesn't compile: line 1"),
    "another name in the code": ({"code": "def triple(x):\n    return x"}, "defines no function 'double'"),
    "a name that is none": ({"name": "a b"}, "letters, digits"),
    "imports what is not there": ({"code": "import numpi\ndef double(x):\n    return x"}, "belongs to no package"),
    "a package that is not allowed": ({"packages": "numpy"}, "needs numpy, which is not among packages"),
    "a package that is none": ({"packages": "git+https://x"}, "is no package's name"),
    "names nothing defines": ({"code": "def double(x):\n    return pandas.x"}, "uses pandas"),
    "an illegal schema": ({"arguments": '{"x": {"type": "float"}}'}, "needs a 'type' among"),
    "another schema": ({"arguments": '{"y": {"type": "number"}}'}, "none of that name"),
    "an example that fits not": ({"example": '{"y": 1}'}, "the example can't be"),
    "a smoke call that fails": ({"example": '{"x": 1}', "code": "def double(x):\n    return 1 / 0"}, "ZeroDivision"),
    "a function that is there": ({"name": "alpha", "code": "def alpha(x):\n    return x"}, "revise it"),
    "the name of a tool": ({"name": "search", "code": "def search(x):\n    return x"}, "tool 'search' of its own"),
    "revises what is not there": (("revise_function", {"name": "zeta"}), "no function 'zeta' to revise: there are"),
    "removes what is not there": (("remove_function", {"name": "zeta"}), "no function 'zeta' to remove"),
    "revises nothing": (
        ("revise_function", {"name": "alpha", "description": "Does it.", "arguments": '{"x": {"type": "number"}}',
                             "code": "def alpha(x):\n    return x"}), "the same as before"),
}  # fmt: skip


@pytest.mark.parametrize("case", INVALID)
async def test_an_invalid_proposal_is_told_why_retried_and_then_skipped(kit, sandbox, start, case):
    reply, said = INVALID[case]
    if isinstance(reply, dict):
        reply = kit.add(**reply)
    elif isinstance(reply, tuple):
        reply = kit.call(reply[0], **reply[1])
    train, model = optimizer(sandbox, reply, reply, kit.add("good"), max_actions_per_step=2, retries=1)
    proposal = await train.propose(start, reserved={"search"})
    assert [said in reason for reason in proposal.rejected] == [True, True]
    assert [action.name for action in proposal.actions] == ["good"]  # the first slot was skipped, the second taken
    told = model.requests[1].messages[-1]["content"]
    assert said in told
    assert len(model.requests[2].messages) == 1  # the next action is asked for afresh


async def test_a_mended_proposal_is_taken(kit, sandbox, start):
    train, _ = optimizer(sandbox, kit.add(code="def double(x):\n    retrun x"), kit.add(), "TERMINATE")
    proposal = await train.propose(start)
    assert (len(proposal.rejected), list(proposal.module)) == (1, ["alpha", "double"])


HOSTILE = {
    "at load": ("import os; os.system('rm -rf /')", "the module os may not be imported"),
    "in the call": ("def double(x):\n    import os; os.system('rm -rf /')", "the module os may not be imported"),
    "by another way": ("def double(x):\n    return ().__class__.__base__.__subclasses__()", "may not be used"),
    "an endless loop": ("def double(x):\n    while True:\n        pass", "took too long"),
    "10 MB of code": ("def double(x):\n    return '" + "x" * 10_000_000 + "'", "10,000,028 characters, and 20,000"),
    "a bomb for the parser": ("def double(x):\n    return " + "(" * 9000 + ")" * 9000, "doesn't compile"),
}


@pytest.mark.parametrize("case", HOSTILE)
async def test_a_hostile_proposal_does_no_harm_and_is_told_why(kit, start, case):
    code, said = HOSTILE[case]
    reply = kit.add(code=code, example='{"x": 1}')
    with Sandbox("local", timeout=1) as short:
        train, model = optimizer(short, reply, "TERMINATE")
        proposal = await train.propose(start)
    assert proposal.module == start.module
    assert said in proposal.rejected[0]
    retried = json.dumps([dict(message) for message in model.requests[1].messages[1:]])
    assert said.split(",")[0] in retried
    assert len(retried) < 5000  # what was too long isn't sent again


async def test_the_prompt_is_kept_within_the_window(kit, sandbox):
    records = tuple(Record(task, [{"role": "user", "content": "word " * 2000}], float(task % 2)) for task in range(30))
    best = Evaluation(FunctionSet(), records)
    train, _ = optimizer(sandbox, "no action", "TERMINATE", context=16_000)
    await train.propose(best)
    assert train.tokens.requests == 2
    assert 4_000 < train.tokens.peak < 16_000 - 4_000  # room is left for the answer
    assert train.tokens.total > train.tokens.peak
    assert train.tokens.mean == train.tokens.total / 2


async def test_sets_are_merged_into_one_that_is_checked(kit, sandbox):
    parts = [Evaluation(FunctionSet([kit.function(name)]), (FAILED,)) for name in ("a", "b")]
    one = {"name": "both", "description": "d", "arguments": "{}", "code": "def both():\n    return 1"}
    bad = [{**one, "code": "import os"}]
    replies = [
        kit.call("submit_functions", functions=bad),
        kit.call("submit_functions", functions=[one, one]),
        kit.call("submit_functions", functions=[one] * 65),
        kit.call("submit_functions", functions=[one]),
    ]
    train, model = optimizer(sandbox, *replies)
    merged = await train.merge(parts)
    assert (list(merged), merged.version) == (["both"], 1)
    told = [request.messages[-1]["content"] for request in model.requests[1:]]
    assert "'both'" in told[0]
    assert "two functions are named both" in told[1]
    assert "65 functions are too many" in told[2]


async def test_sets_that_do_not_fit_the_window_together_are_not_merged(kit, sandbox):
    long = FunctionSet([kit.function(f"f{number}", f"return {'x + ' * 200}1") for number in range(20)])
    part = Evaluation(long, (Record(0, [], 0.5),))
    model = ScriptedModel([])
    optimizer = AgentOptimizer(1, optimizer_model=model, executor=sandbox, context=8_000)
    assert await optimizer.merge([part, part]) is None
    assert model.requests == []


async def test_a_merge_that_never_comes_is_none(kit, sandbox):
    parts = [Evaluation(FunctionSet([kit.function(name)]), (FAILED,)) for name in ("a", "b")]
    train, _ = optimizer(sandbox, "TERMINATE", kit.call("submit_functions"), retries=1)
    assert await train.merge(parts) is None


# --- AutoGen 0.2's interface


def test_steps_keep_what_is_better_and_roll_back_what_is_not(kit, sandbox):
    train, model = optimizer(sandbox, kit.add("a"), kit.add("b"), kit.add("c"), kit.add("d"), max_actions_per_step=1)
    train.record_one_conversation([{"role": "user", "content": "one"}], is_satisfied=False)
    first = train.step()
    assert (list(first.functions), first.rolled_back) == (["a"], False)
    train.record_one_conversation([{"role": "user", "content": "two"}], is_satisfied=True)
    second = train.step()  # "a" did better: it stays, and "b" comes to it
    assert (list(second.functions), list(train.functions)) == (["a", "b"], ["a"])
    train.record_one_conversation([{"role": "user", "content": "three"}], is_satisfied=False)
    third = train.step()  # with "b" it was worse: back to "a"
    assert third.rolled_back
    assert list(third.functions) == ["a", "c"]
    prompt = model.requests[2].messages[0]["content"]
    assert "two" in prompt  # the history, too, is that of the best
    assert "three" not in prompt
    assert "Success rate 0.0%\n+ b(x)" in prompt
    train.reset_optimizer()
    assert list(train.functions) == []


def test_what_a_step_gives_registers_with_agents_as_in_autogen_02(kit, sandbox):
    revised = kit.call(
        "revise_function", name="f_a", description="d", arguments="{}", code="def f_a():\n    return 'A2'"
    )
    replies = [
        kit.add("f_a", "def f_a(x):\n    return 'A'"),
        kit.add("f_b", "def f_b(x):\n    return 'B'"),
        "TERMINATE",
        kit.call("remove_function", name="f_b"),
        revised,
        "TERMINATE",
    ]
    train, _ = optimizer(sandbox, *replies)
    caller = AssistantAgent("caller", llm_config=ScriptedModel([]))
    runner = UserProxyAgent("runner", human_input_mode="NEVER", code_execution_config=False)

    def register() -> None:
        for_llm, for_executor = train.step()
        for item in for_llm:
            caller.update_function_signature(**item)
        runner.register_function(function_map=for_executor)

    train.record_one_conversation([], is_satisfied=False)
    register()
    for name, said in (("f_a", "A"), ("f_b", "B")):  # each name runs its own function, not the last one
        assert runner.execute_function({"name": name, "arguments": '{"x": 1}'})[1]["content"] == said
    assert "don't fit" in runner.execute_function({"name": "f_a", "arguments": '{"y": 1}'})[1]["content"]
    train.record_one_conversation([], is_satisfied=True)
    with pytest.warns(UserWarning, match="'f_a' was there already and is replaced"):
        register()
    assert [spec["function"]["name"] for spec in caller.tool_schemas()] == ["f_a"]
    assert not runner.can_execute_function("f_b")
    assert runner.execute_function({"name": "f_a", "arguments": "{}"})[1]["content"] == "A2"


def test_a_failing_function_fails_its_call(kit, sandbox):
    train, _ = optimizer(sandbox, kit.add("f", "def f(x):\n    return 1 / x"), "TERMINATE")
    train.record_one_conversation([], is_satisfied=0.5)
    runner = UserProxyAgent("runner", human_input_mode="NEVER", code_execution_config=False)
    runner.register_function(train.step().register_for_executor)
    worked, message = runner.execute_function({"name": "f", "arguments": '{"x": 0}'})
    assert not worked
    assert "ZeroDivisionError" in message["content"]


def test_a_person_says_whether_it_went_well(kit, sandbox, monkeypatch):
    answers = iter(["maybe", "1"])
    monkeypatch.setattr("builtins.input", lambda prompt: next(answers))
    train, model = optimizer(sandbox, "TERMINATE")
    train.record_one_conversation([])
    train.step()
    assert "success rate 100.0%" in model.requests[0].messages[0]["content"]


def test_what_can_not_be_is_refused(sandbox):
    train, _ = optimizer(sandbox)
    with pytest.raises(ConfigError, match="nothing to learn from"):
        train.step()
    with pytest.raises(ConfigError, match="score from 0 to 1"):
        train.record_one_conversation([], is_satisfied=2)
    with pytest.raises(ConfigError, match="score from 0 to 1"):
        train.record_one_conversation([], is_satisfied="yes")
    with pytest.raises(ConfigError, match="chat dicts"):
        train.record_one_conversation("What is 2 + 2?", is_satisfied=True)
    for settings in (
        {"max_actions_per_step": 0}, {"accept": HoldOut()}, {"retries": -1}, {"context": 0},
    ):  # fmt: skip
        with pytest.raises(ConfigError):
            optimizer(sandbox, **settings)
    with pytest.raises(ConfigError, match="needs a model"):
        AgentOptimizer(executor=sandbox)
    with pytest.raises(ConfigError, match="needs a model"):
        AgentOptimizer(executor=sandbox, llm_config=False)


def test_the_model_is_one_of_the_config_list(sandbox):
    config = {"config_list": [{"model": "a", "api_key": "k"}, {"model": "b", "api_key": "k"}]}
    train = AgentOptimizer(3, config, "b", executor=sandbox)
    assert train._asker.client.model == "b"
    with pytest.raises(ConfigError, match="no model 'c'"):
        AgentOptimizer(3, config, "c", executor=sandbox)
    assert AgentOptimizer(3, None, ScriptedModel([], model="own"), executor=sandbox)._asker.client.model == "own"


async def test_each_optimizer_trains_its_own_kind(sandbox):
    train, _ = optimizer(sandbox)
    with pytest.raises(ConfigError, match="take a PromptOptimizer"):
        await train.propose(Evaluation("Be brief.", ()))
    with pytest.raises(ConfigError, match="take an AgentOptimizer"):
        await PromptOptimizer(ScriptedModel([])).propose(Evaluation(FunctionSet(), ()))


# --- system messages


async def test_a_system_message_is_revised_merged_or_left(kit):
    replies = [kit.call("revise_prompt", prompt=" "), kit.call("revise_prompt", prompt="x" * 30_000), kit.call("fly"),
               kit.call("revise_prompt", prompt="Be exact. "), "TERMINATE",
               kit.call("revise_prompt", prompt="Both.")]  # fmt: skip
    model = ScriptedModel(replies)
    train = PromptOptimizer(model)
    best = Evaluation("Be brief.", (FAILED,))
    proposal = await train.propose(best, [Failure("Be silly.", 0.0)])
    assert (proposal.module, len(proposal.rejected)) == ("Be exact.", 3)
    assert "Be silly." in model.requests[0].messages[0]["content"]
    assert (await train.propose(best)).module == "Be brief."
    assert await train.merge([best, Evaluation("Be kind.", (FAILED,))]) == "Both."
    assert "# Part 2 (success rate 0.0% on 1 tasks of its own)\nBe kind." in model.requests[-1].messages[0]["content"]
    assert train.tokens.requests == 6
