"""Runs code blocks that others wrote, where an executor was chosen."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any, Protocol
from weakref import WeakKeyDictionary

from ...coding.blocks import CodeBlock
from ...coding.executor import CodeExecutor, CodeResult, format_result
from ...core.conversation import Conversation, Turn
from ...core.errors import ConfigError
from ...core.events import CodeFinished, CodeOutput, CodeStarted
from ...core.message import Message, Text, content_text
from ...core.protocols import Reply
from ...core.steps import CodeStep, watched


class WithCode(Protocol):
    """What the code backend knows of its agent."""

    @property
    def name(self) -> str:
        """The agent's name."""
        ...

    @property
    def code_executor(self) -> CodeExecutor | None:
        """What runs the code; None where nothing does."""
        ...


class CodeBackend:
    """Runs the newest code blocks said since the agent last spoke.

    Args:
        agent: Whose executor runs them.
        last_n_messages: How many messages to look through; "auto" is all since the agent last spoke.

    Raises:
        ConfigError: If `last_n_messages` is neither.
    """

    name = "code"

    def __init__(self, agent: WithCode, last_n_messages: int | str = "auto") -> None:
        if last_n_messages != "auto" and not (isinstance(last_n_messages, int) and last_n_messages > 0):
            raise ConfigError(f'last_n_messages must be a positive number or "auto", not {last_n_messages!r}')
        self._agent = agent
        self._last_n = last_n_messages
        # Where the last look ended, so that messages without code are looked at once, not at every turn.
        self._looked: WeakKeyDictionary[Conversation, int] = WeakKeyDictionary()

    async def reply(self, turn: Turn) -> Reply:
        """What the code printed, or None where there is no code or nothing to run it."""
        executor = self._agent.code_executor
        if executor is None:
            return None
        for message in self._recent(turn):
            blocks = executor.code_extractor.extract_code_blocks(content_text(message.get("content")))
            if not blocks:
                continue
            result = await run_blocks(executor, blocks, turn)
            said = format_result(result)
            return Message(self._agent.name, (Text(said), *result.parts) if result.parts else said)
        return None

    def _recent(self, turn: Turn) -> list[Mapping[str, Any]]:
        messages = turn.messages
        if isinstance(self._last_n, int):
            return list(reversed(messages[-self._last_n :]))
        start = min(self._looked.get(turn.conversation, 0), max(len(messages) - 1, 0))
        self._looked[turn.conversation] = len(messages)
        recent: list[Mapping[str, Any]] = []
        for message in reversed(messages[start:]):
            if message.get("role") != "user":
                break
            recent.append(message)
        return recent


async def run_blocks(executor: CodeExecutor, blocks: Sequence[CodeBlock], turn: Turn) -> CodeResult:
    """Runs code as part of a turn: listeners and watchers are told.

    Args:
        executor: What runs it.
        blocks: The code.
        turn: Whose turn it is part of.
    """
    chat, name = turn.conversation.id, turn.speaker.name
    languages = tuple(block.language for block in blocks)
    if turn.run.listening:
        turn.emit(CodeStarted(chat, name, languages))
    if not turn.run.watchers:
        result = await executor.execute(blocks, on_output=_teller(turn))
    else:
        step = CodeStep(turn.run, chat, name, languages)
        with watched(step):
            result = await executor.execute(blocks, on_output=_teller(turn))
            step.exit_code = result.exit_code
    if turn.run.listening:
        turn.emit(CodeFinished(chat, name, result.exit_code, result.output))
    return result


def _teller(turn: Turn) -> Callable[[str], None] | None:
    """What tells listeners of output while code runs; None where nobody wants pieces."""
    if not turn.run.wants_deltas:
        return None
    return lambda text: turn.emit(CodeOutput(turn.conversation.id, turn.speaker.name, text))
