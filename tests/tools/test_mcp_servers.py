"""Tools of MCP servers that others wrote: the reference "everything" server, and two of the PyPI registry."""

from __future__ import annotations

import asyncio
import json
import os
import re
import socket
import subprocess
import sys
from pathlib import Path

import pytest

from autogen_like import (
    AssistantAgent,
    File,
    Image,
    ModelResponse,
    ScriptedModel,
    ToolCall,
    ToolProgress,
    UserProxyAgent,
)
from autogen_like.tools.mcp.tools import McpTools

ROOT = Path(__file__).parents[2]
pytestmark = pytest.mark.slow


def installed(name):
    script = [sys.executable, str(ROOT / "scripts" / "mcp_servers.py"), str(ROOT / ".cache" / "mcp"), name]
    done = subprocess.run(script, check=True, stdout=subprocess.PIPE, text=True)
    return json.loads(done.stdout)[name]


@pytest.fixture(scope="session")
def everything():
    return installed("everything")


@pytest.fixture(scope="session", params=["time", "time-v1"])
def clock(request):
    """A server on the same SDK as ours, with the protocol of 2026, and one on version 1 of the SDK."""
    return installed(request.param)


@pytest.fixture(scope="session")
def git():
    return installed("git")


async def use(server, name, **arguments):
    return await server.get(name).call(ToolCall("1", name, json.dumps(arguments)))


class Everything:
    """What the reference server's tools do, whichever way it is reached."""

    @staticmethod
    async def check(server):
        assert {"echo", "get-sum", "get-tiny-image", "get-structured-content"} <= {tool.name for tool in server}
        assert (await use(server, "echo", message="hello")).content == "Echo: hello"
        assert "The sum of 2 and 3 is 5" in (await use(server, "get-sum", a=2, b=3)).content

        wrong = await use(server, "get-sum", a="two", b=3)
        assert wrong.error
        assert "expected number" in wrong.content

        image = await use(server, "get-tiny-image")
        (part,) = image.parts
        assert isinstance(part, Image)
        assert part.url.startswith("data:image/png;base64,iVBOR")
        assert "<image>" in image.content

        structured = await use(server, "get-structured-content", location="Chicago")
        assert structured.value["conditions"] == "Light rain / drizzle"
        assert json.loads(structured.content) == structured.value

        links = await use(server, "get-resource-links", count=2)
        assert re.search(r"\[resource .*: demo://resource/dynamic/\w+/1 \(", links.content)

        text = await use(server, "get-resource-reference", resourceType="Text", resourceId=1)
        assert "[resource demo://resource/dynamic/text/1]\nResource 1: This is a plaintext resource" in text.content
        blob = await use(server, "get-resource-reference", resourceType="Blob", resourceId=1)
        (part,) = blob.parts
        assert isinstance(part, File)
        assert part.data.startswith("data:text/plain;base64,")


@pytest.mark.needs_node
@pytest.mark.filterwarnings("ignore:the tool 'simulate-research-query'")
async def test_the_reference_server_over_stdio(everything, monkeypatch):
    monkeypatch.setenv("OPENAI_API_KEY", "sk-secret")
    async with McpTools(everything, env={"FOR_IT": "yes"}) as server:
        assert server.session._connection.session.protocol_version == "2025-11-25"
        assert server.left_out == {"simulate-research-query": "it can only be run as a background task"}
        await Everything.check(server)
        seen = json.loads((await use(server, "get-env")).content)
        assert seen["FOR_IT"] == "yes"
        assert "OPENAI_API_KEY" not in seen


@pytest.mark.needs_node
@pytest.mark.filterwarnings("ignore:the tool 'simulate-research-query'")
async def test_the_reference_server_over_http_and_after_it_was_killed(everything):
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]

    async def start():
        environment = {**os.environ, "PORT": str(port)}
        process = subprocess.Popen([*everything[:-1], "streamableHttp"], env=environment, stderr=subprocess.PIPE)
        await asyncio.to_thread(_wait_for, process.stderr, b"listening on port")
        return process

    process = await start()
    try:
        async with McpTools(url=f"http://127.0.0.1:{port}/mcp", timeout=60) as server:
            await Everything.check(server)
            slow = asyncio.create_task(use(server, "trigger-long-running-operation", duration=600, steps=60))
            await asyncio.sleep(0.5)
            _end(process)
            lost = await slow
            assert lost.error
            assert "was lost during the call" in lost.content
            assert "ConnectError" in (await use(server, "echo", message="anybody?")).content
            process = await start()
            assert (await use(server, "echo", message="back")).content == "Echo: back"
    finally:
        _end(process)


