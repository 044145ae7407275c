"""Answers in OpenAI's form, whole and in pieces."""

from __future__ import annotations

import time
import uuid
from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from typing import Any

from ..chat_model import ChatReply
from ..engine.sequence import StepUsage
from ..replies import ChatDelta
from .texts import Piece, Token


def usage_dict(usages: Iterable[tuple[int, StepUsage]]) -> dict[str, Any]:
    """What replies took together; those of one prompt share it."""
    prompts: dict[int, StepUsage] = {}
    completion = 0
    for place, usage in usages:
        prompts.setdefault(place, usage)
        completion += usage.completion_tokens
    prompt = sum(usage.prompt_tokens for usage in prompts.values())
    return {
        "prompt_tokens": prompt,
        "completion_tokens": completion,
        "total_tokens": prompt + completion,
        "prompt_tokens_details": {"cached_tokens": sum(usage.cached_tokens for usage in prompts.values())},
    }


class _Answer:
    """What both kinds have in common.

    Args:
        model: The model's name.
        kind: The answer's ``object``.
        prefix: What its id begins with.
        replies: How many replies it has.
        usage: Whether a stream ends with what it took.
    """

    def __init__(self, model: str, kind: str, prefix: str, replies: int, *, usage: bool) -> None:
        self._head = {"id": f"{prefix}-{uuid.uuid4().hex}", "created": int(time.time()), "model": model}
        self._kind = kind
        self._replies = replies
        self._usage = usage
        self._ended: list[tuple[int, StepUsage]] = []

    @property
    def complete(self) -> bool:
        """Whether each reply has ended."""
        return len(self._ended) == self._replies

    def last(self) -> dict[str, Any] | None:
        """The piece at the end of a stream that says what it took, where that was asked for."""
        return {**self._body(self._kind, []), "usage": usage_dict(self._ended)} if self._usage else None

    def _body(self, kind: str, choices: list[dict[str, Any]]) -> dict[str, Any]:
        return {**self._head, "object": kind, "choices": choices}

    def _piece(self, choice: dict[str, Any]) -> dict[str, Any]:
        body = self._body(self._kind, [choice])
        return {**body, "usage": None} if self._usage else body


class ChatAnswer(_Answer):
    """The answer to a chat.

    Args:
        model: The model's name.
        replies: How many replies it has.
        usage: Whether a stream ends with what it took.
    """

    def __init__(self, model: str, replies: int, *, usage: bool = False) -> None:
        super().__init__(model, "chat.completion.chunk", "chatcmpl", replies, usage=usage)
        self._told: dict[int, int] = {}  # log-probabilities that were sent, for each reply that has begun

    def whole(self, items: Iterable[tuple[int, Any]]) -> dict[str, Any]:
        """The whole answer."""
        choices = []
        for place, item in items:
            if isinstance(item, ChatReply):
                self._ended.append((place, item.usage))
                choices.append(_choice(item))
        choices.sort(key=lambda choice: int(choice["index"]))
        return {**self._body("chat.completion", choices), "usage": usage_dict(self._ended)}

    def pieces(self, place: int, item: ChatDelta | ChatReply) -> Iterator[dict[str, Any]]:
        """An item as chunks."""
        reply = item.reply if isinstance(item, ChatDelta) else item.index
        if reply not in self._told:
            self._told[reply] = 0
            yield self._chunk(reply, {"role": "assistant", "content": ""})
        if isinstance(item, ChatDelta):
            if item.text or item.name:
                self._told[reply] += len(item.logprobs)
                yield self._chunk(reply, _delta(item), logprobs=item.logprobs)
            return
        self._ended.append((place, item.usage))
        rest = () if item.logprobs is None else item.logprobs["content"][self._told[reply] :]
        yield self._chunk(reply, {}, item.finish_reason, rest)

    def _chunk(
        self, reply: int, delta: dict[str, Any], finish: str | None = None, logprobs: Sequence[dict[str, Any]] = ()
    ) -> dict[str, Any]:
        told = {"content": list(logprobs), "refusal": None} if logprobs else None
        return self._piece({"index": reply, "delta": delta, "logprobs": told, "finish_reason": finish})


def _choice(reply: ChatReply) -> dict[str, Any]:
    message: dict[str, Any] = {"role": "assistant", "content": reply.content, "refusal": None}
    if reply.tool_calls:
        message["tool_calls"] = [
            {"id": call.id, "type": "function", "function": {"name": call.name, "arguments": call.arguments}}
            for call in reply.tool_calls
        ]
    return {
        "index": reply.index,
        "message": message,
        "logprobs": None if reply.logprobs is None else {**reply.logprobs, "refusal": None},
        "finish_reason": reply.finish_reason,
    }


def _delta(item: ChatDelta) -> dict[str, Any]:
    if item.kind == "text":
        return {"content": item.text}
    call: dict[str, Any] = {"index": item.index, "function": {"arguments": item.text}}
    if item.name is not None:  # the call's first piece
        call.update(id=f"call_{uuid.uuid4().hex[:24]}", type="function")
        call["function"]["name"] = item.name
    return {"tool_calls": [call]}


class CompletionAnswer(_Answer):
    """The answer to completions of texts.

    Args:
        model: The model's name.
        n: Replies to each prompt.
        prompts: How many prompts.
        logprobs: Whether log-probabilities are told.
        usage: Whether a stream ends with what it took.
    """

    def __init__(self, model: str, n: int, prompts: int, *, logprobs: bool = False, usage: bool = False) -> None:
        super().__init__(model, "text_completion", "cmpl", n * prompts, usage=usage)
        self._n = n
        self._logprobs = logprobs
        self._offsets: defaultdict[int, int] = defaultdict(int)

    def whole(self, items: Iterable[tuple[int, Any]]) -> dict[str, Any]:
        """The whole answer."""
        texts: defaultdict[int, list[str]] = defaultdict(list)
        tokens: defaultdict[int, list[Token]] = defaultdict(list)
        finishes: dict[int, str] = {}
        for place, piece in items:
            index = place * self._n + piece.index
            texts[index].append(piece.text)
            if piece.token is not None:
                tokens[index].append(piece.token)
            if piece.finish is not None:
                finishes[index] = piece.finish
                self._ended.append((place, piece.usage))
        choices = [
            self._choice(index, "".join(texts[index]), tokens[index], finishes[index]) for index in sorted(finishes)
        ]
        return {**self._body(self._kind, choices), "usage": usage_dict(self._ended)}

    def pieces(self, place: int, item: Piece) -> Iterator[dict[str, Any]]:
        """An item as chunks."""
        if item.finish is not None and item.usage is not None:
            self._ended.append((place, item.usage))
        told = [] if item.token is None else [item.token]
        yield self._piece(self._choice(place * self._n + item.index, item.text, told, item.finish))

    def _choice(self, index: int, text: str, tokens: list[Token], finish: str | None) -> dict[str, Any]:
        logprobs = self._told(index, tokens) if self._logprobs else None
        return {"index": index, "text": text, "logprobs": logprobs, "finish_reason": finish}

    def _told(self, index: int, tokens: list[Token]) -> dict[str, Any]:
        offsets = []
        for token in tokens:
            offsets.append(self._offsets[index])
            self._offsets[index] += len(token.text)
        return {
            "tokens": [token.text for token in tokens],
            "token_logprobs": [token.logprob for token in tokens],
            "top_logprobs": [dict(token.top) for token in tokens],
            "text_offset": offsets,
        }
