"""An MCP server as a process of its own: JSON-RPC over its standard input and output, one message a line."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import os
import shutil
import signal
import sys
from asyncio.subprocess import Process, SubprocessStreamProtocol
from collections import deque
from collections.abc import AsyncGenerator, Callable, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, TypeAlias

import anyio
from mcp.shared.message import SessionMessage
from mcp.types import jsonrpc_message_adapter

from .errors import McpError

log = logging.getLogger("autogen_like.mcp")
Streams: TypeAlias = tuple[Any, Any]  # one to read and one to write, of whatever kind a transport of the SDK has

MAX_MESSAGE_BYTES = 32 << 20
MAX_GARBAGE = 1000  # lines that are no messages, until the server is taken for something else
PATIENCE = 2.0  # seconds that a server has to end by itself, once its input is closed
_KILLED = 5.0  # seconds until the guard must have killed everything
_SHOWN = 500  # characters of a line that are logged

# What a program needs to find its libraries, its home and its language, and nothing that could be a key.
_HARMLESS = "PATH HOME USER LOGNAME SHELL LANG LANGUAGE TZ TERM TMPDIR SSL_CERT_FILE SSL_CERT_DIR"
_PASSED = frozenset(_HARMLESS.split())


def environment(extra: Mapping[str, str]) -> dict[str, str]:
    """What a server sees of this process's environment: an allow-list, and what was passed on purpose."""
    kept = {name: value for name, value in os.environ.items() if name in _PASSED or name.startswith("LC_")}
    return {**kept, **extra}


