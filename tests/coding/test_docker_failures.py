"""What goes wrong around containers, in images, settings and the engine: each is named, and leaves no container."""

from __future__ import annotations

import contextlib
import os
import socket
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from autogen_like.coding import docker_reaper, docker_settings
from autogen_like.coding.blocks import CodeBlock
from autogen_like.coding.docker import DockerCommandLineCodeExecutor
from autogen_like.coding.docker_container import Container
from autogen_like.coding.docker_engine import Gone, NoEngine
from autogen_like.coding.docker_reaper import OWNER, is_dead, owner
from autogen_like.coding.functions import FunctionWithRequirements
from autogen_like.core.errors import ConfigError, ExecutorUnavailable

HELLO = [CodeBlock("print('hello')", "python")]
needs_docker = pytest.mark.needs_docker


def docker(*arguments: str) -> str:
    done = subprocess.run(["docker", *arguments], check=True, capture_output=True, text=True)
    return done.stdout.strip()


def ours() -> set[str]:
    return set(docker("ps", "-aq", "--no-trunc", "--filter", f"label={OWNER}={owner()}").split())


@pytest.fixture
def before(docker_image) -> Iterator[set[str]]:
    """The containers that this process had before; they are those that it has afterwards."""
    there = ours()
    yield there
    assert ours() == there


@contextlib.contextmanager
def image_without(program: str, image: str) -> Iterator[str]:
    """An image in which a program is missing."""
    name = f"autogen_like-without:{os.getpid()}-{Path(program).name}"
    made = docker("create", image, "rm", program)
    try:
        docker("start", "-a", made)
        docker("commit", made, name)
        yield name
    finally:
        docker("rm", made)
        docker("rmi", name)


@needs_docker
def test_an_image_that_cannot_be_kept_running_is_named(before, docker_image):
    def run_on(executor):
        for _ in range(50):  # where much else is to be done, the first code may be quicker than the container's end
            executor.execute_code_blocks(HELLO)

    with (
        image_without("/usr/bin/sleep", docker_image) as image,
        DockerCommandLineCodeExecutor(image) as executor,
        pytest.raises(ExecutorUnavailable, match=f"'{image}' end as soon as they are started: it lacks sh or sleep"),
    ):
        run_on(executor)


@needs_docker
def test_packages_for_an_image_without_python_are_refused(before, docker_image):
    with image_without("/usr/bin/python3", docker_image) as image:
        executor = DockerCommandLineCodeExecutor(image, packages=["six"])
        with pytest.raises(ConfigError, match="has no Python to import them"):
            executor.execute_code_blocks(HELLO)
        assert ours() == before


@needs_docker
def test_without_its_functions_nothing_runs(before, docker_image):
    large = FunctionWithRequirements.from_str(f'def large():\n    """{"x" * 17_000_000}"""')
    executor = DockerCommandLineCodeExecutor(docker_image, functions=[large])
    for _ in range(2):
        with pytest.raises(ExecutorUnavailable, match=r"functions could not be written: .*No space left"):
            executor.execute_code_blocks(HELLO)
        assert ours() == before


@needs_docker
def test_a_container_that_is_gone_before_its_functions_are_written_is_an_error(before, docker_image, monkeypatch):
    def hello() -> str:
        return "hello"

    def gone(self: Container, *_: object, **__: object) -> None:
        docker("rm", "-f", self.id)
        raise Gone("it is removed")

    executor = DockerCommandLineCodeExecutor(docker_image, functions=[hello])
    with monkeypatch.context() as patch:
        patch.setattr(Container, "run", gone)
        with pytest.raises(ExecutorUnavailable, match="it is removed"):
            executor.execute_code_blocks(HELLO)
    used = executor.execute_code_blocks([CodeBlock("from functions import hello; print(hello())", "python")])
    assert used.output == "hello\n"
    executor.close()


@needs_docker
def test_containers_that_are_always_removed_are_not_started_for_ever(before, docker_image, monkeypatch):
    def gone(self: Container, *_: object, **__: object) -> None:
        raise Gone("it is removed")

    monkeypatch.setattr(Container, "run", gone)
    with pytest.raises(ExecutorUnavailable, match="or somebody removes them"):
        DockerCommandLineCodeExecutor(docker_image).execute_code_blocks(HELLO)


@needs_docker
def test_an_executor_that_is_closed_while_it_starts_says_so(before, docker_image, monkeypatch):
    executor = DockerCommandLineCodeExecutor(docker_image)
    start = executor._open

    def start_and_close(box: object) -> None:
        start(box)
        executor.close()

    monkeypatch.setattr(executor, "_open", start_and_close)
    with pytest.raises(ExecutorUnavailable, match="closed while its container started"):
        executor.execute_code_blocks(HELLO)


