"""The life of containers: they end with their executor, whatever becomes of it, of the engine, or of this process."""

from __future__ import annotations

import asyncio
import gc
import os
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from autogen_like.coding import docker_reaper
from autogen_like.coding.blocks import CodeBlock
from autogen_like.coding.docker import DockerCommandLineCodeExecutor
from autogen_like.coding.docker_engine import connect
from autogen_like.coding.docker_reaper import OWNER, is_dead, owner, reap
from autogen_like.core.errors import ExecutorUnavailable

needs_docker = pytest.mark.needs_docker
HELLO = [CodeBlock("print('hello')", "python")]
FOREVER = [CodeBlock("print('on')\nimport time\ntime.sleep(1000)", "python")]


def docker(*arguments: str) -> str:
    return subprocess.run(["docker", *arguments], check=True, capture_output=True, text=True).stdout


def ours(label: str = "") -> list[str]:
    """The containers of this process, or of another; other tests run beside this one."""
    return docker("ps", "-aq", "--filter", f"label={OWNER}={label or owner()}").split()


def eventually(condition: Callable[[], object]) -> None:
    for _ in range(1200):
        if condition():
            return
        time.sleep(0.1)
    raise AssertionError("it never came true")


def script(image: str, *lines: str, **settings: object) -> list[str]:
    """A program that starts an executor, prints its owner and container, and goes on as told."""
    head = (
        "import os, sys, time",
        "from autogen_like.coding.blocks import CodeBlock",
        "from autogen_like.coding.docker import DockerCommandLineCodeExecutor",
        "from autogen_like.coding.docker_reaper import owner",
        f"executor = DockerCommandLineCodeExecutor({image!r}, timeout=1000, **{settings!r})",
        "executor.execute_code_blocks([CodeBlock('# filename: one.py', 'python')])",
        "print(owner(), executor.container_id, flush=True)",
    )
    return [sys.executable, "-W", "error", "-c", "\n".join((*head, *lines))]


@needs_docker
@pytest.mark.slow
def test_fifty_executors_dropped_at_once_leave_nothing(docker_image):
    async def start() -> list[str]:
        executors = [DockerCommandLineCodeExecutor(docker_image, memory="64m") for _ in range(50)]
        results = await asyncio.gather(*(executor.execute(HELLO) for executor in executors))
        assert len(ours()) == 50
        return [result.output for result in results]

    assert asyncio.run(start()) == ["hello\n"] * 50
    gc.collect()
    eventually(lambda: not ours())


@needs_docker
def test_executor_dropped_before_it_ran_anything_has_no_container(docker_image):
    before = set(ours())
    DockerCommandLineCodeExecutor(docker_image)
    assert set(ours()) == before


@needs_docker
@pytest.mark.slow
@pytest.mark.parametrize("end", ["pass", "sys.exit(3)", "raise KeyError", "kept = [executor]; kept.append(kept)"])
def test_program_that_ends_takes_its_container_along_and_gets_its_files(docker_image, tmp_path, end):
    command = script(docker_image, end, work_dir=str(tmp_path))
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert "Exception ignored" not in done.stderr
    assert ours(done.stdout.split()[0]) == []
    assert (tmp_path / "one.py").exists()


@needs_docker
@pytest.mark.slow
def test_crash_ends_the_code_at_once_and_the_next_start_removes_the_container(docker_image):
    line = "executor.execute_code_blocks([CodeBlock('import time; time.sleep(1000)', 'python')])"
    with subprocess.Popen(script(docker_image, line), stdout=subprocess.PIPE, text=True) as crashed:
        label, container = crashed.stdout.readline().split()
        eventually(lambda: "python3" in docker("top", container))
        with DockerCommandLineCodeExecutor(docker_image) as beside:  # it lives: left alone
            beside.execute_code_blocks(HELLO)
        assert ours(label)
        crashed.kill()
    eventually(lambda: "python3" not in docker("top", container))
    with DockerCommandLineCodeExecutor(docker_image) as after:
        after.execute_code_blocks(HELLO)
    assert ours(label) == []


@needs_docker
def test_child_of_a_fork_leaves_its_parents_container_alone(docker_image):
    with DockerCommandLineCodeExecutor(docker_image) as executor:
        executor.execute_code_blocks(HELLO)
        child = subprocess.run(
            script(
                docker_image,
                "if os.fork() == 0:",
                "    executor.close()",
                "    sys.exit(0)",
                "os.wait()",
                "print(executor.execute_code_blocks([CodeBlock('print(1)', 'python')]).output)",
            ),
            capture_output=True,
            text=True,
            check=True,
        )
    assert child.stdout.splitlines()[1:] == ["1", ""]
    assert ours(child.stdout.split()[0]) == []


@needs_docker
def test_container_that_is_to_stay_stays(docker_image):
    kept = DockerCommandLineCodeExecutor(docker_image, stop_container=False)
    kept.execute_code_blocks(HELLO)
    left = kept.container_id
    kept.stop()
    stopped = DockerCommandLineCodeExecutor(docker_image, auto_remove=False)
    stopped.execute_code_blocks(HELLO)
    ended = stopped.container_id
    stopped.stop()
    try:
        assert docker("inspect", "--format", "{{.State.Running}}", left).strip() == "true"
        assert docker("inspect", "--format", "{{.State.Running}}", ended).strip() == "false"
    finally:
        docker("rm", "-f", left, ended)


