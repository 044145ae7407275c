"""What every executor does that writes a block to a file and runs a program on it, wherever that may be."""

from __future__ import annotations

import asyncio
import hashlib
import posixpath
import re
import threading
from abc import ABC, abstractmethod
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from contextlib import asynccontextmanager
from pathlib import Path, PurePosixPath
from typing import ClassVar

from ..core.errors import ConfigError
from ..core.sync import run as run_sync
from .blocks import CodeBlock, CodeExtractor, MarkdownCodeExtractor
from .executor import CommandLineCodeResult
from .functions import FUNCTION_PROMPT_TEMPLATE, FunctionModule, UserFunction
from .output import Output
from .requirements import Packages, Target

MAX_OUTPUT = 1_000_000
TIMED_OUT = 124  # as the command `timeout` has it
NO_PROGRAM = 127  # as shells have it

_ALIASES = {
    "py": "python",
    "python3": "python",
    "shell": "sh",
    "js": "javascript",
    "pwsh": "powershell",
    "ps1": "powershell",
}
_COMMANDS: Mapping[str, tuple[str, ...]] = {
    "python": ("python3",),
    "bash": ("bash",),
    "sh": ("sh",),
    "powershell": ("pwsh", "-NoProfile", "-File"),
    "javascript": ("node",),
}
_SUFFIX = {
    "python": "py",
    "bash": "sh",
    "powershell": "ps1",
    "javascript": "js",
    "typescript": "ts",
    "ruby": "rb",
    "perl": "pl",
}
# Only this form names a file: any other comment in a first line is a comment.
_NAMED = (
    re.compile(r"(?:#|//|--)\s*filename:\s*(?P<path>\S.*?)\s*"),
    re.compile(r"<!--\s*filename:\s*(?P<path>\S.*?)\s*-->\s*"),
    re.compile(r"/\*\s*filename:\s*(?P<path>\S.*?)\s*\*/\s*"),
)
_WINDOWS = re.compile(r"[A-Za-z]:|.*\\")
_CONTROL = re.compile(r"[\x00-\x1f\x7f]")


