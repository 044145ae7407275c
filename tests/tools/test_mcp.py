"""Tools of an MCP server that keeps to nothing: what agents, models and this machine see of that."""

from __future__ import annotations

import asyncio
import contextlib
import functools
import gc
import json
import logging
import os
import signal
import subprocess
import sys
import threading
import time
import warnings
from pathlib import Path

import pytest
from mcp import ClientSession

from autogen_like import AssistantAgent, ModelResponse, NeedsApproval, ScriptedModel, ToolCall, ToolProgress, tool
from autogen_like.core.errors import ConfigError, MissingExtra
from autogen_like.core.sync import run as run_sync
from autogen_like.tools.mcp import session as sessions
from autogen_like.tools.mcp import stdio
from autogen_like.tools.mcp.errors import McpError
from autogen_like.tools.mcp.tools import McpTools

WAYWARD = Path(__file__).parent / "mcp_servers" / "wayward.py"


@pytest.fixture
def wayward(tmp_path):
    """Makes the tools of a server that behaves in a certain way; its notes are in tmp_path."""
    return lambda mode="good", **options: McpTools([sys.executable, str(WAYWARD), mode, str(tmp_path)], **options)


async def use(server, name, text=""):
    return await server.get(name).call(ToolCall("1", name, json.dumps({"text": text})))


async def until(condition):
    """Waits for what happens soon; the time-out is generous, since nothing here measures time."""
    async with asyncio.timeout(60):
        while not condition():
            await asyncio.sleep(0.01)


def notes(folder, name):
    return (folder / name).read_text().splitlines() if (folder / name).exists() else []


def running(pid):
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except OSError:
        return False


# --- calls and results


async def test_a_tool_is_called_and_answers(wayward):
    async with wayward() as server:
        result = await use(server, "echo", "hello")
    assert (result.call_id, result.name, result.content, result.error) == ("1", "echo", "hello", False)
    assert result.value == "hello"


async def test_a_tool_that_fails_says_so_to_the_model(wayward):
    async with wayward() as server:
        said, silent = await use(server, "fail", "no such file"), await use(server, "fail")
    assert (said.content, said.error) == ("Error: no such file", True)
    assert silent.content == "Error: the tool failed and didn't say why"


@pytest.mark.parametrize("arguments", ["{", "[1]", '"text"', "[" * 100_000])
async def test_arguments_that_are_no_object_never_reach_the_server(wayward, arguments):
    async with wayward() as server:
        result = await server.get("echo").call(ToolCall("1", "echo", arguments))
    assert result.error
    assert result.content.startswith("Error: the arguments of echo are not valid: ")


@pytest.mark.parametrize("arguments", ["", "null", " {} "])
async def test_no_arguments_may_be_said_in_several_ways(wayward, arguments):
    async with wayward() as server:
        assert not (await server.get("echo").call(ToolCall("1", "echo", arguments))).error


async def test_a_huge_result_is_cut_and_kept_whole_for_programs(wayward):
    async with wayward(max_result_chars=100) as server:
        result = await use(server, "huge", "200000")
    assert "199900 of 200000 characters left out here" in result.content
    assert len(result.content) < 200
    assert result.whole == "x" * 200_000


async def test_a_result_that_is_none_by_the_protocol_is_a_failing_result(wayward):
    async with wayward() as server:
        odd = await use(server, "odd")
        assert "gave no valid result (at content.0" in odd.content
        assert odd.error
        assert not (await use(server, "echo")).error


async def test_calls_run_side_by_side(wayward):
    async with wayward() as server:
        results = await asyncio.gather(*(use(server, "echo", str(number)) for number in range(50)))
    assert [result.content for result in results] == [str(number) for number in range(50)]


async def test_progress_comes_as_events_of_the_run(wayward):
    call = ModelResponse(None, (ToolCall("c", "progress", '{"text": "3"}'),))
    async with wayward() as server:
        agent = AssistantAgent("ada", llm_config=ScriptedModel([call, "Done."]), tools=server)
        events = [event async for event in agent.run(message="Go")]
    told = [event.progress for event in events if isinstance(event, ToolProgress)]
    assert sorted(told, key=lambda one: one["progress"]) == [
        {"progress": float(step + 1), "total": 3.0, "message": f"step {step}"} for step in range(3)
    ]


async def test_a_flood_of_progress_is_cut(wayward):
    call = ModelResponse(None, (ToolCall("c", "progress", '{"text": "3000"}'),))
    async with wayward() as server:
        agent = AssistantAgent("ada", llm_config=ScriptedModel([call, "Done."]), tools=server)
        events = [event async for event in agent.run(message="Go")]
    assert len([event for event in events if isinstance(event, ToolProgress)]) == 1000


