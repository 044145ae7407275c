"""Training keeps what is better, rolls back what isn't, ends when it should, and goes on where it was killed."""

from __future__ import annotations

import random
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from autogen_like import (
    AgentOptimizer,
    AssistantAgent,
    ConfigError,
    FunctionSet,
    HoldOut,
    ModelError,
    ModelResponse,
    PairedTest,
    PromptOptimizer,
    ScriptedModel,
    Strict,
    Ties,
    ToolCall,
    Trainer,
)

TASKS = ["a", "b", "c", "d"]


@pytest.fixture
def train(kit):
    """Trains on tasks that are solved by the function of their name, with proposals from a list."""

    def trained(script, tasks=TASKS, validation=None, *, agent=kit.solve, **settings):
        optimizer = kit.Scripted(script)
        trainer = Trainer(agent, optimizer, kit.solved, **settings)
        return trainer.fit(tasks, validation, FunctionSet()), optimizer

    return trained


def outcomes(history):
    return [point.outcome for point in history.points]


def test_what_is_better_is_kept_and_what_is_not_is_rolled_back(train):
    script = ["a", "neutral", "b harm", "b", "-a", "c d"]
    history, optimizer = train(script, epochs=10, patience=3)
    assert outcomes(history) == [
        "start",
        "accepted",
        "rolled back",
        "rolled back",
        "accepted",
        "rolled back",
        "accepted",
    ]
    assert [point.best_loss for point in history.points] == [1.0, 0.75, 0.75, 0.75, 0.5, 0.5, 0.0]
    assert list(history.best) == ["a", "b", "c", "d"]
    assert history.stop_reason == "solved"
    # The roll-back restores functions, schemas and histories: each proposal was asked for with those of the best.
    sets = [list(best.module) for best, _ in optimizer.seen]
    assert sets == [[], ["a"], ["a"], ["a"], ["a", "b"], ["a", "b"]]
    for best, _ in optimizer.seen:
        done = {record.task for record in best.records if record.score}
        assert done == {TASKS.index(name) for name in best.module}
        assert [one.schema["function"]["name"] for one in best.module.functions] == list(best.module)
        said = [record.history[0]["content"] for record in best.records]
        assert said == ["solved" if task in best.module else "failed" for task in TASKS]


def test_what_failed_is_told_and_forgotten_after_a_success(train):
    _, optimizer = train(["neutral", "harm", "a", "harm"], epochs=2, patience=2)
    told = [[(list(one.module), one.success) for one in failures] for _, failures in optimizer.seen]
    assert told == [[], [(["neutral"], 0.0)]]  # patience is at its end
    _, optimizer = train(["neutral", "a", "harm", "harm neutral"], patience=2)
    assert [len(failures) for _, failures in optimizer.seen] == [0, 1, 0, 1]


@pytest.mark.parametrize("patience", [1, 2, 5])
def test_training_ends_early_after_so_many_failures_in_a_row(train, patience):
    script = ["neutral", "a", *[f"useless{number}" for number in range(20)]]
    script = script[1:] if patience == 1 else script
    history, optimizer = train(script, patience=patience)
    assert history.stop_reason == "patience"
    assert outcomes(history)[-patience:] == ["rolled back"] * patience
    assert outcomes(history)[-patience - 1] == "accepted"
    assert len(optimizer.script) == 20 - patience


def test_training_ends_after_so_many_epochs(train):
    history, _ = train(["a", "b", "c"], epochs=2)
    assert (history.stop_reason, list(history.best)) == ("epochs", ["a", "b"])


def test_a_proposal_that_is_nothing_new_is_not_run_again(train, kit):
    runs = []

    async def counted(task, functions):
        runs.append(list(functions))
        return await kit.solve(task, functions)

    history, _ = train([None, "neutral", "neutral"], patience=3, agent=counted)
    assert outcomes(history) == ["start", "nothing new", "rolled back", "nothing new"]
    assert len(runs) == 2 * len(TASKS)
    assert history.points[1].loss is None
    assert history.points[1].prompt_tokens == 10


def test_the_best_loss_never_rises_whatever_is_proposed(train):
    rng = random.Random(7)
    for _ in range(20):
        names = [f"n{number}" for number in range(40)]
        script = [rng.choice(["a", "b", "c", "d", "harm", None]) for _ in names]
        script = [step and f"{step} {name}" for step, name in zip(script, names, strict=True)]
        seen = set()
        script = [
            s if s is None or not (s.split()[0] in seen or seen.add(s.split()[0])) else s.split()[1] for s in script
        ]
        history, _ = train(script, patience=4, epochs=5)
        losses = [point.best_loss for point in history.points]
        assert losses == sorted(losses, reverse=True)
        assert history.evaluation.loss == losses[-1]
        assert "harm" not in history.best


