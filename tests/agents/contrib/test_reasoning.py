"""Thinking in a tree of steps before an answer."""

from __future__ import annotations

import asyncio
import json

import pytest

from autogen_like import ConfigError, ConversableAgent, Limits, ScriptedModel, Usage
from autogen_like.agents.contrib.reasoning import ReasoningAgent
from autogen_like.core.errors import ConversationError

GRADES = {"good": 0.9, "fair": 0.5, "bad": 0.1}


def thinker(asked=None, done=()):
    """Proposes a good, a fair and a bad step, each named after the line it goes on; grades a line by its last word."""

    def reply(request):
        told = request.messages[0]["content"]
        last = told.splitlines()[-1].split()[-1]
        if asked is not None:
            asked.append((request.system, told))
        if "Propose" in request.system:
            return json.dumps({"done": last in done, "steps": [f"then {name}" for name in GRADES]})
        if "how likely" in request.system:
            return json.dumps({"value": GRADES[last]})
        return f"From: {told.count('Thoughts:')} lines, {told.count('good')} good"

    return ScriptedModel(reply, usage=Usage(prompt_tokens=10, completion_tokens=10))


def ask(agent, **options):
    async def main():
        user = ConversableAgent("user", human_input_mode="NEVER")
        return await user.run(agent, "What now?", max_turns=1, **options)

    return asyncio.run(main())


def test_a_beam_search_keeps_the_best_lines():
    agent = ReasoningAgent("ada", thinker(), max_depth=2, beam_size=2)
    assert ask(agent).summary == "From: 2 lines, 3 good"
    assert [child.text for child in agent.root.children] == ["then good", "then fair"]
    best = agent.root.children[0].children[0]
    assert best.line() == ["then good", "then good"]
    assert agent.usage.summary


def test_only_the_best_line_may_make_the_answer():
    assert ask(ReasoningAgent("ada", thinker(), max_depth=2, answer_approach="best")).summary == "From: 1 lines, 2 good"


def test_a_line_that_is_done_goes_no_further():
    agent = ReasoningAgent("ada", thinker(done=("good",)), max_depth=3, beam_size=1)
    assert ask(agent).summary == "From: 1 lines, 1 good"
    nothing = ReasoningAgent("ada", thinker(done=("now?",)), reason_config={"method": "beam_search"})
    assert ask(nothing).summary == "From: 0 lines, 0 good"


def test_a_tree_search_tries_the_promising_and_hands_grades_up():
    config = {"method": "mcts", "nsim": 6, "max_depth": 2, "answer_approach": "best"}
    agent = ReasoningAgent("ada", thinker(), reason_config=config)
    assert "good" in ask(agent).summary
    root = agent.root
    assert root.visits == 6
    assert root.total == pytest.approx(sum(child.total for child in root.children))
    assert all(child.visits for child in root.children)
    assert root.children[0].visits >= root.children[2].visits


def test_another_model_may_grade_and_earlier_messages_are_known():
    asked, grader = [], ScriptedModel(lambda request: '{"value": 1}')
    agent = ReasoningAgent("ada", thinker(asked), grader, max_depth=1, beam_size=1)
    agent.generate_reply([{"role": "user", "content": "I am Bob."}, {"role": "user", "content": "Who am I"}])
    assert grader.calls == 1
    assert "I am Bob." in asked[0][1]


def test_a_budget_ends_the_thinking():
    agent = ReasoningAgent("ada", thinker(), max_depth=50, beam_size=1)
    for method in ("beam_search", "mcts"):
        agent.reason_config.update(method=method, nsim=50)
        result = ask(agent, limits=Limits(tokens=100))
        assert result.stop_reason.kind not in ("answered", "max_turns")
        assert sum(1 for _ in agent.root) < 10


def test_an_error_in_one_line_is_the_error_and_ends_the_others():
    def failing(request):
        if "how likely" in request.system:
            raise RuntimeError("no grade")
        return '{"steps": ["a", "b"]}'

    with pytest.raises(ConversationError, match="RuntimeError: no grade"):
        ask(ReasoningAgent("ada", ScriptedModel(failing)))


def test_cancelling_reaches_every_line():
    ended = []

    async def slow(request):
        if "Propose" in request.system:
            return '{"steps": ["a", "b", "c"]}'
        try:
            await asyncio.sleep(60)
        finally:
            ended.append(1)

    agent = ReasoningAgent("ada", ScriptedModel(slow))

    async def main():
        with pytest.raises(TimeoutError):
            await asyncio.wait_for(agent.run(message="x"), 0.3)

    asyncio.run(main())
    assert len(ended) == 3


@pytest.mark.parametrize(
    ("options", "cure"),
    [
        ({"max_depth": 0}, "max_depth"),
        ({"reason_config": {"colour": 1}}, "no setting colour"),
        ({"reason_config": {"method": "lats"}}, "method must be"),
        ({"answer_approach": "x"}, "answer_approach"),
        ({"llm_config": False}, "llm_config"),
    ],
)
def test_what_cannot_be_is_refused(options, cure):
    with pytest.raises(ConfigError, match=cure):
        ReasoningAgent("ada", **{"llm_config": ScriptedModel([]), **options})
