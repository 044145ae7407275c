"""Code that means harm to the machine it runs on: each case has one outcome, and leaves nothing behind."""

from __future__ import annotations

import asyncio
import gc
import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import pytest

from autogen_like.coding.blocks import CodeBlock
from autogen_like.coding.local import LocalCommandLineCodeExecutor
from autogen_like.coding.process import CodeLimits
from autogen_like.core.errors import ConfigError

linux = pytest.mark.skipif(sys.platform != "linux", reason="counted by way of /proc")


@pytest.fixture(autouse=True)
def temporary(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The temporary folder, the test's own, so that what is left in it is seen."""
    folder = tmp_path / "temporary"
    folder.mkdir()
    monkeypatch.setattr(tempfile, "tempdir", str(folder))
    return folder


def marked(word: str) -> list[str]:
    """The command lines of living processes that have a word in them."""
    found = []
    for entry in Path("/proc").iterdir():
        try:
            line = (entry / "cmdline").read_bytes() if entry.name.isdigit() else b""
        except OSError:
            continue
        if word.encode() in line:
            found.append(line.decode("utf-8", "replace"))
    return found


def none_left(word: str) -> bool:
    for _ in range(500):
        if not marked(word):
            return True
        time.sleep(0.01)
    return False


def run(code: str, language: str = "python", **options):
    executor = LocalCommandLineCodeExecutor(**options)
    try:
        return executor.execute_code_blocks([CodeBlock(code, language)])
    finally:
        executor.close()


BOMBS = {
    "shell": ("bash", "bomb() { bomb | bomb & }\nbomb; sleep 600  # {word}"),
    "python": ("python", "import os\nwhile True:\n    try:\n        os.fork()\n    except OSError: pass\n# {word}"),
    "sessions": (
        "python",
        "import os\nwhile True:\n    try:\n        os.fork()\n        os.setsid()\n    except OSError: pass\n# {word}",
    ),
}


@linux
@pytest.mark.slow
@pytest.mark.parametrize("kind", BOMBS)
def test_a_fork_bomb_is_stopped_and_nothing_of_it_lives_on(kind):
    language, code = BOMBS[kind]
    name = f"bomb_{kind}_{os.getpid()}"
    code = f"# filename: {name}\n" + code.replace("{word}", "boom")
    result = run(code, language, limits=CodeLimits(processes=64), timeout=120)
    assert result.exit_code == 137
    assert result.output.endswith("\nStopped: it had more than 64 processes at a time\n")
    assert none_left(name)


@linux
def test_memory_is_counted_over_all_processes():
    hungry = "import os, time\nos.fork()\nos.fork()\nkept = bytearray(os.urandom(1)) * 60_000_000\ntime.sleep(600)"
    result = run(hungry, limits=CodeLimits(memory=150 * 2**20), timeout=60)
    assert (result.exit_code, result.output) == (137, "\nStopped: it took more than 150 MiB of memory\n")


@linux
def test_memory_of_one_process_runs_out_at_twice_that():
    result = run("try:\n    bytearray(10**9)\nexcept MemoryError:\n    print('no')", limits=CodeLimits(memory=2**28))
    assert (result.exit_code, result.output) == (0, "no\n")


def test_a_file_grows_no_larger_than_allowed():
    result = run("open('x', 'wb').write(bytes(2_000_000))", limits=CodeLimits(file_size=1_000_000))
    assert result.exit_code == 1
    assert "File too large" in result.output
    shell = run("head -c 2000000 /dev/zero > x", "sh", limits=CodeLimits(file_size=1_000_000))
    assert shell.exit_code == 128 + 25


@linux
def test_a_folder_grows_no_larger_than_allowed(tmp_path):
    many = "while true; do n=$((n+1)); head -c 1000000 /dev/zero > $n; done"
    result = run(f"cd sub || exit 1; {many}", "sh", **in_folder(tmp_path), limits=CodeLimits(disk=2**25), timeout=60)
    assert (result.exit_code, result.output) == (137, "\nStopped: it took more than 32 MiB of disk\n")
    in_temporary = run(f"cd $TMPDIR; {many}", "sh", limits=CodeLimits(disk=2**25), timeout=60)
    assert in_temporary.exit_code == 137


def in_folder(tmp_path: Path) -> dict[str, Path]:
    (tmp_path / "work" / "sub").mkdir(parents=True)
    return {"work_dir": tmp_path / "work"}


def test_open_files_and_computing_are_limited():
    opened = run("kept = [open('/dev/null') for _ in range(200)]", limits=CodeLimits(open_files=100))
    assert "Too many open files" in opened.output
    computed = run("while True: pass", limits=CodeLimits(cpu_seconds=1), timeout=60)
    assert computed.exit_code == 137
    assert computed.output == "\nStopped: it computed for more than 1 s\n"


def test_without_limits_it_may_have_what_the_user_may():
    free = CodeLimits(memory=None, processes=None, file_size=None, disk=None, open_files=None)
    assert run("print(len(bytearray(10**8)))", limits=free).output == "100000000\n"


@pytest.mark.parametrize(("name", "value"), [("memory", 0), ("processes", -1), ("disk", 1.5), ("cpu_seconds", "1")])
def test_a_limit_is_a_positive_number(name, value):
    with pytest.raises(ConfigError, match=f"limits: {name}"):
        CodeLimits(**{name: value})


@pytest.mark.slow
def test_endless_output_costs_neither_memory_nor_disk(temporary):
    told: list[str] = []

    async def main():
        executor = LocalCommandLineCodeExecutor(timeout=300, max_output=10_000)
        code = "head -c 1000000000 /dev/zero | tr '\\0' x; echo; echo the end"
        return await executor.execute([CodeBlock(code, "sh")], on_output=told.append)

    result = asyncio.run(main())
    assert result.exit_code == 0
    assert result.output.endswith("x\nthe end\n")
    assert "[... 999990009 characters of output were dropped ...]" in result.output
    assert "".join(told) == result.output
    assert len(result.output) < 11_000


def test_a_process_that_ignores_being_asked_to_end_is_killed():
    stubborn = "import signal, time\nfor n in (1, 2, 15):\n    signal.signal(n, signal.SIG_IGN)\nprint('here')\n"
    result = run(stubborn + "while True:\n    time.sleep(1)", timeout=1)
    assert (result.exit_code, result.output) == (124, "here\n\nTimeout: stopped after 1 s\n")


AWAY = """
import os, sys
for _ in range(2):  # twice, so that its parent is gone
    if os.fork():
        os._exit(0) if _ else None
        break
    os.setsid()
else:
    os.execve(sys.executable, [sys.executable, "-c", "import time; time.sleep(600)", "{word}"], {})
"""


@linux
def test_a_process_that_forks_away_with_an_empty_environment_ends_with_its_block():
    word = f"away-{os.getpid()}"
    result = run(AWAY.replace("{word}", word) + "import time\ntime.sleep(0.3)\nprint('done')", timeout=60)
    assert (result.exit_code, result.output) == (0, "done\n")
    assert marked(word) == []


@linux
def test_code_that_kills_its_keeper_ends_with_it():
    word = f"orphan-{os.getpid()}"
    code = f"""
import os, subprocess, sys, time
subprocess.Popen([sys.executable, "-c", "import time; time.sleep(600)", "{word}"], start_new_session=True)
os.kill(os.getppid(), 9)
time.sleep(600)
"""
    result = run(code, timeout=60)
    assert (result.exit_code, result.output) == (137, "\nStopped: it killed the process that kept it\n")
    assert none_left(word)


def test_code_that_halts_its_keeper_is_stopped_in_time():
    result = run("import os, time\nos.kill(os.getppid(), 19)\ntime.sleep(600)", timeout=1)
    assert result.exit_code == 124


@linux
def test_code_ends_when_the_program_that_runs_it_is_killed_and_the_next_one_tidies_up(tmp_path, temporary):
    word = f"widow-{os.getpid()}"
    program = f"""
from autogen_like import CodeBlock, LocalCommandLineCodeExecutor
LocalCommandLineCodeExecutor(work_dir={str(tmp_path)!r}).execute_code_blocks(
    [CodeBlock("# filename: {word}\\nopen('up', 'w').close()\\nimport time\\ntime.sleep(600)", "python")])
"""
    env = {**os.environ, "TMPDIR": str(temporary)}
    with subprocess.Popen([sys.executable, "-c", program], env=env) as process:
        while not (tmp_path / "up").exists():
            time.sleep(0.01)
        process.kill()
    assert none_left(word)
    left = list(temporary.iterdir())
    assert len(left) == 1
    first = LocalCommandLineCodeExecutor()
    second = LocalCommandLineCodeExecutor()
    assert not left[0].exists()
    assert len(list(temporary.iterdir())) == 2, "what lives is left alone"
    first.close()
    second.close()
    assert list(temporary.iterdir()) == []


async def test_cancelled_at_any_moment_it_leaves_nothing(temporary):
    word = f"cancelled-{os.getpid()}"
    executor = LocalCommandLineCodeExecutor()
    block = CodeBlock(f"# filename: {word}\nsleep 600 & sleep 600", "bash")
    for steps in range(40):
        task = asyncio.create_task(executor.execute([block]))
        for _ in range(steps):
            await asyncio.sleep(0)
        await asyncio.sleep(0.002 * max(steps - 20, 0))
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        assert marked(word) == []
    executor.close()
    assert list(temporary.iterdir()) == []


async def test_cancelled_twice_it_is_still_ended():
    word = f"twice-{os.getpid()}"
    executor = LocalCommandLineCodeExecutor()
    task = asyncio.create_task(executor.execute([CodeBlock(f"# filename: {word}\nsleep 600", "sh")]))
    while not marked(f"/{word}") and not marked(word):
        await asyncio.sleep(0.01)
    task.cancel()
    await asyncio.sleep(0)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert none_left(word)


@pytest.mark.slow
async def test_fifty_executors_started_and_dropped_at_once_leave_nothing(temporary):
    word = f"fifty-{os.getpid()}"
    block = CodeBlock(f"# filename: {word}\nsleep 600 & sleep 600", "bash")
    tasks = [asyncio.create_task(LocalCommandLineCodeExecutor().execute([block])) for _ in range(50)]
    while len(marked(word)) < 25:
        await asyncio.sleep(0.01)
    for task in tasks:
        task.cancel()
    results = await asyncio.gather(*tasks, return_exceptions=True)
    assert [type(result) for result in results] == [asyncio.CancelledError] * 50
    assert none_left(word)
    del tasks, results, task
    await asyncio.sleep(0.1)  # until the loop has let go of them
    gc.collect()
    assert list(temporary.iterdir()) == []


@linux
def test_open_files_are_given_back():
    def opened() -> int:
        return len(list(Path("/proc/self/fd").iterdir()))

    executor = LocalCommandLineCodeExecutor(timeout=1)
    executor.execute_code_blocks([CodeBlock("true", "sh")])
    before = opened()
    for code in ("true", "sleep 600", "exit 1"):
        executor.execute_code_blocks([CodeBlock(code, "sh")])
    assert opened() <= before
    executor.close()


def test_secrets_are_in_no_environment_that_is_the_codes(monkeypatch):
    monkeypatch.setenv("OPENAI_API_KEY", "s3cret")
    seen = "import os\nprint(open(f'/proc/{os.getppid()}/environ').read(), dict(os.environ))"
    assert "s3cret" not in run(seen if sys.platform == "linux" else "import os; print(os.environ)").output
