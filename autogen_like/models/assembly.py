"""Puts the pieces of a streamed chat completion together, whatever way an endpoint cuts them."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from ..core.message import ToolCall, new_id
from .client import Delta

if TYPE_CHECKING:
    from openai.types import CompletionUsage
    from openai.types.chat import ChatCompletionChunk
    from openai.types.chat.chat_completion_chunk import ChoiceDelta, ChoiceDeltaToolCall


@dataclass(slots=True)
class _Call:
    position: int
    id: str | None = None
    name: str = ""
    arguments: str = ""


class Assembly:
    """A reply as far as it has arrived. `add` takes chunks and gives deltas; then the attributes hold the whole.

    Attributes:
        finish_reason: Why the model stopped; None until it has.
        usage: Tokens, where the endpoint told them.
        model: The model, as it names itself.
        logprobs: Log-probabilities by the endpoint's form; None where there were none.
    """

    def __init__(self) -> None:
        self.finish_reason: str | None = None
        self.usage: CompletionUsage | None = None
        self.model = ""
        self.logprobs: dict[str, list[Any]] | None = None
        self._text: list[str] = []
        self._reasoning: list[str] = []
        self._calls: list[_Call] = []
        self._by_index: dict[int, _Call] = {}
        self._retired: _Call | None = None

    @property
    def content(self) -> str | None:
        """The text; None when there are only tool calls."""
        return "".join(self._text) or (None if self._calls or self._retired else "")

    @property
    def reasoning(self) -> str | None:
        """The reasoning text, where the model shows it."""
        return "".join(self._reasoning) or None

    @property
    def tool_calls(self) -> tuple[ToolCall, ...]:
        """The whole tool calls; a call without an id gets one."""
        if self._retired is not None:
            return (ToolCall(None, self._retired.name, self._retired.arguments or "{}"),)
        return tuple(ToolCall(call.id or new_id(), call.name, call.arguments or "{}") for call in self._calls)

    def add(self, chunk: ChatCompletionChunk) -> Iterator[Delta]:
        """Takes the next chunk in, and gives what is new in it."""
        self.model = chunk.model or self.model
        if chunk.usage is not None:
            self.usage = chunk.usage
        for choice in chunk.choices or ():
            if choice.index:
                continue  # the second reply of several, which nobody waits for
            if choice.delta is not None:  # some endpoints leave it out of the last chunk
                yield from self._add_delta(choice.delta)
            if choice.finish_reason:
                self.finish_reason = choice.finish_reason
            if choice.logprobs is not None and choice.logprobs.content:
                if self.logprobs is None:
                    self.logprobs = {"content": []}
                self.logprobs["content"].extend(token.model_dump() for token in choice.logprobs.content)

    def _add_delta(self, delta: ChoiceDelta) -> Iterator[Delta]:
        thought = reasoning_of(delta)
        if thought:
            self._reasoning.append(thought)
            yield Delta(thought, "reasoning")
        text = delta.content or delta.refusal
        if text:
            self._text.append(text)
            yield Delta(text)
        for piece in delta.tool_calls or ():
            yield self._add_call(piece)
        retired = delta.function_call
        if retired is not None:
            if self._retired is None:
                self._retired = _Call(0)
            yield self._extend(self._retired, retired.name, retired.arguments)

    def _add_call(self, piece: ChoiceDeltaToolCall) -> Delta:
        call = self._call_for(piece)
        if piece.id:
            call.id = piece.id
        function = piece.function
        return self._extend(call, function.name if function else None, function.arguments if function else None)

    def _call_for(self, piece: ChoiceDeltaToolCall) -> _Call:
        """The call that a piece belongs to. Some give no index, or number all calls 0: then a new id tells"""
        index: int | None = piece.index
        if index is None:
            known = next((call for call in self._calls if piece.id and call.id == piece.id), None)
            if known is None and not piece.id and self._calls:
                known = self._calls[-1]
        else:
            known = self._by_index.get(index)
            if known is not None and piece.id and known.id not in (None, piece.id):
                known = None
        if known is None:
            known = _Call(len(self._calls))
            self._calls.append(known)
            if index is not None:
                self._by_index[index] = known
        return known

    @staticmethod
    def _extend(call: _Call, name: str | None, arguments: str | None) -> Delta:
        first = not call.name
        if name and name != call.name:  # the whole name again, with each piece, is another habit of some endpoints
            call.name += name
        call.arguments += arguments or ""
        return Delta(arguments or "", "tool", call.position, call.name if first and call.name else None)


def reasoning_of(message: Any) -> str | None:
    """The reasoning text of a message or delta: no part of OpenAI's form, but two names for it are common."""
    for key in ("reasoning_content", "reasoning"):
        found = getattr(message, key, None)
        if isinstance(found, str) and found:
            return found
    return None
