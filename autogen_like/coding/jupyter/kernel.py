"""A kernel as the executor sees it, wherever it runs: messages go in and come out."""

from __future__ import annotations

import asyncio
from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, TypeAlias

from ...core.errors import ConfigError
from ...core.message import new_id

KernelMessage: TypeAlias = Mapping[str, Any]

MAX_MESSAGE = 64 * 1024 * 1024  # bytes of one message that are taken in; what is larger is cut off by the transport
TOO_MUCH = f"it sent more than {MAX_MESSAGE // 1024**2} MiB at once, which is not taken in"
_START = 60.0  # seconds that a kernel may take to start
_NUDGE = 0.5


@dataclass(frozen=True, slots=True)
class Death:
    """How a kernel ended.

    Args:
        reason: What happened, as a clause: "it was ended by signal 9".
        exit_code: What stands for it in a result; never 0.
    """

    reason: str
    exit_code: int = 1


class Kernel(ABC):
    """One kernel. Used on the kernels' loop alone.

    Attributes:
        language: What it runs, in lower case; known once it has started.
        listener: Told every message that the kernel sends.
        closed: Whether we ended it.
    """

    def __init__(self, name: str) -> None:
        self.name = name
        self.language = ""
        self.listener: Callable[[KernelMessage], None] = _ignore
        self.closed = False
        self._closing = asyncio.Lock()

    @abstractmethod
    async def open(self) -> None:
        """Starts the kernel's process and connects to it.

        Raises:
            ConfigError: If there is no such kernel, or it can't be started.
        """

    @abstractmethod
    async def send(self, kind: str, content: Mapping[str, Any], request: str) -> None:
        """Sends a request on the shell channel.

        Args:
            kind: The message's type, ``execute_request`` for one.
            content: Its content.
            request: An id for it, which comes back as the parent of all that it leads to.
        """

    @abstractmethod
    async def interrupt(self) -> None:
        """Interrupts what runs, as Ctrl-C does."""

    @abstractmethod
    async def death(self) -> Death | None:
        """How it ended; None while it lives."""

    @abstractmethod
    async def _close(self) -> None:
        """Ends the kernel, and whatever was made for it until now. May be called again."""

    async def close(self) -> None:
        """Ends the kernel; also one that is being started, which then gives up."""
        self.closed = True
        async with self._closing:
            await self._close()

    def told(self) -> str:
        """What the kernel's process wrote outside of all messages, for errors at its start."""
        return ""

    async def start(self) -> None:
        """Starts the kernel and waits until both of its channels answer.

        Raises:
            ConfigError: If it doesn't start, or not in time.
        """
        try:
            async with asyncio.timeout(_START):
                await self.open()
                await self._answers()
        except TimeoutError:
            await self.close()
            raise ConfigError(f"the kernel {self.name!r} did not answer within {_START:g} s.{self.told()}") from None
        except BaseException:
            await self.close()
            raise

    async def _answers(self) -> None:
        """Asks until an answer came on the shell channel and its echo on the other, which may be late to connect."""
        channels: set[str] = set()
        both = asyncio.Event()

        def listen(message: KernelMessage) -> None:
            kind, content = message["header"].get("msg_type"), message.get("content") or {}
            if kind == "kernel_info_reply":
                self.language = str((content.get("language_info") or {}).get("name", "")).lower()
            if kind in ("kernel_info_reply", "status") and message.get("parent_header"):
                channels.add(kind)
            if len(channels) == 2:
                both.set()

        self.listener = listen
        while not both.is_set():
            dead = Death("it was ended meanwhile") if self.closed else await self.death()
            if dead is not None:
                raise ConfigError(f"the kernel {self.name!r} did not start: {dead.reason}.{self.told()}")
            await self.send("kernel_info_request", {}, new_id())
            try:
                async with asyncio.timeout(_NUDGE):
                    await both.wait()
            except TimeoutError:
                continue
        self.listener = _ignore


def _ignore(_: KernelMessage) -> None:
    """What comes while no code runs: output of threads that earlier code left behind."""
