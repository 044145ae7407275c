"""Runs code in processes on this machine. It is no sandbox: the code may do whatever the user may."""

from __future__ import annotations

import shutil
import sys
import tempfile
import weakref
from collections.abc import Mapping, Sequence
from pathlib import Path, PurePosixPath
from typing import Protocol

from .commandline import MAX_OUTPUT, NO_PROGRAM, CommandLineCodeExecutor
from .output import Output
from .process import clean_environment, run_process


class VirtualEnvironment(Protocol):
    """What ``venv.EnvBuilder().ensure_directories`` gives."""

    @property
    def bin_path(self) -> str:
        """The folder of its programs."""
        ...

    @property
    def env_exe(self) -> str:
        """Its Python."""
        ...


class LocalCommandLineCodeExecutor(CommandLineCodeExecutor):
    r"""Writes each block to a file and runs it as a process on this machine.

    The processes see a clean environment: none of this one's variables but those needed to find programs and the
    home folder. Everything that a block starts ends with it, on a time-out and on cancellation too. That is order, not
    safety: the code can read and write all that the user can.

    Args:
        timeout: Seconds that one block may take.
        virtual_env_context: A virtual environment to run Python in; this one by default.
        work_dir: Where files are written and code runs; made if need be. A temporary folder by default, which goes
            away with the executor.
        execution_policies: By language, whether blocks are run (True) or only saved (False).
        commands: By language, the program and its arguments; adds languages, or changes how one is run.
        env: Environment variables that the code may see beside the harmless ones.
        max_output: Characters of output that are kept of one execution.

    Raises:
        ConfigError: If the time-out isn't positive.

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
        *,
        execution_policies: Mapping[str, bool] | None = None,
        env: Mapping[str, str] | None = None,
        commands: Mapping[str, Sequence[str]] | None = None,
        max_output: int = MAX_OUTPUT,
    ) -> None:
        super().__init__(
            timeout=timeout, execution_policies=execution_policies, commands=commands, max_output=max_output
        )
        self._venv = virtual_env_context
        self._temporary: weakref.finalize[[str], LocalCommandLineCodeExecutor] | None = None
        if work_dir is None:
            work_dir = tempfile.mkdtemp(prefix="autogen_like-")
            # Not TemporaryDirectory, which warns when nobody closed it: an agent that is dropped is no mistake.
            self._temporary = weakref.finalize(self, shutil.rmtree, work_dir, ignore_errors=True)
        self._work_dir = Path(work_dir)
        self._work_dir.mkdir(parents=True, exist_ok=True)
        self._env = dict(env or {})

    @property
    def work_dir(self) -> Path:
        """Where files are written and code runs."""
        return self._work_dir

    def close(self) -> None:
        """Removes the temporary folder, if it has one."""
        if self._temporary is not None:
            self._temporary()

    async def _prepare(self) -> None:
        self._work_dir.mkdir(parents=True, exist_ok=True)

    async def _write(self, path: PurePosixPath, content: bytes) -> str:
        folder = self._work_dir.resolve()
        target = folder / path
        if folder not in target.resolve().parents:
            raise PermissionError("a link leads out of the work folder")
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_bytes(content)
        return str(target)

    async def _start(self, command: Sequence[str], *, seconds: float, output: Output) -> int | None:
        program = self._program(command[0])
        if program is None:
            output.say(f"there is no {command[0]} on this machine\n")
            return NO_PROGRAM
        env = clean_environment(self._env)
        if self._venv is not None:
            env["PATH"] = f"{self._venv.bin_path}:{env.get('PATH', '')}"
        cwd = self._work_dir.resolve()
        try:
            return await run_process([program, *command[1:]], cwd=cwd, env=env, seconds=seconds, output=output)
        except OSError as error:
            output.say(f"{command[0]} could not be started: {error}\n")
            return NO_PROGRAM

    def _program(self, name: str) -> str | None:
        if name == "python3":
            return self._venv.env_exe if self._venv is not None else sys.executable
        return shutil.which(name)