class CommandLineCodeExecutor(ABC):
    """Writes each block to a file and runs a program on it. Says how; where is said by those derived from it.

    They give `_prepare`, `_write` and `_start`. An execution calls `_prepare` once, before its first block, and
    never twice at a time; then, for each block, `_write` and, where the policy has it run, `_start`.

    Args:
        timeout: Seconds that one block may take.
        execution_policies: By language, whether blocks are run (True) or only saved (False); what isn't named keeps
            its default.
        commands: By language, the program and its arguments, which the path of the block's file is added to. Languages
            that aren't known are added by this, and are run.
        functions: Functions that code may import from `functions_module`.
        functions_module: The name of their module.
        packages: The packages that code may import, and all that functions may require: names, with versions if need
            be. Their wheels are fetched by this machine.
        max_output: Characters of output that are kept of one execution.

    Raises:
        ConfigError: If a setting can't be.
    """

    DEFAULT_EXECUTION_POLICY: ClassVar[Mapping[str, bool]] = {
        "python": True,
        "bash": True,
        "sh": True,
        "powershell": True,
        "javascript": False,
        "html": False,
        "css": False,
    }

    def __init__(
        self,
        *,
        timeout: float = 60,
        execution_policies: Mapping[str, bool] | None = None,
        commands: Mapping[str, Sequence[str]] | None = None,
        functions: Sequence[UserFunction] = (),
        functions_module: str = "functions",
        packages: Sequence[str] | Packages = (),
        max_output: int = MAX_OUTPUT,
    ) -> None:
        if not timeout > 0:
            raise ConfigError(f"timeout must be a positive number of seconds, not {timeout!r}")
        if not max_output > 0:
            raise ConfigError(f"max_output must be a positive number of characters, not {max_output!r}")
        added = {_canonical(language): _command(language, command) for language, command in (commands or {}).items()}
        policies = {_canonical(language): bool(runs) for language, runs in (execution_policies or {}).items()}
        self._timeout = timeout
        self._max_output = max_output
        self.commands: dict[str, tuple[str, ...]] = {**_COMMANDS, **added}
        self.execution_policies = {**self.DEFAULT_EXECUTION_POLICY, **dict.fromkeys(added, True), **policies}
        for language, runs in policies.items():
            if runs and language not in self.commands:
                raise ConfigError(
                    f"execution_policies: nothing is known to run {language}; give commands={{{language!r}: [...]}}"
                )
        self._functions = FunctionModule(functions, functions_module)
        self._packages = packages if isinstance(packages, Packages) else Packages(packages)
        for requirement, function in self._functions.requirements:
            self._packages.check(requirement, function)
        self._extractor = MarkdownCodeExtractor()
        self._preparing = threading.Lock()  # an asyncio.Lock belongs to one loop; executors are used from several

    @property
    def timeout(self) -> float:
        """Seconds that one block may take."""
        return self._timeout

    @property
    def code_extractor(self) -> CodeExtractor:
        """What finds the blocks in a message."""
        return self._extractor

    @property
    def functions_module(self) -> str:
        """The name of the module that code may import the user's functions from."""
        return self._functions.name

    @property
    def functions(self) -> tuple[UserFunction, ...]:
        """The user's functions that code may import."""
        return self._functions.functions

    @property
    def packages(self) -> Packages:
        """The packages that code may import."""
        return self._packages

    def format_functions_for_prompt(self, prompt_template: str = FUNCTION_PROMPT_TEMPLATE) -> str:
        """What to tell a model of the functions that its code may import; nothing where there are none.

        Args:
            prompt_template: Text with ``$module_name`` and ``$functions``.
        """
        return self._functions.prompt(prompt_template) if self._functions.functions else ""

    def execute_code_blocks(self, code_blocks: Sequence[CodeBlock]) -> CommandLineCodeResult:
        """Runs blocks in order, up to the first that fails; see `execute`.

        Args:
            code_blocks: What to run.
        """
        return run_sync(self.execute(code_blocks))

    def restart(self) -> None:  # noqa: B027 - a default, not a gap
        """Nothing to forget, by default: no block leaves a process behind. Files stay."""

    async def execute(
        self, blocks: Sequence[CodeBlock], *, on_output: Callable[[str], None] | None = None
    ) -> CommandLineCodeResult:
        """Runs blocks in order, up to the first that fails. Cancelling it kills what runs.

        Args:
            blocks: What to run.
            on_output: Told each piece of output as it is printed, on the loop that runs this; joined, they are the
                result's output.

        Returns:
            The last exit code, all output, and the files that were written.
        """
        output = Output(self._max_output, on_output)
        files: list[str] = []
        code = 0
        if blocks:
            async with one_at_a_time(self._preparing):
                await self._prepare()
        for block in blocks:
            code = await self._run(block, output, files)
            if code != 0:
                break
        return CommandLineCodeResult(code, output.finish(), files[0] if files else None, code_files=tuple(files))

    @abstractmethod
    async def _prepare(self) -> None:
        """Starts what it needs, where it doesn't run already. Called before the first block of each execution.

        What a person must mend is raised.
        """

    @abstractmethod
    async def _write(self, path: PurePosixPath, content: bytes) -> str:
        """Writes a file, with the folders that it needs.

        Args:
            path: Relative to the work folder, without dots and with no part that is too long. Links on the way are
                for this method to refuse.
            content: What to write.

        Returns:
            The path to show to people, as `CommandLineCodeResult.code_file`.

        Raises:
            OSError: If it can't be written; the block fails with its message.
        """

    @abstractmethod
    async def _start(self, command: Sequence[str], *, seconds: float, output: Output) -> int | None:
        """Runs a program in the work folder to its end; nothing that it started outlives it.

        Args:
            command: The program, by name, and its arguments; paths among them are relative to the work folder.
            seconds: How long it may take.
            output: Takes what it prints, as it comes; to be fed on the running loop only.

        Returns:
            The exit code (128 + n when signal n ended it, `NO_PROGRAM` where there is no such program), or None on a
            time-out. Whatever else ended it has been said to `output`.
        """

    async def _write_and_start(
        self, path: PurePosixPath, content: bytes, command: Sequence[str], *, seconds: float, output: Output
    ) -> tuple[str, int | None]:
        """Writes a file and runs a program on it: overridden where both can be done in one go.

        Args:
            path: As for `_write`.
            content: As for `_write`.
            command: As for `_start`.
            seconds: As for `_start`.
            output: As for `_start`.

        Returns:
            What `_write` and what `_start` would.
        """
        shown = await self._write(path, content)
        return shown, await self._start(command, seconds=seconds, output=output)

    async def _package_folder(self, target: Target | None = None, *, python: str | None = None) -> Path | None:
        """The folder of this machine with all packages, to put on the ``PYTHONPATH``; None where there are none.

        For `_prepare` to call. Where code runs elsewhere, the folder is mounted or copied there, read-only, and
        `target` says for which Python its wheels are to be: `Target.parse` of what `Target.PROBE` printed there. The
        functions are for `_prepare` to write too, ``self._functions.source``, to ``{self.functions_module}.py`` in a
        folder on the ``PYTHONPATH``.
        """
        required = [requirement for requirement, _ in self._functions.requirements]
        return await self._packages.folder(required, target=target, python=python)

    def _path(self, code: str, language: str) -> PurePosixPath:
        """Where a block is written: see `block_path`."""
        return block_path(code, language)

    async def _run(self, block: CodeBlock, output: Output, files: list[str]) -> int:
        """Runs one block: its exit code. What it prints and the file it is written to are added to what is given."""
        language = _canonical(block.language)
        runs = self.execution_policies.get(language)
        if runs is None:
            known = ", ".join(sorted(self.execution_policies))
            output.say(f"unknown language {block.language!r}; these are known: {known}\n")
            return 1
        code: int | None = 0
        try:
            path = self._path(block.code, language)
            content = block.code.encode("utf-8", "replace")
            if runs:
                command = (*self.commands[language], _argument(path))
                shown, code = await self._write_and_start(path, content, command, seconds=self._timeout, output=output)
            else:
                shown = await self._write(path, content)
        except BadFileName as error:
            output.say(f"{error}\n")
            return 1
        except OSError as error:
            output.say(f"the file could not be written: {error.strerror or error}\n")
            return 1
        files.append(shown)
        if not runs:
            output.say(f"saved to {shown}, not run\n")
        if code is None:
            output.say(f"\nTimeout: stopped after {self._timeout:g} s\n")
            return TIMED_OUT
        return code


