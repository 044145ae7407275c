"""Agents as tools of an MCP server, driven by the official client, and by our own agents."""

from __future__ import annotations

import asyncio
import http.client
import json
import logging
import os
import signal
import socket
import subprocess
import sys
from contextlib import asynccontextmanager
from pathlib import Path

import pytest
from mcp import Client, StdioServerParameters

from autogen_like import (
    AssistantAgent,
    ConversableAgent,
    GroupChat,
    GroupChatManager,
    ModelResponse,
    ScriptedModel,
    ToolCall,
    UserProxyAgent,
    tool,
)
from autogen_like.agents import mcp_server
from autogen_like.agents.mcp_cli import load
from autogen_like.agents.mcp_server import a_serve_mcp, serve_mcp
from autogen_like.cli import main
from autogen_like.core.errors import ConfigError, MissingExtra
from autogen_like.tools.mcp.tools import McpTools

SERVED = Path(__file__).parent / "mcp_served.py"
COMMAND = [sys.executable, "-m", "autogen_like", "mcp", f"{SERVED}:everybody"]


def heard(request):
    return "heard: " + " | ".join(str(one["content"]) for one in request.messages if one["role"] == "user")


def agent(*steps, **options):
    name = options.pop("name", "ada")
    return AssistantAgent(name, llm_config=ScriptedModel([*steps] or heard), **options)


def free_port():
    with socket.create_server(("127.0.0.1", 0)) as free:
        return free.getsockname()[1]


@asynccontextmanager
async def served(agents, **options):
    """The agents, served over HTTP on this loop; gives the address."""
    port = free_port()
    serving = asyncio.create_task(a_serve_mcp(agents, transport="streamable-http", port=port, **options))
    try:
        async with asyncio.timeout(60):
            while True:
                assert not serving.done(), serving.exception()
                try:
                    _, writer = await asyncio.open_connection("127.0.0.1", port)
                except OSError:
                    await asyncio.sleep(0.01)
                    continue
                writer.close()
                break
        yield f"http://127.0.0.1:{port}/mcp"
    finally:
        serving.cancel()
        await asyncio.wait({serving})


@asynccontextmanager
async def client_of(agents, mode="auto", **options):
    async with served(agents, **options) as url, Client(url, mode=mode) as client:
        yield client


async def say(client, name, message, **more):
    result = await client.call_tool(name, {"message": message, **more})
    return result.content[0].text


both_protocols = pytest.mark.parametrize("mode", ["auto", "legacy"])


@both_protocols
async def test_an_agent_is_a_tool_with_a_message(mode):
    async with client_of(agent(description="Repeats things."), mode) as client:
        (offered,) = (await client.list_tools()).tools
        assert (offered.name, offered.description) == ("ada", "Repeats things.")
        assert offered.input_schema["required"] == ["message"]
        result = await client.call_tool("ada", {"message": "hello"})
    assert result.content[0].text == "heard: hello"
    assert result.structured_content["answer"] == "heard: hello"
    assert result.structured_content["conversation_id"] in result.content[1].text


@both_protocols
async def test_each_call_is_a_conversation_of_its_own_unless_it_goes_on_with_one(mode):
    async with client_of(agent(), mode) as client:
        first = await client.call_tool("ada", {"message": "one"})
        assert await say(client, "ada", "other") == "heard: other"
        known = first.structured_content["conversation_id"]
        assert await say(client, "ada", "two", conversation_id=known) == "heard: one | two"
        assert await say(client, "ada", "three", conversation_id=known) == "heard: one | two | three"


async def test_a_conversation_is_known_only_to_its_session_and_its_agent():
    async with served({"ada": agent(), "bob": agent(name="bob")}) as url:
        sessions = Client(url, mode="legacy"), Client(url, mode="legacy")
        async with sessions[0] as one, sessions[1] as two:
            known = (await one.call_tool("ada", {"message": "my secret"})).structured_content["conversation_id"]
            for client, name, tried in ((two, "ada", known), (one, "bob", known), (one, "ada", "guessed")):
                result = await client.call_tool(name, {"message": "what did I say?", "conversation_id": tried})
                assert result.is_error
                assert "there is no such conversation" in result.content[0].text
            assert "my secret" in await say(one, "ada", "and", conversation_id=known)


