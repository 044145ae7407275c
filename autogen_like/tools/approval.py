"""Which tool calls need a person's yes, and asking for it."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Awaitable, Callable, Collection, Iterable, Mapping, Sequence
from fnmatch import fnmatchcase
from typing import Any, TypeAlias

from ..core.errors import ConfigError
from ..core.events import ApprovalRequested, HumanRequested
from ..core.message import ToolCall, ToolResult, new_id
from ..core.protocols import Tool
from ..core.run import Run
from ..core.sync import in_worker

ApprovalRule: TypeAlias = "bool | Callable[[Tool, ToolCall], bool]"
"""Whether a call needs a person's yes: always, never, or as a quick function of the tool and the call says."""

Terminal: TypeAlias = Callable[[str], Awaitable[str]]
"""Asks a person at hand: what is to be asked -> what they answer."""

_YES = ("y", "yes", "approve", "approved")
_NO = ("n", "no", "deny", "denied")
UNCERTAIN = "Error: it is unknown whether this ran: the process died meanwhile."
_UNASKED = "Error: not run: it needs a person's yes, and nobody is at hand to be asked."
_NOBODY = (EOFError, OSError)  # what `input` raises where there is no terminal


class NeedsApproval:
    """A rule: calls need a person's yes if their tool has one of the names or tags, and their arguments are such.

    Args:
        *names: Names of tools; ``*`` and ``?`` stand for any characters. Without names and tags, every tool is meant.
        tags: Tags of tools (``FunctionTool(..., tags=("writes",))``).
        when: A function of the arguments, as the tool would get them. Where it raises (an argument that it looks for
            was left out, say) the person is asked.

    Raises:
        ConfigError: If `tags` is a string: it would be taken for a tag per letter.

    Example:
        >>> from autogen_like import FunctionTool, ToolCall
        >>> def pay(amount: int) -> str:
        ...     "Pays."
        ...     return "paid"
        >>> rule = NeedsApproval("pay", "delete_*", when=lambda arguments: arguments["amount"] > 100)
        >>> rule(FunctionTool(pay), ToolCall("1", "pay", '{"amount": 20}'))
        False
    """

    def __init__(
        self, *names: str, tags: Sequence[str] = (), when: Callable[[Mapping[str, Any]], Any] | None = None
    ) -> None:
        if isinstance(tags, str):
            raise ConfigError(f"tags must be a list or tuple of tags, not the string {tags!r}")
        self.names, self.tags, self.when = names, tuple(tags), when

    def __call__(self, tool: Tool, call: ToolCall) -> bool:
        """Whether the call needs a yes."""
        if (self.names or self.tags) and not (
            any(fnmatchcase(tool.name, name) for name in self.names)
            or any(tag in self.tags for tag in getattr(tool, "tags", ()))
        ):
            return False
        if self.when is None:
            return True
        try:
            return bool(self.when(_arguments(tool, call)))
        except Exception:  # noqa: BLE001 - what can't be judged is for a person to judge
            return True

    def __repr__(self) -> str:
        shown = [
            *map(repr, self.names),
            *([f"tags={self.tags}"] if self.tags else []),
            *(["when=..."] * bool(self.when)),
        ]
        return f"NeedsApproval({', '.join(shown)})"


def _arguments(tool: Tool, call: ToolCall) -> Mapping[str, Any]:
    """The arguments as the tool itself reads them, where it says how; else as the model wrote them."""
    read = getattr(tool, "arguments", None)
    arguments: Mapping[str, Any] = read(call) if read is not None else json.loads(call.arguments or "{}")
    return arguments


def needs_approval(tool: Tool, call: ToolCall, policy: ApprovalRule | None) -> bool:
    """Whether a person must say yes before a call is run: the tool's own rule, or the policy over all tools, says so.

    Args:
        tool: The tool.
        call: The call.
        policy: What holds for all tools of the agent, beside each tool's own ``approval``.
    """
    own: ApprovalRule | None = getattr(tool, "approval", None)
    return (bool(own) and _says(own, tool, call)) or (bool(policy) and _says(policy, tool, call))


def _says(rule: ApprovalRule | None, tool: Tool, call: ToolCall) -> bool:
    return bool(rule(tool, call)) if callable(rule) else bool(rule)


def refusal(answer: str) -> str | None:
    """Why a person said no; None where they said yes. Only a clear yes is one.

    Example:
        >>> refusal("Yes."), refusal("no, not on Fridays"), refusal("")
        (None, 'not on Fridays', '')
    """
    text = answer.strip()
    word = text.rstrip(".!").casefold()
    if word in _YES:
        return None
    for no in _NO:
        rest = text[len(no) :]
        if word.startswith(no) and not rest[:1].isalnum():
            return rest.lstrip(" .,:;!-")
    return text


