"""Jupyter kernels that take too long, die, or are left behind."""

from __future__ import annotations

import asyncio
import gc
import os
import signal
import stat
import subprocess
import sys
from pathlib import Path

import pytest
from in_jupyter import PID, blocks, gone, output, run, soon

from autogen_like import JupyterCodeExecutor

# --- time-outs, deaths and restarts


def test_a_time_out_interrupts_and_keeps_the_state(tmp_path):
    with JupyterCodeExecutor(output_dir=tmp_path, timeout=2) as executor:
        result = run(executor, "kept = 5\nimport time\nprint('before')\ntime.sleep(600)", "never = 1")
        assert result.exit_code == 124
        assert result.output.startswith("before\n")
        assert result.output.endswith("Timeout: interrupted after 2 s. The kernel keeps its variables.\n")
        assert output(executor, "print(kept, 'never' in globals())") == "5 False\n"
        result = run(executor, "sleep 600", language="bash")
        assert result.exit_code == 124
        assert output(executor, "kept") == "5\n"


@pytest.mark.slow
def test_code_that_ignores_the_interrupt_costs_the_kernel(tmp_path):
    stubborn = "import signal, time\nlost = 1\nsignal.signal(signal.SIGINT, signal.SIG_IGN)\ntime.sleep(600)"
    with JupyterCodeExecutor(output_dir=tmp_path, timeout=1) as executor:
        pid = int(output(executor, PID))
        result = run(executor, stubborn)
        assert result.exit_code == 124
        assert "did not stop" in result.output
        assert "All variables, imports and functions are lost" in result.output
        assert gone(pid)
        assert output(executor, "print('lost' in globals())") == "False\n"


@pytest.mark.parametrize(
    ("code", "exit_code", "reason"),
    [
        ("os.kill(os.getpid(), 9)", 137, "it was ended by signal 9"),
        ("os._exit(0)", 1, "its process ended with exit code 0"),
        ("os._exit(7)", 7, "its process ended with exit code 7"),
    ],
)
def test_a_kernel_that_dies_in_the_middle_is_replaced_with_the_loss_said(fresh, code, exit_code, reason):
    result = run(fresh, "import os\nlost = 1", f"print('last words', flush=True)\n{code}", "never = 1")
    assert result.exit_code == exit_code
    assert (
        f"The kernel died while this code ran: {reason}. All variables, imports and functions are lost" in result.output
    )
    assert output(fresh, "print('lost' in globals())") == "False\n"


def test_a_kernel_that_died_between_calls_is_replaced_with_the_loss_said(fresh):
    pid = int(output(fresh, PID))
    os.kill(pid, signal.SIGKILL)
    assert gone(pid)
    assert output(fresh, "print('on')") == (
        "[The kernel had ended since the last code ran: it was ended by signal 9. All variables, imports and functions "
        "are lost; this ran in a fresh one.]\non\n"
    )
    assert output(fresh, "print('on')") == "on\n"


def test_exit_ends_the_kernel_and_says_so(fresh):
    result = run(fresh, "lost = 1", "exit()", "never = 1")
    assert result.exit_code == 0
    assert result.output.startswith("The code ended the kernel. All variables, imports and functions are lost")
    assert "NameError" in run(fresh, "lost").output


def test_restart_gives_a_kernel_that_knows_nothing(fresh):
    pid = int(output(fresh, "known = 1", PID))
    fresh.restart()
    assert gone(pid)
    assert output(fresh, "print('known' in globals())") == "False\n"


async def test_restart_ends_what_runs(fresh):
    started = asyncio.Event()
    task = asyncio.create_task(
        fresh.execute(
            blocks("import time\nprint('on', flush=True)\ntime.sleep(600)"), on_output=lambda _: started.set()
        )
    )
    await started.wait()
    await asyncio.to_thread(fresh.restart)
    result = await task
    assert result.exit_code == 1
    assert "The kernel died while this code ran: it was ended on request" in result.output


def test_a_stopped_executor_starts_again_when_it_is_used(fresh):
    assert output(fresh, "1") == "1\n"
    fresh.stop()
    fresh.stop()
    assert output(fresh, "2") == "2\n"


# --- cancellation


async def test_cancelling_interrupts_the_code_and_keeps_the_state(fresh):
    await fresh.execute(blocks("kept = 1"))
    code = (
        "import time\ntry:\n    print('on', flush=True)\n    time.sleep(600)\nexcept KeyboardInterrupt:\n    kept = 2"
    )
    started = asyncio.Event()
    task = asyncio.create_task(fresh.execute(blocks(code, "kept = 3"), on_output=lambda _: started.set()))
    await started.wait()
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert (await fresh.execute(blocks("kept"))).output == "2\n"


