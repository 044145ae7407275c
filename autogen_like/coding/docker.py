"""Runs code in a Docker container of its own: without a network, without rights, within limits."""

from __future__ import annotations

import contextlib
import os
import threading
import weakref
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path, PurePosixPath
from types import TracebackType
from typing import Self

from ..core.errors import ConfigError, ExecutorUnavailable
from ..core.sync import in_worker
from .commandline import MAX_OUTPUT, CommandLineCodeExecutor, one_at_a_time
from .docker_container import BEGUN, FUNCTIONS, KEEPER, WORK, Box, Container
from .docker_end import copy_out, drop, finish
from .docker_engine import Gone, connect, ensure_image
from .docker_run import NotBegun, Run, uninterrupted
from .docker_settings import NOBODY, checked_user, owner_of, size_of
from .functions import UserFunction
from .output import Output
from .requirements import Packages, Target

DEFAULT_IMAGE = "python:3-slim"
_KILLED = 137
_CONTAINERS = 3  # that are tried for one block
_FULL = "No space left on device"
_NEW_ONE = "[The container of earlier blocks is gone, and their files with it: this runs in a new one.]\n"
_REMOVED = "\n[The container ended while this ran, and its files are lost: what comes next runs in a new one.]\n"


class DockerCommandLineCodeExecutor(CommandLineCodeExecutor):
    r"""Writes each block to a file in a container of its own, and runs it there.

    The container has no network, a root that can't be written to, no capabilities and limits on memory, processors,
    processes and files; code runs in it as a user without rights. It starts with the first block and serves all
    others, one at a time; what a block leaves running is killed when it ends. It is removed when the executor is closed
    or dropped, at the latest when the program ends; where the program crashed, by the next executor that starts.

    The work folder lies in memory and goes with the container. Where `work_dir` is given, its files are copied there
    before. `bind_dir` is a folder of the machine instead: nothing limits how much code may write to it.

    Args:
        image: The image, with ``sh``, ``tar`` and ``python3`` in it. Fetched where the engine doesn't have it.
        container_name: What the container is called; the engine makes a name up by default.
        timeout: Seconds that one block may take.
        work_dir: Where the work folder's files are copied to at the end. Beside `bind_dir`: where this process sees
            that folder, if elsewhere than the engine does.
        bind_dir: A folder to use as the work folder, made if need be. Code runs as its owner, unless `user` is given.
        auto_remove: Whether the container is removed when it ends; it is left, ended, otherwise.
        stop_container: Whether the container ends with the executor; it is left running otherwise.
        execution_policies: By language, whether blocks are run (True) or only saved (False).
        commands: By language, the program and its arguments; adds languages, or changes how one is run.
        functions: Functions that code may import from `functions_module`.
        functions_module: The name of their module.
        packages: Packages that code may import. Their wheels are fetched by this machine and mounted read-only.
        network: Whether the container has a network.
        memory: How much memory it may take, as ``"512m"``; files in the work folder count.
        cpus: How many processors it may take.
        pids: How many processes and threads it may have.
        work_size: How much the work folder may hold; the folder for temporary files as much again.
        user: Who code runs as, ``"uid:gid"``.
        env: Environment variables that the code may see. It sees none of this process's.
        max_output: Characters of output that are kept of one execution.

    Raises:
        ConfigError: If no engine answers, the image can't be had, or a setting can't be.
        MissingExtra: If the `docker` package isn't installed.

    Example:
        >>> from autogen_like import CodeBlock
        >>> with DockerCommandLineCodeExecutor(timeout=10) as executor:  # doctest: +SKIP
        ...     executor.execute_code_blocks([CodeBlock("print(6 * 7)", "python")]).output
        '42\n'
    """

    def __init__(
        self,
        image: str = DEFAULT_IMAGE,
        container_name: str | None = None,
        timeout: float = 60,
        work_dir: str | Path | None = None,
        bind_dir: str | Path | None = None,
        auto_remove: bool = True,
        stop_container: bool = True,
        execution_policies: Mapping[str, bool] | None = None,
        *,
        commands: Mapping[str, Sequence[str]] | None = None,
        functions: Sequence[UserFunction] = (),
        functions_module: str = "functions",
        packages: Sequence[str] | Packages = (),
        network: bool = False,
        memory: str | int = "1g",
        cpus: float = 1,
        pids: int = 128,
        work_size: str | int = "256m",
        user: str | None = None,
        env: Mapping[str, str] | None = None,
        max_output: int = MAX_OUTPUT,
    ) -> None:
        super().__init__(
            timeout=timeout,
            execution_policies=execution_policies,
            commands=commands,
            functions=functions,
            functions_module=functions_module,
            packages=packages,
            max_output=max_output,
        )
        for name, value in {"cpus": cpus, "pids": pids}.items():
            if not value > 0:
                raise ConfigError(f"{name} must be positive, not {value!r}")
        self._work_dir = None if work_dir is None else Path(work_dir).absolute()
        self._bound = None if bind_dir is None else self._work_dir or Path(bind_dir).absolute()
        if user is None and self._bound is not None:
            user = owner_of(self._bound)
        self._box = Box(
            image=image,
            name=container_name,
            user=checked_user(user or NOBODY),
            network=network,
            memory=size_of("memory", memory),
            cpus=cpus,
            pids=pids,
            work_size=size_of("work_size", work_size),
            bind=None if bind_dir is None else os.path.abspath(bind_dir),  # noqa: PTH100 - not this machine's, perhaps
            env=dict(env or {}),
            auto_remove=auto_remove,
            owned=stop_container,
        )
        self._running = threading.Lock()  # held by what runs in the container
        self._container: Container | None = None
        self._end: weakref.finalize[[Container, Box, Path | None], DockerCommandLineCodeExecutor] | None = None
        self._lost = False  # whether files of earlier blocks are gone, and nobody was told
        self._target: Target | None = None
        with contextlib.closing(connect()) as client:
            ensure_image(client, image)

    @property
    def image(self) -> str:
        """The image of the container."""
        return self._box.image

    @property
    def work_dir(self) -> Path | None:
        """Where the work folder's files are copied to at the end; None where they go with the container."""
        return self._work_dir

    @property
    def bind_dir(self) -> Path | None:
        """The folder of the machine that is used as the work folder, if one is."""
        return None if self._box.bind is None else Path(self._box.bind)

    @property
    def container_id(self) -> str | None:
        """The container, while there is one."""
        return None if self._container is None else self._container.id

    def copy_out(self, folder: str | Path) -> list[Path]:
        """Copies the work folder's files to a folder of this machine, those that are there by the same names replaced.

        Links, devices and pipes are left out, and so is what comes after as many bytes as the work folder may hold: a
        file full of holes looks larger than it is. A warning is logged for each.

        Args:
            folder: Where to; made if need be.

        Returns:
            The files that were written.
        """
        container = self._container
        return [] if container is None else copy_out(container, Path(folder), self._box.work_size)

    def close(self) -> None:
        """Copies the files out, if they are to go somewhere, and removes the container; a later block has a new one."""
        container, self._container = self._container, None
        if container is not None and self._end is not None and self._end.detach():
            finish(container, self._box, self._copied_to)

    stop = close

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self.close()

    @property
    def _copied_to(self) -> Path | None:
        return self._work_dir if self._box.bind is None else None

    async def _prepare(self) -> None:
        async with one_at_a_time(self._running):
            await self._started()

    async def _started(self) -> Container:
        if self._container is None or self._container.process != os.getpid():  # another one's, before a fork
            box = await self._box_with_packages()
            await uninterrupted(self._open, box)
        if self._container is None:
            raise ExecutorUnavailable("the executor was closed while its container started")
        return self._container

    def _open(self, box: Box) -> None:
        """Starts the container, and sees to its end; on a worker thread."""
        container = Container(connect(), box)
        self._end = weakref.finalize(self, drop, container, box, self._copied_to)
        if self.functions:
            path = f"{FUNCTIONS}/{self.functions_module}.py"
            try:
                said = b"".join(container.run((), path=path, content=self._functions.source.encode(), user=KEEPER))
            except Gone as error:
                said = str(error).encode()
            if said != BEGUN:
                self._end.detach()
                finish(container, box, None)
                raise ExecutorUnavailable(f"the functions could not be written: {said.decode('utf-8', 'replace')}")
        self._container = container

    async def _box_with_packages(self) -> Box:
        if not self._packages:
            return self._box
        if self._target is None:
            self._target = await in_worker(target_of, self._box)
        return replace(self._box, packages=await self._package_folder(self._target))

    async def _write(self, path: PurePosixPath, content: bytes) -> str:
        said = Output(1000)
        if await self._block((), path, content, self.timeout, said) != 0:
            raise OSError(said.finish().strip() or "it takes too long")
        return self._shown(path)

    async def _start(self, command: Sequence[str], *, seconds: float, output: Output) -> int | None:
        return await self._block(command, None, b"", seconds, output)

    async def _write_and_start(
        self, path: PurePosixPath, content: bytes, command: Sequence[str], *, seconds: float, output: Output
    ) -> tuple[str, int | None]:
        return self._shown(path), await self._block(command, path, content, seconds, output)

    def _shown(self, path: PurePosixPath) -> str:
        return f"{WORK}/{path}" if self._bound is None else str(self._bound / path)

    async def _block(
        self, command: Sequence[str], path: PurePosixPath | None, content: bytes, seconds: float, output: Output
    ) -> int | None:
        """Writes a file and runs a program, each if there is one; in a new container if the old one is gone."""
        async with one_at_a_time(self._running):
            for _ in range(_CONTAINERS):
                container = await self._started()
                if command and self._lost:
                    self._lost = False
                    output.say(_NEW_ONE)
                try:
                    return await self._run_in(container, command, path, content, seconds, output)
                except NotBegun:
                    await self._forget(container)
        raise ExecutorUnavailable(
            f"containers of {self._box.image!r} end as soon as they are started: it lacks sh or sleep, or somebody "
            "removes them"
        )

    async def _run_in(
        self,
        container: Container,
        command: Sequence[str],
        path: PurePosixPath | None,
        content: bytes,
        seconds: float,
        output: Output,
    ) -> int | None:
        run = Run(container, command, str(path or ""), content)
        code = await run.follow(seconds, output)
        if run.broken:
            await self._forget(container)
            output.say(_REMOVED)
        elif _FULL in run.refusal and command and path is not None and not path.is_absolute():
            output.say("[The work folder is full: this runs from /tmp.]\n")  # else nothing could run that makes room
            elsewhere = PurePosixPath("/tmp", path)  # noqa: S108 - in the container
            command = (*command[:-1], str(elsewhere))
            return await self._run_in(container, command, elsewhere, content, seconds, output)
        elif not run.begun:
            output.say(run.refusal)
        elif code == _KILLED:
            output.say(f"\nKilled, as code is that takes more than {self._box.memory // 2**20} MiB of memory\n")
        return code

    async def _forget(self, container: Container) -> None:
        """Gives a container up that is gone, or that can't be trusted to do what it is told."""
        self._lost = True
        if self._container is container:
            self._container = None
            if self._end is not None:
                self._end.detach()
        await in_worker(finish, container, self._box, None)


def target_of(box: Box) -> Target:
    """The Python of an image, for packages. Blocks.

    Args:
        box: A container of that image.

    Raises:
        ConfigError: If it has none.
    """
    container = Container(connect(), replace(box, name=None, bind=None, auto_remove=True, owned=True))
    try:
        printed = b"".join(container.run(("python3", "-c", Target.PROBE)))
    finally:
        container.remove()
    said = printed.removeprefix(BEGUN).decode("utf-8", "replace")
    try:
        return Target.parse(said)
    except ValueError:
        raise ConfigError(f"packages: the image {box.image!r} has no Python to import them: {said.strip()}") from None
