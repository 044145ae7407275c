r"""MathUserProxyAgent: drives a solver of mathematical problems (MathChat, arXiv:2306.01337, sections 3 and A).

It opens with the problem and how tools are used, runs the Python and the queries in what the solver says, and answers
with what came out, or asks it to go on, until there is an answer in ``\boxed{}``.
"""

from __future__ import annotations

import ast
import os
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, replace
from typing import Any, TypeAlias
from weakref import WeakKeyDictionary

from ...coding.blocks import CodeBlock, MarkdownCodeExtractor
from ...coding.executor import CodeExecutor
from ...core.conversation import Conversation, Turn
from ...core.errors import ConfigError
from ...core.limits import is_count
from ...core.message import Message, content_text
from ...core.protocols import Reply
from ...core.sync import run as run_sync
from ..agent import call
from ..backends import CodeBackend
from ..backends.code import run_blocks
from ..user_proxy import UserProxyAgent
from .math_utils import get_answer

# query -> answer, sync or async; raises where there is none.
Query: TypeAlias = Callable[[str], Any]

MAX_OUTPUT = 2000  # characters of a result; more is taken for a mistake
_PYTHON = ("python", "py", "python3")
_GO_ON = (
    "Go on. Where you are sure of a step, work it out yourself; otherwise use a tool. Put the answer in \\boxed{} as "
    "soon as you have it."
)
_TOO_LONG = (
    f"The result has more than {MAX_OUTPUT:,} characters, so something is probably wrong: think the step over, and ask "
    "for less."
)
_SAME = "This is the same as the last result: try another way."
_SOLVE_IT = (
    "Too many tries at this step have failed. Read the problem and what you have done so far again. If the step is "
    "right, work it out by yourself, without a tool, and go on with the next; otherwise correct it."
)
_NOTHING = "The code ran and printed nothing: print what you need to know."
_EXTRACTOR = MarkdownCodeExtractor()

_TOOLS = {
    "python": "Python, in a ```python block",
    "two_tools": "Python, in a ```python block, or a question to a computer algebra system, in a ```wolfram block",
}
_PROMPT = """Solve the problem below. You have {tools}; I run it and tell you what it printed.

Choose the way that fits the problem best:
- write a program that solves it at once;
- solve it by reasoning, where no calculation is needed;
- solve it step by step, using a tool wherever a step needs a calculation. Keep the number of steps small.

When you use a tool, write the block and wait for its result. Print what you need, as fractions and roots rather than
decimals. Names that earlier blocks have set are still known. Check that a result makes sense before you go on; when it
doesn't, or an error comes back, correct the code or try another way.

Once you have the answer, write it, without code, in \\boxed{{}}.

Problem:
"""
_PYTHON_PROMPT = """Solve the problem below with Python. Write each query in a ```python block; I run it and tell you \
what it printed, and names that earlier blocks have set are still known. Print what you need, as fractions and roots \
rather than decimals. Once you have the answer, write it, without code, in \\boxed{}.

Problem:
"""
PROMPTS = {
    "default": _PROMPT.format(tools=_TOOLS["python"]),
    "python": _PYTHON_PROMPT,
    "two_tools": _PROMPT.format(tools=_TOOLS["two_tools"]),
}


def is_boxed_answer(message: Mapping[str, Any]) -> bool:
    r"""Whether a message has an answer in ``\boxed{}`` and no code that would have to be run first.

    Example:
        >>> is_boxed_answer({"content": r"So it is \boxed{42}."}), is_boxed_answer({"content": "42"})
        (True, False)
    """
    text = content_text(message.get("content"))
    if any(block.language in (*_PYTHON, "wolfram") for block in _EXTRACTOR.extract_code_blocks(text)):
        return False
    return bool(get_answer(text))


@dataclass(frozen=True, slots=True)
class _Work:
    """What is remembered of a problem."""

    code: str = ""
    last: str = ""
    failed: int = 0