def _denial(answer: str, *, again: bool) -> str | None:
    reason = refusal(answer)
    if reason is None:
        return None
    if again:
        return f"{UNCERTAIN} It was not run again{'. A person says: ' if reason else '.'}{reason}"
    return f"Error: not run, since a person denied it{': ' if reason else '.'}{reason}"


class Approvals:
    """Asks for the yes of a person, for the calls of one message.

    Args:
        run: The run that they are part of; None outside of one, where nobody can be asked.
        conversation: The conversation's id.
        agent: Name of the agent that would run them.
        message: Id of the message that made the calls; a request's id is made of it, so that it stays the same when
            a paused conversation goes on.
        terminal: How the agent asks at the terminal.
    """

    def __init__(
        self, run: Run[Any] | None, conversation: str, agent: str, message: str, terminal: Terminal | None = None
    ) -> None:
        self._run, self._conversation, self._agent = run, conversation, agent
        self._message = message or new_id()
        self._terminal = terminal or _ask_terminal

    async def refused(self, calls: Mapping[int, ToolCall], uncertain: Collection[int] = ()) -> dict[int, ToolResult]:
        """Asks about calls; nothing of their message may run before this returns.

        Args:
            calls: Those that need approval, by their place in the message.
            uncertain: Places of those that may have been run already, by a process that ended meanwhile.

        Returns:
            A result for each call that was denied, with the reason.

        Raises:
            PersonNeeded: If nobody is at hand and the run can pause: all of them are asked for at once.
        """
        requests = {place: self._request(place, call, again=place in uncertain) for place, call in calls.items()}
        run = self._run
        answers = await self._answers(run, requests) if run is not None else {}
        results: dict[int, ToolResult] = {}
        for place, call in calls.items():
            said = _denial(answers[place], again=place in uncertain) if place in answers else _UNASKED
            if said is not None:
                results[place] = ToolResult(call.id, call.name, said, error=True)
        return results

    def _request(self, place: int, call: ToolCall, *, again: bool) -> ApprovalRequested:
        # ascii(): a terminal must not be told to do things by what a model wrote.
        what = f"run {ascii(call.name)[1:-1]} with {_shown(call.arguments)}"
        prompt = f"May {self._agent} {what}? (yes, or no and why) "
        if again:
            prompt = f"{self._agent} may have {what} when its process ended. Again? (yes, or what came of it) "
        return ApprovalRequested(self._conversation, f"{self._message}.{place}", self._agent, prompt, call)

    async def _answers(self, run: Run[Any], requests: Mapping[int, HumanRequested]) -> dict[int, str]:
        open_ = [request for request in requests.values() if request.id not in run.answers]
        if run.human == "pause" and open_:
            self._tell(run, open_)
            return self._paused(run, requests, open_)
        if run.human is None:  # one terminal: one question after the other
            answers = {}
            for place, request in requests.items():
                try:
                    answers[place] = await run.ask(request, self._ask)
                except _Nobody:
                    still = [one for one in requests.values() if one.id not in run.answers]
                    self._tell(run, still[1:])  # the first was told when it was asked
                    return self._paused(run, requests, still)
            return answers
        asked = await asyncio.gather(*(run.ask(request, self._ask) for request in requests.values()))
        return dict(zip(requests, asked, strict=True))

    def _tell(self, run: Run[Any], requests: Iterable[HumanRequested]) -> None:
        if run.listening:
            for request in requests:
                run.emit(request)

    def _paused(
        self, run: Run[Any], requests: Mapping[int, HumanRequested], waiting: Sequence[HumanRequested]
    ) -> dict[int, str]:
        if run.parent is None:
            run.pause(waiting)
        return {place: run.answers[request.id] for place, request in requests.items() if request.id in run.answers}

    async def _ask(self, request: HumanRequested) -> str:
        try:
            return await self._terminal(request.prompt)
        except _NOBODY as error:
            raise _Nobody from error
        except RuntimeError as error:
            if type(error).__name__ == "StdinNotImplementedError":  # a notebook that is run without a person
                raise _Nobody from error
            raise


class _Nobody(Exception):
    """There is no terminal, or nobody at it."""


async def _ask_terminal(prompt: str) -> str:
    return await in_worker(input, prompt)


def _shown(arguments: str) -> str:
    """Arguments in plain ASCII, and whole: nobody should approve what they can't see."""
    try:
        return json.dumps(json.loads(arguments or "{}"))
    except ValueError:
        return ascii(arguments)
