"""Tasks are divided, parts trained side by side, and what they learned merged under a guard."""

from __future__ import annotations

import asyncio

import pytest

from autogen_like import AssistantAgent, ConfigError, FineGrainedOptimizer, FunctionSet, PromptOptimizer, ScriptedModel
from autogen_like.optimizer.agent_optimizer import Proposal

TASKS = [*"abcdefghi"]


class Learner:
    """Learns the functions of the first tasks that failed."""

    def __init__(self, kit, merge=None):
        self.inner = kit.Scripted([])
        self.tokens, self.sandbox = self.inner.tokens, None
        self._kit, self._merge = kit, merge

    async def propose(self, best, failures=(), reserved=()):
        await asyncio.sleep(0)
        self.tokens.add(len(best.records), 0.0)
        functions = best.module
        for record in best.records:
            if not record.score:
                return Proposal(functions.add(self._kit.function(TASKS[record.task])))
        return Proposal(functions)

    async def merge(self, parts, reserved=()):
        self.tokens.add(len(parts), 0.0)
        return self._merge(parts) if self._merge else await self.inner.merge(parts)


def test_parts_are_disjoint_and_what_they_learned_comes_together(kit):
    fgo = FineGrainedOptimizer(kit.solve, Learner(kit), kit.solved, part_size=3, rounds=3, arity=2)
    result = fgo.fit(iter(TASKS))
    parts = [sorted(part.by_task) for part in result.parts]
    assert sorted(number for part in parts for number in part) == list(range(9))
    assert [len(part) for part in parts] == [3, 3, 3]
    assert all(part.loss == 0 for part in result.parts)
    assert (result.start.loss, result.evaluation.loss) == (1.0, 0.0)
    assert list(result.best) == TASKS
    assert [(merge.level, merge.kept) for merge in result.merges] == [(1, "merged"), (2, "merged")]
    assert max(len(part.records) for part in result.parts) == 3  # what stood in one prompt, of nine


def test_the_guard_keeps_a_part_where_merging_does_harm(kit):
    spoiled = FunctionSet([kit.function("harm")])
    fgo = FineGrainedOptimizer(kit.solve, Learner(kit, lambda parts: spoiled), kit.solved, part_size=3, rounds=3)
    result = fgo.fit(TASKS)
    (merge,) = result.merges
    assert (merge.merged_loss, merge.losses) == (1.0, pytest.approx((2 / 3, 2 / 3, 2 / 3)))
    assert merge.kept == "part 1"
    assert result.evaluation.loss == pytest.approx(2 / 3)


def test_where_no_merge_comes_the_best_part_is_kept(kit):
    result = FineGrainedOptimizer(kit.solve, Learner(kit, lambda parts: None), kit.solved, part_size=5, rounds=2).fit(
        TASKS
    )
    assert result.merges[0].merged_loss is None
    assert result.evaluation.loss < result.start.loss


def test_it_never_ends_worse_than_it_began(kit):
    async def agent(task, functions):
        """Each function solves its task and spoils two that were solved without any."""
        spoiled = {TASKS[(TASKS.index(name) + step) % 9] for name in functions for step in (3, 4, 5)}
        good = task in functions or (task not in "ab" and task not in spoiled)
        return "solved" if good else "failed"

    result = FineGrainedOptimizer(agent, Learner(kit), kit.solved, part_size=2, rounds=1).fit(TASKS)
    assert result.evaluation.loss <= result.start.loss


def test_one_part_needs_no_merge_and_nothing_new_ends_it(kit):
    result = FineGrainedOptimizer(kit.solve, kit.Scripted([None]), kit.solved, rounds=5).fit(TASKS, FunctionSet())
    assert (result.merges, len(result.parts)) == ((), 1)
    assert result.best == FunctionSet()


def test_a_rolled_back_proposal_is_told_in_the_next_round(kit):
    optimizer = kit.Scripted(["harm", "a"])
    result = FineGrainedOptimizer(kit.solve, optimizer, kit.solved, rounds=2).fit(TASKS, FunctionSet())
    assert [len(failures) for _, failures in optimizer.seen] == [0, 1]
    assert list(result.best) == ["a"]


def test_system_messages_are_trained_too(kit):
    def reply(request):
        task = request.messages[-1]["content"]
        return "solved" if f"Mind {task}." in (request.system or "") else "failed"

    def optimizer(request):
        text = request.messages[0]["content"]
        if "# Part 1" in text:
            said = [line for line in text.splitlines() if line.startswith("Mind")]
            return kit.call("revise_prompt", prompt=" ".join(said))
        failed = next(task for task in "abc" if f"user: {task}\n" in text)
        return kit.call("revise_prompt", prompt=f"Mind {failed}.")

    def make():
        return AssistantAgent("ada", "Be nice.", llm_config=ScriptedModel(reply))

    train = PromptOptimizer(ScriptedModel(optimizer))
    fgo = FineGrainedOptimizer(make, train, lambda r: r.result.summary == "solved", part_size=1)
    result = fgo.fit(["a", "b", "c"], "Be nice.")
    assert result.evaluation.loss == 0
    assert sorted(result.best.replace(".", "").split()) == ["Mind", "Mind", "Mind", "a", "b", "c"]
    assert result.tokens.requests == 4


def test_an_error_in_one_part_ends_all(kit):
    with pytest.raises(ConfigError, match="the scorer must give"):
        FineGrainedOptimizer(kit.solve, Learner(kit), lambda _: "?", part_size=2).fit(TASKS)


def test_settings_that_can_not_be_are_refused(kit):
    with pytest.raises(ConfigError, match="a function that makes ada"):
        FineGrainedOptimizer(AssistantAgent("ada"), Learner(kit), kit.solved)
    for settings in ({"part_size": 0}, {"arity": 1}, {"rounds": 0}, {"at_once": 0}):
        with pytest.raises(ConfigError):
            FineGrainedOptimizer(kit.solve, Learner(kit), kit.solved, **settings)
    with pytest.raises(ConfigError, match="no tasks"):
        FineGrainedOptimizer(kit.solve, Learner(kit), kit.solved).fit([])
    with pytest.raises(ConfigError, match="what to begin with"):
        FineGrainedOptimizer(kit.solve, PromptOptimizer(ScriptedModel([])), kit.solved).fit(TASKS)
