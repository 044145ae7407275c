"""Harm that code can do in its container, by accident or on purpose: each has one outcome, and leaves nothing."""

from __future__ import annotations

import asyncio
import logging
import subprocess
import time

import pytest

from autogen_like.coding.blocks import CodeBlock
from autogen_like.coding.commandline import TIMED_OUT
from autogen_like.coding.docker import DockerCommandLineCodeExecutor
from autogen_like.coding.docker_container import Container, Execution

pytestmark = [pytest.mark.needs_docker, pytest.mark.slow]


@pytest.fixture
def executor(docker_image):
    with DockerCommandLineCodeExecutor(
        docker_image, timeout=60, work_size="32m", memory="256m", max_output=10_000
    ) as one:
        one.execute_code_blocks([CodeBlock("echo kept > kept", "sh")])
        yield one


@pytest.fixture
def hasty(executor):
    """The same, for code that never ends; long enough for it to begin on a busy machine."""
    executor._timeout = 5
    return executor


def run(executor: DockerCommandLineCodeExecutor, code: str, language: str = "python"):
    return executor.execute_code_blocks([CodeBlock(code, language)])


def processes(executor: DockerCommandLineCodeExecutor) -> list[str]:
    """What runs in the container as its code's user, seen from outside."""
    top = ["docker", "top", str(executor.container_id), "-eo", "pid,uid,args"]
    shown = subprocess.run(top, check=True, capture_output=True, text=True).stdout.splitlines()[1:]
    return [line for line in shown if line.split()[1] == "65534"]


def still_works(executor: DockerCommandLineCodeExecutor) -> bool:
    """Whether nothing runs any more, the container is the same, and so are its files."""
    for _ in range(600):  # what is killed is gone a moment later
        if not processes(executor):
            break
        time.sleep(0.1)
    executor._timeout = 60
    return processes(executor) == [] and run(executor, "cat kept", "sh").output == "kept\n"


@pytest.mark.parametrize(
    "code",
    [
        "import signal, time\nfor s in (1, 2, 3, 15): signal.signal(s, signal.SIG_IGN)\nprint('on')\ntime.sleep(1000)",
        "import os, time\nprint('on')\nos.setsid() if os.fork() == 0 else None\ntime.sleep(1000)",
        "import os\nprint('on')\nwhile True:\n    try: os.fork()\n    except OSError: pass",
        "import subprocess, time\nprint('on')\nsubprocess.run(['sh', '-c', 'b() { b | b & }; b'])\ntime.sleep(1000)",
    ],
    ids=["ignores signals", "leaves its session", "fork bomb", "shell bomb"],
)
def test_time_out_ends_the_whole_tree_and_keeps_the_files(hasty, code):
    result = run(hasty, code)
    assert result.exit_code == TIMED_OUT
    assert result.output.startswith("on\n")
    assert result.output.endswith("Timeout: stopped after 5 s\n")
    assert still_works(hasty)


def test_what_a_block_leaves_running_ends_with_it(executor):
    assert run(executor, "sleep 1000 & setsid sleep 1000 & echo done", "sh").output == "done\n"
    assert still_works(executor)


def test_code_that_kills_who_watches_it_is_ended_all_the_same(executor):
    survivor = "import os, time\nif os.fork() == 0:\n    os.setsid(); os.closerange(0, 9); time.sleep(1000)\n"
    result = run(executor, f"{survivor}os.kill(-1, 9) if 0 else os.kill(os.getppid(), 9)")
    assert result.exit_code != 0
    assert still_works(executor)
    executor._timeout = 5
    result = run(executor, "import os, signal, time\nos.kill(os.getppid(), signal.SIGSTOP)\ntime.sleep(1000)")
    assert result.exit_code == TIMED_OUT
    assert still_works(executor)


def test_code_cannot_end_its_container(executor):
    assert run(executor, "kill -9 1; kill -9 7; kill -9 -1; echo unreached", "sh").exit_code != 0
    assert still_works(executor)


def test_endless_output_is_cut_and_never_held_in_whole(hasty):
    heard = []
    result = asyncio.run(hasty.execute([CodeBlock("while True: print('x' * 65535)", "python")], on_output=heard.append))
    assert result.exit_code == TIMED_OUT
    assert 10_000 < len(result.output) < 10_200
    assert "characters of output were dropped" in result.output
    assert "".join(heard) == result.output
    assert still_works(hasty)


def test_output_that_is_no_text_is_shown_as_far_as_it_is(executor):
    assert run(executor, "import sys; sys.stdout.buffer.write(b'a\\xff\\xfe\\x80b')").output == "a\ufffd\ufffd\ufffdb"


