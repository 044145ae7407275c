"""MathChat: the rules of the proxy that drives a solver."""

from __future__ import annotations

import asyncio

import pytest
from hypothesis import given
from hypothesis import strategies as st

from autogen_like import AssistantAgent, ConfigError, LocalCommandLineCodeExecutor, ScriptedModel
from autogen_like.agents.contrib.math_user_proxy import (
    MathUserProxyAgent,
    is_boxed_answer,
    with_last_line_printed,
    without_prints,
)
from autogen_like.coding.blocks import MarkdownCodeExtractor
from autogen_like.coding.executor import CodeResult
from autogen_like.core.events import CodeFinished


@pytest.fixture
def executor(tmp_path):
    return LocalCommandLineCodeExecutor(work_dir=tmp_path, timeout=20)


class Fake:
    """Says that code ran, and keeps what it was."""

    code_extractor = MarkdownCodeExtractor()

    def __init__(self, *results):
        self.ran, self._results = [], list(results)

    async def execute(self, blocks, *, on_output=None):
        self.ran.append(blocks[0].code)
        return self._results.pop(0) if self._results else CodeResult(0, str(len(self.ran)))

    def execute_code_blocks(self, code_blocks):
        raise AssertionError("the async form is there")

    def restart(self):
        pass


def code(*lines):
    return "```python\n" + "\n".join(lines) + "\n```"


def chat(executor, *words, **options):
    solver = AssistantAgent("solver", llm_config=ScriptedModel(words), is_termination_msg=lambda _: False)
    proxy = MathUserProxyAgent(code_execution_config={"executor": executor}, **options)
    result = proxy.initiate_chat(solver, message=proxy.message_generator, problem="2x = 4", silent=True)
    return [one.text for one in result.messages if one.speaker == proxy.name], result


def test_it_runs_code_until_there_is_an_answer_and_names_stay_known(executor):
    said, result = chat(executor, code("x = 4 / 2", "print('first')"), code("x + 1"), r"It is \boxed{2}.")
    assert said[0].endswith("2x = 4")
    assert said[1:] == ["first", "3.0"]
    assert result.stop_reason.kind == "termination_message"


def test_blocks_of_one_message_are_run_in_order(executor):
    said, _ = chat(executor, f"{code('y = 3', 'y')}\nand\n{code('y * 2')}", r"\boxed{6}")
    assert said[1] == "3\n6"


def test_without_code_the_solver_is_asked_to_go_on():
    said, _ = chat(Fake(), "Let me think.", r"\boxed{2}")
    assert r"\boxed{}" in said[1]


def test_code_that_failed_is_not_run_again_and_its_error_is_told(executor):
    said, _ = chat(executor, code("x = 1", "1 / 0"), code("'x' in globals()"), r"\boxed{2}")
    assert said[1].startswith("Error: ")
    assert "ZeroDivisionError" in said[1]
    assert str(executor.work_dir) not in said[1]
    assert said[2] == "False"


def test_the_same_result_twice_is_remarked_upon():
    said, _ = chat(Fake(CodeResult(0, "7"), CodeResult(0, "7")), code("a"), code("b"), r"\boxed{2}")
    assert said[1] == "7"
    assert said[2].startswith("7\n")
    assert "another way" in said[2]


def test_after_too_many_failures_the_solver_is_to_do_without():
    failures = [CodeResult(1, f"Error {n}") for n in range(3)]
    said, _ = chat(Fake(*failures), code("a"), code("b"), code("c"), r"\boxed{2}", max_invalid_q_per_step=2)
    assert [one.startswith("Error") for one in said[1:]] == [True, True, False]
    assert "by yourself" in said[3]


def test_a_long_result_is_not_passed_on(executor):
    said, _ = chat(executor, code("print('*' * 2001)"), r"\boxed{2}")
    assert len(said[1]) < 300


def test_nothing_printed_is_said(executor):
    said, _ = chat(executor, code("x = 3"), code("x"), r"\boxed{2}")
    assert "printed nothing" in said[1]
    assert said[2] == "3"


def test_other_languages_are_not_run():
    fake = Fake()
    said, _ = chat(fake, "```sh\nrm -rf /\n```", r"\boxed{2}")
    assert "is not run here" in said[1]
    assert fake.ran == []


def test_queries_go_to_what_the_user_chose():
    async def algebra(query):
        if query == "solve":
            return "x = 2"
        raise RuntimeError("no such thing")

    said, _ = chat(Fake(), "```wolfram\nsolve\n```", "```wolfram\nwhat\n```", r"\boxed{2}", query=algebra)
    assert said[1:3] == ["x = 2", "Error: RuntimeError: no such thing"]
    said, _ = chat(Fake(), "```wolfram\nsolve\n```", r"\boxed{2}")
    assert "nothing here that answers" in said[1]


def test_it_answers_fifteen_times_at_most():
    solver = AssistantAgent("solver", llm_config=ScriptedModel(lambda request: f"Hm {len(request.messages)}"))
    proxy = MathUserProxyAgent(code_execution_config={"executor": Fake()})
    result = proxy.initiate_chat(solver, message="2 + 2?", silent=True)
    assert result.stop_reason.kind == "max_consecutive_auto_reply"
    assert len([one for one in result.messages if one.speaker == proxy.name]) == 16