# --- rules


def test_ties_cross_a_plateau_and_still_end(train):
    history, _ = train(["neutral", "other", "third"], accept=Ties(), patience=2)
    assert outcomes(history) == ["start", "tie", "tie"]
    assert list(history.best) == ["neutral", "other"]
    assert history.stop_reason == "patience"


def test_a_paired_test_waits_for_enough(train):
    tasks = [*"abcdefg"]
    history, _ = train(["a b c d", "a b c d e"], tasks, accept=PairedTest(), epochs=1)
    assert outcomes(history) == ["start", "rolled back", "accepted"]


def test_a_hold_out_refutes_what_only_learned_the_training_tasks(train, kit):
    async def agent(task, functions):
        if task == "held":
            return "failed" if "memory" in functions else "solved"
        return await kit.solve(task, functions)

    history, _ = train(["a memory", "a", "b"], validation=["held"], accept=HoldOut(), agent=agent, epochs=2)
    assert outcomes(history) == ["start", "rolled back", "accepted", "accepted"]
    assert [point.validation_loss for point in history.points] == [0.0, 0.0, 0.0, 0.0]
    strict, _ = train(["a memory", "b"], validation=["held"], agent=agent, epochs=2)
    assert [point.validation_loss for point in strict.points] == [0.0, 1.0, 1.0]


def test_batches_compare_the_same_tasks(train, kit):
    runs = []

    async def counted(task, functions):
        runs.append((task, tuple(functions)))
        return await kit.solve(task, functions)

    tasks = [*"abcdefgh"]
    script = [*tasks, *[None] * 8]
    history, optimizer = train(script, tasks, batch_size=3, epochs=8, patience=8, seed=1, agent=counted)
    assert len(runs) == len(set(runs))  # no task is run twice with the same functions
    assert all(len(best.records) == 3 for best, _ in optimizer.seen)
    assert history.stop_reason in ("epochs", "patience")
    assert "rolled back" in outcomes(history)  # the function of a task that wasn't in the batch


# --- checkpoints


class Killed(BaseException):
    pass


def test_a_killed_run_goes_on_and_comes_to_the_same_end(train, kit, tmp_path):
    script = ["a", "neutral", "b harm", "b", "c d"]
    whole, _ = train(script, validation=["a", "z"], patience=3)
    runs = 4 * 6 + 2 * 4
    for deadly in range(0, runs, 3):
        left, ran = list(script), 0
        path = tmp_path / f"{deadly}.json"

        async def agent(task, functions, deadly=deadly):
            nonlocal ran
            ran += 1
            if ran == deadly + 1:
                raise Killed
            return await kit.solve(task, functions)

        optimizer = kit.Scripted(left)
        trainer = Trainer(agent, optimizer, kit.solved, patience=3, checkpoint=path, concurrency=1)
        with pytest.raises(Killed):
            trainer.fit(TASKS, ["a", "z"], FunctionSet())
        again = trainer.fit(TASKS, ["a", "z"], FunctionSet())
        assert again.points == whole.points
        assert again.best == whole.best
        assert optimizer.script == []  # no proposal was paid for twice
        assert ran <= runs + 5  # and no more than one evaluation was run again


CHILD = """
import asyncio, os, sys
from autogen_like import FunctionSet, LearnedFunction, Trainer
from autogen_like.optimizer.agent_optimizer import Proposal
from autogen_like.optimizer.asking import PromptTokens

class Script:
    tokens, sandbox = PromptTokens(), None
    async def propose(self, best, failures=(), reserved=()):
        name = "abcd"[len(best.module)]
        code = f"def {name}(x): return x"
        return Proposal(best.module.add(LearnedFunction.checked(name, "d", {"x": {"type": "number"}}, code)))

async def solve(task, functions):
    with open(sys.argv[2], "a") as file:
        file.write("x")
    if len(functions) == 2 and sys.argv[3] == "die":
        os.kill(os.getpid(), 9)
    return task in functions

history = Trainer(solve, Script(), lambda r: r.result, checkpoint=sys.argv[1]).fit([*"abcd"], start=FunctionSet())
print([point.outcome for point in history.points], list(history.best))
"""