def test_file_that_fills_the_disk_fills_the_work_folder_only_and_can_be_removed(executor):
    result = run(executor, "with open('big', 'wb') as file:\n    while True: file.write(bytes(2**20))")
    assert result.exit_code == 1
    assert "No space left on device" in result.output
    freed = run(executor, "rm big; echo freed", "sh")
    assert freed.output == "[The work folder is full: this runs from /tmp.]\nfreed\n"
    assert still_works(executor)


def test_where_all_is_full_the_failure_is_said(executor):
    fill = (
        "for name in ('big', '/tmp/big'):\n"
        "    try:\n"
        "        with open(name, 'wb', 0) as file:\n"
        "            while file.write(bytes(65536)): pass\n"
        "    except OSError: pass\n"
    )
    assert run(executor, fill).exit_code == 0
    result = run(executor, "echo " + "x" * 10_000, "sh")
    assert result.exit_code == 1
    assert "No space left on device" in result.output
    saved = executor.execute_code_blocks([CodeBlock("x" * 10_000, "html")])
    assert saved.output.startswith("the file could not be written: ")
    assert saved.output.endswith("No space left on device\n")


@pytest.mark.parametrize("size", [1, 40], ids=["larger than what is left", "larger than all of it"])
def test_a_block_that_no_folder_has_room_for_fails_and_the_next_one_runs(executor, size):
    fill = "head -c 33000000 /dev/zero > big; head -c 33000000 /dev/zero > /tmp/big; true"
    if size == 1:
        assert run(executor, fill, "sh").exit_code == 0
    result = run(executor, f"print(1)  # {'x' * size * 2**20}")
    assert result.exit_code == 1
    assert "No space left on device" in result.output
    assert run(executor, "rm -f big /tmp/big", "sh").exit_code == 0
    assert still_works(executor)


def test_a_block_whose_file_cannot_be_fails_however_large_it_is(executor):
    result = run(executor, f"# filename: kept/x.py\n# {'x' * 2**20}")
    assert result.exit_code == 1
    assert "kept" in result.output
    assert still_works(executor)


def test_more_memory_than_allowed_ends_the_code_and_says_why(executor):
    result = run(executor, "x = []\nwhile True: x.append(b'x' * 2**20)")
    assert result.exit_code == 137
    assert "more than 256 MiB of memory" in result.output
    assert still_works(executor)


@pytest.mark.parametrize("name", ["../../etc/passwd", "/etc/passwd", "a/../../../etc/passwd"])
def test_file_name_that_leads_out_is_refused(executor, name):
    result = run(executor, f"# filename: {name}\nprint(1)")
    assert result.exit_code == 1
    assert "leads out of the work folder" in result.output
    assert still_works(executor)


def test_file_full_of_holes_is_not_unpacked_here(executor, tmp_path, caplog):
    run(executor, "f = open('holes', 'wb'); f.truncate(10**12); f.close()")
    with caplog.at_level(logging.WARNING, "autogen_like"):
        executor.copy_out(tmp_path)
    assert not (tmp_path / "holes").exists()
    assert any("'./holes'" in record.getMessage() for record in caplog.records)
    assert still_works(executor)


async def test_cancelled_code_is_killed_before_the_cancellation_goes_on(executor):
    for pause in (0.0, 0.05, 0.5):
        running = asyncio.create_task(executor.execute([CodeBlock("import time; time.sleep(1000)", "python")]))
        await asyncio.sleep(pause)
        running.cancel()
        with pytest.raises(asyncio.CancelledError):
            await running
        while processes(executor):  # one that was never begun may still be on its way out
            await asyncio.sleep(0.01)
    assert (await executor.execute([CodeBlock("cat kept", "sh")])).output == "kept\n"


async def test_what_cannot_be_killed_goes_with_its_container(hasty, monkeypatch):
    def refuse(*_: object) -> None:
        raise TimeoutError

    monkeypatch.setattr(Execution, "stop", lambda _: None)
    monkeypatch.setattr(Container, "sweep", refuse)
    monkeypatch.setattr("autogen_like.coding.docker_run._ENDING", 0.1)
    before = hasty.container_id
    result = await hasty.execute([CodeBlock("import time; time.sleep(1000)", "python")])
    assert result.exit_code == TIMED_OUT
    assert "its files are lost" in result.output
    again = await hasty.execute([CodeBlock("ls kept; echo on", "sh")])
    assert again.output.startswith("[The container of earlier blocks is gone")
    assert hasty.container_id != before