async def test_a_group_chat_answers_with_its_last_word_and_can_be_gone_on_with():
    counting = ScriptedModel(lambda request: str(len(request.messages)))
    members = [AssistantAgent(name, llm_config=counting) for name in "ab"]
    group = GroupChat(members, max_round=3, speaker_selection_method="round_robin")
    async with client_of({"a group!": GroupChatManager(group)}) as client:
        (offered,) = (await client.list_tools()).tools
        assert offered.name == "a_group_"
        assert offered.description == "Talks with the agent chat_manager."  # not its system message
        first = await client.call_tool("a_group_", {"message": "Go"})
        others = await asyncio.gather(*(say(client, "a_group_", f"Go {number}") for number in range(5)))
        assert others == [first.content[0].text] * 5  # none saw what was said in another
        known = first.structured_content["conversation_id"]
        assert int(await say(client, "a_group_", "On", conversation_id=known)) > int(others[0])


async def test_calls_run_side_by_side():
    waiting = 0
    everybody_is_here = asyncio.Event()

    slow = ConversableAgent("slow", human_input_mode="NEVER")

    async def reply(recipient, messages, sender, config):
        nonlocal waiting
        waiting += 1
        if waiting == 5:
            everybody_is_here.set()
        await everybody_is_here.wait()
        return True, messages[-1]["content"].upper()

    slow.register_reply([ConversableAgent, None], reply)
    async with client_of(slow) as client:
        said = await asyncio.gather(*(say(client, "slow", f"m{number}") for number in range(5)))
    assert said == [f"M{number}" for number in range(5)]


async def test_what_goes_wrong_is_told_in_the_log_and_not_to_the_client(caplog):
    def fail(request):
        raise RuntimeError("sk-secret at /etc/keys")

    async with client_of(agent(fail)) as client:
        result = await client.call_tool("ada", {"message": "hello"})
    assert result.is_error
    (said,) = (block.text for block in result.content)
    assert said.startswith("Error: ada failed; the server's log says why under ")
    assert "sk-secret" in caplog.text
    assert said.split()[-1] in caplog.text


@pytest.mark.parametrize(
    ("name", "arguments", "said"),
    [
        ("bob", {"message": "hello"}, "there is no tool 'bob'"),
        ("ada", {}, "'message' must be a text"),
        ("ada", {"message": "  "}, "'message' must be a text"),
        ("ada", {"message": ["hello"]}, "'message' must be a text"),
        ("ada", {"message": "hello", "conversation_id": 7}, "there is no such conversation"),
    ],
)
async def test_a_call_that_means_nothing_is_answered_with_what_is_wrong(name, arguments, said):
    async with client_of(agent()) as client:
        result = await client.call_tool(name, arguments)
    assert result.is_error
    assert said in result.content[0].text


async def test_an_agent_with_nothing_to_say_is_said_to_have_nothing_to_say():
    async with client_of({"mute": agent("TERMINATE", name="mute"), "ada": agent("Done. TERMINATE")}) as client:
        assert await say(client, "mute", "hello") == "Error: mute had nothing to say (max_turns)"
        assert await say(client, "ada", "hello") == "Done."


async def test_nobody_is_asked_and_no_tool_that_needs_a_yes_is_run():
    ran = []

    @tool(approval=True)
    def delete(path: str) -> str:
        """Deletes a file."""
        ran.append(path)
        return "deleted"

    call = ModelResponse(None, (ToolCall("c", "delete", '{"path": "all"}'),))

    def last(request):
        return next(one["content"] for one in request.messages if one["role"] == "tool")

    person = UserProxyAgent("person", human_input_mode="ALWAYS")
    async with client_of({"ada": agent(call, last, tools=[delete]), "person": person}) as client:
        assert await say(client, "ada", "hello") == (
            "Error: not run, since a person denied it: since nobody is at hand to be asked"
        )
        assert "person failed" in await say(client, "person", "hello")
    assert ran == []


