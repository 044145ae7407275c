"""An agent is trained on a Ray that really runs: its tasks, and the functions that it learns, run over there."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from autogen_like import AgentOptimizer, AssistantAgent, ModelResponse, Rollout, ScriptedModel, ToolCall, Trainer

from .factories import clerk
from .ray_head import Head

pytestmark = [pytest.mark.slow, pytest.mark.xdist_group("ray")]

TASKS = ["1 + 2", "3 + 4", "5 + 6"]
NUMBER = {"type": "number"}


def solved(rollout: Rollout) -> bool:
    return bool(rollout.result.summary == str(sum(map(int, rollout.task.split(" + ")))))


def proposal(action: str, code: str) -> ModelResponse:
    fields = {"name": "add", "description": "Adds.", "arguments": json.dumps({"a": NUMBER, "b": NUMBER})}
    return ModelResponse(None, (ToolCall("1", action, json.dumps({**fields, "code": code})),))


def proposals() -> ScriptedModel:
    return ScriptedModel(
        [
            proposal("add_function", "def add(a, b):\n    return a + b if a < 4 else a - b"),
            proposal("revise_function", "def add(a, b):\n    return a - b"),
            proposal("revise_function", "def add(a, b):\n    return a + b"),
        ]
    )


@pytest.mark.parametrize("made", ["an agent", "a function that makes one"])
def test_training_there_comes_to_what_it_comes_to_here(head: Head, tmp_path: Path, made: str) -> None:
    def train(**where: Any) -> tuple[Any, AssistantAgent]:
        agent = clerk()
        optimizer = AgentOptimizer(1, optimizer_model=proposals(), executor="local")
        trainer = Trainer(agent if made == "an agent" else clerk, optimizer, solved, patience=2, **where)
        return trainer.fit(TASKS), agent

    there, agent = train(on="ray", workers=1, checkpoint=tmp_path / "training.json")
    here, _ = train()
    assert [(point.outcome, point.loss, point.calls) for point in there.points] == [
        (point.outcome, point.loss, point.calls) for point in here.points
    ]
    assert [point.outcome for point in there.points] == ["start", "accepted", "rolled back", "accepted"]
    assert there.best == here.best
    assert there.best_loss == 0
    if made == "an agent":
        assert agent.tools.names == ("add",)
        assert not agent.chat_messages
