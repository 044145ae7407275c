"""The tools of an MCP server, for agents."""

from __future__ import annotations

import asyncio
import warnings
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from fnmatch import fnmatchcase
from importlib.util import find_spec
from os import PathLike
from types import TracebackType
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from ...core.background import BackgroundLoop
from ...core.errors import ConfigError, MissingExtra
from ...core.message import ToolCall, ToolResult
from ...core.protocols import Tool
from ...core.sync import run as run_sync
from ..approval import ApprovalRule
from ..context import context_for
from ..results import failure
from ..tool import MAX_RESULT_CHARS
from .errors import CallFailed
from .listing import Listed, Listing, legal_names, shortened

if TYPE_CHECKING:
    from typing import Self

    from .session import Session, Way

TIMEOUT = 60.0
MAX_DESCRIPTION_CHARS = 1024  # what chat APIs take; some have lifted it
_SESSIONS = BackgroundLoop("autogen_like-mcp")  # where all MCP sessions of this process live
_LOCAL = ("localhost", "127.0.0.1", "::1")
_MAX_PROGRESS = 1000  # reports of one call that are passed on
_TAGS = {"readOnlyHint": "hint:read-only", "destructiveHint": "hint:destructive", "idempotentHint": "hint:idempotent"}


class McpTool:
    """A tool of an MCP server. Made by `McpTools`.

    Args:
        source: Where it comes from.
        name: What models call it.
        listed: What its server says of it.

    Attributes:
        tags: Those given to `McpTools`, ``"mcp"``, and what the server claims: ``"hint:destructive"``,
            ``"hint:read-only"``, ``"hint:idempotent"``.
        approval: Whether its calls need a person's yes.
    """

    repeatable = False

    def __init__(self, source: McpTools, name: str, listed: Listed) -> None:
        self._source = source
        self._name = name
        self._remote = listed.name
        self._description = shortened(listed.description, source.max_description_chars) or listed.name
        self._schema: Mapping[str, Any] = {
            "type": "function",
            "function": {"description": self._description, "name": name, "parameters": listed.parameters},
        }
        claimed = [tag for hint, tag in _TAGS.items() if listed.hints.get(hint)]
        self.tags = (*source.tags, "mcp", *claimed)
        self.approval: ApprovalRule = source.approval

    def __repr__(self) -> str:
        return f"McpTool({self._name!r}, server={self._source.name!r})"

    @property
    def name(self) -> str:
        """What models call it."""
        return self._name

    @property
    def description(self) -> str:
        """What its server says that it does; a text to be trusted as little as the server."""
        return self._description

    @property
    def schema(self) -> Mapping[str, Any]:
        """The OpenAI tool dict."""
        return self._schema

    def arguments(self, call: ToolCall) -> dict[str, Any]:
        """The arguments that a call gives the tool.

        Raises:
            ValueError: If they are no JSON object.
        """
        from .results import read_arguments

        return read_arguments(call)

    async def call(self, call: ToolCall) -> ToolResult:
        """Has the server run it.

        Args:
            call: The call, its arguments unchecked JSON text.

        Returns:
            The result; with ``error=True`` and a content that begins with "Error: " when it failed.
        """
        limit = self._source.max_result_chars
        try:
            arguments = self.arguments(call)
        except (ValueError, RecursionError) as error:
            return failure(call, f"Error: the arguments of {self._name} are not valid: {error}", limit)
        context = context_for(call)
        reports = 0

        async def report(progress: float, total: float | None = None, message: str | None = None) -> None:
            nonlocal reports
            reports += 1
            if reports <= _MAX_PROGRESS:
                said = {"progress": progress, "total": total, "message": shortened(message or "", 500) or None}
                context.progress({key: value for key, value in said.items() if value is not None})

        try:
            session, timeout = self._source.session, self._source.timeout
            told = report if context.run is not None and context.run.listening else None
            answer = await _SESSIONS.call(session.call(self._remote, arguments, timeout, told))
        except (CallFailed, ConfigError) as error:
            return failure(call, f"Error: {error}", limit)
        from .results import unpack

        return unpack(call, answer, limit)