@needs_docker
def test_an_engine_that_fails_while_a_container_starts_leaves_none(before, docker_image, monkeypatch):
    from docker import APIClient

    def fail(*_: object, **__: object) -> None:
        raise ConnectionError("cut")

    executor = DockerCommandLineCodeExecutor(docker_image)
    with monkeypatch.context() as patch:
        patch.setattr(APIClient, "start", fail)
        with pytest.raises(ExecutorUnavailable, match=r"went away or does not answer \(cut\)"):
            executor.execute_code_blocks(HELLO)
    assert ours() == before
    assert executor.execute_code_blocks(HELLO).output == "hello\n"
    executor.close()


@needs_docker
@pytest.mark.parametrize("ended", [False, True])
def test_an_engine_that_fails_a_block_is_an_error_unless_the_container_has_ended(
    before, docker_image, monkeypatch, ended
):
    from docker import APIClient

    with DockerCommandLineCodeExecutor(docker_image, auto_remove=False) as executor:
        executor.execute_code_blocks(HELLO)
        first = str(executor.container_id)
        if ended:
            docker("kill", first)
        create = APIClient.exec_create

        def fail_for_the_first(self: APIClient, container: str, *arguments: object, **settings: object) -> object:
            if container == first:
                raise ConnectionError("cut")
            return create(self, container, *arguments, **settings)

        monkeypatch.setattr(APIClient, "exec_create", fail_for_the_first)
        if ended:
            assert executor.execute_code_blocks(HELLO).output.endswith("this runs in a new one.]\nhello\n")
        else:
            with pytest.raises(ExecutorUnavailable, match="cut"):
                executor.execute_code_blocks(HELLO)
        left = {first, str(executor.container_id)}
    docker("rm", "-f", *left)


@needs_docker
def test_a_connection_that_is_cut_counts_as_the_end_of_the_container(before, docker_image, monkeypatch):
    from docker import APIClient

    monkeypatch.setattr("autogen_like.coding.docker_container._INSPECTIONS", 1)
    with DockerCommandLineCodeExecutor(docker_image) as executor:
        monkeypatch.setattr(APIClient, "exec_inspect", lambda *_: {"Running": True, "ExitCode": None})
        result = executor.execute_code_blocks(HELLO)
    assert result.exit_code == 137
    assert "its files are lost" in result.output


@needs_docker
def test_a_container_in_which_nothing_can_be_run_any_more_has_ended(before, docker_image, monkeypatch):
    monkeypatch.setattr("autogen_like.coding.docker_container._INSPECTIONS", 5)
    with DockerCommandLineCodeExecutor(docker_image) as executor:
        executor.execute_code_blocks(HELLO)
        monkeypatch.setattr("autogen_like.coding.docker_container._SWEEP", ("sh", "-c", "exit 1"))
        result = executor.execute_code_blocks([CodeBlock("import os; os.kill(os.getpid(), 9)", "python")])
    assert result.exit_code == 137
    assert "its files are lost" in result.output


@needs_docker
def test_files_that_cannot_be_copied_are_warned_of_and_the_container_goes(before, docker_image, tmp_path, caplog):
    (tmp_path / "results").write_text("a file, no folder")
    with DockerCommandLineCodeExecutor(docker_image, work_dir=tmp_path / "results") as executor:
        executor.execute_code_blocks(HELLO)
    assert "could not be copied to" in caplog.text


@needs_docker
def test_a_container_that_cannot_be_removed_now_is_left_to_the_next_one(before, docker_image, monkeypatch, caplog):
    def fail(self: Container) -> None:
        self.disconnect()
        raise ExecutorUnavailable("the engine is away")

    executor = DockerCommandLineCodeExecutor(docker_image)
    executor.execute_code_blocks(HELLO)
    left = executor.container_id
    with monkeypatch.context() as patch:
        patch.setattr(Container, "remove", fail)
        executor.close()
    assert f"container {left[:12]} is left" in caplog.text
    docker("rm", "-f", left)


def test_an_engine_elsewhere_that_does_not_answer_is_an_error_with_the_cure(monkeypatch):
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
    monkeypatch.setenv("DOCKER_HOST", f"tcp://127.0.0.1:{port}")
    with pytest.raises(NoEngine, match="'executor': 'local'"):
        DockerCommandLineCodeExecutor()


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux tells who owns a container")
def test_an_owner_that_belongs_to_somebody_else_is_not_dead(monkeypatch):
    def refuse(*_: int) -> None:
        raise PermissionError

    monkeypatch.setattr(docker_reaper.os, "kill", refuse)
    assert not is_dead(owner())


def test_who_owns_a_bound_folder_is_asked_only_where_systems_know(monkeypatch, tmp_path):
    monkeypatch.delattr(docker_settings.os, "getuid")
    assert docker_settings.owner_of(tmp_path / "new") is None


def test_a_folder_that_is_made_belongs_to_who_makes_it(monkeypatch, tmp_path):
    chowned = []
    monkeypatch.setattr(docker_settings.os, "chown", lambda *arguments: chowned.append(arguments))
    monkeypatch.setattr(docker_settings.os, "getuid", lambda: 1000)
    with contextlib.suppress(ConfigError):  # where the tests' own user is root
        docker_settings.owner_of(tmp_path / "new")
    assert (tmp_path / "new").is_dir()
    assert chowned == []
