"""Keeps what happens in a run, for its trajectory."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext
from typing import Any

from ..core.events import Event, MessageAdded, ToolFinished
from ..core.message import ToolCall
from ..core.steps import ModelStep, Step
from ..models.client import ModelResponse, SampledTokens
from .merging import ModelCall
from .trajectory import Trajectory


class Recorder:
    """Watches the model calls of a run and listens to its events. What it has can be read at any time."""

    active = True

    def __init__(self) -> None:
        self._trajectory = Trajectory()
        self._calls: list[ModelCall | None] = []  # in the order in which they began; None for those under way

    def trajectory(self) -> Trajectory:
        """What there is so far."""
        done = [call for call in self._calls if call is not None]
        now = self._trajectory
        return Trajectory(list(now.messages), done, list(now.tools))

    def __call__(self, event: Event) -> None:
        """Takes an event.

        Args:
            event: What happened.
        """
        if isinstance(event, MessageAdded):
            self._trajectory.messages.append((event.conversation, event.message))
        elif isinstance(event, ToolFinished):
            self._trajectory.tools.append((event.speaker, event.call, event.result))

    def around(self, step: Step) -> AbstractContextManager[object]:
        """Wraps the requests to models, and nothing else.

        Args:
            step: What is about to be done.
        """
        return self._asked(step) if isinstance(step, ModelStep) else nullcontext()

    @contextmanager
    def _asked(self, step: ModelStep) -> Iterator[None]:
        request = step.request
        # Copied now: the request holds the live view, to which the next messages are added.
        system = ({"role": "system", "content": request.system},) if request.system is not None else ()
        shown = (*system, *request.messages)
        place = len(self._calls)
        self._calls.append(None)
        yield
        response = step.response
        if isinstance(response, ModelResponse):
            self._calls[place] = ModelCall(
                step.conversation, step.speaker, response.model, shown, _said(response), tuple(request.tools),
                response.finish_reason, tokens_of(response),
            )  # fmt: skip


def tokens_of(response: ModelResponse) -> SampledTokens | None:
    """The tokens of a response: the embedded model's, or those that vLLM gives with ``return_token_ids``.

    A reply from a cache has none: this model didn't sample it now.
    """
    if response.tokens is not None or response.cached:
        return response.tokens
    extra = getattr(response.raw, "model_extra", None) or {}
    choices: Any = getattr(response.raw, "choices", None)
    prompt = extra.get("prompt_token_ids")
    sampled = (getattr(choices[0], "model_extra", None) or {}).get("token_ids") if choices else None
    if not (isinstance(prompt, list) and isinstance(sampled, list)):
        return None
    told = getattr(getattr(choices[0], "logprobs", None), "content", None) or ()
    logprobs = tuple(float(one.logprob) for one in told)
    return SampledTokens(tuple(prompt), tuple(sampled), logprobs if len(logprobs) == len(sampled) else None)


def _said(response: ModelResponse) -> dict[str, Any]:
    said: dict[str, Any] = {"role": "assistant", "content": response.content}
    if response.tool_calls:
        said["tool_calls"] = [_call(call) for call in response.tool_calls]
    return said


def _call(call: ToolCall) -> dict[str, Any]:
    return {"id": call.id, "type": "function", "function": {"name": call.name, "arguments": call.arguments}}
