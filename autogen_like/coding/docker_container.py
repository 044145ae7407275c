"""One container that code runs in: made without rights, given programs to run, emptied and removed."""

from __future__ import annotations

import contextlib
import os
import socket
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ..core.errors import ConfigError, ExecutorUnavailable
from .docker_engine import Gone, engine_errors
from .docker_reaper import OWNER, owner, reap, remove

if TYPE_CHECKING:
    from docker import APIClient

WORK = "/workspace"
FUNCTIONS = "/functions"
PACKAGES = "/packages"
KEEPER = "65533"  # who the process is that keeps the container alive; code runs as somebody else, and can't touch it

BEGUN = b"."

# What runs in the container for each block, as the user that the block runs as. It waits for a line, so that nothing is
# said before somebody listens; it makes one stream of two, whose order the engine would lose; it writes the file, of
# which it reads all even where it can't be written (the engine cuts a connection that nobody reads); it says so, and
# runs the program. The next line, or the end of who listens, kills the program and all that it started, and so does the
# program's own end: `kill -9 -1` reaches all that this user may kill, at once: no fork bomb outruns it.
_RUN = """
read -r _ || exit 0
exec 2>&1
if [ -n "$1" ]; then
    case $1 in */*) mkdir -p -- "${1%/*}" || { head -c "$2" >/dev/null; exit 1; } ;; esac
    head -c "$2" | { cat >"$1" || { cat >/dev/null; rm -f -- "$1"; exit 1; }; } || exit 1
fi
shift 2
printf .
[ $# -gt 0 ] || exit 0
exec 3<&0
{ read -r _ <&3; kill -9 -1; } &
"$@" </dev/null 3<&-
code=$?
kill -9 -1 2>/dev/null
exit $code
"""
_SWEEP = ("sh", "-c", "kill -9 -1; exit 0")  # there may be nothing to kill
_INSPECTIONS, _PAUSE = 500, 0.01  # seconds
_FILES = 65536  # in the work folder; each takes memory, also an empty one


@dataclass(frozen=True, slots=True)
class Box:
    """What a container may do and how much it may take.

    Args:
        image: The image.
        name: The container's name; the engine makes one by default.
        user: ``uid:gid`` that code runs as.
        network: Whether it has a network.
        memory: Bytes of memory, the work folder's files among them.
        cpus: How many processors.
        pids: How many processes.
        work_size: Bytes that the work folder may hold.
        bind: A folder of the engine's machine to use as the work folder.
        packages: A folder of this machine with packages to import.
        env: Environment variables.
        auto_remove: Whether it is removed once it ends.
        owned: Whether it is to end with this process.
    """

    image: str
    user: str
    memory: int
    cpus: float
    pids: int
    work_size: int
    network: bool = False
    name: str | None = None
    bind: str | None = None
    packages: Path | None = None
    env: Mapping[str, str] = field(default_factory=dict)
    auto_remove: bool = True
    owned: bool = True


