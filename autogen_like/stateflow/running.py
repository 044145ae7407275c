"""Runs a tool, or code, inside a state, on what was said before."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import partial
from typing import Any

from ..agents.agent import call as call_function
from ..coding.blocks import MarkdownCodeExtractor
from ..coding.executor import BlockingExecutorAdapter, CodeExecutor, format_result
from ..core.errors import ConfigError
from ..core.events import CodeFinished, CodeOutput, CodeStarted
from ..core.message import Message, Text, ToolCall
from ..core.protocols import Reply, Tool
from ..core.steps import CodeStep, watched
from ..tools.runner import run_calls
from ..tools.toolbox import Toolbox, ToolSource, as_tool, tools_at
from .asking import parts_of
from .context import Context
from .outputs import NOTHING, Moment, Plain
from .position import Outcome
from .views import filled

Arguments = Mapping[str, Any] | Callable[[Context], Any] | None


@dataclass(frozen=True, slots=True)
class RunTool(Plain):
    """Runs a tool; see `run`."""

    tool: Tool
    arguments: Arguments = None
    kind: str = field(default="run", init=False)

    @property
    def speaker(self) -> str:
        return self.tool.name

    async def produce(self, at: Moment) -> Reply:
        """Answers open calls; without any, calls the tool with what was said, or with arguments of its own."""
        calls = at.context.transcript.open_calls()
        last = at.context.transcript.last
        speaker = last.speaker if last is not None else ""
        others = tools_at(at.context.declared.offer, at.conversation, at.run, speaker)
        source: ToolSource = _OneMore(self.tool, others)
        if not calls:
            arguments = await self._arguments(at.context)
            if arguments is None:
                failed = Outcome(self.kind, ok=False, name=self.tool.name)
                return at.says(f"Error: there was nothing to run {self.tool.name} with.", failed)
            calls, source = (ToolCall("flow", self.tool.name, json.dumps(arguments)),), Toolbox([self.tool])
            asked = False
        else:
            asked = True
        results = await run_calls(
            calls,
            source,
            run=at.run,
            conversation=at.conversation.id,
            speaker=at.speaker,
            transcript=at.context.transcript,
            state=partial(at.conversation.state, at.run),
        )
        ok = not any(result.error for result in results)
        outcome = Outcome(self.kind, ok, self.tool.name, results[-1].value)
        if asked:
            at.context.position.last = outcome
            return Message(at.speaker, parts_of(results), tool_results=results)
        result = results[0]
        return at.says((Text(result.content or NOTHING), *result.parts) if result.parts else result.content, outcome)

    async def _arguments(self, context: Context) -> dict[str, Any] | None:
        given = self.arguments
        if isinstance(given, Mapping):
            return {key: filled(value, context) if isinstance(value, str) else value for key, value in given.items()}
        text = await call_function(given, context) if given is not None else argument_of(context.text)
        if isinstance(text, Mapping):
            return dict(text)
        if not isinstance(text, str) or not text.strip():
            return {} if not _parameters(self.tool) else None
        return dict.fromkeys(_parameters(self.tool)[:1], text)


class _OneMore:
    """A tool before those of the state."""

    def __init__(self, tool: Tool, others: ToolSource) -> None:
        self._tool = tool
        self._others = others

    def schemas(self, conversation: str = "") -> list[Mapping[str, Any]]:
        return [self._tool.schema, *self._others.schemas(conversation)]

    def get(self, name: str, conversation: str = "") -> Tool | None:
        return self._tool if name == self._tool.name else self._others.get(name, conversation)


def _parameters(tool: Tool) -> list[str]:
    """A tool's parameters, the required ones first."""
    shape = tool.schema["function"].get("parameters", {})
    required = list(shape.get("required", ()))
    return required + [name for name in shape.get("properties", {}) if name not in required]


def argument_of(text: str) -> str:
    r"""What a message wants run: its first code block, or all of it where it has none.

    Example:
        >>> argument_of("Let me see:\n```sql\nSELECT 1\n```\n")
        'SELECT 1'
    """
    if "```" not in text:
        return text.strip()
    blocks = MarkdownCodeExtractor().extract_code_blocks(text)
    return blocks[0].code.strip() if blocks else text.strip()


@dataclass(frozen=True, slots=True)
class RunCode(Plain):
    """Runs code blocks; see `run`."""

    executor: CodeExecutor
    name: str = "executor"
    kind: str = field(default="run", init=False)

    @property
    def speaker(self) -> str:
        return self.name

    async def produce(self, at: Moment) -> Reply:
        """Runs the code blocks of the newest message."""
        run, conversation = at.run, at.conversation.id
        blocks = self.executor.code_extractor.extract_code_blocks(at.context.text)
        if not blocks:
            return at.says("Error: there is no code block to run.", Outcome(self.kind, ok=False, name=self.name))
        languages = tuple(block.language for block in blocks)
        if run.listening:
            run.emit(CodeStarted(conversation, self.name, languages))

        def tell(text: str) -> None:
            run.emit(CodeOutput(conversation, self.name, text))

        step = CodeStep(run, conversation, self.name, languages)
        with watched(step):
            result = await self.executor.execute(blocks, on_output=tell if run.wants_deltas else None)
            step.exit_code = result.exit_code
        if run.listening:
            run.emit(CodeFinished(conversation, self.name, result.exit_code, result.output))
        said = format_result(result)
        outcome = Outcome(self.kind, result.exit_code == 0, self.name, result)
        return at.says((Text(said), *result.parts) if result.parts else said, outcome)


def run(what: Any, arguments: Arguments = None, *, name: str = "executor") -> RunTool | RunCode:
    """Runs a tool, or code, on what was said, and says what came of it in the tool's name.

    A tool answers the calls that the newest message makes. Where it makes none, the tool is called with the first code
    block of the message, or its whole text, as its first argument. Each call is written before it runs, so it isn't
    run twice in a run that goes on after its process ended.

    Args:
        what: A tool, a function to make one of, or a code executor, which runs the code blocks of the newest message.
        arguments: The tool's arguments, always the same (texts may have {task}, {last}, ...), or a function of the
            context that gives them, or the first of them.
        name: In whose name an executor's output is said.

    Raises:
        ConfigError: If it is neither a tool nor an executor.
        ToolSchemaError: If a function can't be described.
    """
    if hasattr(what, "code_extractor"):
        if arguments is not None:
            raise ConfigError("an executor runs the code blocks of the newest message: run() takes no arguments for it")
        executor = what if hasattr(what, "execute") else BlockingExecutorAdapter(what)
        return RunCode(executor, name)
    if not (arguments is None or isinstance(arguments, Mapping) or callable(arguments)):
        raise ConfigError(f"the arguments of run() must be a dict or a function of the context, not {arguments!r}")
    return RunTool(as_tool(what), arguments)