@pytest.mark.slow
async def test_cancelled_at_any_moment_the_next_code_runs(fresh):
    await fresh.execute(blocks("kept = 1"))
    for step in range(30):
        task = asyncio.create_task(fresh.execute(blocks("import time; time.sleep(600)", "kept = 2")))
        for _ in range(step):
            await asyncio.sleep(0.0005)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
    assert (await fresh.execute(blocks("kept"))).output == "1\n"


@pytest.mark.slow
async def test_cancelled_while_the_kernel_starts_nothing_is_left(tmp_path, place):
    for delay in (0, 0.01, 0.05, 0.1, 0.2, 0.4):
        with JupyterCodeExecutor(output_dir=tmp_path) as executor:
            task = asyncio.create_task(executor.execute(blocks("import time; time.sleep(60)")))
            await asyncio.sleep(delay)
            task.cancel()
            with pytest.raises(asyncio.CancelledError):
                await task
    assert await asyncio.to_thread(soon, lambda: not list(place.iterdir()))


# --- nothing is left behind, nothing is let in


LEAVER = """
import subprocess, sys
child = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(600)"], start_new_session=True)
print(child.pid)
"""


@pytest.mark.slow
async def test_twenty_started_and_dropped_at_once_leave_nothing(place):
    gc.collect()
    executors = [JupyterCodeExecutor() for _ in range(20)]
    results = await asyncio.gather(*(executor.execute(blocks(PID, LEAVER)) for executor in executors))
    pids = [int(pid) for result in results for pid in result.output.split()]
    assert len(set(pids)) == 40
    del executors
    gc.collect()
    assert [pid for pid in pids if not await asyncio.to_thread(gone, pid)] == []
    assert await asyncio.to_thread(soon, lambda: not list(place.iterdir()))


PARENT = """
import os, signal, sys, time
from autogen_like import CodeBlock, JupyterCodeExecutor
executor = JupyterCodeExecutor()
print(executor.execute_code_blocks([CodeBlock("import os; print(os.getpid())", "python")]).output, flush=True)
{end}
"""


@pytest.mark.parametrize("end", ["pass", "sys.exit(1)", "os.kill(os.getpid(), signal.SIGKILL)", "os._exit(3)"])
def test_the_kernel_ends_with_its_parent_however_that_ends(end, tmp_path):
    env = {**os.environ, "TMPDIR": str(tmp_path)}
    done = subprocess.run(
        [sys.executable, "-c", PARENT.format(end=end)], capture_output=True, text=True, check=False, env=env
    )
    assert gone(int(done.stdout)), done.stderr
    if end in ("pass", "sys.exit(1)"):
        assert done.stderr == ""
    else:  # the next executor removes what a program that was killed left behind
        again = "from autogen_like import JupyterCodeExecutor; JupyterCodeExecutor()"
        subprocess.run([sys.executable, "-c", again], check=True, env=env)
    assert list(tmp_path.iterdir()) == []


def test_a_forked_child_leaves_the_kernel_to_its_parent(fresh):
    assert output(fresh, "known = 1") == ""
    pid = os.fork()
    if pid == 0:
        try:
            known = run(fresh, "print('known' in globals())").output == "False\n"
            fresh.stop()
            os._exit(0 if known else 1)
        finally:
            os._exit(2)
    assert os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]) == 0
    assert output(fresh, "known") == "1\n"


def test_secrets_are_not_in_the_kernels_environment(tmp_path, monkeypatch):
    for name in ("OPENAI_API_KEY", "AWS_SECRET_ACCESS_KEY", "MY_TOKEN"):
        monkeypatch.setenv(name, "s3cret")
    with JupyterCodeExecutor(output_dir=tmp_path, env={"GIVEN": "on purpose"}) as executor:
        shown = output(executor, "import os\nprint(dict(os.environ))\n!env")
    assert "s3cret" not in shown
    assert "on purpose" in shown


def test_nobody_else_can_reach_the_kernels_sockets_or_key(fresh):
    shown = output(fresh, "import ipykernel.connect as c\nprint(c.get_connection_file())")
    file = Path(shown.strip())
    assert stat.S_IMODE(file.parent.stat().st_mode) & 0o077 == 0
    assert not file.exists() or stat.S_IMODE(file.stat().st_mode) == 0o600


def test_start_up_files_and_history_of_the_user_are_left_alone(fresh):
    shown = output(fresh, "from IPython.paths import get_ipython_dir\nprint(get_ipython_dir())")
    assert "autogen_like-kernel-" in shown