@needs_docker
@pytest.mark.slow
async def test_container_removed_from_under_us_is_said_and_replaced(docker_image):
    with DockerCommandLineCodeExecutor(docker_image) as executor:
        heard = asyncio.Event()
        running = asyncio.create_task(executor.execute(FOREVER, on_output=lambda _: heard.set()))
        await heard.wait()
        docker("rm", "-f", str(executor.container_id))
        result = await asyncio.wait_for(running, 60)
        assert result.exit_code == 137
        assert result.output.startswith("on\n")
        assert "its files are lost" in result.output
        again = await executor.execute(HELLO)
        assert again.output == (
            "[The container of earlier blocks is gone, and their files with it: this runs in a new one.]\nhello\n"
        )
        docker("rm", "-f", str(executor.container_id))  # this time between two blocks
        assert (await executor.execute(HELLO)).output == again.output
        assert (await executor.execute(HELLO)).output == "hello\n"
        docker("rm", "-f", str(executor.container_id))
    assert ours() == []


@needs_docker
async def test_cancelled_while_the_container_starts(docker_image):
    executor = DockerCommandLineCodeExecutor(docker_image)
    for pause in (0.0, 0.1, 0.2):
        starting = asyncio.create_task(executor.execute(FOREVER))
        await asyncio.sleep(pause)
        starting.cancel()
        with pytest.raises(asyncio.CancelledError):
            await starting
    assert (await executor.execute(HELLO)).output == "hello\n"
    assert len(ours()) == 1
    executor.close()
    assert ours() == []


@pytest.fixture
def engine(docker_image, monkeypatch) -> Iterator[Callable[[], subprocess.Popen[bytes]]]:
    """Starts an engine of the test's own, which may die; the folder of all that it writes goes with it."""
    folder = Path(tempfile.mkdtemp(prefix="dockerd-"))  # a short path: sockets lie in it
    host = f"unix://{folder}/sock"
    started: list[subprocess.Popen[bytes]] = []

    def answers() -> bool:
        return subprocess.run(["docker", "-H", host, "version"], check=False, capture_output=True).returncode == 0

    def start() -> subprocess.Popen[bytes]:
        command = ["unshare", "--net", "--mount", "dockerd", "-H", host, "--data-root", f"{folder}/data"]
        command += ["--exec-root", f"{folder}/run"]
        command += ["--pidfile", f"{folder}/pid", "--bridge=none", "--iptables=false"]

        def up() -> bool:
            if not started or started[-1].poll() is not None:  # after a crash, the first attempt may tidy up only
                (folder / "pid").unlink(missing_ok=True)
                with (folder / "log").open("ab") as log:
                    started.append(subprocess.Popen(command, stdout=log, stderr=log, stdin=subprocess.DEVNULL))
            return answers()

        eventually(up)
        return started[-1]

    if os.getuid() != 0:
        pytest.skip("only root starts an engine of its own")
    start()
    subprocess.run(f"docker save {docker_image} | docker -H {host} load", shell=True, check=True, capture_output=True)
    monkeypatch.setenv("DOCKER_HOST", host)
    yield start
    started[-1].terminate()
    started[-1].wait(60)
    shutil.rmtree(folder)


@needs_docker
@pytest.mark.slow
@pytest.mark.filterwarnings("default::ResourceWarning")  # the docker package leaves open what fails to connect
@pytest.mark.filterwarnings("default::pytest.PytestUnraisableExceptionWarning")
async def test_engine_that_dies_in_the_middle_is_an_error_and_its_return_a_new_beginning(docker_image, engine):
    executor = DockerCommandLineCodeExecutor(docker_image)
    heard = asyncio.Event()
    running = asyncio.create_task(executor.execute(FOREVER, on_output=lambda _: heard.set()))
    await asyncio.wait_for(heard.wait(), 60)
    engine().kill()
    with pytest.raises(ExecutorUnavailable, match="went away or does not answer"):
        await asyncio.wait_for(running, 60)
    with pytest.raises(ExecutorUnavailable):
        await executor.execute(HELLO)
    await asyncio.to_thread(engine)
    again = await executor.execute(HELLO)
    assert again.output.endswith("this runs in a new one.]\nhello\n")
    executor.close()
    assert ours() == []
    del running  # and with its error the sockets, while their warnings are let pass
    gc.collect()


def test_owner_is_dead_only_where_that_is_known(monkeypatch):
    space = owner().rsplit("/", 2)[0]
    assert not is_dead(owner())
    assert is_dead(f"{space}/{os.getpid()}/1")  # the same id, used again
    with subprocess.Popen(["true"]) as gone:
        os.waitid(os.P_PID, gone.pid, os.WEXITED | os.WNOWAIT)
        assert is_dead(f"{space}/{gone.pid}/99")  # a zombie
    assert is_dead(f"{space}/{gone.pid}/99")
    for unknown in ("", "nonsense", f"another machine/pid:[1]/{os.getpid()}/1", f"{space}/x/1"):
        assert not is_dead(unknown)
    monkeypatch.setattr(docker_reaper, "_PROC", Path("/nowhere"))  # no Linux
    assert owner() == ""
    assert not is_dead(f"{space}/{gone.pid}/99")


@needs_docker
def test_many_may_reap_at_once(docker_image):
    space = owner().rsplit("/", 2)[0]
    labels = [f"{space}/{os.getpid()}/{number}" for number in range(3)]
    for label in labels:
        docker("create", "--label", f"{OWNER}={label}", docker_image, "sleep", "1000")  # others may reap it too

    async def all_at_once() -> None:
        clients = [connect() for _ in range(4)]
        await asyncio.gather(*(asyncio.to_thread(reap, client) for client in clients))
        for client in clients:
            client.close()

    asyncio.run(all_at_once())
    assert [ours(label) for label in labels] == [[], [], []]