class MathUserProxyAgent(UserProxyAgent):
    r"""Drives a solver: runs the Python that it writes, and asks it to go on until its answer is in ``\boxed{}``.

    The code runs in the executor that `code_execution_config` names, each block after those that went well before (with
    their prints taken out), so names are known from block to block. How long one may take is the executor's affair.

    Args:
        name: Unique within a conversation.
        is_termination_msg: Whether a message ends the chat; one with an answer in a box, and no code, by default.
        human_input_mode: "NEVER" by default.
        default_auto_reply: What it says when there is nothing to run.
        max_invalid_q_per_step: How many tries may fail before the solver is told to do without a tool.
        code_execution_config: Where Python runs; there is no default.
        query: What answers ``wolfram`` blocks: a function of the query, sync or async. Nothing by default.
        **kwargs: The other arguments of `UserProxyAgent`.

    Raises:
        ConfigError: If no executor is chosen, or a setting can't be right.

    Example:
        >>> from autogen_like import AssistantAgent, LocalCommandLineCodeExecutor, ScriptedModel
        >>> solver = AssistantAgent("solver", llm_config=ScriptedModel(["```python\n2**10\n```", "\\boxed{1024}"]))
        >>> proxy = MathUserProxyAgent(code_execution_config={"executor": LocalCommandLineCodeExecutor()})
        >>> result = proxy.initiate_chat(solver, message=proxy.message_generator, problem="2^10 = ?", silent=True)
        >>> [message.text for message in result.messages][2:]
        ['1024', '\\boxed{1024}']
    """

    MAX_CONSECUTIVE_AUTO_REPLY = 15

    def __init__(
        self,
        name: str = "MathChatAgent",
        is_termination_msg: Callable[[Mapping[str, Any]], Any] | None = is_boxed_answer,
        human_input_mode: str = "NEVER",
        default_auto_reply: Any = _GO_ON,
        max_invalid_q_per_step: int = 3,
        *,
        code_execution_config: Mapping[str, Any] | bool | None = None,
        query: Query | None = None,
        **kwargs: Any,
    ) -> None:
        if not is_count(max_invalid_q_per_step):
            raise ConfigError(f"max_invalid_q_per_step must be at least 1, not {max_invalid_q_per_step!r}")
        if code_execution_config is None or code_execution_config is False:
            raise ConfigError(
                f"{name} runs Python that a model writes, so say where: code_execution_config={{'executor': 'docker'}}"
                ", or an executor of your own"
            )
        super().__init__(
            name=name,
            is_termination_msg=is_termination_msg,
            human_input_mode=human_input_mode,
            default_auto_reply=default_auto_reply,
            code_execution_config=code_execution_config,
            **kwargs,
        )
        self.max_invalid_q_per_step = max_invalid_q_per_step
        self.query = query
        self._work: WeakKeyDictionary[Conversation, _Work] = WeakKeyDictionary()
        self._own_work = _Work()
        at = next(index for index, backend in enumerate(self.backends) if isinstance(backend, CodeBackend))
        self.backends[at] = _MathBackend(self)

    @staticmethod
    def message_generator(sender: Any, recipient: Any, context: Mapping[str, Any]) -> str:  # noqa: ARG004 - as called
        """The first message: ``initiate_chat(solver, message=proxy.message_generator, problem="...")``.

        Args:
            sender: Who says it.
            recipient: Who solves it.
            context: ``problem``, and maybe ``prompt_type`` ("default", "python" or "two_tools") or
                ``customized_prompt``, which goes in front of the problem instead.

        Raises:
            ConfigError: If there is no problem, or no such type.
        """
        problem, kind = context.get("problem"), context.get("prompt_type", "default")
        if not isinstance(problem, str) or not problem.strip():
            raise ConfigError('there is no problem to solve: pass problem="..." to initiate_chat')
        customized = context.get("customized_prompt")
        if customized is not None:
            return f"{customized}{problem}"
        if kind not in PROMPTS:
            raise ConfigError(f"prompt_type must be one of {', '.join(PROMPTS)}, not {kind!r}")
        return PROMPTS[kind] + problem

    def reset(self) -> None:
        """Forgets all conversations, and the code that was run in them."""
        super().reset()
        self._work.clear()
        self._own_work = _Work()

    # --- outside of a chat

    def execute_one_python_code(self, pycode: str) -> tuple[str, bool]:
        """Runs a piece of Python after those that this method ran well before.

        Args:
            pycode: The code.

        Returns:
            What it printed, or what was wrong, for the solver; and whether it went well.
        """
        return run_sync(self.a_execute_one_python_code(pycode))

    async def a_execute_one_python_code(self, pycode: str) -> tuple[str, bool]:
        """Runs a piece of Python; see `execute_one_python_code`."""

        async def execute(executor: CodeExecutor, blocks: list[CodeBlock]) -> Any:
            return await executor.execute(blocks)

        said, self._own_work, well = await self._ran(pycode, self._own_work, execute)
        return said, well

    def execute_one_wolfram_query(self, query: str) -> tuple[str, bool]:
        """Asks what answers ``wolfram`` blocks: the answer, or what was wrong, and whether there was one."""
        return run_sync(self.a_execute_one_wolfram_query(query))

    async def a_execute_one_wolfram_query(self, query: str) -> tuple[str, bool]:
        """Asks what answers ``wolfram`` blocks; see `execute_one_wolfram_query`."""
        if self.query is None:
            return "Error: there is nothing here that answers such queries. Use Python, or do without.", False
        try:
            answer = await call(self.query, query)
        except Exception as error:  # noqa: BLE001 - the solver can ask for something else
            return f"Error: {type(error).__name__}: {error}", False
        return _short(str(answer))

    # --- in a chat

    async def answer(self, blocks: Iterable[CodeBlock], turn: Turn) -> str:
        """What the solver is told of what it wants run.

        Args:
            blocks: What it wants run.
            turn: The turn.
        """
        before = work = self._work.get(turn.conversation, _Work())

        async def execute(executor: CodeExecutor, code: list[CodeBlock]) -> Any:
            return await run_blocks(executor, code, turn)

        said: list[str] = []
        all_well = True
        for block in blocks:
            if block.language in _PYTHON:
                text, work, well = await self._ran(block.code, work, execute)
            elif block.language == "wolfram":
                text, well = await self.a_execute_one_wolfram_query(block.code)
            else:
                text, well = f"Error: {block.language or 'this'} is not run here. Use Python.", False
            said.append(text)
            all_well = all_well and well
        reply = "\n".join(said).strip()
        failed = before.failed + (not all_well)
        same, helpless = reply == before.last, failed > self.max_invalid_q_per_step
        self._work[turn.conversation] = replace(work, last=reply, failed=0 if helpless else failed)
        if same:
            return f"{reply}\n{_SAME}"
        return _SOLVE_IT if helpless else reply

    async def _ran(self, code: str, work: _Work, execute: Callable[..., Any]) -> tuple[str, _Work, bool]:
        executor = self.code_executor
        if executor is None:
            raise ConfigError(f"{self.name} has no code_executor any more: set one")
        shown = with_last_line_printed(code)
        result = await execute(executor, [CodeBlock(f"{work.code}\n{shown}".lstrip("\n"), "python")])
        text = result.output.strip()
        if result.exit_code:
            return f"Error: {_without_paths(text) or f'exit code {result.exit_code}'}"[:MAX_OUTPUT], work, False
        work = replace(work, code=f"{work.code}\n{without_prints(code)}".strip("\n"))
        if not text:
            return _NOTHING, work, False
        said, well = _short(text)
        return said, work, well


