"""Agents with tools of MCP servers, of both protocols."""

from __future__ import annotations

import asyncio
import sys
import threading

import pytest
from mcp import ClientSession
from mcp_use import WAYWARD, notes, until, use

from autogen_like import AssistantAgent, ModelResponse, NeedsApproval, ScriptedModel, ToolCall, tool
from autogen_like.core.sync import run as run_sync
from autogen_like.tools.mcp.errors import McpError
from autogen_like.tools.mcp.tools import McpTools

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
