"""Serving agents over MCP: each is a tool with a message for its argument. A group chat is served by its manager."""

from __future__ import annotations

import asyncio
import hmac
import logging
import secrets
import socket
from collections import OrderedDict
from collections.abc import Iterable, Mapping
from contextlib import asynccontextmanager, nullcontext, suppress
from dataclasses import dataclass, field
from importlib.util import find_spec
from typing import TYPE_CHECKING, Any

from .._version import __version__
from ..core.errors import ConfigError, MissingExtra
from ..core.events import ApprovalRequested, Event, HumanRequested, MessageAdded, ToolStarted
from ..core.message import new_id
from ..core.sync import run as run_sync
from ..core.transcript import Transcript
from ..tools.mcp.listing import legal_names, shortened
from .chat_result import ChatResult
from .conversable import ConversableAgent

if TYPE_CHECKING:
    from mcp.server import Server, ServerRequestContext
    from mcp.types import CallToolRequestParams, CallToolResult, ListToolsResult
    from starlette.types import ASGIApp, Receive, Scope, Send

log = logging.getLogger("autogen_like.mcp")

TRANSPORTS = ("stdio", "streamable-http")
PATH = "/mcp"
MAX_CONVERSATIONS = 1000  # that are kept to be gone on with; the oldest is forgotten first
MAX_DESCRIPTION_CHARS = 1024
_LAST_WORDS = 5.0  # seconds that a client may take to hear of progress, before it is answered
_LOCAL = ("127.0.0.1", "localhost", "::1")
_ARGUMENTS = {
    "type": "object",
    "properties": {
        "message": {"type": "string", "description": "What to say to it."},
        "conversation_id": {
            "type": "string",
            "description": "To go on with an earlier conversation: the id that came with its last answer.",
        },
    },
    "required": ["message"],
    "additionalProperties": False,
}


def serve_mcp(
    agents: Any,
    *,
    transport: str = "stdio",
    host: str = "127.0.0.1",
    port: int = 8000,
    token: str | None = None,
    hosts: Iterable[str] = (),
    name: str = "autogen_like",
) -> None:
    """Serves agents as tools of an MCP server, until its client or Ctrl-C ends it.

    Each call is a conversation of its own, and its answer is the last that was said in it. With the answer comes an id
    to go on with that conversation. Nobody is at hand to be asked: what needs a person's yes is denied, and an agent
    that asks for a person's input fails.

    Args:
        agents: An agent, or ``{tool name: agent}``. For a group chat, its manager.
        transport: "stdio", for a client that starts this program, or "streamable-http".
        host: Where to listen. Elsewhere than on this machine a token and the names of the server are needed.
        port: The port to listen on; clients connect to ``http://host:port/mcp``.
        token: What clients must send as ``Authorization: Bearer ...``; None for nothing.
        hosts: Names by which clients reach the server, beside localhost. Requests to others are refused, which keeps
            web pages from talking to it (DNS rebinding).
        name: The server's name.

    Raises:
        ConfigError: If a setting can't be right, or the port is taken.
        MissingExtra: If the optional part for MCP is not installed.

    Example:
        ::

            serve_mcp({"ask_the_librarian": librarian})
    """
    with suppress(KeyboardInterrupt):
        run_sync(a_serve_mcp(agents, transport=transport, host=host, port=port, token=token, hosts=hosts, name=name))


async def a_serve_mcp(
    agents: Any,
    *,
    transport: str = "stdio",
    host: str = "127.0.0.1",
    port: int = 8000,
    token: str | None = None,
    hosts: Iterable[str] = (),
    name: str = "autogen_like",
) -> None:
    """Serves agents as tools of an MCP server, until it is cancelled; see `serve_mcp`."""
    if transport not in TRANSPORTS:
        raise ConfigError(f"transport must be one of {TRANSPORTS}, not {transport!r}")
    if find_spec("mcp") is None:
        raise MissingExtra("serving agents over MCP", "mcp")
    server = _Served(agents).server(name)
    if transport == "stdio":
        from mcp.server.stdio import stdio_server

        async with stdio_server() as (from_client, to_client):
            await server.run(from_client, to_client, server.create_initialization_options())
        return
    await _serve_http(server, host, port, token, tuple(hosts))


@dataclass(slots=True)
class _Agent:
    """An agent on offer.

    Args:
        name: The tool's name.
        agent: The agent.
        one_by_one: Held during a call, where the agent can hold only one conversation at a time, as groups do.
    """

    name: str
    agent: Any
    one_by_one: asyncio.Lock | None = None

    @property
    def description(self) -> str:
        """What clients are told. A system message is not for them, and it is the default description."""
        said = getattr(self.agent, "description", "")
        if not said or said == getattr(self.agent, "system_message", None):
            return f"Talks with the agent {self.agent.name}."
        return shortened(said, MAX_DESCRIPTION_CHARS)