class _MathBackend:
    """Runs what the solver wants run, where it says so; otherwise others answer."""

    name = "math"

    def __init__(self, agent: MathUserProxyAgent) -> None:
        self._agent = agent

    async def reply(self, turn: Turn) -> Reply:
        if not turn.messages:
            return None
        blocks = _EXTRACTOR.extract_code_blocks(content_text(turn.messages[-1].get("content")))
        return Message(self._agent.name, await self._agent.answer(blocks, turn)) if blocks else None


def with_last_line_printed(code: str) -> str:
    r"""Code whose last line, where it is an expression, is printed.

    Example:
        >>> with_last_line_printed("a = 4\na, 2")
        'a = 4\nprint(a, 2)'
    """
    tree = _parsed(code)
    last = tree.body[-1] if tree is not None and tree.body else None
    if not isinstance(last, ast.Expr) or _is_print(last) or isinstance(last.value, ast.Yield | ast.Await):
        return code
    source = ast.get_source_segment(code, last) or ""
    if any(isinstance(part, ast.Starred) for part in getattr(last.value, "elts", ())) and not source.startswith("("):
        source = f"({source})"
    lines = code.splitlines()
    head = "\n".join(lines[: last.lineno - 1])
    before = lines[last.lineno - 1].encode()[: last.col_offset].decode()
    return f"{head}\n{before}print({source})".lstrip("\n")


def without_prints(code: str) -> str:
    r"""Code without the lines that only print, so that it can be run again for what it sets.

    Example:
        >>> without_prints("print('hi')\na = 4*5\nif a:\n    print(a)")
        'a = 4*5\nif a:\n    print(a)'
    """
    tree = _parsed(code)
    if tree is None:
        return code
    lines = code.splitlines()
    spans = [(range(one.lineno - 1, one.end_lineno or one.lineno), _is_print(one)) for one in tree.body]
    kept = {line for span, prints in spans if not prints for line in span}
    gone = {line for span, prints in spans if prints for line in span} - kept
    return "\n".join(line for index, line in enumerate(lines) if index not in gone)


def _parsed(code: str) -> ast.Module | None:
    try:
        return ast.parse(code)
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        return None  # whoever runs it says what is wrong


def _is_print(statement: ast.stmt) -> bool:
    value = statement.value if isinstance(statement, ast.Expr) else None
    return isinstance(value, ast.Call) and isinstance(value.func, ast.Name) and value.func.id == "print"


def _short(text: str) -> tuple[str, bool]:
    return (_TOO_LONG, False) if len(text) > MAX_OUTPUT else (text, True)


def _without_paths(text: str) -> str:
    """What went wrong, by its last lines: where the files are is nothing that the solver needs."""
    lines = [line for line in text.splitlines() if f"{os.sep}" not in line or not line.lstrip().startswith("File ")]
    return "\n".join(lines[-12:])