class Container:
    """A container that runs. All its methods block.

    Args:
        client: The engine that it is on; closed with it.
        box: What it may do.

    Raises:
        ConfigError: If the engine refuses to make it so.
        ExecutorUnavailable: If the engine doesn't answer.
    """

    def __init__(self, client: APIClient, box: Box) -> None:
        from docker.errors import APIError

        self._client = client
        self._user = box.user
        self.process = os.getpid()
        reap(client)
        try:
            with engine_errors():
                self.id: str = client.create_container(**_settings(client, box))["Id"]
        except (APIError, Gone) as error:
            raise ConfigError(f"Docker refused the container: {_reason(error)}") from None
        try:
            with engine_errors():
                client.start(self.id)
        except (APIError, Gone) as error:
            self.remove()
            raise ConfigError(f"Docker could not start the container from {box.image!r}: {_reason(error)}") from None
        except BaseException:
            with contextlib.suppress(ExecutorUnavailable):
                self.remove()
            raise

    def execute(self, command: Sequence[str], *, user: str | None = None, stdin: bytes = b"") -> Execution:
        """Starts a program in the work folder.

        Args:
            command: The program and its arguments.
            user: Who runs it; who code runs as, by default.
            stdin: What it is given to read, once its output is listened to.

        Raises:
            Gone: If the container isn't there any more.
        """
        try:
            with engine_errors():
                made = self._client.exec_create(
                    self.id, list(command), user=user or self._user, workdir=WORK, stdin=True
                )
                stream = self._client.exec_start(made["Id"], socket=True)
        except ExecutorUnavailable:
            self._check()  # an engine that is about to remove it fails
            raise
        return Execution(self._client, made["Id"], stream, stdin)

    def _check(self) -> None:
        """Raises `Gone` if it isn't there any more, or doesn't run."""
        with engine_errors():
            state = self._client.inspect_container(self.id)["State"]
        if not state["Running"] or state["Status"] == "removing":
            raise Gone(f"it is {state['Status']}")

    def run(
        self, command: Sequence[str], *, path: str = "", content: bytes = b"", user: str | None = None
    ) -> Execution:
        """Starts a program in the work folder; what it leaves running is killed when it ends.

        Args:
            command: The program and its arguments; nothing to write the file only.
            path: A file to write first.
            content: What to write.
            user: Who runs it; who code runs as, by default.

        Returns:
            What prints `BEGUN` before the program does anything, if the file was written.

        Raises:
            Gone: If the container isn't there any more.
        """
        script = ("sh", "-c", _RUN, "sh", path, str(len(content)), *command)
        return self.execute(script, user=user, stdin=b"\n" + content)

    def sweep(self) -> None:
        """Kills all that code runs.

        Raises:
            Gone: If the container isn't there any more.
        """
        for _ in range(_INSPECTIONS):  # what is killed may kill it first, and a container that is ending runs nothing
            sweeping = self.execute(_SWEEP)
            for _ in sweeping:
                pass
            if sweeping.exit_code() == 0:
                return
            time.sleep(_PAUSE)
        raise Gone("nothing can be run in it")

    def remove(self) -> None:
        """Kills and removes it."""
        try:
            remove(self._client, self.id)
        finally:
            self.disconnect()

    def kill(self) -> None:
        """Ends it and leaves it there to be looked at, unless it was made to go by itself."""
        try:
            with contextlib.suppress(Gone), engine_errors():
                self._client.kill(self.id)
        finally:
            self.disconnect()

    def disconnect(self) -> None:
        """Leaves it as it is."""
        self._client.close()


class Execution:
    """A program that runs in a container; iterate over what it prints.

    Args:
        client: The engine.
        name: What the engine calls it.
        stream: The connection to it.
        stdin: What it is given to read.
    """

    def __init__(self, client: APIClient, name: str, stream: Any, stdin: bytes) -> None:
        # `stream` is whatever the docker package gives: a socket, a file on one, a channel, a pipe
        self._client = client
        self._id = name
        self._stream = stream
        self._stdin = stdin
        self._sent = False

    def __iter__(self) -> Iterator[bytes]:
        """What it prints, both streams in the order written."""
        for _, data in self.frames():
            yield data

    def frames(self) -> Iterator[tuple[int, bytes]]:
        """What it prints, in pieces: 1 for standard output or 2 for errors, and the piece."""
        from docker.utils.socket import frames_iter

        try:
            with engine_errors():
                _socket(self._stream).sendall(self._stdin)
                self._sent = True
                yield from frames_iter(self._stream, tty=False)  # type: ignore[no-untyped-call]
        finally:
            self.close()

    def exit_code(self) -> int:
        """How it ended.

        Raises:
            Gone: If the container went away under it.
        """
        for _ in range(_INSPECTIONS):
            with engine_errors():
                state = self._client.exec_inspect(self._id)
            if not state["Running"] and state["ExitCode"] is not None:
                return int(state["ExitCode"])
            time.sleep(_PAUSE)  # it has said its last word, and the engine is about to know
        raise Gone("the connection to it was cut")

    def send(self, data: bytes) -> None:
        """Gives it more to read, from any thread.

        Args:
            data: What it is given.

        Raises:
            OSError: If it has ended.
        """
        _socket(self._stream).sendall(data)

    def stop(self) -> None:
        """Kills what `Container.run` runs, from any thread; whoever listens goes on to its end."""
        if not self._sent:  # it takes in no more
            self.cut()
            return
        with contextlib.suppress(OSError):  # it has ended, or cannot be reached
            _socket(self._stream).sendall(b"\n")

    def cut(self) -> None:
        """Breaks the connection, from any thread; whoever listens is told that there is no more."""
        with contextlib.suppress(OSError, AttributeError):  # it is closed, or knows no such thing
            _socket(self._stream).shutdown(socket.SHUT_RDWR)

    def close(self) -> None:
        """Ends the listening."""
        self.cut()
        response = getattr(self._stream, "_response", None)  # what the docker package read the connection from
        (response if response is not None else self._stream).close()