async def test_clients_are_told_who_speaks_and_what_runs():
    @tool
    def add(a: int, b: int) -> int:
        """Adds two numbers."""
        return a + b

    call = ModelResponse(None, (ToolCall("c", "add", '{"a": 1, "b": 2}'),))
    told = []

    async def progress(number, total, message):
        told.append((number, message))

    async with client_of(agent(call, "It is 3.", tools=[add])) as client:
        await client.call_tool("ada", {"message": "1 + 2?"}, progress_callback=progress)
    assert sorted(told) == [
        (1, "user has spoken"),
        (2, "ada has spoken"),
        (3, "ada runs add"),
        (4, "ada has spoken"),
    ]


@both_protocols
async def test_a_call_that_is_cancelled_ends_at_the_agent(mode):
    started, ended = asyncio.Event(), asyncio.Event()

    @tool
    async def wait() -> str:
        """Waits."""
        started.set()
        try:
            await asyncio.sleep(600)
        finally:
            ended.set()
        return "never"

    call = ModelResponse(None, (ToolCall("c", "wait", "{}"),))
    async with client_of({"ada": agent(call, "Never.", tools=[wait]), "bob": agent(name="bob")}, mode) as client:
        calling = asyncio.create_task(client.call_tool("ada", {"message": "hello"}))
        await started.wait()
        calling.cancel()
        async with asyncio.timeout(60):
            await ended.wait()
        assert await say(client, "bob", "still here?") == "heard: still here?"


async def test_old_conversations_are_forgotten(monkeypatch):
    monkeypatch.setattr(mcp_server, "MAX_CONVERSATIONS", 2)
    ada = agent()
    async with client_of(ada) as client:
        ids = [
            (await client.call_tool("ada", {"message": "hello"})).structured_content["conversation_id"]
            for _ in range(5)
        ]
        assert "no such conversation" in await say(client, "ada", "on", conversation_id=ids[2])
        assert await say(client, "ada", "on", conversation_id=ids[3]) == "heard: hello | on"
        assert len(ada.chat_messages) == 2


# --- who gets in


def post(port, token=None, **headers):
    body = json.dumps({"jsonrpc": "2.0", "id": 1, "method": "ping"})
    sent = {"Content-Type": "application/json", "Accept": "application/json, text/event-stream", **headers}
    if token:
        sent["Authorization"] = token
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=60)
    try:
        connection.request("POST", "/mcp", body, sent)
        return connection.getresponse().status
    finally:
        connection.close()


@pytest.mark.parametrize(
    ("headers", "status"),
    [
        ({"Host": "evil.example"}, 421),
        ({"Host": "localhost.evil.example:80"}, 421),
        ({"Origin": "http://evil.example"}, 403),
        ({"Origin": "null"}, 403),
    ],
)
async def test_web_pages_of_others_get_no_answer(headers, status):
    async with served(agent()) as url:
        port = int(url.rpartition(":")[2].partition("/")[0])
        assert await asyncio.to_thread(post, port, **headers) == status
        assert await asyncio.to_thread(post, port, Origin=f"http://localhost:{port}") not in (401, 403, 421)


async def test_without_the_token_nobody_gets_in():
    async with served(agent(), token="t0p") as url:
        port = int(url.rpartition(":")[2].partition("/")[0])
        for wrong in (None, "Bearer t0", "Bearer t0pp", "t0p", "Basic t0p"):
            assert await asyncio.to_thread(post, port, wrong) == 401
        assert await asyncio.to_thread(post, port, "Bearer t0p") not in (401, 403, 421)
        async with McpTools(url=url, token="t0p") as server:
            answer = await server.get("ada").call(ToolCall("1", "ada", '{"message": "hello"}'))
    assert answer.value["answer"] == "heard: hello"


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ({"host": "0.0.0.0"}, "lets others in: pass token="),
        ({"host": "0.0.0.0", "token": "t"}, "and hosts="),
        ({"token": ""}, "token must be a text of visible ASCII"),
        ({"token": "a\nb"}, "token must be a text of visible ASCII"),
        ({"port": 70000}, "port=70000 can't be listened on"),
        ({"host": "192.0.2.1", "token": "t", "hosts": ["a"]}, "host='192.0.2.1' and port=8000 can't be listened on"),
        ({"transport": "carrier pigeon"}, "transport must be one of"),
    ],
)
async def test_settings_that_cannot_be_right_are_named(options, said):
    with pytest.raises(ConfigError, match=said):
        await a_serve_mcp(agent(), **{"transport": "streamable-http", **options})


