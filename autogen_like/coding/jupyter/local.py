"""A kernel in a process of this machine, started by jupyter_client."""

from __future__ import annotations

import asyncio
import logging
import os
import secrets
import site
from collections.abc import Mapping
from pathlib import Path
from typing import Any, cast

import zmq
import zmq.asyncio
import zmq.utils.monitor
from jupyter_client.kernelspec import KernelSpecManager, NoSuchKernel
from jupyter_client.manager import AsyncKernelManager
from jupyter_client.provisioning.provisioner_base import KernelProvisionerBase
from jupyter_client.session import Session

from ...core.errors import ConfigError
from ..private_folder import PrivateFolder
from ..process import MARK, clean_environment, kill_marked
from .kernel import MAX_MESSAGE, TOO_MUCH, Death, Kernel

_KEPT = 2000  # bytes of what a kernel's process writes that an error shows
_WAITING = 20_000  # messages that may wait to be read; what comes beyond is lost, and the output says so
_SOCKET = len("/kernel-ipc-5")
_DYING = 0.005  # seconds between two looks whether a killed process is gone
_LAST = 0.2  # seconds until a process whose sockets are gone is gone too

# What jupyter_client logs is told in errors and results; its own lines would only repeat it, to standard error.
_log = logging.getLogger("autogen_like.coding.jupyter")
_log.addHandler(logging.NullHandler())
_log.propagate = False


def check_kernel(name: str) -> None:
    """Sees to it that a kernel of this name is installed on this machine.

    Args:
        name: The kernel's name, "python3" for one.

    Raises:
        ConfigError: If there is none; it names those that are there.
    """
    manager = KernelSpecManager(log=_log)
    try:
        manager.get_kernel_spec(name)
    except NoSuchKernel:
        installed = ", ".join(sorted(manager.find_kernel_specs())) or "none: pip install ipykernel"
        raise ConfigError(f"Kernel {name!r} is not installed on this machine; there are: {installed}") from None


def _own(folder: Path) -> dict[str, str]:
    """A home, a temporary folder and IPython's folder for a kernel alone; packages of the user's are still found."""
    own = {"HOME": folder / "home", "TMPDIR": folder / "tmp", "IPYTHONDIR": folder / "ipython"}
    for path in own.values():
        path.mkdir()
    user = {"PYTHONUSERBASE": site.getuserbase()} if site.ENABLE_USER_SITE else {}
    return {**{name: str(path) for name, path in own.items()}, **user}


class _Tail(asyncio.Protocol):
    """The last that a process wrote."""

    def __init__(self) -> None:
        self.kept = b""

    def data_received(self, data: bytes) -> None:
        self.kept = (self.kept + data)[-_KEPT:]