@dataclass(slots=True)
class _Talk:
    """A conversation with a client.

    Args:
        agent: With whom.
        session: The session that it belongs to; "" where the transport has none.
        id: Known only to who was told.
        asker: Stands for the client.
        turn: Held during a call: what is said in one conversation is said one after the other.
        group: What was said so far, where it is a group's.
    """

    agent: _Agent
    session: str
    asker: ConversableAgent
    id: str = field(default_factory=lambda: secrets.token_urlsafe(16))
    turn: asyncio.Lock = field(default_factory=asyncio.Lock)
    group: Transcript = field(default_factory=Transcript)

    async def say(self, message: str, listener: Any) -> ChatResult:
        """Says something and has the agent, or its group, answer."""
        agent = self.agent.agent
        async with self.turn, self.agent.one_by_one or nullcontext():
            if self.agent.one_by_one is not None:
                agent.groupchat.transcript = self.group
            run = self.asker.run(agent, message, clear_history=False, silent=True, max_turns=1, human=_nobody)
            run.subscribe(listener, deltas=False)
            return await run


class _Served:
    """The agents on offer, and the conversations with them.

    Args:
        agents: An agent, or ``{name: agent}``.

    Raises:
        ConfigError: If that is not what they are.
    """

    def __init__(self, agents: Any) -> None:
        named = dict(agents) if isinstance(agents, Mapping) else {getattr(agents, "name", ""): agents}
        for name, agent in named.items():
            if not isinstance(agent, ConversableAgent):
                raise ConfigError(f"an agent, or {{name: agent}}, can be served, not {agent!r} (as {name!r})")
        if not named:
            raise ConfigError("there is no agent to serve")
        legal = legal_names([str(name) for name in named], "")
        self._agents = {
            legal[str(name)]: _Agent(legal[str(name)], agent, asyncio.Lock() if hasattr(agent, "groupchat") else None)
            for name, agent in named.items()
        }
        self._talks: OrderedDict[str, _Talk] = OrderedDict()

    def server(self, name: str) -> Server[Any]:
        """The SDK's server."""
        from mcp.server import Server

        return Server(name, version=__version__, on_list_tools=self._list, on_call_tool=self._call)

    async def _list(self, ctx: ServerRequestContext[Any], params: Any) -> ListToolsResult:
        from mcp.types import ListToolsResult, Tool

        return ListToolsResult(
            tools=[
                Tool(name=one.name, description=one.description, input_schema=_ARGUMENTS)
                for one in self._agents.values()
            ]
        )

    async def _call(self, ctx: ServerRequestContext[Any], params: CallToolRequestParams) -> CallToolResult:
        agent = self._agents.get(params.name)
        if agent is None:
            return _error(f"there is no tool {shortened(params.name, 100)!r}")
        arguments = params.arguments or {}
        message, known = arguments.get("message"), arguments.get("conversation_id")
        if not isinstance(message, str) or not message.strip():
            return _error("'message' must be a text that says something")
        session = _session(ctx)
        if known is None:
            talk = self._begin(agent, session)
        else:
            found = self._talks.get(known) if isinstance(known, str) else None
            if found is None or found.session != session or found.agent is not agent:
                return _error("there is no such conversation (any more): leave conversation_id out to begin one")
            talk = found
            self._talks.move_to_end(talk.id)
        return await self._answer(ctx, talk, message)

    async def _answer(self, ctx: ServerRequestContext[Any], talk: _Talk, message: str) -> CallToolResult:
        from mcp.types import CallToolResult, TextContent

        try:
            async with _progress(ctx) as listener:
                result = await talk.say(message, listener)
        except Exception:
            # What went wrong may hold anything: a key in an address, a path, what another tool said.
            number = new_id()
            log.exception("the agent %s failed (%s)", talk.agent.name, number)
            return _error(f"{talk.agent.name} failed; the server's log says why under {number}")
        answer = _last_word(result, talk.asker.name)
        if not answer:
            return _error(f"{talk.agent.name} had nothing to say ({result.stop_reason.kind})")
        going_on = f"[to go on with this conversation: conversation_id={talk.id}]"
        return CallToolResult(
            content=[TextContent(text=answer), TextContent(text=going_on)],
            structured_content={"answer": answer, "conversation_id": talk.id},
        )

    def _begin(self, agent: _Agent, session: str) -> _Talk:
        members = getattr(getattr(agent.agent, "groupchat", None), "agents", ())
        taken = {agent.agent.name, *(member.name for member in members)}
        name = next(name for name in ("user", "client", "mcp_client", new_id()) if name not in taken)
        asker = ConversableAgent(name, human_input_mode="NEVER", description="Somebody who asks.")
        talk = _Talk(agent, session, asker)
        self._talks[talk.id] = talk
        while len(self._talks) > MAX_CONVERSATIONS:
            _, old = self._talks.popitem(last=False)
            old.asker.forget(old.agent.agent)
        return talk