def _socket(stream: Any) -> Any:
    """What can be written to, of a connection as the docker package gives it."""
    return getattr(stream, "_sock", stream)


def _settings(client: APIClient, box: Box) -> dict[str, Any]:
    from docker.types import LogConfig, Mount, Ulimit

    code = "uid={},gid={}".format(*box.user.split(":"))
    tmpfs = {
        "/tmp": f"rw,exec,nosuid,nodev,size={box.work_size},nr_inodes={_FILES},mode=1777",  # noqa: S108 - in there
        FUNCTIONS: f"rw,noexec,nosuid,nodev,size=16m,uid={KEEPER},gid={KEEPER},mode=0755",
    }
    # An image's volumes would lie on the engine's disk, without a limit.
    volumes = client.inspect_image(box.image)["Config"].get("Volumes") or {}  # type: ignore[no-untyped-call]
    tmpfs.update(dict.fromkeys(volumes, f"rw,nosuid,nodev,size={box.work_size},nr_inodes={_FILES},mode=1777"))
    mounts = []
    if box.bind is None:
        tmpfs[WORK] = f"rw,exec,nosuid,nodev,size={box.work_size},nr_inodes={_FILES},{code},mode=0700"
    else:
        mounts.append(Mount(WORK, box.bind, type="bind"))
    if box.packages is not None:
        mounts.append(Mount(PACKAGES, str(box.packages), type="bind", read_only=True))
    environment = {
        "HOME": WORK,
        "LANG": "C.UTF-8",
        "PYTHONUNBUFFERED": "1",
        "PYTHONIOENCODING": "utf-8",
        "PYTHONPATH": f"{FUNCTIONS}:{PACKAGES}",
        **box.env,
    }
    limits = client.create_host_config(
        init=True,
        auto_remove=box.auto_remove,
        network_mode="bridge" if box.network else "none",
        read_only=True,
        tmpfs=tmpfs,
        mounts=mounts,
        cap_drop=["ALL"],
        security_opt=["no-new-privileges"],
        mem_limit=box.memory,
        memswap_limit=box.memory,  # none beside it
        nano_cpus=int(box.cpus * 1e9),
        pids_limit=box.pids,
        ulimits=[Ulimit(name="core", soft=0, hard=0)],
        log_config=LogConfig(type=LogConfig.types.NONE),
    )
    return {
        "image": box.image,
        "name": box.name,
        "user": f"{KEEPER}:{KEEPER}",
        "entrypoint": ["sleep"],
        "command": ["infinity"],
        "working_dir": WORK,
        "environment": environment,
        "labels": {OWNER: owner()} if box.owned else {},
        "host_config": limits,
        "stop_signal": "SIGKILL",
        "use_config_proxy": False,  # it may have a password in it
    }


def _reason(error: Exception) -> str:
    return str(getattr(error, "explanation", error))