def test_two_problems_at_once_dont_share_their_names():
    fake = Fake()
    proxy = MathUserProxyAgent(code_execution_config={"executor": fake})

    async def main():
        def solver(n):
            return AssistantAgent(f"s{n}", llm_config=ScriptedModel([code(f"a{n} = 1"), code("2"), r"\boxed{1}"]))

        await asyncio.gather(*(proxy.a_initiate_chat(solver(n), message="Go", silent=True) for n in range(2)))

    asyncio.run(main())
    assert sorted(fake.ran) == ["a0 = 1", "a0 = 1\nprint(2)", "a1 = 1", "a1 = 1\nprint(2)"]


def test_listeners_hear_of_code():
    solver = AssistantAgent("solver", llm_config=ScriptedModel([code("1"), r"\boxed{1}"]))
    proxy = MathUserProxyAgent(code_execution_config={"executor": Fake()})

    async def main():
        return [event async for event in proxy.run(solver, "Go") if isinstance(event, CodeFinished)]

    assert [event.exit_code for event in asyncio.run(main())] == [0]


def test_cancelling_stops_the_code(executor):
    solver = AssistantAgent("solver", llm_config=ScriptedModel([code("import time", "time.sleep(60)")]))
    proxy = MathUserProxyAgent(code_execution_config={"executor": executor})

    async def main():
        with pytest.raises(TimeoutError):
            await asyncio.wait_for(proxy.a_initiate_chat(solver, message="Go", silent=True), 1)

    asyncio.run(main())


def test_code_can_be_run_outside_of_a_chat(executor):
    proxy = MathUserProxyAgent(code_execution_config={"executor": executor}, query=lambda query: 4)
    assert proxy.execute_one_python_code("x = 3\ny = x * 2\ny") == ("6", True)
    assert proxy.execute_one_python_code("y + 1") == ("7", True)
    assert proxy.execute_one_python_code("2 + '2'")[1] is False
    assert proxy.execute_one_wolfram_query("2 + 2") == ("4", True)
    proxy.reset()
    assert "NameError" in proxy.execute_one_python_code("y")[0]


def test_nothing_runs_where_nobody_chose_where():
    for nowhere in (None, False):
        with pytest.raises(ConfigError, match="code_execution_config="):
            MathUserProxyAgent(code_execution_config=nowhere)


@pytest.mark.parametrize(
    ("context", "cure"),
    [({}, "problem="), ({"problem": " "}, "problem="), ({"problem": "x", "prompt_type": "y"}, "prompt_type")],
)
def test_a_first_message_needs_a_problem(context, cure):
    with pytest.raises(ConfigError, match=cure):
        MathUserProxyAgent.message_generator(None, None, context)


def test_prompts_can_be_chosen_or_ones_own():
    make = MathUserProxyAgent.message_generator
    told = [make(None, None, {"problem": "2x", "prompt_type": kind}) for kind in ("default", "python", "two_tools")]
    assert len(set(told)) == 3
    assert all(one.endswith("2x") and r"\boxed{}" in one for one in told)
    assert make(None, None, {"problem": "2x", "customized_prompt": "My way: "}) == "My way: 2x"
    with pytest.raises(ConfigError, match="at least 1"):
        MathUserProxyAgent(max_invalid_q_per_step=0, code_execution_config={"executor": Fake()})


@pytest.mark.parametrize(
    ("said", "ends"),
    [
        (r"\boxed{3}", True),
        (r"\boxed{}", False),
        ("3", False),
        ("```python\nprint(1)\n```\n\\boxed{3}", False),
        ("```\nx + 1 =\n```\n\\boxed{3}", True),
        (None, False),
    ],
)
def test_an_answer_in_a_box_ends_it_unless_there_is_code(said, ends):
    assert is_boxed_answer({"content": said}) is ends


@pytest.mark.parametrize(
    ("given", "printed"),
    [
        ("a = 4\nb = 5\na,b", "a = 4\nb = 5\nprint(a,b)"),
        ("x = 3", "x = 3"),
        ("print(1)", "print(1)"),
        ("1; 2", "1; print(2)"),
        ("*[1, 2], 3", "print((*[1, 2], 3))"),
        ("if x:\n    1", "if x:\n    1"),
        ("1 +", "1 +"),
        ("", ""),
        ("x = 'ä'; x  # the name", "x = 'ä'; print(x)"),
    ],
)
def test_the_last_line_is_printed_where_it_is_an_expression(given, printed):
    assert with_last_line_printed(given) == printed


@pytest.mark.parametrize(
    ("given", "kept"),
    [
        ('print("hello")\na = 4*5\nprint("x")', "a = 4*5"),
        ("if 4 > 5:\n\tprint('True')", "if 4 > 5:\n\tprint('True')"),
        ("print(\n1\n)\nb = 2", "b = 2"),
        ("a = 1; print(a)", "a = 1; print(a)"),
        ("print(", "print("),
    ],
)
def test_prints_are_taken_out_where_they_stand_alone(given, kept):
    assert without_prints(given) == kept


@given(
    st.lists(st.sampled_from(["x = 1", "print(2)", "x", "if 1:", "    x", "'''a", "b'''", "x; print(1)", "ä = (", ")"]))
)
def test_what_python_understood_it_still_understands(lines):
    source = "\n".join(lines)
    for changed in (with_last_line_printed(source), without_prints(source)):
        try:
            compile(source, "given", "exec")
        except SyntaxError:
            assert changed == source
        else:
            compile(changed, "changed", "exec")
