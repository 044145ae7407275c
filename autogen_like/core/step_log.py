"""What runs do, as log records of ``autogen_like.run``: names, figures and kinds of failures, nothing that was said."""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from .errors import ConversationError, PersonNeeded
from .steps import CodeStep, ConversationStep, ModelStep, RunStep, Step, ToolStep, TurnStep

log = logging.getLogger("autogen_like.run")


def failure(error: BaseException) -> str | None:
    """What kind of failure an exception is: an HTTP status, "cancelled", or its class; None where it is none.

    Example:
        >>> failure(ValueError("secret"))
        'ValueError'
    """
    if isinstance(error, ConversationError) and error.__cause__ is not None:
        return failure(error.__cause__)
    if isinstance(error, PersonNeeded):
        return None
    if isinstance(error, asyncio.CancelledError):
        return "cancelled"
    status = getattr(error, "status", None)
    return str(status) if isinstance(status, int) else type(error).__name__


def warn(conversation: str, agent: str, text: str) -> None:
    """Logs what a person should know, for where nobody listens to events."""
    log.warning("%s: %s", agent, text, extra={"conversation": conversation, "agent": agent})


class StepLog:
    """Logs each step when it is over: runs at INFO, their parts at DEBUG; figures are ``extra`` fields."""

    @property
    def active(self) -> bool:
        """Whether anybody would see it."""
        return log.isEnabledFor(logging.INFO)

    @contextmanager
    def around(self, step: Step) -> Iterator[None]:
        """Wraps a step."""
        started, error = time.perf_counter(), None
        try:
            yield
        except BaseException as raised:
            error = failure(raised)
            raise
        finally:
            level = logging.INFO if isinstance(step, RunStep) else logging.DEBUG
            if log.isEnabledFor(level):
                about = {**_about(step), "seconds": time.perf_counter() - started}
                if error is not None:
                    about["error_type"] = error
                told = " ".join(f"{name}={_short(value)}" for name, value in about.items())
                log.log(level, "%s", told, extra=about)


def _about(step: Step) -> dict[str, Any]:
    match step:
        case RunStep(run=run):
            total = run.usage.total
            return {
                "step": "run",
                "run": run.id,
                "workflow": run.name,
                "turns": run.turns,
                "tokens": total.total_tokens,
                "cost": total.cost,
            }
        case ConversationStep(conversation=conversation, reason=reason):
            found = {"step": "conversation", "conversation": conversation.id, "messages": len(conversation.transcript)}
            return found if reason is None else {**found, "stop_reason": reason.kind}
        case TurnStep(turn=turn):
            return {"step": "turn", "conversation": turn.conversation.id, "agent": turn.speaker.name}
        case ModelStep(response=response):
            found = {"step": "model", "conversation": step.conversation, "agent": step.speaker, "model": step.model}
            if response is not None:
                found |= {"tokens": response.usage.total_tokens, "finish_reason": response.finish_reason}
            return found
        case ToolStep(result=result):
            found = {"step": "tool", "conversation": step.conversation, "agent": step.speaker, "tool": step.call.name}
            if result is not None and result.error:
                found["error_type"] = result.error_type or "tool_error"
            return found
        case CodeStep():
            found = {"step": "code", "conversation": step.conversation, "agent": step.speaker}
            return {**found, "exit_code": step.exit_code}
        case _:
            return {"step": type(step).__name__}


def _short(value: object) -> str:
    return f"{value:.3f}" if isinstance(value, float) else str(value)
