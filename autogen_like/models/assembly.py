"""Puts a chat completion together: from the chunks of a stream, whatever way an endpoint cuts them, or from the whole.

It takes plain JSON, since a chunk costs several times as much as a pydantic model. What doesn't fit raises TypeError,
AttributeError or ValueError, as it comes: `OpenAIClient` makes a `ModelError` of it.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, TypeAlias

from ..core.message import ToolCall, new_id
from .client import Delta

Json: TypeAlias = Mapping[str, Any]


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
        usage: Tokens by the endpoint's names, where it told them.
        model: The model, as it names itself.
        logprobs: Log-probabilities by the endpoint's form; None where there were none.
        started: Whether there was a choice in any chunk.

    Example:
        >>> whole = Assembly()
        >>> [delta.text for text in ("Hel", "lo") for delta in whole.add({"choices": [{"delta": {"content": text}}]})]
        ['Hel', 'lo']
        >>> whole.content
        'Hello'
    """

    def __init__(self) -> None:
        self.finish_reason: str | None = None
        self.usage: Json | None = None
        self.model = ""
        self.logprobs: dict[str, list[Any]] | None = None
        self.started = False
        self._text: list[str] = []
        self._reasoning: list[str] = []
        self._calls: list[_Call] = []
        self._by_index: dict[int, _Call] = {}
        self._retired: _Call | None = None
        self._halves: dict[object, str] = {}

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

    def add(self, chunk: Json) -> Sequence[Delta]:
        """Takes the next chunk in, and gives what is new in it."""
        get = chunk.get
        model, usage = get("model"), get("usage")
        if model and model != self.model:
            self.model = str(model)
        if usage:
            self.usage = usage
        deltas: list[Delta] = []
        for choice in get("choices") or ():
            told = choice.get
            if told("index"):
                continue  # the second reply of several, which nobody waits for
            self.started = True
            delta = told("delta") or told("message")  # some endpoints send a whole reply as one event
            if delta:  # some endpoints leave it out of the last chunk
                self._add_delta(delta, deltas)
            if told("finish_reason"):
                self.finish_reason = str(choice["finish_reason"])
            logprobs = told("logprobs")
            if logprobs and logprobs.get("content"):
                if self.logprobs is None:
                    self.logprobs = {"content": []}
                self.logprobs["content"].extend(logprobs["content"])
        return deltas

    def add_whole(self, completion: Json) -> Sequence[Delta]:
        """Takes a whole completion in, as if it were one chunk."""
        choices = []
        for choice in completion["choices"]:
            message = choice["message"]
            calls = [call for call in message.get("tool_calls") or () if call.get("function") is not None]
            numbered = [{**call, "index": index} for index, call in enumerate(calls)]
            choices.append({**choice, "delta": {**message, "tool_calls": numbered}})
        return self.add({**completion, "choices": choices})

    def _add_delta(self, delta: Json, deltas: list[Delta]) -> None:
        if len(delta) == 1 and "content" in delta:  # nearly always
            self._add_text(delta["content"], deltas)
            return
        thought = delta.get("reasoning_content") or delta.get("reasoning")  # no part of OpenAI's form, but common
        if thought and isinstance(thought, str):
            thought = self._joined("reasoning", thought)
            if thought:
                self._reasoning.append(thought)
                deltas.append(Delta(thought, "reasoning"))
        self._add_text(delta.get("content") or delta.get("refusal"), deltas)
        deltas.extend(map(self._add_call, delta.get("tool_calls") or ()))
        retired = delta.get("function_call")
        if retired:
            if self._retired is None:
                self._retired = _Call(0)
            deltas.append(self._extend(self._retired, retired))

    def _add_text(self, text: Any, deltas: list[Delta]) -> None:
        if text and not isinstance(text, str):
            text = _text_of(text)
        if text and (self._halves or text[-1] >= "\ud800"):
            text = self._joined("text", text)
        if text:
            self._text.append(text)
            deltas.append(Delta(text))

    def _add_call(self, piece: Json) -> Delta:
        function = piece.get("function") or {}
        call = self._call_for(piece.get("index"), piece.get("id"), function.get("name"))
        if piece.get("id") and not call.id:
            call.id = str(piece["id"])
        return self._extend(call, function)

    def _call_for(self, index: int | None, told: str | None, name: str | None) -> _Call:
        """The call that a piece belongs to.

        Some endpoints give no index, or number all calls 0: then a new id tells. Some give each piece of a call another
        id: then a new id without a name tells nothing.
        """
        if index is None:
            known = next((call for call in self._calls if told and call.id == told), None)
            if known is None and not told and self._calls:
                known = self._calls[-1]
        else:
            known = self._by_index.get(index)
            if known is not None and told and name and known.id not in (None, told):
                known = None
        if known is None:
            known = _Call(len(self._calls))
            self._calls.append(known)
            if index is not None:
                self._by_index[index] = known
        return known

    def _extend(self, call: _Call, function: Json) -> Delta:
        name, arguments = function.get("name"), function.get("arguments") or ""
        first = not call.name
        if name and name != call.name:  # the whole name again, with each piece, is another habit of some endpoints
            call.name += name
        if not isinstance(arguments, str):
            arguments = json.dumps(arguments, ensure_ascii=False)
        elif arguments:
            arguments = self._joined(call.position, arguments)
        call.arguments += arguments
        return Delta(arguments, "tool", call.position, call.name if first and call.name else None)

    def _joined(self, where: object, text: str) -> str:
        """The text without half a surrogate pair at its end, which is kept to go before the next piece."""
        if self._halves:
            half = self._halves.pop(where, "")
            if half and "\udc00" <= text[0] <= "\udfff":
                text = (half + text[0]).encode("utf-16-le", "surrogatepass").decode("utf-16-le") + text[1:]
            elif half:
                text = f"\ufffd{text}"
        if "\ud800" <= text[-1] <= "\udbff":
            self._halves[where] = text[-1]
            text = text[:-1]
        return text


def _text_of(parts: Sequence[Json]) -> str:
    """The text in content that comes in parts."""
    return "".join(str(part.get("text") or "") for part in parts if part.get("type", "text") == "text")


def told_tokens(usage: object) -> tuple[int, int, int] | None:
    """Tokens sent, received and found in the endpoint's cache; None where it didn't tell them, or not as numbers."""
    if not isinstance(usage, Mapping):
        return None
    details = usage.get("prompt_tokens_details")
    cached = details.get("cached_tokens") if isinstance(details, Mapping) else None
    try:
        sent, received = int(usage["prompt_tokens"]), int(usage.get("completion_tokens") or 0)
        return sent, received, int(cached or 0)
    except (KeyError, TypeError, ValueError):
        return None