async def test_what_a_server_asks_of_models_people_and_folders_is_refused(wayward, tmp_path):
    async with wayward() as server:
        assert (await use(server, "ask")).content == "asked"
        await until(lambda: len(notes(tmp_path, "answers")) == 3)
    answers = {answer["id"]: answer for answer in map(json.loads, notes(tmp_path, "answers"))}
    assert {key: answer["error"]["message"] for key, answer in answers.items()} == {
        "s1": "Sampling not supported",
        "r1": "List roots not supported",
        "e1": "Elicitation not supported",
    }


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


# --- opening


@pytest.mark.parametrize(
    ("mode", "said"),
    [
        ("hang-initialize", "didn't answer within 2 s"),
        ("die-initialize", "exit code 7; its stderr ended with:\nstarted with"),
        ("old", "Unsupported protocol version from the server: 1999-01-01"),
        ("no-list", "no list today"),
        ("only-garbage", "its output is not MCP; it printed 1000 lines that are not MCP messages, the first: 'y'"),
    ],
)
async def test_a_server_that_cannot_be_used_is_named_with_the_reason(wayward, mode, said):
    seconds = 2 if mode == "hang-initialize" else 60
    with pytest.raises(McpError) as raised:
        async with wayward(mode, name="wayward", connect_timeout=seconds):
            raise AssertionError
    assert str(raised.value).startswith("the MCP server wayward ")
    assert said in str(raised.value)


async def test_a_program_or_folder_that_is_not_there_is_named():
    with pytest.raises(McpError, match="there is no program 'no-such-program' on PATH"):
        await McpTools(["no-such-program"]).__aenter__()
    with pytest.raises(McpError, match="can't be started in /no/such/folder"):
        await McpTools([sys.executable], cwd="/no/such/folder").__aenter__()
    with pytest.raises(McpError, match=r"exit code 127; .*\n./no/such/program: No such file"):
        await McpTools(["./no/such/program"]).__aenter__()


async def test_opening_can_be_cancelled_and_leaves_nothing_behind(wayward, tmp_path):
    server = wayward("hang-initialize")
    opening = asyncio.create_task(server.__aenter__())
    await until(lambda: server._session is not None and server._session._connection is not None)
    await asyncio.sleep(0.3)
    opening.cancel()
    with pytest.raises(asyncio.CancelledError):
        await opening
    await until(lambda: not any(str(tmp_path).encode() in line for line in command_lines()))


def command_lines():
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit():
            with contextlib.suppress(OSError):
                yield (entry / "cmdline").read_bytes()


async def test_it_can_be_opened_again_but_not_twice(wayward):
    server = wayward()
    async with server:
        with pytest.raises(ConfigError, match="are open already"):
            await server.__aenter__()
        kept = server.get("echo")
    assert (await kept.call(ToolCall("1", "echo", ""))).content.startswith("Error: open the tools of the MCP server")
    async with server:
        assert (await use(server, "echo", "again")).content == "again"


def test_what_was_not_opened_offers_no_tools(wayward):
    server = wayward()
    with pytest.raises(ConfigError, match="open the tools of the MCP server python"):
        server.schemas()
    with pytest.raises(ConfigError, match="async with McpTools"):
        list(server)


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ({}, "either command=.* or url="),
        ({"command": ["a"], "url": "http://localhost"}, "either command=.* or url="),
        ({"command": "npx server"}, "command must be a list of strings"),
        ({"command": []}, "command must be a program and its arguments"),
        ({"command": ["a\0"]}, "command must be a program and its arguments"),
        ({"command": ["a"], "token": "t"}, "headers and token are for a server at an url"),
        ({"command": ["a"], "include": "read"}, "include must be a list of strings"),
        ({"command": ["a"], "tags": "read"}, "tags must be a list of strings"),
        ({"command": ["a"], "timeout": 0}, "timeout must be a positive number"),
        ({"command": ["a"], "connect_timeout": -1}, "connect_timeout must be a positive number"),
        ({"url": "localhost:8000"}, "url must be an http"),
        ({"url": "ftp://example.org"}, "url must be an http"),
        ({"url": "http://me:secret@localhost/mcp"}, "url must hold no user name and password"),
        ({"url": "http://localhost", "env": {"A": "b"}}, "env and cwd are for a server that is started"),
    ],
)
def test_settings_that_cannot_be_right_are_named(options, said):
    with pytest.raises(ConfigError, match=said) as raised:
        McpTools(**options)
    assert "secret" not in str(raised.value)


