"""A checkpoint may have been written by anybody: nothing of it is believed unchecked, and nothing runs unasked."""

from __future__ import annotations

import json
from dataclasses import dataclass
from datetime import date
from fractions import Fraction

import pytest

from autogen_like import ConfigError, FunctionSet, PromptOptimizer, ScriptedModel, Trainer
from autogen_like.optimizer.checkpoint import Checkpoint
from autogen_like.optimizer.code_check import MODULES


@pytest.fixture
def path(kit, tmp_path):
    """The checkpoint of a training that has an accepted and a failed step behind it."""
    trainer = Trainer(kit.solve, kit.Scripted(["a", "b", None]), kit.solved, patience=1, checkpoint=tmp_path / "c.json")
    trainer.fit(["a", "b", "c"])
    return tmp_path / "c.json"


def tampered(path, kit, change):
    """What a training makes of a checkpoint that was changed."""
    found = json.loads(path.read_text())
    change(found["state"])
    path.write_text(json.dumps(found))
    return Trainer(kit.solve, kit.Scripted([]), kit.solved, patience=1, checkpoint=path).fit(["a", "b", "c"])


def test_as_it_is_it_is_gone_on_with(path, kit):
    assert list(tampered(path, kit, lambda state: None).best) == ["a", "b"]


@pytest.mark.parametrize(
    "change",
    [
        lambda state: state.update(points=[]),
        lambda state: state.update(epochs="many"),
        lambda state: state.update(best=None),
        lambda state: state["points"][0].update(best_loss="small"),
        lambda state: state["best"].update(module={"prompt": "Do evil."}),
        lambda state: state["best"].update(module={"functions": {"version": 1, "functions": ["a"]}}),
        lambda state: state["best"]["records"][0].update(score=7),
        lambda state: state["best"]["records"][0].update(score="x"),
        lambda state: state["best"]["records"][0].update(history=5),
        lambda state: state.update(failures=[{"prompt": "x", "success": 0}]),
    ],
)  # fmt: skip
def test_what_can_not_be_is_damage(path, kit, change):
    with pytest.raises(ConfigError, match="is damaged"):
        tampered(path, kit, change)


def test_code_that_was_put_in_is_checked_and_nothing_runs(path, kit, tmp_path):
    evil = f"import pathlib\npathlib.Path({str(tmp_path / 'ran')!r}).touch()\ndef a(x):\n    return x"
    with pytest.raises(ConfigError, match="pathlib may not be imported"):
        tampered(path, kit, lambda state: state["best"]["module"]["functions"]["functions"][0].update(code=evil))
    assert not (tmp_path / "ran").exists()


def test_a_prompt_s_training_takes_no_functions(path, kit):
    checkpoint = Checkpoint(path, [], "Be brief.", MODULES)
    path.write_text(json.dumps({**json.loads(path.read_text()), "key": checkpoint._key}))
    with pytest.raises(ConfigError, match="what another optimizer trains"):
        checkpoint.load()


def test_where_nothing_can_be_written_is_told_before_anything_is_spent(kit, tmp_path):
    (tmp_path / "file").touch()
    optimizer = kit.Scripted([])
    trainer = Trainer(kit.solve, optimizer, kit.solved, checkpoint=tmp_path / "file" / "c.json")
    with pytest.raises(ConfigError, match="can't be"):
        trainer.fit(["a"])
    assert optimizer.seen == []


def test_a_file_that_is_nested_too_deeply_can_not_be_read(path):
    path.write_text("[" * 100_000)
    with pytest.raises(ConfigError, match="can't be read"):
        Checkpoint(path, [], FunctionSet(), MODULES).load()


@dataclass
class Question:
    text: str


class Plain:
    def __init__(self, text):
        self.text = text


@pytest.mark.parametrize(
    ("one", "same", "other"),
    [
        (Question("a"), Question("a"), Question("b")),
        (Plain("a"), Plain("a"), Plain("b")),
        ({"a", "b", "c"}, {"c", "b", "a"}, {"a"}),
        (date(2024, 5, 1), date(2024, 5, 1), date(2024, 5, 2)),
        (Fraction(1, 3), Fraction(1, 3), Fraction(2, 3)),
        ({"text": "a", "how": Plain}, {"text": "a", "how": Plain}, {"text": "b", "how": Plain}),
    ],
)
def test_a_checkpoint_knows_its_tasks_whatever_they_are(tmp_path, one, same, other):
    def key(task):
        return Checkpoint(tmp_path / "c", [[task]], FunctionSet(), MODULES)._key

    assert key(one) == key(same) != key(other)


def test_tasks_that_can_not_be_told_apart_are_refused_before_anything_is_spent(tmp_path):
    model = ScriptedModel([])
    trainer = Trainer(lambda task: None, PromptOptimizer(model), lambda _: 1, checkpoint=tmp_path / "c")
    with pytest.raises(ConfigError, match="can't tell these tasks from others"):
        trainer.fit([{(1, 2): 3, "q": 1}], start="Be brief.")