def _wait_for(stream, text):
    for line in stream:
        if text in line:
            return
    raise AssertionError(f"the server ended before it said {text!r}")


def _end(process):
    process.kill()
    process.wait()
    process.stderr.close()


@pytest.mark.needs_node
@pytest.mark.filterwarnings("ignore:the tool 'simulate-research-query'")
async def test_the_reference_servers_progress_and_image_reach_a_chat(everything):
    calls = (
        ToolCall("c", "trigger-long-running-operation", '{"duration": 0.3, "steps": 3}'),
        ToolCall("d", "get-tiny-image", "{}"),
    )
    async with McpTools(everything) as server:
        agent = AssistantAgent("ada", llm_config=ScriptedModel([ModelResponse(None, calls), "Seen."]), tools=server)
        run = agent.run(message="Go")
        told = [event.progress["progress"] async for event in run if isinstance(event, ToolProgress)]
        result = await run
    assert told == [1, 2, 3]
    assert result.summary == "Seen."
    (said,) = (message for message in result.messages if message.tool_results)
    assert any(isinstance(part, Image) for part in said.content)


async def test_the_time_server_of_both_versions_of_the_sdk(clock):
    async with McpTools([*clock, "--local-timezone", "Europe/Rome"], prefix="time_") as server:
        modern = "time-v1" not in clock[0]
        assert server.session._connection.session.protocol_version == ("2026-07-28" if modern else "2025-11-25")
        assert [tool.name for tool in server] == ["time_convert_time", "time_get_current_time"]
        wanted = {"source_timezone": "Europe/Rome", "time": "12:00", "target_timezone": "Asia/Tokyo"}
        converted = await use(server, "time_convert_time", **wanted)
        assert json.loads(converted.content)["target"]["timezone"] == "Asia/Tokyo"
        wrong = await use(server, "time_get_current_time", timezone="Mars/Olympus")
        assert wrong.error
        assert wrong.content.startswith("Error")


def test_a_sync_chat_asks_the_time_server(clock):
    call = ModelResponse(None, (ToolCall("c", "get_current_time", '{"timezone": "UTC"}'),))
    with McpTools(clock) as server:
        ada = AssistantAgent("ada", llm_config=ScriptedModel([call, "It is late."]), tools=server)
        user = UserProxyAgent("user", human_input_mode="NEVER")
        result = user.initiate_chat(ada, message="How late is it?", max_turns=1, silent=True)
    (answer,) = next(message.tool_results for message in result.messages if message.tool_results)
    assert json.loads(answer.content)["timezone"] == "UTC"
    assert result.summary == "It is late."


async def test_the_git_server_and_a_second_one_beside_it(git, clock, tmp_path):
    subprocess.run(["git", "init", "-q", str(tmp_path)], check=True)
    (tmp_path / "a.txt").write_text("hello")
    async with (
        McpTools([*git, "--repository", str(tmp_path)], include=["git_status", "git_add"]) as first,
        McpTools(clock, prefix="clock_") as second,
    ):
        calls = (
            ToolCall("c", "git_status", json.dumps({"repo_path": str(tmp_path)})),
            ToolCall("d", "clock_get_current_time", '{"timezone": "UTC"}'),
            ToolCall("e", "git_status", json.dumps({"repo_path": "/"})),
        )
        model = ScriptedModel([ModelResponse(None, calls), "Done."])
        result = await AssistantAgent("ada", llm_config=model, tools=[*first, *second]).run(message="Go")
    status, now, outside = next(message.tool_results for message in result.messages if message.tool_results)
    assert "a.txt" in status.content
    assert "UTC" in now.content
    assert outside.error