def test_without_the_sdk_the_extra_is_named(monkeypatch):
    monkeypatch.setattr("autogen_like.tools.mcp.tools.find_spec", lambda name: None)
    with pytest.raises(MissingExtra, match=r"autogen_like\[mcp\]"):
        McpTools(["server"])


# --- the list of tools


async def test_broken_tools_are_left_out_with_a_warning_and_the_others_work(wayward):
    with pytest.warns(UserWarning, match="of the MCP server odd is left out") as caught:
        server = await wayward("odd-tools", name="odd").__aenter__()
    try:
        names = [one.name for one in server]
        assert sorted(names) == names == [spec["function"]["name"] for spec in server.schemas()]
        assert {"alternatives", "echo", "read_file__", "shy", "verbose"} < set(names)
        assert len(names) == 7
        said = [str(warning.message) for warning in caught]
        assert "the tool 'array' of the MCP server odd is left out: its schema must be of type object" in "\n".join(
            said
        )
        assert set(server.left_out) == {"echo", "array", "text", "remote", "wrong", "task", "<6>", "<7>"}
        assert server.get("verbose").description.endswith("...")
        assert len(server.get("verbose").description) == 1024
        assert server.get("shy").description == "shy"
        assert server.get("shy").tags == ("mcp", "hint:destructive")
        called = [await use(server, name) for name in names if name.startswith(("read", "xxx"))]
        assert [result.content for result in called] == [
            f"Error: there is no {name}" for name in ("read file/ö", "read file/ü", "x" * 100)
        ]  # under the name that the server knows
    finally:
        await server.aclose()


async def test_where_warnings_are_errors_nothing_is_left_open(wayward):
    server = wayward("odd-tools")
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        with pytest.raises(UserWarning):
            await server.__aenter__()
    assert server._session is None


async def test_tools_are_chosen_and_named_with_a_prefix(wayward):
    async with wayward(include=["e*", "h*"], exclude=["hu*"], prefix="w_") as server:
        assert [one.name for one in server] == ["w_echo", "w_hang"]
        assert len(server) == 2
        assert server.get("echo") is None
        assert server.get("w_echo").schema["function"]["name"] == "w_echo"
        assert (await server.get("w_echo").call(ToolCall("1", "w_echo", '{"text": "a"}'))).content == "a"


async def test_all_pages_of_a_list_are_read(wayward):
    async with wayward("pages") as server:
        assert [one.name for one in server] == [f"tool-{number}" for number in range(10)]


async def test_a_list_whose_pages_never_end_is_cut(wayward, caplog):
    async with wayward("endless-pages") as server:
        assert len(server) == 0
        assert server
    assert "a list of tools of more than 100 pages was cut" in caplog.text


async def test_a_list_that_changes_is_read_again(wayward):
    async with wayward() as server:
        before = server.schemas()
        assert server.schemas() is before
        await use(server, "change", "another")
        await until(lambda: server.get("another") is not None)
        assert server.schemas() is not before
        call = ModelResponse(None, (ToolCall("c", "change", '{"text": "third"}'),))

        def second(request):
            assert "another" in [spec["function"]["name"] for spec in request.tools]
            return "Seen."

        agent = AssistantAgent("ada", llm_config=ScriptedModel([call, second]), tools=server)
        assert (await agent.run(message="Go")).summary == "Seen."


# --- the protocol of 2026


@pytest.fixture
def modern():
    return McpTools([sys.executable, str(WAYWARD.with_name("modern.py"))], name="modern")


async def test_changes_are_told_to_those_who_listen(modern):
    async with modern as server:
        assert server.session._connection.session.protocol_version == "2026-07-28"
        assert (await server.get("grow").call(ToolCall("1", "grow", '{"name": "twig"}'))).content == "grown"
        await until(lambda: server.get("twig") is not None)
        assert (await use(server, "twig")).content == "I am twig"


async def test_a_server_that_is_slow_to_start_is_asked_for_its_version_again(modern, monkeypatch):
    """It takes the first question, which nobody waits for any more, as the choice of its protocol."""
    monkeypatch.setattr("mcp.client.session.DISCOVER_TIMEOUT_SECONDS", 0.01)
    initialize, answers = ClientSession.initialize, []

    async def wait_longer_from_now_on(session):
        monkeypatch.setattr("mcp.client.session.DISCOVER_TIMEOUT_SECONDS", 60)
        answers.append("asked")
        return await initialize(session)

    monkeypatch.setattr(ClientSession, "initialize", wait_longer_from_now_on)
    async with modern as server:
        assert answers == ["asked"]
        assert server.session._connection.session.protocol_version == "2026-07-28"
        assert (await server.get("grow").call(ToolCall("1", "grow", '{"name": "twig"}'))).content == "grown"


