"""Running code by AutoGen 0.2's older configuration: its form of output, and the methods that subclasses override."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from threading import Lock
from typing import Any

from ...agents import conversable
from ...agents.backends import CodeBackend
from ...agents.chain import ChainMixin
from ...coding.blocks import CodeBlock, CodeExtractor, MarkdownCodeExtractor
from ...coding.executor import BlockingExecutorAdapter, CodeExecutor, CodeResult
from ...coding.factory import check_settings, create
from ...core.conversation import Turn
from ...core.message import Message
from ...core.protocols import Reply
from ...core.run import Run
from ...core.sync import in_worker
from ...core.sync import run as run_sync
from ..code_utils import check_can_use_docker_or_throw, decide_use_docker, is_docker_running
from ._letters import as_chat


class _OldForm:
    """An executor whose output begins on a line of its own, as scripts of the older configuration know it."""

    def __init__(self, executor: CodeExecutor) -> None:
        self.executor = executor

    @property
    def code_extractor(self) -> CodeExtractor:
        """What finds the blocks."""
        return self.executor.code_extractor

    async def execute(
        self, blocks: Sequence[CodeBlock], *, on_output: Callable[[str], None] | None = None
    ) -> CodeResult:
        """Runs blocks in order."""
        result = await self.executor.execute(blocks, on_output=on_output)
        return replace(result, output="\n" + result.output)

    def execute_code_blocks(self, code_blocks: list[CodeBlock]) -> CodeResult:
        """Runs blocks in order."""
        return run_sync(self.execute(code_blocks))

    def restart(self) -> None:
        """Forgets what earlier blocks left behind."""
        self.executor.restart()


class _InDocker:
    """Docker for an older configuration: looked for, and its image fetched, when code is first to be run.

    Args:
        config: The configuration.
    """

    code_extractor = MarkdownCodeExtractor()

    def __init__(self, config: Mapping[str, Any]) -> None:
        self._config = config
        self._made: CodeExecutor | None = None
        self._making = Lock()

    def _executor(self) -> CodeExecutor:
        with self._making:
            if self._made is None:
                self._made = create(self._config)
        assert self._made is not None  # noqa: S101 - a mapping always asks for one
        return self._made

    async def execute(
        self, blocks: Sequence[CodeBlock], *, on_output: Callable[[str], None] | None = None
    ) -> CodeResult:
        """Runs blocks in order."""
        executor = await in_worker(self._executor)  # an image may take minutes
        return await executor.execute(blocks, on_output=on_output)

    def execute_code_blocks(self, code_blocks: list[CodeBlock]) -> CodeResult:
        """Runs blocks in order."""
        return run_sync(self.execute(code_blocks))

    def restart(self) -> None:
        """Forgets what earlier blocks left behind."""
        if self._made is not None:
            self._made.restart()


def when_needed(config: Any) -> Any:
    """An older configuration whose Docker is looked for when code is first to be run; any other as it is.

    Raises:
        ConfigError: If it asks for Docker where there can be none; a `RuntimeError`, too.
    """
    if not isinstance(config, Mapping) or config.get("executor") is not None:
        return config
    check_settings(config)
    docker: Any = decide_use_docker(config.get("use_docker"))
    docker = is_docker_running() if docker is None else docker
    check_can_use_docker_or_throw(bool(docker))
    if not docker:
        return {**config, "use_docker": False}
    kept = {key: config[key] for key in ("last_n_messages",) if key in config}
    return {"executor": _InDocker({**config, "use_docker": docker}), **kept}


class _Overridden:
    """An agent's own ``execute_code_blocks`` as an executor."""

    code_extractor = MarkdownCodeExtractor()

    def __init__(self, agent: Any) -> None:
        self._agent = agent

    def execute_code_blocks(self, code_blocks: list[CodeBlock]) -> CodeResult:
        """Runs blocks in order."""
        exit_code, output = self._agent.execute_code_blocks([(one.language, one.code) for one in code_blocks])
        return CodeResult(exit_code, output)

    def restart(self) -> None:
        """Nothing is kept."""


class CodeMixin(conversable.ConversableAgent):
    """Code execution by 0.2's names."""

    _code_config: Any = False

    def _init_code(self, config: Mapping[str, Any] | bool | None) -> None:
        """The executor for a configuration, where the base class hasn't chosen it."""
        self._code_config = False if config is None else config
        if isinstance(config, Mapping) and "executor" not in config:
            self._code_config = {**config, "use_docker": decide_use_docker(config.get("use_docker"))}
        ours = CodeMixin
        kind = type(self)
        if isinstance(config, Mapping) and "executor" not in config:
            if kind.run_code is not ours.run_code or kind.execute_code_blocks is not ours.execute_code_blocks:
                self.code_executor = BlockingExecutorAdapter(_Overridden(self))
            elif self.code_executor is not None:
                self.code_executor = _OldForm(self.code_executor)

    @property
    def _code_execution_config(self) -> Any:
        return self._code_config

    @_code_execution_config.setter
    def _code_execution_config(self, config: Mapping[str, Any] | bool) -> None:
        self.code_executor = create(when_needed(config)) if isinstance(config, Mapping) and config else None
        self._init_code(config)

    @property
    def use_docker(self) -> bool | str | None:
        """Whether code is run in Docker, or in which image; None where none is run."""
        if not isinstance(self._code_config, Mapping):
            return None
        docker: bool | str | None = self._code_config.get("use_docker")
        return docker

    def run_code(self, code: str, **kwargs: Any) -> tuple[int, str, str | None]:
        """Runs code; override it to run it elsewhere.

        Args:
            code: The code.
            **kwargs: ``lang``, ``filename``; see `execute_code`.

        Returns:
            The exit status, what was printed, and the Docker image.
        """
        from ..code_utils import execute_code

        config = self._code_config if isinstance(self._code_config, Mapping) else {}
        settings = {key: config[key] for key in ("work_dir", "use_docker", "timeout") if key in config}
        return execute_code(code, **{**settings, **kwargs})

    def execute_code_blocks(self, code_blocks: Sequence[tuple[str, str]]) -> tuple[int, str]:
        """Runs ``[(language, code)]`` in order; override it to run them elsewhere."""
        printed, exit_code = "", 0
        for language, code in code_blocks:
            exit_code, output, _ = self.run_code(code, lang=language or "python")
            printed += "\n" + output
            if exit_code:
                break
        return exit_code, printed

    def generate_code_execution_reply(self, messages: Any = None, sender: Any = None, config: Any = None) -> Any:
        """What the code that was said prints: ``(final, reply)``."""
        config = self._code_config if config is None else config
        if not isinstance(config, Mapping) or self.code_executor is None:
            return False, None
        backend = CodeBackend(self, config.get("last_n_messages", "auto"))
        return run_sync(self._ask_one(backend, messages, sender))

    async def _ask_one(self: ChainMixin, backend: CodeBackend, messages: Any, sender: Any) -> tuple[bool, Any]:
        chat = self._occasion(messages, sender)

        async def main(run: Run[Reply]) -> Reply:
            return await backend.reply(Turn(chat, run, self, sender))

        said = await Run(main)
        return (True, as_chat(said, self.name)) if isinstance(said, Message) else (False, None)
