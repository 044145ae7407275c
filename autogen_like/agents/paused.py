"""A chat that waits for a person: what it asks, its state, and how it goes on."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Coroutine, Mapping
from typing import TYPE_CHECKING, Any, TypeAlias

from ..core.conversation import Conversation
from ..core.errors import ConfigError
from ..core.events import HumanRequested
from ..core.run import Run
from ..core.sync import run as run_sync

if TYPE_CHECKING:
    from .chat_result import ChatResult

Main: TypeAlias = Callable[[Run[Any]], Coroutine[Any, Any, Any]]
Answers = Mapping[str, str | bool]
"""What people say, by the request's id; True and False stand for yes and no."""


_WORDS = {True: "yes", False: "no"}


class PausedChat:
    """A chat that ended with the reason "paused", since nobody was at hand to answer what it asks.

    Found as `ChatResult.paused`. Nothing of it runs, and it can wait for as long as need be.

    Args:
        conversation: The conversation, which is paused.
        before: The run that it paused in.
        held: Holds the conversation to its end, in a run that goes on with it.
        run_of: A run of what it is given; with an id, that of the kept run which it goes on with.
        show: Has a run shown that nobody reads the events of.

    Attributes:
        requests: What is asked: `ApprovalRequested` where a tool needs a yes, `HumanRequested` elsewhere.

    Example:
        >>> from autogen_like import AssistantAgent, FunctionTool, ModelResponse, ScriptedModel, ToolCall
        >>> def delete(path: str) -> str:
        ...     "Deletes a file."
        ...     return f"{path} is gone"
        >>> wants = ModelResponse(tool_calls=(ToolCall("1", "delete", '{"path": "old.txt"}'),))
        >>> model = ScriptedModel([wants, "Done."])
        >>> agent = AssistantAgent("ada", llm_config=model, tools=[FunctionTool(delete, approval=True)])
        >>> async def main() -> str:
        ...     result = await agent.run(message="Tidy up.", human="pause")
        ...     (request,) = result.paused.requests
        ...     print(request.prompt.strip())
        ...     result = await result.paused.run({request.id: True})
        ...     return result.summary
        >>> import asyncio; asyncio.run(main())
        May ada run delete with {"path": "old.txt"}? (yes, or no and why)
        'Done.'
    """

    def __init__(
        self,
        conversation: Conversation,
        before: Run[Any],
        held: Callable[[Run[Any]], Coroutine[Any, Any, Any]],
        run_of: Callable[[Main, str | None], Run[Any]],
        show: Callable[[Run[Any]], None],
    ) -> None:
        self.requests: tuple[HumanRequested, ...] = conversation.paused.requests if conversation.paused else ()
        self._conversation = conversation
        self._before = before
        self._kept = before.id if before.journal is not None and before.parent is None else None
        self._held = held
        self._run_of = run_of
        self._show = show
        self._pause = conversation.paused

    def snapshot(self) -> dict[str, Any]:
        """The chat's state as JSON: what was said, whose turn it is and what is asked."""
        self._check_waiting()
        return self._conversation.snapshot()

    def run(self, answers: Answers) -> Run[ChatResult]:
        """Goes on, as a stream of events. What isn't answered is asked again: the chat may pause once more.

        Args:
            answers: What people say, by the request's id.

        Returns:
            The run; its budgets go on from where the paused one stopped.

        Raises:
            ConfigError: If an id is none of the requests', or the chat has gone on already.
        """
        self._check_waiting()
        known = {request.id for request in self.requests}
        unknown = [key for key in answers if key not in known]
        if unknown:
            raise ConfigError(f"no request {unknown[0]!r} waits for an answer; these do: {sorted(known)}")
        said = {key: answer if isinstance(answer, str) else _WORDS[answer] for key, answer in answers.items()}

        async def main(run: Run[Any]) -> Any:
            self._check_waiting()  # another run of it may have been quicker
            run.carry_on(self._before)
            run.answers.update(said)
            with self._conversation.held_by(run):
                return await self._held(run)

        return self._run_of(main, self._kept)

    def resume(self, answers: Answers) -> ChatResult:
        """Goes on and waits for the result; see `run`."""
        return run_sync(self._resumed(answers))

    def a_resume(self, answers: Answers) -> Awaitable[ChatResult]:
        """Goes on and waits for the result; see `run`."""
        return self._resumed(answers)

    async def _resumed(self, answers: Answers) -> ChatResult:
        run = self.run(answers)
        self._show(run)
        return await run

    def _check_waiting(self) -> None:
        if self._pause is None or self._conversation.paused is not self._pause:
            raise ConfigError("this chat doesn't wait any more: it has gone on since")

    def __repr__(self) -> str:
        return f"PausedChat({[request.prompt for request in self.requests]})"