async def test_input_that_a_tool_asks_for_is_not_given(modern):
    async with modern as server:
        result = await server.get("ask").call(ToolCall("1", "ask", ""))
    assert result.error
    assert "ask asks for input (of a person, a model or folders) that isn't given" in result.content


async def test_sound_files_and_what_is_neither_come_as_parts_or_words(modern):
    async with modern as server:
        result = await server.get("media").call(ToolCall("1", "media", ""))
    assert result.content.splitlines() == [
        "<audio-1.wav>",
        "<image-2.svg>",
        "<image-3, left out: its data is not base64>",
        "<image-4>",
        "<_2f.hidden>",
        "<_broken>",
    ]
    assert [part.data.partition(";")[0] for part in result.parts] == [
        "data:audio/wav",
        "data:image/svg+xml",
        "data:application/octet-stream",
        "data:text/csv",
        "data:application/octet-stream",
    ]


async def test_closing_while_it_is_being_opened_ends_that(wayward):
    server = wayward("hang-initialize", connect_timeout=600)
    opening = asyncio.create_task(server.__aenter__())
    await until(lambda: server._session is not None and server._session._connection is not None)
    await server.aclose()
    with pytest.raises(McpError):
        await opening


# --- with agents


def test_a_sync_chat_uses_the_tools(wayward):
    call = ModelResponse(None, (ToolCall("c", "echo", '{"text": "hello"}'), ToolCall("d", "shout", '{"text": "hi"}')))

    @tool
    def shout(text: str) -> str:
        """Shouts."""
        return text.upper()

    with wayward() as server:
        agent = AssistantAgent("ada", llm_config=ScriptedModel([call, "Done."]), tools=[*server, shout])
        other = AssistantAgent("bob", llm_config=ScriptedModel([]))
        result = other.initiate_chat(agent, message="Go", max_turns=1, silent=True)
    (results,) = (message.tool_results for message in result.messages if message.tool_results)
    assert [one.content for one in results] == ["hello", "HI"]


def test_one_server_is_used_from_sync_chats_at_every_depth(wayward):
    """A sync chat inside a sync tool of a sync chat: each calls the server while the loops around it are blocked."""
    with wayward() as server:

        def ask(depth):
            call = ModelResponse(None, (ToolCall("c", "echo", f'{{"text": "{depth}"}}'),))
            steps = [call]
            tools = [*server]
            if depth:

                @tool
                def deeper() -> str:
                    """Asks again, further down."""
                    return ask(depth - 1)

                steps.append(ModelResponse(None, (ToolCall("d", "deeper", "{}"),)))
                tools.append(deeper)

            def last(request):
                return " ".join(str(one["content"]) for one in request.messages if one["role"] == "tool")

            agent = AssistantAgent(f"a{depth}", llm_config=ScriptedModel([*steps, last]), tools=tools)

            async def main():
                return (await agent.run(message="Go")).summary

            return run_sync(main())

        assert ask(3) == "3 2 1 0"


async def test_one_server_is_used_from_several_loops_and_threads_at_once(wayward):
    async with wayward() as server:
        said = []

        def elsewhere(number):
            said.append(asyncio.run(use(server, "echo", str(number))).content)

        threads = [threading.Thread(target=elsewhere, args=(number,)) for number in range(8)]
        for thread in threads:
            thread.start()
        said.append((await use(server, "echo", "8")).content)
        await until(lambda: not any(thread.is_alive() for thread in threads))
    assert sorted(said) == [str(number) for number in range(9)]


async def test_a_person_is_asked_before_a_tool_runs(wayward, tmp_path):
    asked = []

    async def person(request):
        asked.append(request.prompt)
        return "no, not today"

    call = ModelResponse(None, (ToolCall("c", "count", '{"text": "x"}'), ToolCall("d", "echo", '{"text": "y"}')))
    rule = NeedsApproval("count", tags=["hint:destructive"], when=lambda arguments: arguments["text"] == "x")
    async with wayward(approval=rule, tags=["outside"]) as server:
        assert server.get("echo").tags == ("outside", "mcp")
        agent = AssistantAgent("ada", llm_config=ScriptedModel([call, "Well."]), tools=server)
        result = await agent.run(message="Go", human=person)
    (results,) = (message.tool_results for message in result.messages if message.tool_results)
    assert [one.content for one in results] == ["Error: not run, since a person denied it: not today", "y"]
    assert len(asked) == 1
    assert notes(tmp_path, "counted") == []


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
