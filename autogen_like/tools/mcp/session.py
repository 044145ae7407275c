"""A session with an MCP server: opened when it is needed, lost, and opened again."""

from __future__ import annotations

import asyncio
import contextlib
import contextvars
import logging
from collections.abc import Callable, Mapping
from contextlib import AbstractAsyncContextManager
from typing import Any, Protocol

from mcp import ClientSession, MCPError, types
from mcp.client.subscriptions import listen
from mcp.shared.dispatcher import CallOptions, ProgressFnT
from mcp.shared.jsonrpc_dispatcher import JSONRPCDispatcher
from pydantic import ValidationError

from ..._version import __version__
from .errors import CallFailed, McpError
from .http import Exchange, exchange
from .listing import Listing
from .stdio import Streams

log = logging.getLogger("autogen_like.mcp")

ATTEMPTS = 3  # to connect, for one call
GIVE_UP = 10  # connections in a row that were lost, or not made, without one call answered
FIRST_PAUSE, LONGEST_PAUSE = 0.25, 8.0  # seconds before the second attempt; doubled for each further one
_CLOSING = 15.0  # seconds that closing may take before it is cut short
_BETWEEN_LISTS = 0.1  # seconds between two lists: a server may say at any rate that its list has changed
MAX_PAGES = 100


class Way(Protocol):
    """How a server is reached: `stdio.Command` or `http.Address`."""

    @property
    def name(self) -> str:
        """What messages call the server."""
        ...

    def transport(self, ended: Callable[[], None]) -> AbstractAsyncContextManager[Streams]:
        """The streams to talk to it by; `ended` is called when it says no more."""
        ...

    @property
    def trouble(self) -> str:
        """What went wrong last, for models too."""
        ...

    def details(self) -> str:
        """What else is known, for people."""
        ...


class Session:
    """A session with one server, on the loop of sessions. All methods are called on that loop.

    Args:
        way: How the server is reached.
        patience: Seconds until a connection must be made.
        listed: Called with each new list of tools.
    """

    def __init__(self, way: Way, patience: float, listed: Callable[[Listing], None]) -> None:
        self._way = way
        self._patience = patience
        self._listed = listed
        self._lock = asyncio.Lock()
        self._connection: _Connection | None = None
        self._closed = False
        self._failures = 0

    async def open(self) -> None:
        """Connects for the first time.

        Raises:
            McpError: If that fails, or takes too long.
        """
        async with self._lock:
            await self._connect()

    async def close(self) -> None:
        """Ends it, for good."""
        self._closed = True
        if self._connection is not None:
            await self._connection.close()

    async def call(
        self, name: str, arguments: Mapping[str, Any], seconds: float | None, progress: ProgressFnT | None
    ) -> types.CallToolResult:
        """Calls a tool; connects first where the connection was lost.

        A call that may have been carried out is never sent again. One that the server refused to look at, because it
        knows the session no more, is.

        Args:
            name: The server's name for the tool.
            arguments: Its arguments.
            seconds: How long it may take, connecting apart.
            progress: Called with what the server reports on the way.

        Raises:
            CallFailed: If there is no result.
        """
        connection = await self._connected()
        try:
            return await self._call(connection, name, arguments, seconds, progress)
        except _Refused:
            connection.retire()
            connection = await self._connected()
        try:
            return await self._call(connection, name, arguments, seconds, progress)
        except _Refused:
            raise CallFailed(f"the MCP server {self._way.name} forgets its sessions at once") from None

    async def _call(
        self,
        connection: _Connection,
        name: str,
        arguments: Mapping[str, Any],
        seconds: float | None,
        progress: ProgressFnT | None,
    ) -> types.CallToolResult:
        noted = Exchange()
        token = exchange.set(noted)
        try:
            async with asyncio.timeout(seconds), connection:
                answer = await connection.session.call_tool(
                    name, dict(arguments), progress_callback=progress, allow_input_required=True
                )
        except TimeoutError:
            raise CallFailed(f"{name} took longer than {seconds:g} s and was cancelled") from None
        except MCPError as error:
            if noted.refused:
                raise _Refused from None
            raise CallFailed(await self._explain(connection, noted, error)) from None
        except ValidationError as error:
            where = ".".join(str(step) for step in error.errors(include_url=False)[0]["loc"])
            raise CallFailed(f"the MCP server {self._way.name} gave no valid result (at {where})") from None
        finally:
            exchange.reset(token)
        self._failures = 0
        if isinstance(answer, types.InputRequiredResult):
            raise CallFailed(f"{name} asks for input (of a person, a model or folders) that isn't given to MCP servers")
        return answer

    async def _explain(self, connection: _Connection, noted: Exchange, error: MCPError) -> str:
        if error.code == types.HEADER_MISMATCH:
            connection.list_again()
            return "the tool has changed meanwhile; look at its arguments again"
        if noted.doubtful:
            connection.retire()
        # Servers send the code for errors of their own, too; the SDK's texts tell the two apart.
        if error.code == types.CONNECTION_CLOSED and error.message.startswith(("Connection closed", "SSE stream")):
            why = noted.failure
            connection.retire()
            if error.message.startswith("Connection"):
                self._failures += 1
                await connection.close()
                why = why or self._way.trouble
            lost = f"the connection to the MCP server {self._way.name} was lost during the call"
            return f"{lost}{f' ({why})' if why else ''}; whether it was carried out is not known"
        if noted.failure:
            return f"the MCP server {self._way.name} gave no answer: {noted.failure}"
        if error.code == types.PARSE_ERROR:
            return f"the MCP server {self._way.name} gave an answer that is not MCP"
        return error.message

    async def _connected(self) -> _Connection:
        try:
            async with self._lock:
                for attempt in range(ATTEMPTS):
                    if self._connection is not None and self._connection.alive:
                        return self._connection
                    if self._failures >= GIVE_UP:
                        raise McpError(
                            f"the MCP server {self._way.name} failed {GIVE_UP} times in a row and is not tried again"
                        )
                    await asyncio.sleep(self._pause())
                    try:
                        await self._connect()
                    except McpError:
                        if self._closed or attempt == ATTEMPTS - 1:
                            raise
                assert self._connection is not None  # noqa: S101 - the last attempt made it or raised
                return self._connection
        except McpError as error:
            raise CallFailed(error.message) from None

    def _is_closed(self) -> bool:
        return self._closed  # which may have changed while something was waited for

    def _pause(self) -> float:
        return min(FIRST_PAUSE * 2 ** (self._failures - 1), LONGEST_PAUSE) if self._failures else 0.0

    async def _connect(self) -> None:
        if self._closed:
            raise McpError(f"the tools of the MCP server {self._way.name} are closed; open them again")
        connection = self._connection = _Connection(self._way, self._listed)
        try:
            await connection.open(self._patience)
        except McpError:
            self._failures += 1
            raise
        if self._is_closed():
            await connection.close()
            raise McpError(f"the tools of the MCP server {self._way.name} were closed")