@pytest.mark.slow
def test_a_run_that_is_killed_for_real_goes_on(tmp_path: Path):
    command = [sys.executable, "-c", CHILD, str(tmp_path / "state.json"), str(tmp_path / "runs")]
    dead = subprocess.run([*command, "die"], check=False, capture_output=True, text=True, timeout=120)
    assert dead.returncode == -signal.SIGKILL
    before = (tmp_path / "runs").stat().st_size
    done = subprocess.run([*command, "live"], check=False, capture_output=True, text=True, timeout=120)
    assert done.stdout.strip() == "['start', 'accepted', 'accepted', 'accepted', 'accepted'] ['a', 'b', 'c', 'd']", (
        done.stderr
    )
    assert (tmp_path / "runs").stat().st_size == before + 12  # two evaluations were there already


def test_a_finished_run_is_not_run_again(train, tmp_path):
    first, _ = train(["a", "b"], epochs=2, checkpoint=tmp_path / "c.json")
    again, optimizer = train([], epochs=2, checkpoint=tmp_path / "c.json")
    assert again.points == first.points
    assert optimizer.seen == []


@pytest.mark.parametrize(
    ("text", "said"),
    [("{", "can't be read"), ("[]", "no checkpoint"), ('{"format": 1, "key": "x"}', "other tasks or settings")],
)
def test_a_checkpoint_of_something_else_is_refused(train, tmp_path, text, said):
    (tmp_path / "c.json").write_text(text)
    with pytest.raises(ConfigError, match=said):
        train(["a"], checkpoint=tmp_path / "c.json")


# --- agents


def calls(name, arguments):
    return ModelResponse(None, (ToolCall("1", name, arguments),))


def calculator(request):
    """An agent's model: it uses a function for its task if it has one."""
    tools = [spec["function"]["name"] for spec in request.tools]
    last = request.messages[-1]
    if last["role"] == "tool":
        return last["content"]
    return calls("double", '{"x": 21}') if "double" in tools else "I don't know."


def doubler(kit, sandbox, *replies):
    return AgentOptimizer(1, optimizer_model=ScriptedModel(list(replies)), executor=sandbox)


@pytest.mark.parametrize("factory", [True, False])
def test_an_agent_learns_a_function_that_runs_in_a_sandbox(kit, sandbox, factory):
    agent = AssistantAgent("ada", llm_config=ScriptedModel(calculator))
    agent.receive("Before.", agent_b := AssistantAgent("bob"), request_reply=False)

    def make():
        return AssistantAgent("ada", llm_config=ScriptedModel(calculator))

    optimizer = doubler(kit, sandbox, kit.add("double", "def double(x):\n    return 1 / 0"), kit.add("double"))
    trainer = Trainer(make if factory else agent, optimizer, lambda rollout: rollout.result.summary == "42")
    history = trainer.fit(["21 * 2?", "42 / 2 * 2?"])
    assert outcomes(history) == ["start", "rolled back", "accepted"]
    assert [(point.calls, point.failed_calls) for point in history.points] == [(0, 0), (0, 2), (2, 0)]
    if not factory:
        assert agent.tools.names == ("double",)
        assert [spec["function"]["name"] for spec in agent.tool_schemas()] == ["double"]
        assert list(agent.chat_messages) == [agent_b]  # nothing of training is left in its history


def test_an_agent_that_learns_nothing_is_as_it_was(kit, sandbox):
    agent = AssistantAgent("ada", llm_config=ScriptedModel(calculator))
    optimizer = doubler(kit, sandbox, kit.add("double", "def double(x):\n    return 0"))
    Trainer(agent, optimizer, lambda rollout: rollout.result.summary == "42", patience=1).fit(["21 * 2?"])
    assert agent.tools.names == ()
    assert list(agent.tool_schemas()) == []


def test_a_function_can_not_take_the_name_of_the_agents_own_tool(kit, sandbox):
    def double(x: int) -> int:
        """The agent's own."""
        return x

    agent = AssistantAgent("ada", llm_config=ScriptedModel(lambda _: "?"), tools=[double])
    optimizer = doubler(kit, sandbox, kit.add("double"), "TERMINATE")
    history = Trainer(agent, optimizer, lambda _: False, patience=1).fit(["21 * 2?"])
    assert "'double' of its own" in history.points[1].rejected[0]
    assert agent.tools.get("double").function is double


