"""From a code_execution_config to an executor."""

from __future__ import annotations

import sys

import pytest

from autogen_like.agents.user_proxy import UserProxyAgent
from autogen_like.coding import docker
from autogen_like.coding.blocks import CodeBlock, MarkdownCodeExtractor
from autogen_like.coding.docker import DockerCommandLineCodeExecutor
from autogen_like.coding.executor import CodeResult, format_result
from autogen_like.coding.factory import create
from autogen_like.coding.local import LocalCommandLineCodeExecutor
from autogen_like.core.errors import ConfigError, MissingExtra


class Blocking:
    """An executor as AutoGen 0.2's users wrote them."""

    code_extractor = MarkdownCodeExtractor()
    restarted = False

    def execute_code_blocks(self, code_blocks):
        return CodeResult(0, f"{len(code_blocks)} run")

    def restart(self):
        self.restarted = True


@pytest.fixture
def no_engine(monkeypatch, tmp_path):
    monkeypatch.setenv("DOCKER_HOST", f"unix://{tmp_path}/nobody.sock")
    monkeypatch.delenv("AUTOGEN_USE_DOCKER", raising=False)


@pytest.mark.parametrize("config", [False, None])
def test_code_is_not_run_unless_asked_for(config):
    assert create(config) is None


@pytest.mark.usefixtures("no_engine")
@pytest.mark.parametrize(
    "config",
    [
        {},
        {"last_n_messages": 3},
        {"executor": None},
        {"executor": "docker"},
        {"use_docker": True},
        {"work_dir": "coding"},
        {"use_docker": "python:3"},
        {"use_docker": ["python:3", "python:3-slim"]},
    ],
)
def test_where_no_engine_answers_docker_is_refused_and_nothing_else_is_taken_instead(config):
    with pytest.raises(ConfigError, match="no engine answers") as refused:
        create(config)
    assert "{'executor': 'local'}" in str(refused.value)
    with pytest.raises(ConfigError, match="no engine answers"):
        UserProxyAgent("runner", code_execution_config=config)


@pytest.mark.usefixtures("no_engine")
def test_agents_that_run_no_code_need_no_engine():
    assert UserProxyAgent("person").code_executor is None
    assert UserProxyAgent("person", code_execution_config=False).code_executor is None


def test_without_the_docker_package_the_extra_is_named(monkeypatch):
    monkeypatch.setitem(sys.modules, "docker", None)
    for config in ({}, {"use_docker": ["a", "b"]}):
        with pytest.raises(MissingExtra, match=r"autogen_like\[docker\]"):
            create(config)


@pytest.mark.needs_docker
@pytest.mark.parametrize(
    "config",
    [
        lambda image: {"use_docker": image, "work_dir": "coding", "timeout": 9},
        lambda image: {"use_docker": ["autogen-like.invalid/nothing:0", image], "timeout": 9},
        lambda image: {"executor": "docker", "docker": {"image": image, "timeout": 9}},
        lambda image: {"executor": "commandline-docker", "commandline-docker": {"image": image, "timeout": 9}},
    ],
)
def test_docker_is_chosen_in_all_of_autogen_02s_ways(config, docker_image):
    executor = create(config(docker_image))
    assert isinstance(executor, DockerCommandLineCodeExecutor)
    assert (executor.image, executor.timeout) == (docker_image, 9)


@pytest.mark.needs_docker
@pytest.mark.parametrize("config", [{}, {"use_docker": True}, {"executor": "docker"}])
def test_the_image_is_pythons_own_by_default(config, docker_image, monkeypatch):
    asked = []
    monkeypatch.setattr(docker, "ensure_image", lambda _, image: asked.append(image))
    assert isinstance(create(config), DockerCommandLineCodeExecutor)
    assert asked == ["python:3-slim"]


@pytest.mark.needs_docker
@pytest.mark.usefixtures("docker_image")
def test_images_that_cannot_be_had_are_an_error_that_says_why():
    with pytest.raises(ConfigError, match=r"(?s)none of the images.*could not be fetched.*can't be an image's name"):
        create({"use_docker": ["autogen-like.invalid/nothing:0", "NOT A NAME"]})


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


@pytest.mark.usefixtures("no_engine")
def test_variable_of_autogen_02_answers_where_the_config_does_not(monkeypatch, tmp_path):
    config = {"work_dir": tmp_path}
    monkeypatch.setenv("AUTOGEN_USE_DOCKER", "False")
    assert isinstance(create(config), LocalCommandLineCodeExecutor)


@pytest.mark.parametrize(
    ("config", "said"),
    [
        ({"use_docker": 3}, "a list of images, not 3"),
        ({"use_docker": []}, "a list of images"),
        ({"executor": "local", "local": {"memory": "1g"}}, "memory"),
        ({"executor": "kubernetes"}, "no executor 'kubernetes'"),
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
