"""The tokens that replies were generated with, put into later prompts instead of encoding their text anew.

A text's usual encoding often differs from the tokens that a model chose for it. In a prompt that has the usual one,
everything behind the first difference would have to be computed again.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Hashable, Iterator, Mapping, Sequence
from typing import Any

from ..core.message import content_text
from .engine.tokenizer import TextTokenizer
from .replies import Reading

_KEPT = 4096
_CUT = 16  # tokens that a stop string, or a limit within a character, may have cut

_Key = tuple[Hashable, str, tuple[tuple[str, str], ...]]


class Spoken:
    """Replies of a model, by who spoke and what was said.

    Args:
        tokenizer: The model's.
        head: What prompts have before a reply.
    """

    def __init__(self, tokenizer: TextTokenizer, head: str) -> None:
        self._tokenizer = tokenizer
        self._head = head
        self._replies: OrderedDict[_Key, tuple[str, tuple[int, ...]]] = OrderedDict()

    def remember(self, owner: Hashable, reply: Reading, text: str, tokens: Sequence[int]) -> None:
        """Keeps a reply's tokens, up to where they say something else than its text: a stop string may have cut it."""
        spelled, count = self._whole(text, tokens)
        if not count:
            return
        key = (owner, reply.content or "", tuple((call.name, call.arguments) for call in reply.calls))
        self._replies[key] = (self._tokenizer.guard(spelled), tuple(tokens[:count]))
        self._replies.move_to_end(key)
        if len(self._replies) > _KEPT:
            self._replies.popitem(last=False)

    def _whole(self, text: str, tokens: Sequence[int]) -> tuple[str, int]:
        """The longest beginning of a text that is exactly so many tokens."""
        for count in range(len(tokens), max(len(tokens) - _CUT, 0), -1):
            spelled = self._tokenizer.decode(tokens[:count])
            if self._tokenizer.spaces_first:
                spelled = spelled.removeprefix(" ")
            if text.startswith(spelled) and "\ufffd" not in spelled:
                return spelled, count
        return "", 0

    def encode(self, prompt: str, messages: Sequence[Mapping[str, Any]], owner: Hashable) -> list[int]:
        """The tokens of a prompt, with those of the owner's own replies as they were generated."""
        tokens: list[int] = []
        place = 0
        for text, own in self._own(messages, owner):
            found = prompt.find(self._head + text, place) if self._head else -1
            if found < 0:
                continue  # the template writes it in another way than the model did
            start = found + len(self._head)
            tokens += self._tokenizer.encode(prompt[place:start])
            tokens += own
            place = start + len(text)
        return tokens + self._tokenizer.encode(prompt[place:])

    def _own(self, messages: Sequence[Mapping[str, Any]], owner: Hashable) -> Iterator[tuple[str, tuple[int, ...]]]:
        if not self._replies:
            return
        for message in messages:
            if message.get("role") != "assistant":
                continue
            calls = tuple(
                (str(call["function"]["name"]), str(call["function"].get("arguments") or "{}"))
                for call in message.get("tool_calls") or ()
            )
            known = self._replies.get((owner, content_text(message.get("content")), calls))
            if known is not None:
                yield known