@pytest.mark.parametrize("agents", [None, "ada", {}, {"ada": "ada"}, [agent()]])
def test_only_agents_can_be_served(agents):
    with pytest.raises(ConfigError, match=r"can be served|no agent to serve"):
        serve_mcp(agents)


def test_without_the_sdk_the_extra_is_named(monkeypatch):
    monkeypatch.setattr(mcp_server, "find_spec", lambda name: None)
    with pytest.raises(MissingExtra, match=r"autogen_like\[mcp\]"):
        serve_mcp(agent())


async def test_a_name_of_the_server_is_let_in_beside_localhost():
    async with served(agent(), hosts=["agents.example"]) as url:
        port = int(url.rpartition(":")[2].partition("/")[0])
        assert await asyncio.to_thread(post, port, Host="agents.example") not in (401, 403, 421)


# --- as a process of its own


@pytest.mark.slow
async def test_agents_are_served_over_stdio_to_the_official_client():
    parameters = StdioServerParameters(command=COMMAND[0], args=COMMAND[1:])
    async with Client(parameters) as client:
        offered = {one.name: one.description for one in (await client.list_tools()).tools}
        assert offered == {"ada": "Talks with the agent ada.", "the_group": "Two who count."}
        first = await client.call_tool("ada", {"message": "one"})
        known = first.structured_content["conversation_id"]
        assert await say(client, "ada", "two", conversation_id=known) == "heard: one | two"
        assert await say(client, "the_group", "Go") in ("first saw 1", "second saw 2", "first saw 3")


@pytest.mark.slow
def test_an_agent_of_ours_asks_an_agent_of_another_process():
    call = ModelResponse(None, (ToolCall("c", "far_ada", '{"message": "hello"}'),))

    def last(request):
        return next(one["content"] for one in request.messages if one["role"] == "tool").splitlines()[0]

    with McpTools(COMMAND, name="served", prefix="far_") as server:
        boss = agent(call, last, name="boss", tools=server)
        user = UserProxyAgent("user", human_input_mode="NEVER")
        result = user.initiate_chat(boss, message="Ask ada.", max_turns=1, silent=True)
    assert result.summary == "heard: hello"


@pytest.mark.slow
async def test_ctrl_c_ends_a_server_over_http_quietly():
    port = free_port()
    environment = {**os.environ, "AUTOGEN_LIKE_MCP_TOKEN": "t"}
    process = subprocess.Popen([*COMMAND, "--http", "--port", str(port)], stderr=subprocess.PIPE, env=environment)

    async def answered():
        async with asyncio.timeout(120):
            while True:
                try:
                    return await asyncio.to_thread(post, port)
                except OSError:
                    await asyncio.sleep(0.05)

    try:
        assert await answered() == 401
        process.send_signal(signal.SIGINT)
        _, errors = await asyncio.to_thread(process.communicate, timeout=60)
    finally:
        process.kill()
        process.wait()
    assert process.returncode == 0
    assert b"Traceback" not in errors


def test_the_command_says_what_it_cannot_find(capsys, tmp_path):
    (tmp_path / "mine.py").write_text("x = 1\n")
    for where, said in [
        ("nothing", "as module:name or file.py:name"),
        ("no_such_module:agent", "there is no module 'no_such_module'"),
        (f"{tmp_path}/other.py:agent", "there is no file"),
        (f"{tmp_path}/mine.py:agent", "there is no 'agent'"),
        (f"{tmp_path}/mine.py:x", "can be served, not 1"),
    ]:
        assert main(["mcp", where]) == 1
        assert said in capsys.readouterr().err


def test_an_agent_is_found_in_a_module():
    assert load("autogen_like.tools.mcp.tools:McpTools") is McpTools


async def test_a_port_that_is_taken_is_named():
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        with pytest.raises(ConfigError, match=f"port={port} can't be listened on"):
            await a_serve_mcp(agent(), transport="streamable-http", port=port)


async def test_listening_is_logged(caplog):
    caplog.set_level(logging.INFO, "autogen_like.mcp")
    async with served(agent()) as url:
        assert f"serving MCP on {url}" in caplog.text
