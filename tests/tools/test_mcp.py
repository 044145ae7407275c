"""Tools of an MCP server that keeps to nothing: what agents, models and this machine see of that."""

from __future__ import annotations

import asyncio
import json
import sys
import warnings

import pytest
from mcp_use import command_lines, notes, until, use

from autogen_like import AssistantAgent, ModelResponse, ScriptedModel, ToolCall, ToolProgress
from autogen_like.core.errors import ConfigError, MissingExtra
from autogen_like.tools.mcp.errors import McpError
from autogen_like.tools.mcp.tools import McpTools

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