class _Refused(Exception):
    """The server doesn't know the session any more, and has not looked at the call."""


class _Connection:
    """One connection, in a task of its own from its beginning to its end, as the SDK's scopes want it."""

    def __init__(self, way: Way, listed: Callable[[Listing], None]) -> None:
        self._way = way
        self._listed = listed
        self._over = asyncio.Event()
        self._stale = asyncio.Event()
        self._ready: asyncio.Future[ClientSession] = asyncio.get_running_loop().create_future()
        self._task: asyncio.Task[None] | None = None
        self._calls = 0
        self._retired = False

    @property
    def session(self) -> ClientSession:
        """The SDK's session, once it is open."""
        return self._ready.result()

    @property
    def alive(self) -> bool:
        """Whether it can be used."""
        return self._task is not None and not self._task.done() and not (self._over.is_set() or self._retired)

    def retire(self) -> None:
        """Has it end when the calls that are under way have ended; no others are made."""
        self._retired = True
        if not self._calls:
            self._over.set()

    async def __aenter__(self) -> None:
        """A call is under way."""
        self._calls += 1

    async def __aexit__(self, *_: object) -> None:
        """A call has ended."""
        self._calls -= 1
        if self._retired and not self._calls:
            self._over.set()

    def list_again(self) -> None:
        """Has the tools listed anew."""
        self._stale.set()

    async def open(self, patience: float) -> None:
        loop = asyncio.get_running_loop()
        # In a context of its own: it outlives the run in which a call happened to need it.
        self._task = loop.create_task(self._own(), context=contextvars.Context())
        try:
            async with asyncio.timeout(patience):
                either: set[asyncio.Future[Any]] = {self._task, self._ready}
                await asyncio.wait(either, return_when=asyncio.FIRST_COMPLETED)
        except BaseException as error:
            await self._abandon()
            if not isinstance(error, TimeoutError):
                raise
            raise self._error(f"didn't answer within {patience:g} s") from None
        if not self._ready.done():
            raise self._error("can't be used", self._task.exception() if not self._task.cancelled() else None)

    def _error(self, what: str, cause: BaseException | None = None) -> McpError:
        cause = _first(cause)
        if isinstance(cause, McpError):
            return cause
        closed = isinstance(cause, MCPError) and cause.code == types.CONNECTION_CLOSED  # which says less than why
        said = "" if cause is None or closed else str(cause)
        why = "; ".join(text for text in (said, self._way.trouble) if text)
        return McpError(f"the MCP server {self._way.name} {what}{': ' if why else ''}{why}", self._way.details())

    async def close(self) -> None:
        """Ends it and waits until it has."""
        self._over.set()
        if self._task is None:
            return
        if not self._ready.done():
            self._task.cancel()
        await asyncio.wait({self._task}, timeout=_CLOSING)
        await self._abandon()

    async def _abandon(self) -> None:
        assert self._task is not None  # noqa: S101 - set where it is opened
        self._task.cancel()
        await asyncio.wait({self._task}, timeout=_CLOSING)
        if self._task.done() and not self._task.cancelled():
            self._task.exception()  # looked at, so that asyncio doesn't warn

    async def _own(self) -> None:
        try:
            async with self._way.transport(self._over.set) as streams:
                dispatcher = _Dispatcher(*streams)
                info = types.Implementation(name="autogen_like", version=__version__)
                async with ClientSession(
                    dispatcher=dispatcher, message_handler=self._heard, client_info=info
                ) as session:
                    await _agree(session)
                    self._listed(await _list(session, dispatcher))
                    if not self._ready.done():
                        self._ready.set_result(session)
                    await self._until_over(session, dispatcher)
        except Exception as error:
            if not self._ready.done():
                raise
            log.info("the connection to the MCP server %s was lost: %r", self._way.name, _first(error))
        finally:
            self._over.set()

    async def _until_over(self, session: ClientSession, dispatcher: _Dispatcher) -> None:
        helpers = [asyncio.create_task(self._keep_list(session, dispatcher))]
        offered = session.server_capabilities
        changes = offered is not None and offered.tools is not None and offered.tools.list_changed
        if session.discover_result is not None and changes:
            helpers.append(asyncio.create_task(self._follow(session)))
        try:
            await self._over.wait()
        finally:
            for helper in helpers:
                helper.cancel()
            await asyncio.wait(helpers)

    async def _heard(self, message: types.ServerNotification | Exception) -> None:
        if isinstance(message, types.ToolListChangedNotification):
            self._stale.set()

    async def _follow(self, session: ClientSession) -> None:
        """Since 2026-07-28, changes are told only to those who listen for them."""
        with contextlib.suppress(MCPError, RuntimeError):
            async with listen(session, tools_list_changed=True) as changes:
                async for _ in changes:
                    self._stale.set()

    async def _keep_list(self, session: ClientSession, dispatcher: _Dispatcher) -> None:
        while True:
            await self._stale.wait()
            self._stale.clear()
            try:
                self._listed(await _list(session, dispatcher))
            except (MCPError, ValidationError) as error:
                log.warning("the MCP server %s changed its tools, but can't list them: %s", self._way.name, error)
            await asyncio.sleep(_BETWEEN_LISTS)