def test_a_system_message_is_trained(kit):
    def reply(request):
        return "short" if "brief" in (request.system or "") else "a long answer"

    agent = AssistantAgent("ada", "Be nice.", llm_config=ScriptedModel(reply))
    replies = [kit.call("revise_prompt", prompt="Be nasty."), kit.call("revise_prompt", prompt="Be brief.")]
    history = Trainer(agent, PromptOptimizer(ScriptedModel(replies)), lambda r: r.result.summary == "short").fit(
        ["Say."]
    )
    assert (history.best, agent.system_message) == ("Be brief.", "Be brief.")
    assert [point.changes for point in history.points] == ["", "Be nasty.", "Be brief."]


# --- what goes wrong


def test_a_task_that_breaks_off_counts_as_failed(train):
    async def agent(task, functions):
        if task == "b":
            raise RuntimeError("too bad")
        return "solved"

    history, optimizer = train([None], agent=agent, patience=1)
    assert history.best_loss == 0.25
    assert optimizer.seen[0][0].by_task[1].error == "RuntimeError: too bad"


@pytest.mark.parametrize("error", [ConfigError("no key"), ModelError("down", status=503, transient=True)])
def test_what_a_person_or_time_must_mend_ends_the_training(train, error):
    async def agent(task, functions):
        raise RuntimeError("in a turn") from error

    with pytest.raises(RuntimeError, match="in a turn"):
        train([], agent=agent)


@pytest.mark.parametrize("score", ["yes", 2, -1, float("nan"), None])
def test_a_score_that_is_none_is_an_error(kit, score):
    with pytest.raises(ConfigError, match="the scorer must give"):
        Trainer(kit.solve, kit.Scripted([]), lambda _: score).fit(TASKS, start=FunctionSet())


def test_settings_that_can_not_be_are_refused(kit):
    for settings in ({"epochs": 0}, {"patience": 0}, {"batch_size": 0}, {"concurrency": 0}):
        with pytest.raises(ConfigError):
            Trainer(kit.solve, kit.Scripted([]), kit.solved, **settings)
    for agent, scorer in ((7, kit.solved), (kit.solve, 7)):
        with pytest.raises(ConfigError):
            Trainer(agent, kit.Scripted([]), scorer)
    trainer = Trainer(kit.solve, kit.Scripted([]), kit.solved, accept=HoldOut())
    with pytest.raises(ConfigError, match="no tasks"):
        trainer.fit([])
    with pytest.raises(ConfigError, match="needs validation tasks"):
        trainer.fit(TASKS)
    with pytest.raises(ConfigError, match="what to begin with"):
        Trainer(kit.solve, PromptOptimizer(ScriptedModel([])), kit.solved).fit(TASKS)
    with pytest.raises(ConfigError, match="made 7"):
        Trainer(lambda: 7, kit.Scripted([]), kit.solved).fit(TASKS, start=FunctionSet())


def test_progress_is_shown_where_it_is_asked_for(train, capsys):
    train(["a", "neutral"], epochs=5, patience=1, progress=True, accept=Strict())
    shown = capsys.readouterr().out
    assert "epochs" in shown
    assert "best loss 0.750, 1 of 1 failures" in shown
    train(["a"], epochs=1)
    assert capsys.readouterr().out == ""


# --- the history


def test_a_history_is_a_table_and_a_picture(train, tmp_path):
    history, _ = train(["a", None, "harm", "b"], validation=["a", "z"], epochs=2, patience=5)
    lines = str(history).splitlines()
    assert lines[0].split() == [
        "number",
        "outcome",
        "loss",
        "best",
        "validation",
        "functions",
        "calls",
        "tokens",
        "cost",
    ]
    assert "rolled back  1.000  0.750" in lines[4]
    assert history.to_dict()["points"][1]["changes"].startswith("+ a(x)")
    figure = history.plot(tmp_path / "curve.png")
    assert (tmp_path / "curve.png").read_bytes().startswith(b"\x89PNG")
    titles = [axis.get_title() for axis in figure.axes]
    assert titles[:2] == ["loss: the share of tasks that fail", "functions"]


def test_without_matplotlib_the_extra_is_named(train, monkeypatch):
    history, _ = train(["a"], epochs=1)
    monkeypatch.setitem(sys.modules, "matplotlib.figure", None)
    with pytest.raises(ImportError, match=r"autogen_like\[plot\]"):
        history.plot()