@asynccontextmanager
async def one_at_a_time(lock: threading.Lock) -> AsyncIterator[None]:
    """Holds a lock that coroutines of several loops share, without blocking any of them.

    Args:
        lock: The lock.
    """
    while not lock.acquire(blocking=False):  # noqa: ASYNC110 - an Event belongs to one loop
        await asyncio.sleep(0.01)
    try:
        yield
    finally:
        lock.release()


class BadFileName(ValueError):
    """A block asks for a file name that leads out of the work folder, or can be no file's."""


def block_path(code: str, language: str) -> PurePosixPath:
    """Where a block is written, relative to the work folder.

    Args:
        code: The block's code; its first line may name the file, as ``# filename: sub/x.py``.
        language: Its language.

    Raises:
        BadFileName: If it names one that can't be.

    Example:
        >>> str(block_path("# filename: sub/x.py", "python"))
        'sub/x.py'
    """
    first = code.split("\n", 1)[0].strip()
    for pattern in _NAMED:
        named = pattern.fullmatch(first)
        if named:
            return _checked(named["path"])
    digest = hashlib.sha256(code.encode("utf-8", "replace")).hexdigest()[:16]
    suffix = re.sub(r"[^a-z0-9]", "", _SUFFIX.get(language, language)) or "txt"
    return PurePosixPath(f"code_{digest}.{suffix}")


def _checked(name: str) -> PurePosixPath:
    """A file name as a path, where it is relative, stays inside, and can be a file's on any system."""
    path = PurePosixPath(posixpath.normpath(name))
    if _CONTROL.search(name):
        raise BadFileName(f"the file name {name!r} has control characters in it: use letters, digits, dots and dashes")
    if _WINDOWS.match(name):
        raise BadFileName(f"the file name {name!r} is a Windows path: name one inside the work folder, as in sub/x.py")
    if path.is_absolute() or ".." in path.parts:
        raise BadFileName(f"the file name {name!r} leads out of the work folder: name one inside it, as in sub/x.py")
    if not path.name or name.endswith("/"):
        raise BadFileName(f"the file name {name!r} is a folder's")
    if max(len(part.encode("utf-8", "replace")) for part in path.parts) > 200 or len(name) > 800:
        raise BadFileName(f"the file name {name[:40]!r}... is too long")
    return path


def _canonical(language: str) -> str:
    lower = language.lower()
    return _ALIASES.get(lower, lower)


def _command(language: str, command: object) -> tuple[str, ...]:
    if not isinstance(command, list | tuple) or not command or not all(isinstance(p, str) and p for p in command):
        raise ConfigError(f"commands: {language!r} needs a list, the program and its arguments, not {command!r}")
    return tuple(command)


def _argument(path: PurePosixPath) -> str:
    return f"./{path}" if str(path).startswith("-") else str(path)  # `# filename: -c` is no option
