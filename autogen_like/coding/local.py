"""Runs code in processes on this machine. It is no sandbox: the code may do whatever the user may."""

from __future__ import annotations

import errno
import os
import secrets
import shutil
import site
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path, PurePosixPath

from ..core.errors import ConfigError
from ..core.sync import in_worker
from .commandline import MAX_OUTPUT, NO_PROGRAM, CommandLineCodeExecutor
from .functions import UserFunction
from .output import Output
from .private_folder import PrivateFolder
from .process import CodeLimits, clean_environment, run_process
from .requirements import Packages
from .virtual_env import VirtualEnvironment, create_virtual_env, placed

_FOLDER = os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW
_NEW_FILE = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW


class LocalCommandLineCodeExecutor(CommandLineCodeExecutor):
    r"""Writes each block to a file and runs it as a process on this machine.

    The processes see a clean environment: none of this one's variables but those needed to find programs, and a home
    and a temporary folder of their own, which go away with the executor. What they may take is limited. Everything that
    a block starts ends with it, on a time-out and on cancellation too. That is order, not safety: the code can read and
    write all that the user can.

    Args:
        timeout: Seconds that one block may take.
        virtual_env_context: A virtual environment to run Python in; without one it is the Python that runs this.
        work_dir: Where files are written and code runs; made if need be. A temporary folder by default, which goes
            away with the executor.
        virtual_env: True for a virtual environment of the executor's own, which goes away with it; or the folder of
            one, made if it isn't there.
        limits: What one block may take of this machine.
        execution_policies: By language, whether blocks are run (True) or only saved (False).
        commands: By language, the program and its arguments; adds languages, or changes how one is run.
        env: Environment variables that the code may see beside the harmless ones.
        functions: Functions that code may import from `functions_module`.
        functions_module: The name of their module.
        packages: The packages that code may import, and all that functions may require: names, with versions if need
            be. They are kept in a folder of their own, never installed in the user's Python.
        max_output: Characters of output that are kept of one execution.

    Raises:
        ConfigError: If a setting can't be.

    Example:
        >>> from autogen_like import CodeBlock
        >>> executor = LocalCommandLineCodeExecutor(timeout=10)
        >>> executor.execute_code_blocks([CodeBlock("print(6 * 7)", "python")]).output
        '42\n'
    """

    def __init__(
        self,
        timeout: float = 60,
        virtual_env_context: VirtualEnvironment | None = None,
        work_dir: str | Path | None = None,
        functions: Sequence[UserFunction] = (),
        functions_module: str = "functions",
        execution_policies: Mapping[str, bool] | None = None,
        *,
        virtual_env: bool | str | Path = False,
        limits: CodeLimits | None = None,
        commands: Mapping[str, Sequence[str]] | None = None,
        env: Mapping[str, str] | None = None,
        packages: Sequence[str] | Packages = (),
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
        if virtual_env and virtual_env_context is not None:
            raise ConfigError("virtual_env and virtual_env_context are both given; leave one out")
        self._limits = limits or CodeLimits()
        self._env = dict(env or {})
        self._venv = placed(virtual_env_context) if virtual_env_context is not None else None
        self._venv_wanted = virtual_env
        self._import_path = ""
        self._private_folder = PrivateFolder(self)
        self._private = self._private_folder.path
        self._work_dir = Path(work_dir) if work_dir is not None else self._private / "work"
        self._work_dir.mkdir(parents=True, exist_ok=True)

    @property
    def work_dir(self) -> Path:
        """Where files are written and code runs."""
        return self._work_dir

    def close(self) -> None:
        """Removes what is temporary: the work folder too, if none was named."""
        self._private_folder.close()

    async def _prepare(self) -> None:
        for folder in (self._work_dir, self._home, self._temporary, self._modules):
            folder.mkdir(parents=True, exist_ok=True)
        if self._venv_wanted and self._venv is None:
            own = self._private / f"venv-{secrets.token_hex(4)}"  # a new one, should the first be cancelled half made
            wanted = own if self._venv_wanted is True else self._venv_wanted
            self._venv = placed(await in_worker(create_virtual_env, wanted))
        packages = await self._package_folder(python=self._venv.env_exe if self._venv is not None else None)
        places = [packages] if packages else []
        if self.functions:
            module = PurePosixPath(f"{self.functions_module}.py")
            write_inside(self._modules, module, self._functions.source.encode())  # whole: another block may read it
            places.insert(0, self._modules)
        self._import_path = os.pathsep.join(map(str, places))

    async def _write(self, path: PurePosixPath, content: bytes) -> str:
        folder = self._work_dir.resolve()
        write_inside(folder, path, content)
        return str(folder / path)

    async def _start(self, command: Sequence[str], *, seconds: float, output: Output) -> int | None:
        env = self._environment()
        program = self._program(command[0], env.get("PATH"))
        if program is None:
            output.say(f"there is no {command[0]} on this machine\n")
            return NO_PROGRAM
        folder = self._work_dir.resolve()
        try:
            return await run_process(
                [program, *command[1:]],
                cwd=folder,
                env=env,
                seconds=seconds,
                output=output,
                limits=self._limits,
                folders=[folder, self._temporary],
            )
        except OSError as error:
            output.say(f"{command[0]} could not be started: {error}\n")
            return NO_PROGRAM

    @property
    def _home(self) -> Path:
        return self._private / "home"

    @property
    def _temporary(self) -> Path:
        return self._private / "tmp"

    @property
    def _modules(self) -> Path:
        return self._private / "modules"

    def _environment(self) -> dict[str, str]:
        own = {"HOME": str(self._home), "TMPDIR": str(self._temporary)}
        if site.ENABLE_USER_SITE:  # found by way of the home folder otherwise
            own["PYTHONUSERBASE"] = site.getuserbase()
        env = {**clean_environment(own), **self._env}
        if self._venv is not None:
            env["PATH"] = f"{self._venv.bin_path}{os.pathsep}{env.get('PATH', '')}"
            env["VIRTUAL_ENV"] = str(Path(self._venv.env_exe).parent.parent)
        if self._import_path:
            env["PYTHONPATH"] = os.pathsep.join(filter(None, (self._import_path, env.get("PYTHONPATH"))))
        return env

    def _program(self, name: str, path: str | None) -> str | None:
        if name == "python3":
            return self._venv.env_exe if self._venv is not None else sys.executable
        return shutil.which(name, path=path)


def write_inside(folder: Path, path: PurePosixPath, content: bytes) -> None:
    """Writes a file in a folder, following no link on the way, so that none made meanwhile can lead out of it.

    The file is renamed into its place: a link or a pipe that stands there is replaced, not written to.

    Args:
        folder: The folder.
        path: The file's path in it.
        content: What to write.

    Raises:
        OSError: If that can't be, because of a link or otherwise.
    """
    place = os.open(folder, _FOLDER)
    try:
        for part in path.parts[:-1]:
            place = _enter(place, part)
        temporary = f".{secrets.token_hex(8)}.part"
        file = os.open(temporary, _NEW_FILE, 0o666, dir_fd=place)
        try:
            with os.fdopen(file, "wb") as written:
                written.write(content)
            os.rename(temporary, path.name, src_dir_fd=place, dst_dir_fd=place)
        except BaseException:
            os.unlink(temporary, dir_fd=place)
            raise
    finally:
        os.close(place)


def _enter(place: int, part: str) -> int:
    """A folder in an open folder, made if need be; the outer one is closed."""
    try:
        if not _is_there(place, part):
            os.mkdir(part, dir_fd=place)
        inner = os.open(part, _FOLDER, dir_fd=place)
    except OSError as error:
        if error.errno not in (errno.ELOOP, errno.ENOTDIR):
            raise
        raise PermissionError(errno.EPERM, f"{part} is a link or a file, not a folder of the work folder") from error
    os.close(place)
    return inner


def _is_there(place: int, part: str) -> bool:
    try:
        os.stat(part, dir_fd=place, follow_symlinks=False)
    except FileNotFoundError:
        return False
    return True
