"""Where learned functions run: a code executor, Docker's by default, and never this process."""

from __future__ import annotations

import json
import secrets
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from ..coding.blocks import CodeBlock
from ..coding.executor import CodeExecutor
from ..coding.factory import create
from ..core.errors import ConfigError
from .code_check import MODULES, imported
from .function import LearnedFunction

TIMEOUT = 10.0
TIMED_OUT = 124
MAX_RESULT = 20_000  # characters of a result
_NAMED = ("docker", "local")
_SHOWN = 500  # characters of what code printed, where it gave no answer


@dataclass(frozen=True, slots=True)
class Answer:
    """What came of a call.

    Args:
        value: What it returned, as text: a text as it is, anything else as JSON.
        error: What went wrong; empty where nothing did.
        error_type: An exception's class, "timeout", or "code" where the process ended without an answer.
        printed: The beginning of what it printed.
    """

    value: str = ""
    error: str = ""
    error_type: str | None = None
    printed: str = ""


class Sandbox:
    """Runs learned functions in an executor: one process a call, in an empty folder, with a time limit.

    Args:
        executor: "docker" (a container without network or rights), "local" (a process of this user, which is no
            sandbox: see `LocalCommandLineCodeExecutor`), or an executor that is there; then its own settings hold.
        timeout: Seconds that a call may take.
        packages: The packages that functions may need, as pip names them. Wheels of these and of nothing else are
            fetched by this machine and given to the executor, which needs no network.
        modules: The modules of the standard library that functions may import; those that only compute, by default.

    Raises:
        ConfigError: If there is no such executor, or no engine answers.

    Example:
        >>> import asyncio
        >>> from autogen_like.optimizer.function import LearnedFunction
        >>> code = "def double(x): return 2 * x"
        >>> double = LearnedFunction.checked("double", "Doubles.", {"x": {"type": "number"}}, code)
        >>> with Sandbox("local") as sandbox:
        ...     asyncio.run(sandbox.run(double, {"x": 21})).value
        '42'
    """

    def __init__(
        self,
        executor: CodeExecutor | str = "docker",
        *,
        timeout: float = TIMEOUT,
        packages: Sequence[str] = (),
        modules: Iterable[str] = MODULES,
    ) -> None:
        self.modules = frozenset(modules)
        self.packages = tuple(packages)
        self._own = (executor, timeout, self.packages, self.modules) if isinstance(executor, str) else None
        if isinstance(executor, str):
            if executor not in _NAMED:
                raise ConfigError(f"executor must be one of {', '.join(_NAMED)}, or an executor, not {executor!r}")
            made = create({"executor": executor, executor: {"timeout": timeout, "packages": packages}})
        else:
            if packages or timeout != TIMEOUT:
                raise ConfigError(
                    "give timeout and packages to the executor itself: Sandbox(Docker...(packages=[...]))"
                )
            made = create({"executor": executor})
        if made is None:  # create gives none only where none is asked for
            raise AssertionError
        self.executor = made

    @classmethod
    def of(cls, executor: Any = None) -> Sandbox:  # a Sandbox, a CodeExecutor, or the name of one
        """A sandbox as it is; or a new one around an executor, or around Docker where nothing is given."""
        if isinstance(executor, Sandbox):
            return executor
        return cls("docker" if executor is None else executor)

    def check_packages(self, function: LearnedFunction) -> str:
        """What of a function's packages can't be had here; empty where all can."""
        allowed = getattr(self.executor, "packages", None)
        for package in function.packages:
            try:
                if allowed is None:
                    raise ConfigError(f"{package} can't be had: this executor has no packages")
                allowed.check(package, function.name)
            except ConfigError as error:
                return str(error)
        return ""

    async def check(self, function: LearnedFunction, example: Mapping[str, Any] | None = None) -> str:
        """Loads a function there, without its being called, or with an example; what went wrong, or nothing.

        Args:
            function: The function.
            example: Arguments to call it with.
        """
        missing = self.check_packages(function)
        if missing:
            return missing
        answer = await self.run(function, example)
        called = "the smoke call failed" if example is not None else "it can't be loaded"
        return f"{called}: {answer.error}" if answer.error else ""

    async def run(self, function: LearnedFunction, arguments: Mapping[str, Any] | None) -> Answer:
        """Calls a function there. Cancelling it kills the process.

        Args:
            function: The function.
            arguments: Its arguments; None to load it only.
        """
        mark = f"answer-{secrets.token_hex(12)}:"
        job = {
            "mark": mark,
            "name": function.name,
            "code": function.code,
            "arguments": None if arguments is None else dict(arguments),
            "imports": imported(function.code),
            "longest": MAX_RESULT,
        }
        # As text in text: JSON alone is no Python (true, null).
        code = f"{_harness()}\n\nrun(json.loads({json.dumps(job)!r}))\n"
        result = await self.executor.execute([CodeBlock(code, "python")])
        said, found, answer = result.output.rpartition(mark)
        if found:
            return _read(answer)
        if result.exit_code == TIMED_OUT:
            return Answer(
                error=f"{function.name} took too long and was stopped", error_type="timeout", printed=said[:_SHOWN]
            )
        output = result.output.strip()[-_SHOWN:]
        said = f": {output}" if output else ""
        return Answer(
            error=f"{function.name} ended without a result (exit code {result.exit_code}){said}", error_type="code"
        )

    def close(self) -> None:
        """Closes the executor, where it was made here."""
        close = getattr(self.executor, "close", None)
        if self._own and close is not None:
            close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def __reduce__(self) -> tuple[Any, ...]:
        if self._own is None:
            raise ConfigError(
                "an executor that is there can't be taken to another process: name it, Sandbox('docker', ...), and "
                "each process makes its own"
            )
        return _of_this_process, self._own

    def __repr__(self) -> str:
        return f"Sandbox({type(self.executor).__name__})"


@lru_cache(maxsize=8)
def _of_this_process(name: str, timeout: float, packages: tuple[str, ...], modules: frozenset[str]) -> Sandbox:
    """The sandbox of a process that tasks were taken to: one for all of them."""
    return Sandbox(name, timeout=timeout, packages=packages, modules=modules)


@lru_cache(maxsize=1)
def _harness() -> str:
    return Path(__file__).with_name("harness.py").read_text(encoding="utf-8")


def _read(text: str) -> Answer:
    """An answer as the process wrote it: untrusted, as all that it prints is."""
    try:
        answer, _ = json.JSONDecoder().raw_decode(text)
        if answer.get("error"):
            return Answer("", str(answer["error"]), str(answer["type"]), str(answer.get("printed", "")))
        value, length = str(answer["value"]), int(answer["length"])
    except (ValueError, KeyError, AttributeError, TypeError, RecursionError):
        return Answer(error="the process wrote an answer that can't be read", error_type="code")
    note = f"\n[... {length - len(value)} characters left out here ...]" if length > len(value) else ""
    return Answer(value + note, printed=str(answer.get("printed", "")))