class LocalKernel(Kernel):
    """A kernel in a process of this machine, in a session of its own, which ends with its parent.

    Its sockets are files in a folder that only this user can enter, where the system has such sockets and the folder's
    path isn't too long for one: over TCP, anybody on the machine could listen to what it publishes.

    Args:
        name: The kernel's name.
        folder: Where it works.
        env: Environment variables that it sees beside the harmless ones.
    """

    def __init__(self, name: str, folder: Path, env: Mapping[str, str]) -> None:
        super().__init__(name)
        self._cwd = folder
        self._env = env
        self._private: PrivateFolder | None = None
        self._manager: AsyncKernelManager | None = None
        self._sockets: dict[str, zmq.asyncio.Socket] = {}
        self._tasks: list[asyncio.Task[None]] = []
        self._cut = False
        self._mark = secrets.token_hex(8)
        self._tail = _Tail()
        self._pipe: asyncio.ReadTransport | None = None

    async def open(self) -> None:
        """Starts the process and connects to it."""
        self._private = PrivateFolder(self, "kernel-")
        private = self._private.path
        manager = self._manager = AsyncKernelManager(
            kernel_name=self.name,
            connection_file=str(private / "kernel.json"),
            transport="ipc" if zmq.has("ipc") and len(str(private)) < zmq.IPC_PATH_MAX_LEN - _SOCKET else "tcp",
            log=_log,
        )
        # So that neither a person's settings and start-up files nor a history of what ran are shared with anybody.
        env = clean_environment({**_own(private), **self._env, MARK: self._mark})
        read_end, write_end = os.pipe()
        try:
            self._pipe, _ = await asyncio.get_running_loop().connect_read_pipe(
                lambda: self._tail, os.fdopen(read_end, "rb", 0)
            )
            await manager.start_kernel(cwd=str(self._cwd), env=env, stdout=write_end, stderr=write_end)
        except OSError as error:
            raise ConfigError(f"the kernel {self.name!r} could not be started: {error}") from error
        finally:
            os.close(write_end)
        self._connect(manager)

    @property
    def _running(self) -> AsyncKernelManager:
        if self._manager is None:
            raise RuntimeError("a kernel is opened before it is used")
        return self._manager

    def _connect(self, manager: AsyncKernelManager) -> None:
        manager.context.setsockopt(zmq.MAXMSGSIZE, MAX_MESSAGE)
        manager.context.setsockopt(zmq.RCVHWM, _WAITING)
        connected = {"shell": manager.connect_shell(manager.session.bsession), "iopub": manager.connect_iopub()}
        self._sockets = cast("dict[str, zmq.asyncio.Socket]", connected)
        for socket in self._sockets.values():
            self._tasks.append(asyncio.create_task(self._read(socket, manager.session)))
            monitor = socket.get_monitor_socket(zmq.EVENT_DISCONNECTED)
            self._tasks.append(asyncio.create_task(self._watch(monitor)))

    async def _read(self, socket: zmq.asyncio.Socket, session: Session) -> None:
        while True:
            frames = await socket.recv_multipart()
            try:
                message = session.deserialize(session.feed_identities(frames)[1])
            except (ValueError, TypeError, KeyError, IndexError, AttributeError):
                _log.warning("a message that is no Jupyter message, or isn't signed, was dropped")
                continue
            self.listener(message)
            await asyncio.sleep(0)  # a flood of messages is read without a pause otherwise

    async def _watch(self, monitor: zmq.asyncio.Socket) -> None:
        """Notes that a connection ended: the kernel has, or a message was too large to be taken in."""
        await monitor.recv_multipart()
        self._cut = True

    async def send(self, kind: str, content: Mapping[str, Any], request: str) -> None:
        """Sends a request."""
        session = self._running.session
        message = session.msg(kind, dict(content))
        message["header"]["msg_id"] = message["msg_id"] = request
        # Not by session.send, which goes around the asyncio socket: that would miss what arrives at the same time.
        await self._sockets["shell"].send_multipart(session.serialize(message))

    async def interrupt(self) -> None:
        """Interrupts the kernel and the processes that it started."""
        if await self.death() is None:
            await self._running.interrupt_kernel()

    async def death(self) -> Death | None:
        """How the process ended."""
        provisioner = self._manager.provisioner if self._manager is not None else None
        if self.closed or provisioner is None:
            return Death("it was ended on request")
        code = await provisioner.poll()
        if code is None and self._cut:
            await asyncio.sleep(_LAST)
            code = await provisioner.poll()
        if code is None:
            return Death(TOO_MUCH) if self._cut else None
        if code < 0:
            return Death(f"it was ended by signal {-code}", 128 - code)
        return Death(f"its process ended with exit code {code}", code or 1)

    def told(self) -> str:
        """What its process wrote, on lines of its own."""
        text = self._tail.kept.decode("utf-8", "replace").strip()
        return f"\n{text}" if text else ""

    async def _kill(self, provisioner: KernelProvisionerBase | None) -> None:
        """Kills the process; not by shutdown_kernel, which can't be called while start_kernel is at work."""
        if provisioner is None or not provisioner.has_process:
            return
        await provisioner.kill()
        kill_marked(self._mark)  # what left the kernel's session; not in a thread: there are no new ones at exit
        while await provisioner.poll() is None:  # noqa: ASYNC110 - nothing tells of it
            await asyncio.sleep(_DYING)
        await provisioner.wait()

    async def _close(self) -> None:
        """Kills the process and what it started, and removes its files."""
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        if self._manager is not None:
            await self._kill(self._manager.provisioner)
            await self._manager.cleanup_resources()
            self._manager.context.destroy(linger=0)
        if self._pipe is not None:
            self._pipe.close()
        if self._private is not None:
            self._private.close()