def _first(error: BaseException | None) -> BaseException | None:
    """The error itself, out of the groups that anyio wraps around it."""
    while isinstance(error, BaseExceptionGroup):
        error = error.exceptions[0]
    return error


async def _agree(session: ClientSession) -> None:
    """Finds out which version of the protocol both speak: the newest way first, then the handshake of before 2026."""
    try:
        await session.discover()
    except (MCPError, ValidationError, RuntimeError):
        try:
            await session.initialize()
        except MCPError as error:
            if error.code != types.UNSUPPORTED_PROTOCOL_VERSION:
                raise
            # It was so slow to start that nobody waited for its answer any more, and has taken the question as settled.
            await session.discover()


async def _list(session: ClientSession, dispatcher: _Dispatcher) -> Listing:
    dispatcher.listing = listing = Listing()
    cursor: str | None = None
    for _ in range(MAX_PAGES):
        page = await session.list_tools(params=types.PaginatedRequestParams(cursor=cursor))
        if page.next_cursor is None or page.next_cursor == cursor:
            return listing
        cursor = page.next_cursor
    log.warning("a list of tools of more than %d pages was cut", MAX_PAGES)
    return listing


class _Dispatcher(JSONRPCDispatcher):
    """Checks each tool of a list by itself, before the SDK would refuse the whole list for one that is broken."""

    listing = Listing()

    async def send_raw_request(
        self,
        method: str,
        params: Mapping[str, Any] | None,
        opts: CallOptions | None = None,
        **options: Any,
    ) -> dict[str, Any]:
        raw = await super().send_raw_request(method, params, opts, **options)
        if method == "tools/list" and isinstance(raw.get("tools"), list):
            kept = [self.listing.take(tool) for tool in raw["tools"]]
            raw["tools"] = [tool for tool in kept if tool is not None]
        return raw
