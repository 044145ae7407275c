"""From a code_execution_config to an executor."""

from __future__ import annotations

import pytest

from autogen_like.coding.blocks import CodeBlock, MarkdownCodeExtractor
from autogen_like.coding.executor import CodeResult, format_result
from autogen_like.coding.factory import create
from autogen_like.coding.local import LocalCommandLineCodeExecutor
from autogen_like.core.errors import ConfigError


class Blocking:
    """An executor as AutoGen 0.2's users wrote them."""

    code_extractor = MarkdownCodeExtractor()
    restarted = False

    def execute_code_blocks(self, code_blocks):
        return CodeResult(0, f"{len(code_blocks)} run")

    def restart(self):
        self.restarted = True


@pytest.mark.parametrize("config", [False, None, {}, {"last_n_messages": 3}, {"executor": None}])
def test_where_no_executor_is_chosen_code_is_not_run(config):
    assert create(config) is None


def test_executor_is_taken_as_it_is():
    executor = LocalCommandLineCodeExecutor()
    assert create({"executor": executor, "last_n_messages": 2}) is executor


@pytest.mark.parametrize("name", ["local", "commandline-local"])
def test_local_executor_by_name_with_its_arguments(name, tmp_path):
    executor = create({"executor": name, name: {"timeout": 7, "work_dir": tmp_path}})
    assert isinstance(executor, LocalCommandLineCodeExecutor)
    assert (executor.timeout, executor.work_dir) == (7, tmp_path)
    assert isinstance(create({"executor": name}), LocalCommandLineCodeExecutor)


def test_older_form_is_understood_and_not_changed(tmp_path):
    config = {"work_dir": str(tmp_path), "use_docker": False, "timeout": 9, "last_n_messages": "auto"}
    before = dict(config)
    executor = create(config)
    assert isinstance(executor, LocalCommandLineCodeExecutor)
    assert (executor.timeout, executor.work_dir) == (9, tmp_path)
    assert config == before


def test_variable_of_autogen_02_answers_where_the_config_does_not(monkeypatch, tmp_path):
    config = {"work_dir": tmp_path}
    monkeypatch.delenv("AUTOGEN_USE_DOCKER", raising=False)
    with pytest.raises(ConfigError, match="without 'use_docker': False"):
        create(config)
    monkeypatch.setenv("AUTOGEN_USE_DOCKER", "False")
    assert isinstance(create(config), LocalCommandLineCodeExecutor)


@pytest.mark.parametrize(
    ("config", "said"),
    [
        ({"use_docker": True}, "use_docker=True asks for Docker"),
        ({"use_docker": "python:3"}, "'executor': 'local'"),
        ({"executor": "docker"}, "'use_docker': False"),
        ({"executor": "ipython-embedded"}, "no executor 'ipython-embedded'"),
        ({"executor": "local", "timeout": 3}, "timeout can't be set beside it"),
        ({"executor": Blocking(), "work_dir": "x", "use_docker": False}, "use_docker, work_dir"),
        ({"executor": 3}, "execute_code_blocks"),
        ({"exeutor": "local"}, "no setting exeutor"),
        (True, "False or a dict"),
        ({"use_docker": False, "timeout": -1}, "positive"),
    ],
)
def test_what_cannot_be_is_an_error_with_the_cure(config, said):
    with pytest.raises(ConfigError, match=said):
        create(config)


async def test_executor_that_only_blocks_is_wrapped():
    inner = Blocking()
    executor = create({"executor": inner})
    assert executor is not None
    assert executor.executor is inner
    assert executor.code_extractor is inner.code_extractor
    assert (await executor.execute([CodeBlock("a", "sh")])).output == "1 run"
    assert executor.execute_code_blocks([]).output == "0 run"
    executor.restart()
    assert inner.restarted


def test_result_is_told_in_autogen_02s_words():
    assert format_result(CodeResult(0, "42")) == "exitcode: 0 (execution succeeded)\nCode output: 42"
    assert format_result(CodeResult(2, "no")) == "exitcode: 2 (execution failed)\nCode output: no"