class McpTools:
    """The tools of an MCP server, for as long as it is open: ``async with`` or ``with``.

    Give it to an agent whole (``tools=server``), and the agent sees what the server adds and takes away; or its tools
    beside others (``tools=[*server, my_function]``), as they were then. It may be used from any thread and event loop.

    Args:
        command: The program of a server on this machine, and its arguments, to be started and talked to over stdio.
        url: Or the address of a server that speaks streamable HTTP.
        name: What messages and logs call the server; the program's name or the host by default.
        prefix: What the names of its tools begin with for models, so that those of two servers differ.
        include: Which tools to offer, by the server's names; ``*`` and ``?`` stand for any characters. All by default.
        exclude: Which of them not to offer.
        env: Variables for the program, beside the few harmless ones (PATH, HOME, LANG, ...) that it gets of this
            process's environment.
        cwd: Where the program runs.
        headers: HTTP headers, sent with each request. Never logged.
        token: A bearer token, or a function (sync or async) that gives one, called before each request. Never logged.
        timeout: Seconds that a call may take; None for no limit.
        connect_timeout: Seconds until the server must have listed its tools.
        max_result_chars: Longer texts are cut in the middle, with a note; None for no limit.
        max_description_chars: Longer descriptions are cut.
        approval: Whether calls need a person's yes: True, False, or a function of the tool and the call.
        tags: Tags for all of its tools.

    Raises:
        ConfigError: If a setting can't be right.
        MissingExtra: If the optional part for MCP is not installed.

    Example:
        ::

            async with McpTools(["mcp-server-time"], prefix="time_") as server:
                agent = AssistantAgent("ada", llm_config=..., tools=server)
                result = await agent.run(message="How late is it in Rome?")
    """

    def __init__(
        self,
        command: Sequence[str] | None = None,
        *,
        url: str | None = None,
        name: str | None = None,
        prefix: str = "",
        include: Iterable[str] = ("*",),
        exclude: Iterable[str] = (),
        env: Mapping[str, str] | None = None,
        cwd: str | PathLike[str] | None = None,
        headers: Mapping[str, str] | None = None,
        token: str | Callable[[], Any] | None = None,
        timeout: float | None = TIMEOUT,
        connect_timeout: float = 30.0,
        max_result_chars: int | None = MAX_RESULT_CHARS,
        max_description_chars: int = MAX_DESCRIPTION_CHARS,
        approval: ApprovalRule = False,
        tags: Iterable[str] = (),
    ) -> None:
        for setting, value in (("include", include), ("exclude", exclude), ("tags", tags), ("command", command)):
            if isinstance(value, str):
                raise ConfigError(f"{setting} must be a list of strings, not the string {value!r}")
        for setting, seconds in (("timeout", timeout), ("connect_timeout", connect_timeout)):
            if seconds is not None and seconds <= 0:
                raise ConfigError(f"{setting} must be a positive number of seconds, not {seconds!r}")
        if find_spec("mcp") is None:
            raise MissingExtra("an MCP server's tools", "mcp")
        self.prefix = prefix
        self.include, self.exclude = tuple(include), tuple(exclude)
        self.timeout, self.connect_timeout = timeout, connect_timeout
        self.max_result_chars, self.max_description_chars = max_result_chars, max_description_chars
        self.approval, self.tags = approval, tuple(tags)
        self.left_out: Mapping[str, str] = {}
        self._way = _way(command, url, name, env, cwd, headers, token)
        self._session: Session | None = None
        self._tools: dict[str, McpTool] = {}
        self._schemas: list[Mapping[str, Any]] = []

    @property
    def name(self) -> str:
        """What messages and logs call the server."""
        return self._way.name

    @property
    def session(self) -> Session:
        """The session with the server.

        Raises:
            ConfigError: If it has not been opened.
        """
        if self._session is None:
            raise ConfigError(f"open the tools of the MCP server {self.name} first: async with McpTools(...) as server")
        return self._session

    def __repr__(self) -> str:
        return f"McpTools({self.name!r}, tools={list(self._tools)})"

    # --- as a source of tools

    def schemas(self, conversation: str = "") -> Sequence[Mapping[str, Any]]:
        """The OpenAI tool dicts, by name; another list when the server has changed its tools.

        Raises:
            ConfigError: If it has not been opened.
        """
        _ = self.session
        return self._schemas

    def get(self, name: str, conversation: str = "") -> Tool | None:
        """The tool of a name, or None."""
        return self._tools.get(name)

    def __iter__(self) -> Iterator[McpTool]:
        _ = self.session
        return iter(list(self._tools.values()))

    def __len__(self) -> int:
        return len(self._tools)

    def __bool__(self) -> bool:
        return True  # a server without tools may get some

    def _listed(self, listing: Listing) -> None:
        """Takes a new list of tools. Called on the loop of sessions; each attribute is replaced at once."""
        chosen = [
            name
            for name in listing.tools
            if any(fnmatchcase(name, pattern) for pattern in self.include)
            and not any(fnmatchcase(name, pattern) for pattern in self.exclude)
        ]
        names = legal_names(chosen, self.prefix)
        tools = {names[name]: McpTool(self, names[name], listing.tools[name]) for name in chosen}
        # By name, so that the prompt (and a model's computed prefix of it) doesn't depend on the server's order.
        self._tools = dict(sorted(tools.items()))
        self._schemas = [tool.schema for tool in self._tools.values()]
        self.left_out = dict(listing.left_out)

    # --- its life

    async def __aenter__(self) -> Self:
        """Connects.

        Raises:
            McpError: If the server can't be started or reached, or doesn't answer in time.
            ConfigError: If it is open already.
        """
        if self._session is not None:
            raise ConfigError(f"the tools of the MCP server {self.name} are open already")
        from .session import Session

        session = self._session = Session(self._way, self.connect_timeout, self._listed)
        try:
            await _SESSIONS.call(session.open())
            for name, reason in self.left_out.items():
                warnings.warn(f"the tool {name!r} of the MCP server {self.name} is left out: {reason}", stacklevel=2)
        except BaseException:
            await asyncio.shield(self.aclose())
            raise
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.aclose()

    async def aclose(self) -> None:
        """Ends the session, and the program with all that it started. Tools that are called later say so."""
        session, self._session = self._session, None
        if session is not None:
            await _SESSIONS.call(session.close())

    def __enter__(self) -> Self:
        """Connects; the same as ``async with``, for synchronous code."""
        return run_sync(self.__aenter__())

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        run_sync(self.aclose())