@dataclass(slots=True)
class Command:
    """How a server is started, and what it said beside MCP.

    Args:
        name: What messages call the server.
        words: The program and its arguments.
        env: Its environment, the whole of it.
        cwd: Where it runs.
    """

    name: str
    words: Sequence[str]
    env: Mapping[str, str] = field(repr=False)
    cwd: str | os.PathLike[str] | None = None
    garbage: int = 0
    first_garbage: str = ""
    trouble: str = ""
    errors: deque[str] = field(default_factory=lambda: deque(maxlen=20))

    def details(self) -> str:
        """What it said beside MCP, for the person who started it."""
        said = []
        if self.garbage:
            said.append(f"it printed {self.garbage} lines that are not MCP messages, the first: {self.first_garbage!r}")
        if self.errors:
            said.append("its stderr ended with:\n" + "\n".join(self.errors))
        return "; ".join(said)

    @asynccontextmanager
    async def transport(self, ended: Callable[[], None]) -> AsyncGenerator[Streams]:
        """Runs the server, and gives the streams that a session talks to it by.

        Args:
            ended: Called when the server says no more.

        Raises:
            McpError: If the program can't be started.
        """
        self.garbage, self.first_garbage, self.trouble = 0, "", ""
        self.errors.clear()
        process, transport, lifeline = await self._start()
        to_session, from_server = anyio.create_memory_object_stream[SessionMessage | Exception](0)
        to_server, from_session = anyio.create_memory_object_stream[SessionMessage](0)
        with contextlib.closing(transport), to_session, from_server, to_server, from_session:
            async with anyio.create_task_group() as group:

                async def read() -> None:
                    with to_session:
                        await self._read(process, to_session.send)
                    ended()

                async def write() -> None:
                    await self._write(process, from_session)
                    to_session.close()
                    ended()

                group.start_soon(read)
                group.start_soon(write)
                group.start_soon(self._read_errors, process)
                try:
                    yield from_server, to_server
                finally:
                    with anyio.CancelScope(shield=True):
                        await self._stop(process, lifeline)
                    group.cancel_scope.cancel()

    async def _start(self) -> tuple[Process, asyncio.SubprocessTransport, int]:
        loop = asyncio.get_running_loop()
        guard = [sys.executable, "-I", "-S", str(Path(__file__).with_name("guard.py"))]
        if shutil.which(self.words[0], path=self.env.get("PATH", os.defpath)) is None and "/" not in self.words[0]:
            raise McpError(
                f"the MCP server {self.name} can't be started: there is no program {self.words[0]!r} on PATH"
            )
        watched, lifeline = os.pipe()
        try:
            transport, protocol = await loop.subprocess_exec(
                lambda: SubprocessStreamProtocol(limit=MAX_MESSAGE_BYTES, loop=loop),
                *guard,
                str(watched),
                *self.words,
                env=self.env,
                cwd=self.cwd,
                pass_fds=(watched,),
                start_new_session=True,
            )
        except BaseException as error:
            os.close(lifeline)  # cancelled while it was being started: the guard sees to the rest
            if isinstance(error, OSError):
                raise McpError(f"the MCP server {self.name} can't be started in {self.cwd}: {error}") from error
            raise
        finally:
            os.close(watched)
        return Process(transport, protocol, loop), transport, lifeline

    async def _read(self, process: Process, deliver: Callable[[SessionMessage], object]) -> None:
        assert process.stdout is not None  # noqa: S101 - made with a pipe
        while True:
            try:
                line = await process.stdout.readline()
            except ValueError:
                self.trouble = f"it sent a message of more than {MAX_MESSAGE_BYTES >> 20} MiB"
                return
            if not line:
                return
            message = self._message(line)
            if message is None:
                if self.garbage >= MAX_GARBAGE:
                    self.trouble = "its output is not MCP"
                    return
                continue
            try:
                await deliver(message)  # type: ignore[misc]
            except (anyio.ClosedResourceError, anyio.BrokenResourceError):
                return

    def _message(self, line: bytes) -> SessionMessage | None:
        """The message in a line; None for what is none, as banners that servers print by mistake."""
        if line.lstrip()[:1] == b"{":
            try:
                return SessionMessage(jsonrpc_message_adapter.validate_json(line, by_name=False))
            except ValueError:
                pass
        shown = self._shown(line)
        if shown:
            self.first_garbage = self.first_garbage or shown[:100]
            self.garbage += 1
            log.info("%s printed what is not MCP: %s", self.name, shown)
        return None

    async def _write(self, process: Process, messages: anyio.abc.ObjectReceiveStream[SessionMessage]) -> None:
        assert process.stdin is not None  # noqa: S101 - made with a pipe
        try:
            async for message in messages:
                process.stdin.write(message.message.model_dump_json(by_alias=True, exclude_unset=True).encode() + b"\n")
                await process.stdin.drain()
        except OSError:  # it has closed its input: whatever it would still say answers nothing
            return

    async def _read_errors(self, process: Process) -> None:
        assert process.stderr is not None  # noqa: S101 - made with a pipe
        while True:
            try:
                line = await process.stderr.readline()
            except ValueError:
                continue  # too long for a log
            if not line:
                return
            shown = self._shown(line)
            self.errors.append(shown)
            log.info("%s: %s", self.name, shown)

    def _shown(self, line: bytes) -> str:
        """A line as it may be told: servers print the keys that they were given, most of all those that don't work."""
        for name, value in self.env.items():
            if name not in _PASSED and len(value) >= 8:  # a shorter one is a flag, and would blot ordinary words
                line = line.replace(value.encode("utf-8", "surrogateescape"), b"***")
        return _visible(line)

    async def _stop(self, process: Process, lifeline: int) -> None:
        """As the protocol has it: closes its input, waits a while, then kills it with all that it started."""
        assert process.stdin is not None  # noqa: S101 - made with a pipe
        process.stdin.close()
        await _gone(process, PATIENCE)
        os.close(lifeline)
        if not await _gone(process, _KILLED):
            log.warning("the guard of the MCP server %s didn't end and is killed", self.name)
            with contextlib.suppress(ProcessLookupError, PermissionError):
                os.killpg(process.pid, signal.SIGKILL)
            await _gone(process, _KILLED)
        if process.returncode:
            self.trouble = self.trouble or f"it ended with exit code {process.returncode}"


async def _gone(process: Process, seconds: float) -> bool:
    """Whether it ends in time. Polled, since asyncio's ``wait`` also waits for its pipes, which others may hold."""
    for _ in range(int(seconds * 100)):
        if process.returncode is not None:
            return True
        await asyncio.sleep(0.01)
    return process.returncode is not None


def _visible(line: bytes) -> str:
    """A line of somebody else's, fit for a log: no control characters, not too long."""
    text = line[: 4 * _SHOWN].decode("utf-8", "replace").strip()
    return "".join(sign if sign.isprintable() else "\ufffd" for sign in text[:_SHOWN])
