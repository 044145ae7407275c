"""Runs code in processes on this machine. It is no sandbox: the code may do whatever the user may."""

from __future__ import annotations

import hashlib
import re
import shutil
import sys
import tempfile
import weakref
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import ClassVar, Protocol

from ..core.errors import ConfigError
from ..core.sync import run as run_sync
from .blocks import CodeBlock, CodeExtractor, MarkdownCodeExtractor
from .executor import CommandLineCodeResult
from .process import clean_environment, run_process

MAX_OUTPUT = 1_000_000
TIMED_OUT = 124  # as the command `timeout` has it

_ALIASES = {"py": "python", "python3": "python", "shell": "sh", "js": "javascript"}
_SUFFIX = {"python": "py", "bash": "sh", "sh": "sh", "javascript": "js", "html": "html", "css": "css"}
# Only this form names a file: any other comment in a first line is a comment.
_NAMED = (
    re.compile(r"(?:#|//)\s*filename:\s*(?P<path>\S.*?)\s*"),
    re.compile(r"<!--\s*filename:\s*(?P<path>\S.*?)\s*-->\s*"),
    re.compile(r"/\*\s*filename:\s*(?P<path>\S.*?)\s*\*/\s*"),
)


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


class LocalCommandLineCodeExecutor:
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
        env: Environment variables that the code may see beside the harmless ones.
        max_output: Bytes of output that are kept of one block.

    Raises:
        ConfigError: If the time-out isn't positive.

    Example:
        >>> executor = LocalCommandLineCodeExecutor(timeout=10)
        >>> executor.execute_code_blocks([CodeBlock("print(6 * 7)", "python")]).output
        '42\n'
    """

    DEFAULT_EXECUTION_POLICY: ClassVar[Mapping[str, bool]] = {
        "python": True,
        "bash": True,
        "sh": True,
        "javascript": False,
        "html": False,
        "css": False,
    }

    def __init__(
        self,
        timeout: float = 60,
        virtual_env_context: VirtualEnvironment | None = None,
        work_dir: str | Path | None = None,
        *,
        execution_policies: Mapping[str, bool] | None = None,
        env: Mapping[str, str] | None = None,
        max_output: int = MAX_OUTPUT,
    ) -> None:
        if not timeout > 0:
            raise ConfigError(f"timeout must be a positive number of seconds, not {timeout!r}")
        self._timeout = timeout
        self._venv = virtual_env_context
        self._temporary: weakref.finalize[[str], LocalCommandLineCodeExecutor] | None = None
        if work_dir is None:
            work_dir = tempfile.mkdtemp(prefix="autogen_like-")
            # Not TemporaryDirectory, which warns when nobody closed it: an agent that is dropped is no mistake.
            self._temporary = weakref.finalize(self, shutil.rmtree, work_dir, ignore_errors=True)
        self._work_dir = Path(work_dir)
        self._work_dir.mkdir(parents=True, exist_ok=True)
        self.execution_policies = {**self.DEFAULT_EXECUTION_POLICY, **(execution_policies or {})}
        self._env = dict(env or {})
        self._max_output = max_output
        self._extractor = MarkdownCodeExtractor()

    @property
    def timeout(self) -> float:
        """Seconds that one block may take."""
        return self._timeout

    @property
    def work_dir(self) -> Path:
        """Where files are written and code runs."""
        return self._work_dir

    @property
    def code_extractor(self) -> CodeExtractor:
        """What finds the blocks in a message."""
        return self._extractor

    def execute_code_blocks(self, code_blocks: Sequence[CodeBlock]) -> CommandLineCodeResult:
        """Runs blocks in order, up to the first that fails; see `execute`."""
        return run_sync(self.execute(code_blocks))

    def restart(self) -> None:
        """Nothing to forget: no block leaves a process behind. Files stay."""

    def close(self) -> None:
        """Removes the temporary folder, if it has one."""
        if self._temporary is not None:
            self._temporary()

    async def execute(
        self, blocks: Sequence[CodeBlock], *, on_output: Callable[[str], None] | None = None
    ) -> CommandLineCodeResult:
        """Runs blocks in order, up to the first that fails. Cancelling it kills what runs.

        Args:
            blocks: What to run.
            on_output: Told each piece of output as it is printed.

        Returns:
            The last exit code, all output, and the first file that was written.
        """
        output: list[str] = []
        files: list[str] = []
        code = 0
        for block in blocks:
            code, said, path = await self._run(block)
            if on_output is not None and said:
                on_output(said)
            output.append(said)
            if path is not None:
                files.append(str(path))
            if code != 0:
                break
        return CommandLineCodeResult(code, "".join(output), files[0] if files else None)

    async def _run(self, block: CodeBlock) -> tuple[int, str, Path | None]:
        language = _ALIASES.get(block.language.lower(), block.language.lower())
        policy = self.execution_policies.get(language)
        if policy is None:
            known = ", ".join(sorted(self.execution_policies))
            return 1, f"unknown language {block.language!r}; these are known: {known}\n", None
        path = self._path(block.code, language)
        if path is None:
            return 1, "the file name leads out of the working folder: name a path inside it\n", None
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(block.code, encoding="utf-8", errors="replace")
        except OSError as error:
            return 1, f"the file could not be written: {error}\n", None
        if not policy:
            return 0, f"saved to {path}, not run\n", path
        return *await self._start(language, path), path

    async def _start(self, language: str, path: Path) -> tuple[int, str]:
        program = self._program(language)
        if program is None:
            return 127, f"there is no {language} on this machine\n"
        env = clean_environment(self._env)
        if self._venv is not None:
            env["PATH"] = f"{self._venv.bin_path}:{env.get('PATH', '')}"
        cwd = self._work_dir.resolve()
        try:
            code, output = await run_process(
                [program, str(path)], cwd=cwd, env=env, seconds=self._timeout, max_output=self._max_output
            )
        except OSError as error:
            return 127, f"{language} could not be started: {error}\n"
        if code is None:
            return TIMED_OUT, f"{output}\nTimeout: stopped after {self._timeout:g} s\n"
        return code, output

    def _program(self, language: str) -> str | None:
        if language == "python":
            return self._venv.env_exe if self._venv is not None else sys.executable
        return shutil.which({"javascript": "node"}.get(language, language))

    def _path(self, code: str, language: str) -> Path | None:
        """Where a block is written; None for a name that leads out of the working folder."""
        folder = self._work_dir.resolve()
        first = code.split("\n", 1)[0].strip()
        for pattern in _NAMED:
            named = pattern.fullmatch(first)
            if named:
                return _inside(folder, named["path"])
        digest = hashlib.sha256(code.encode("utf-8", "replace")).hexdigest()[:16]
        return folder / f"code_{digest}.{_SUFFIX.get(language, language)}"


def _inside(folder: Path, name: str) -> Path | None:
    """The path of a file in a folder; None if it leads out of it, by dots or by links, or can't be a file's."""
    try:
        path = (folder / name).resolve()
        return path if folder in path.parents and not path.is_dir() else None
    except (OSError, ValueError, RuntimeError):  # too long, a zero byte, links in a circle
        return None
