"""Criteria for a task, and how well a run meets them."""

from __future__ import annotations

import json

import pytest

from autogen_like import ConfigError, ScriptedModel
from autogen_like.agents.contrib.agent_eval import (
    Criterion,
    CriticAgent,
    QuantifierAgent,
    Task,
    generate_criteria,
    quantify_criteria,
)
from autogen_like.core.errors import ModelError

TASK = Task(name="sums", description="Add up.", successful_response="4", failed_response="5")
RIGHT = {"name": "is it right?", "description": "The sum.", "accepted_values": ["no", "yes"]}
PARTS = {**RIGHT, "sub_criteria": [{"name": "digits", "description": "-", "accepted_values": [0, 1]}]}


def test_a_critic_finds_criteria():
    model = ScriptedModel([json.dumps({"criteria": [RIGHT]})])
    (found,) = generate_criteria(model, TASK, "Be strict.")
    assert found == Criterion(**RIGHT)
    shown = model.requests[0].messages[0]["content"]
    assert all(part in shown for part in ("Add up.", "succeeded:\n4", "failed:\n5", "Be strict."))


def test_another_takes_them_apart():
    model = ScriptedModel([json.dumps({"criteria": [RIGHT]}), json.dumps({"criteria": [PARTS]})])
    (found,) = generate_criteria(model, TASK, use_subcritic=True)
    assert found.sub_criteria[0].name == "digits"
    assert "is it right?" in model.requests[1].messages[0]["content"]


def test_a_quantifier_judges_by_all_criteria_whatever_their_names():
    model = ScriptedModel(['{"is it right?": "yes"}', '{"other": 1}', '{"is it right?": "no"}'])
    judged = quantify_criteria(model, [Criterion(**RIGHT)], TASK, "4", "true")
    assert judged == {"actual_success": "true", "estimated_performance": '{"is it right?":"yes"}'}
    judged = quantify_criteria(model, [Criterion(**RIGHT)], TASK, {"said": 5})
    assert json.loads(judged["estimated_performance"]) == {"is it right?": "no"}
    with pytest.raises(ModelError):
        quantify_criteria(ScriptedModel(["?"] * 3), [Criterion(**RIGHT)], TASK)


def test_criteria_and_tasks_are_json():
    assert Criterion.parse_json_str(Criterion.write_json([Criterion(**PARTS)])) == [Criterion(**PARTS)]
    assert Task.parse_json_str(TASK.model_dump_json()) == TASK
    for parse, text in (
        (Criterion.parse_json_str, "{"),
        (Criterion.parse_json_str, "[1]"),
        (Task.parse_json_str, "{}"),
    ):
        with pytest.raises(ConfigError, match="must be a JSON"):
            parse(text)


def test_they_are_agents_of_ones_own():
    assert CriticAgent(llm_config=ScriptedModel(["x"])).generate_reply([{"role": "user", "content": "?"}]) == "x"
    assert QuantifierAgent().name == "quantifier"


def test_what_cannot_be_is_refused():
    for attempt, cure in (
        (lambda: generate_criteria(ScriptedModel([])), "task must be"),
        (lambda: generate_criteria(None, TASK), "llm_config"),
        (lambda: quantify_criteria(ScriptedModel([]), [], TASK), "generate_criteria"),
        (lambda: quantify_criteria(ScriptedModel([]), [Criterion(**RIGHT)]), "task must be"),
    ):
        with pytest.raises(ConfigError, match=cure):
            attempt()