def _way(
    command: Sequence[str] | None,
    url: str | None,
    name: str | None,
    env: Mapping[str, str] | None,
    cwd: str | PathLike[str] | None,
    headers: Mapping[str, str] | None,
    token: str | Callable[[], Any] | None,
) -> Way:
    """How the server is reached.

    Raises:
        ConfigError: If the settings contradict each other.
    """
    if (command is None) == (url is None):
        raise ConfigError("name the MCP server: either command=[...] to start one, or url=... of one that runs")
    if command is not None:
        if not command or not all("\0" not in word for word in command):
            raise ConfigError(f"command must be a program and its arguments, as a list of strings, not {command!r}")
        if headers or token:
            raise ConfigError("headers and token are for a server at an url; give a program what it needs with env=")
        from .stdio import Command, environment

        return Command(name or command[0].rpartition("/")[2], tuple(command), environment(env or {}), cwd)
    if env or cwd:
        raise ConfigError("env and cwd are for a server that is started with command=, not for one at an url")
    parts = urlsplit(str(url))
    if parts.scheme not in ("http", "https") or not parts.hostname:
        raise ConfigError("url must be an http:// or https:// address")
    if parts.username or parts.password:
        raise ConfigError("url must hold no user name and password: pass token= or headers=")
    if (headers or token) and parts.scheme == "http" and parts.hostname not in _LOCAL:
        warnings.warn(f"secrets go to {parts.hostname} over plain http: anybody on the way reads them", stacklevel=3)
    from .http import Address

    return Address(name or parts.netloc, str(url), dict(headers or {}), token)
