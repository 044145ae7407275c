"""MCP servers that are slow, go away, or leave something behind."""

from __future__ import annotations

import asyncio
import contextlib
import functools
import gc
import logging
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
from mcp_use import WAYWARD, command_lines, notes, running, until, use

from autogen_like import AssistantAgent, ModelResponse, ScriptedModel, ToolCall
from autogen_like.core.sync import run as run_sync
from autogen_like.tools.mcp import session as sessions
from autogen_like.tools.mcp import stdio

# --- time-outs and cancellation


async def test_a_call_that_takes_too_long_is_cancelled_at_the_server(wayward, tmp_path):
    async with wayward(timeout=0.5) as server:
        result = await use(server, "hang", "one")
        assert result.error
        assert result.content == "Error: hang took longer than 0.5 s and was cancelled"
        await until(lambda: notes(tmp_path, "cancelled") == ["one"])
        assert (await use(server, "echo", "still here")).content == "still here"


async def test_cancelling_a_run_reaches_the_server(wayward, tmp_path):
    call = ModelResponse(None, (ToolCall("c", "hang", '{"text": "two"}'),))
    async with wayward() as server:
        agent = AssistantAgent("ada", llm_config=ScriptedModel([call, "Never said."]), tools=server)
        run = agent.run(message="Go").start()
        await until(lambda: notes(tmp_path, "hanging"))
        run.cancel()
        assert (await run).stop_reason.kind == "cancelled"
        await until(lambda: notes(tmp_path, "cancelled") == ["two"])
        assert (await use(server, "echo", "still here")).content == "still here"


# --- a server that goes away


async def test_a_server_that_dies_in_a_call_fails_that_call_and_is_started_again_for_the_next(wayward, tmp_path):
    async with wayward() as server:
        before = (await use(server, "pid")).content
        lost = await use(server, "die", "three")
        after = await use(server, "pid")
        assert lost.error
        assert "was lost during the call (it ended with exit code 3); whether it was carried out is not" in lost.content
        assert not after.error
        assert after.content != before
    assert notes(tmp_path, "died") == ["three"]  # once: it was never sent again


async def test_calls_beside_the_one_that_kills_the_server_fail_too_and_are_not_repeated(wayward, tmp_path):
    async with wayward() as server:
        hanging = asyncio.create_task(use(server, "hang", "four"))
        await until(lambda: notes(tmp_path, "hanging"))
        lost = await asyncio.gather(use(server, "die"), hanging)
        assert all("was lost during the call" in result.content for result in lost)
        await asyncio.gather(*(use(server, "echo") for _ in range(5)))
    assert notes(tmp_path, "hanging") == ["four"]


async def test_a_server_that_is_killed_between_calls_is_started_again(wayward):
    async with wayward() as server:
        os.kill(int((await use(server, "pid")).content), signal.SIGKILL)
        await until(lambda: not server.session._connection.alive)
        assert (await use(server, "echo", "back")).content == "back"


async def test_a_server_that_always_dies_is_tried_a_few_times_and_then_no_more(wayward, tmp_path, monkeypatch):
    monkeypatch.setattr(sessions, "FIRST_PAUSE", 0.001)
    async with wayward() as server:
        server._way.words = (*server._way.words[:2], "crash-loop", str(tmp_path))
        await use(server, "die")
        first = await use(server, "echo")
        assert first.error
        assert "can't be used: it ended with exit code 1" in first.content
        assert "stderr" not in first.content  # that is for people
        assert len(notes(tmp_path, "started")) == sessions.ATTEMPTS
        for _ in range(4):
            last = await use(server, "echo")
        assert "failed 10 times in a row and is not tried again" in last.content
        assert len(notes(tmp_path, "started")) == sessions.GIVE_UP - 1  # the first failure was the call that died


async def test_pauses_between_attempts_grow_up_to_a_limit(wayward):
    async with wayward() as server:
        session = server.session
        pauses = []
        for session._failures in range(9):
            pauses.append(session._pause())
        session._failures = 0
    assert pauses == [0, 0.25, 0.5, 1, 2, 4, 8, 8, 8]


async def test_a_message_that_never_ends_loses_the_connection_and_not_the_memory(wayward, monkeypatch):
    monkeypatch.setattr(stdio, "MAX_MESSAGE_BYTES", 1 << 20)
    async with wayward() as server:
        result = await use(server, "huge", str(3 << 20))
        assert "it sent a message of more than 1 MiB" in result.content
        assert (await use(server, "echo", "back")).content == "back"


async def test_lines_that_are_no_messages_are_passed_over(wayward, caplog):
    caplog.set_level(logging.INFO, "autogen_like.mcp")
    async with wayward(name="chatty") as server:
        assert (await use(server, "garbage")).content == "printed"
    assert "chatty printed what is not MCP: this is no JSON" in caplog.text
    assert "\x1b" not in caplog.text


# --- what the server sees, and what is left of it


async def test_the_servers_environment_holds_no_secrets_but_what_is_passed_on_purpose(wayward, monkeypatch, caplog):
    monkeypatch.setenv("OPENAI_API_KEY", "sk-secret")
    monkeypatch.setenv("LC_TIME", "C")
    caplog.set_level(logging.INFO, "autogen_like.mcp")
    async with wayward(env={"SERVER_KEY": "k"}, name="w") as server:
        assert "SERVER_KEY" not in repr(server)
        await until(lambda: "w: started with" in caplog.text)
    line = next(line for line in caplog.text.splitlines() if "w: started with" in line)
    assert "SERVER_KEY" in line
    assert "LC_TIME" in line
    assert "OPENAI_API_KEY" not in line