async def _nobody(request: HumanRequested) -> str:
    """Answers for people: there are none here."""
    if isinstance(request, ApprovalRequested):
        return "no, since nobody is at hand to be asked"
    raise ConfigError(
        f"{request.agent} asks a person, and nobody is at hand on an MCP server: give it human_input_mode='NEVER'"
    )


def _session(ctx: ServerRequestContext[Any]) -> str:
    """The session that a request belongs to: over HTTP, and before the protocol of 2026, there are several."""
    headers = getattr(ctx.request, "headers", None) or {}
    return str(headers.get("mcp-session-id") or "")


def _last_word(result: ChatResult, asker: str) -> str:
    """The last that was said, by somebody else than the client, that says something."""
    for message in reversed(result.messages):
        if message.speaker == asker:
            return ""
        text = message.text.replace("TERMINATE", "").strip()
        if text and not message.tool_calls:
            return text
    return ""


def _error(text: str) -> CallToolResult:
    from mcp.types import CallToolResult, TextContent

    return CallToolResult(content=[TextContent(text=f"Error: {text}")], is_error=True)


@asynccontextmanager
async def _progress(ctx: ServerRequestContext[Any]) -> Any:
    """Gives a listener that tells the client who speaks and which tools run, where it asked to be told."""
    told: asyncio.Queue[str | None] = asyncio.Queue()

    def listen(event: Event) -> None:
        if isinstance(event, MessageAdded) and not event.message.tool_results:
            told.put_nowait(f"{event.message.speaker} has spoken")
        elif isinstance(event, ToolStarted):
            told.put_nowait(f"{event.speaker} runs {event.call.name}")

    async def tell() -> None:
        number = 0
        while (text := await told.get()) is not None:
            number += 1
            await ctx.session.report_progress(number, message=shortened(text, 200))

    telling = asyncio.create_task(tell())
    try:
        yield listen
        told.put_nowait(None)
        await asyncio.wait({telling}, timeout=_LAST_WORDS)
    finally:
        telling.cancel()
        await asyncio.wait({telling})


# --- over HTTP


async def _serve_http(server: Server[Any], host: str, port: int, token: str | None, hosts: tuple[str, ...]) -> None:
    import uvicorn  # comes with mcp

    app: ASGIApp = _app(server, host, token, hosts)
    if not 0 <= port < 1 << 16:
        raise ConfigError(f"port={port!r} can't be listened on: ports go from 0 to 65535")
    try:
        listening = socket.create_server((host, port), family=socket.AF_INET6 if ":" in host else socket.AF_INET)
    except OSError as error:
        raise ConfigError(f"host={host!r} and port={port!r} can't be listened on: {error}") from error
    log.info("serving MCP on http://%s:%d%s", host, listening.getsockname()[1], PATH)
    with listening:
        config = uvicorn.Config(app, log_config=None, access_log=False, timeout_graceful_shutdown=2)
        await uvicorn.Server(config).serve(sockets=[listening])


def _app(server: Server[Any], host: str, token: str | None, hosts: tuple[str, ...]) -> ASGIApp:
    from mcp.server.transport_security import TransportSecuritySettings

    if host not in _LOCAL and not (token and hosts):
        raise ConfigError(
            f"host={host!r} lets others in: pass token=... for them to send, and hosts=[...], the names by which they "
            "reach this server"
        )
    if token is not None and (not token or not token.isascii() or not token.isprintable()):
        raise ConfigError("token must be a text of visible ASCII characters")
    names = [f"[{name}]" if ":" in name else name for name in (*_LOCAL, *hosts)]
    allowed = [form for name in names for form in (name, f"{name}:*")]
    security = TransportSecuritySettings(
        allowed_hosts=allowed,
        allowed_origins=[f"{scheme}://{form}" for scheme in ("http", "https") for form in allowed],
    )
    app = server.streamable_http_app(streamable_http_path=PATH, transport_security=security)
    return app if token is None else _TokenWanted(app, token)


class _TokenWanted:
    """Lets nobody in who doesn't send the token."""

    def __init__(self, app: ASGIApp, token: str) -> None:
        self._app = app
        self._expected = f"Bearer {token}".encode()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        sent = dict(scope.get("headers", ())).get(b"authorization", b"")
        if scope["type"] == "http" and not hmac.compare_digest(sent, self._expected):
            from starlette.responses import PlainTextResponse

            refusal = PlainTextResponse("unauthorized", status_code=401, headers={"WWW-Authenticate": "Bearer"})
            await refusal(scope, receive, send)
            return
        await self._app(scope, receive, send)