async def test_what_the_server_says_on_stderr_goes_to_the_log_and_not_to_the_terminal(wayward, capfd, caplog):
    caplog.set_level(logging.INFO, "autogen_like.mcp")
    async with wayward("noisy", name="noisy") as server:
        await use(server, "echo")
    lines = [record.getMessage() for record in caplog.records if record.name == "autogen_like.mcp"]
    assert "noisy: \ufffd[31mred" in lines
    assert max(map(len, lines)) < 600
    assert capfd.readouterr().err == ""


@pytest.mark.slow
async def test_a_server_that_will_not_end_is_killed_with_all_that_it_started(wayward, tmp_path):
    async with wayward("stubborn"):
        pids = [int(pid) for pid in notes(tmp_path, "pids")[0].split()]
        assert all(running(pid) for pid in pids)
    assert not any(running(pid) for pid in pids)


CRASHES = """
import os, signal, sys
from autogen_like.tools.mcp.tools import McpTools
McpTools(sys.argv[1:]).__enter__()
print("open", flush=True)
os.kill(os.getpid(), signal.SIGKILL)
"""


@pytest.mark.slow
async def test_a_server_does_not_outlive_a_crash_of_its_parent(tmp_path):
    words = [sys.executable, "-c", CRASHES, sys.executable, str(WAYWARD), "stubborn", str(tmp_path)]
    done = subprocess.run(words, check=False, capture_output=True, text=True, timeout=120)
    assert done.returncode == -signal.SIGKILL
    assert done.stdout == "open\n"
    pids = [int(pid) for pid in notes(tmp_path, "pids")[0].split()]
    await until(lambda: not any(running(pid) for pid in pids))


async def test_a_server_that_ends_by_itself_takes_its_children_with_it(wayward, tmp_path):
    async with wayward("stubborn") as server:
        pids = [int(pid) for pid in notes(tmp_path, "pids")[0].split()]
        os.kill(pids[0], signal.SIGKILL)
        await until(lambda: not any(running(pid) for pid in pids))
        await until(lambda: not server.session._connection.alive)


@pytest.mark.slow
async def test_a_guard_that_is_killed_is_noticed(wayward):
    async with wayward() as server:
        parent = int(Path(f"/proc/{(await use(server, 'pid')).content}/stat").read_text().rpartition(")")[2].split()[1])
        os.kill(parent, signal.SIGKILL)
        with contextlib.suppress(AssertionError):
            assert (await use(server, "echo")).error
    await until(lambda: not running(parent))


async def test_nothing_is_left_of_many_servers(wayward, tmp_path):
    before = set(Path("/proc/self/fd").iterdir())
    for _ in range(3):
        servers = [wayward() for _ in range(4)]
        async with contextlib.AsyncExitStack() as stack:
            for server in servers:
                await stack.enter_async_context(server)
            await asyncio.gather(*(use(server, "echo") for server in servers))
    gc.collect()
    assert not any(str(tmp_path).encode() in line for line in command_lines())
    assert len(set(Path("/proc/self/fd").iterdir()) - before) <= 6  # the loop's own, where it was started here


def test_after_a_fork_the_child_has_a_loop_of_its_own(wayward):
    with wayward() as server:
        assert run_sync(use(server, "echo", "parent")).content == "parent"
        child = os.fork()
        if child == 0:
            code = 1
            with contextlib.suppress(BaseException), wayward() as own:
                code = 0 if run_sync(use(own, "echo", "child")).content == "child" else 1
            os._exit(code)
        assert os.waitpid(child, 0)[1] == 0
        assert run_sync(use(server, "echo", "parent")).content == "parent"


# --- the guard, by itself


@pytest.fixture
def guard():
    """Starts a program under the guard; gives the process and the end of the lifeline to cut."""
    started = []

    def start(*words, **options):
        watched, lifeline = os.pipe()
        path = Path(stdio.__file__).with_name("guard.py")
        process = subprocess.Popen([sys.executable, path, str(watched), *words], pass_fds=(watched,), **options)
        os.close(watched)
        started.append(process)
        return process, functools.partial(os.close, lifeline)

    yield start
    for process in started:
        process.kill()
        process.wait()


def test_the_guard_passes_streams_and_exit_status_through(guard):
    script = "import sys; print(sys.stdin.read().upper()); sys.exit(5)"
    process, cut = guard(sys.executable, "-c", script, stdin=subprocess.PIPE, stdout=subprocess.PIPE)
    assert process.communicate(b"hello", timeout=60)[0] == b"HELLO\n"
    assert process.returncode == 5
    cut()


def test_the_guard_kills_when_the_lifeline_is_cut(guard):
    script = "import signal, time; signal.signal(signal.SIGTERM, signal.SIG_IGN); print(1, flush=True); time.sleep(600)"
    process, cut = guard(sys.executable, "-c", script, stdout=subprocess.PIPE)
    with process.stdout:
        assert process.stdout.readline() == b"1\n"
        cut()
        assert process.stdout.read() == b""
    assert process.wait(60) == 128 + signal.SIGKILL


def test_the_guard_says_what_cannot_be_started(guard):
    process, cut = guard("/no/such/program", stderr=subprocess.PIPE, text=True)
    assert process.communicate(timeout=60)[1] == "/no/such/program: No such file or directory\n"
    assert process.returncode == 127
    cut()


def test_the_guard_is_not_ended_by_signals_meant_for_the_program(guard):
    process, cut = guard(
        sys.executable, "-c", "print(1, flush=True); import time; time.sleep(600)", stdout=subprocess.PIPE
    )
    with process.stdout:
        process.stdout.readline()
        process.send_signal(signal.SIGTERM)
        time.sleep(0.2)
        assert process.poll() is None
        cut()
        process.wait(60)
