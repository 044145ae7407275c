"""Compaction: when a conversation gets long, a model sums up its past, and the summary is seen instead."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any

from ...core.errors import ConfigError, ModelError
from ...core.message import content_text
from ...models.client import ModelClient, ModelRequest
from ...models.config import client_from
from .pieces import Counter, Edit, Piece, Wire, note
from .policy import ContextPolicy, Occasion, Stage
from .windows import at_least

SUMMARY = "[Summary of the conversation before this point]\n"
SYSTEM = """You sum up the past of a conversation for those who go on with it and will see only your summary.
Keep what they need: the task and its conditions, who takes part and who does what, what was decided and why, what was
found out (names, numbers, paths, code that still matters, results of tools), what failed, and what is still to be done.
Leave out pleasantries and detours. Write plain sentences or short lists; add nothing that was not said."""
_MEMORY = 256
_PART = 0.6  # of the summarising model's window, for what it reads


class Compact(ContextPolicy):
    """Sums up the past once a conversation has more than so many tokens.

    The newest messages stay as they are; everything before them is replaced by a summary, which stands until the
    conversation has grown that long again and then becomes part of the next summary. A stretch is summed up once,
    also where several agents share the policy and see the same.

    Args:
        model: The model that writes the summary: a `ModelClient` or a ``llm_config``; the agent's own by default.
        at: Above how many tokens the past is summed up, the system message and the tools apart.
        keep: How many tokens of the newest messages stay as they are; half of `at` by default. The newest message stays
            in any case.
        first: How many of the first messages stay as they are.
        prompt: What the model is told to do.

    Raises:
        ConfigError: If `keep` is not less than `at`, or `model` is no model.

    Example:
        >>> from autogen_like import ScriptedModel
        >>> Compact(ScriptedModel(["They agreed."]), at=8000)
        Compact(at=8000, keep=4000)
    """

    def __init__(
        self,
        model: Any = None,  # a dict, an LLMConfig, a ModelClient or None
        *,
        at: int,
        keep: int | None = None,
        first: int = 0,
        prompt: str = SYSTEM,
    ) -> None:
        at_least("Compact", at, 2)
        at_least("Compact", first, 0)
        self.at = at
        self.keep = at // 2 if keep is None else keep
        if not 0 <= self.keep < at:
            raise ConfigError(f"Compact: keep={self.keep} must be less than at={at}, or there is nothing to sum up")
        self.first = first
        self.summaries = Summaries(model, prompt)

    def begin(self, counter: Counter) -> Stage:
        return Compacting(self.summaries, counter, self.first, self.at, self.keep)

    def __repr__(self) -> str:
        return f"Compact(at={self.at}, keep={self.keep})"


class Summaries:
    """Writes summaries with a model, and remembers the last few.

    Args:
        model: The model; None for that of whoever asks.
        prompt: What it is told to do.

    Raises:
        ConfigError: If it is no model.
    """

    def __init__(self, model: Any, prompt: str = SYSTEM) -> None:  # a dict, an LLMConfig, a ModelClient or None
        self._client: ModelClient | None = client_from(model) if model is not None else None
        self._prompt = prompt
        self._known: OrderedDict[int, str] = OrderedDict()

    def known(self, past: int) -> str | None:
        """The summary of a past, by its fingerprint."""
        return self._known.get(past)

    async def write(self, pieces: Sequence[Piece], past: int, occasion: Occasion, counter: Counter) -> str | None:
        """Sums up some pieces; None if the model failed, which listeners are told."""
        client = self._client or occasion.client
        summary = ""
        try:
            for part in self._parts(pieces, client.capabilities.context, counter):
                before = f"The summary so far:\n{summary}\n\nWhat came then:\n" if summary else ""
                asked = {"role": "user", "content": f"{before}{part}\n\nWrite the summary now."}
                response = await occasion.ask(client, ModelRequest([asked], self._prompt))
                summary = (response.content or "").strip()
                if not summary:
                    occasion.notice(f"{client.model} gave no summary of the past, which stays as it is", "warning")
                    return None
        except ModelError as error:
            occasion.notice(f"the past could not be summed up and stays as it is: {error}", "warning")
            return None
        self._known[past] = summary
        if len(self._known) > _MEMORY:
            self._known.popitem(last=False)
        return summary

    def _parts(self, pieces: Iterable[Piece], window: int | None, counter: Counter) -> Iterator[str]:
        """The pieces as text, in parts that fit the window."""
        limit = None if window is None else max(int(window * _PART), 64)
        lines: list[str] = []
        tokens = 0
        for piece in pieces:
            text, length = as_text(piece.wires), piece.tokens(counter)
            if limit is not None and length > limit:
                kept = len(text) * limit // length // 2
                text, length = f"{text[:kept]} [...] {text[-kept:]}", limit
            if limit is not None and lines and tokens + length > limit:
                yield "\n\n".join(lines)
                lines, tokens = [], 0
            lines.append(text)
            tokens += length
        if lines:
            yield "\n\n".join(lines)


def as_text(wires: Iterable[Wire]) -> str:
    """Messages as text: who said what, which tools were called, and what they gave.

    Example:
        >>> as_text([{"role": "user", "name": "ada", "content": "Hi"}])
        'ada: Hi'
    """
    tools: dict[Any, str] = {}
    lines = []
    for wire in wires:
        who = wire.get("name") or wire.get("role", "")
        said = wire.get("content")
        text = said if isinstance(said, str) else content_text(said) if said else ""
        if wire.get("role") in ("tool", "function"):
            lines.append(f"{tools.get(wire.get('tool_call_id')) or wire.get('name') or 'a tool'} gave: {text}")
            continue
        if text:
            lines.append(text if text.startswith(SUMMARY) else f"{who}: {text}")
        for call in _calls(wire):
            function = call.get("function", call)
            tools[call.get("id")] = function.get("name", "")
            lines.append(f"{who} calls {function.get('name')}({function.get('arguments', '')})")
    return "\n".join(lines)


def _calls(wire: Wire) -> Sequence[Mapping[str, Any]]:
    return wire.get("tool_calls") or ((wire["function_call"],) if wire.get("function_call") else ())


class Compacting(Stage):
    """Pieces, their tokens, and the replacement of the oldest by a summary.

    Args:
        summaries: Who writes it.
        counter: Counts tokens.
        first: How many of the first messages stay.
        at: Above how many tokens.
        keep: How many tokens of the newest pieces stay.
    """

    def __init__(self, summaries: Summaries, counter: Counter, first: int, at: int, keep: int) -> None:
        self.counter = counter
        self.total = 0
        self._summaries = summaries
        self._first = first
        self._at, self._keep = at, keep
        self._pieces: OrderedDict[int, Piece] = OrderedDict()
        self._weights: dict[int, int] = {}
        self._head: dict[int, int] = {}  # place -> messages
        self._past = 0  # fingerprint of everything before the newest piece
        self._pasts: dict[int, int] = {}  # place -> fingerprint of everything up to there
        self._newest = -1
        self._edge = -1  # the newest place that was summed up or dropped

    def take(self, edits: list[Edit]) -> list[Edit]:
        shown: list[Edit] = []
        for place, piece in edits:
            if piece is None:
                if self._forget(place):
                    shown.append((place, None))
            elif place > self._newest:
                shown += self._finish_newest()
                self._newest = place
                if sum(self._head.values()) < self._first:
                    self._head[place] = 0
                self._put(place, piece)
                shown.append((place, piece))
            elif place in self._pieces or place > self._edge:
                self._put(place, piece)
                shown.append((place, piece))
        return shown

    def _put(self, place: int, piece: Piece) -> None:
        inserted = place not in self._pieces and place != self._newest
        self._pieces[place] = piece
        if inserted:  # a summary where something was dropped before
            self._pieces = OrderedDict(sorted(self._pieces.items()))
        weight = piece.tokens(self.counter)
        self.total += weight - self._weights.get(place, 0)
        self._weights[place] = weight
        if place in self._head:
            self._head[place] = piece.count

    def _forget(self, place: int) -> bool:
        self._pasts.pop(place, None)
        self.total -= self._weights.pop(place, 0)
        return self._pieces.pop(place, None) is not None

    def _finish_newest(self) -> list[Edit]:
        """What was the newest piece grows no more: maybe the past up to it has been summed up before."""
        newest = self._pieces.get(self._newest)
        if newest is None:
            return []
        self._past = hash((self._past, newest.fingerprint))
        self._pasts[self._newest] = self._past
        summary = self._summaries.known(self._past)
        return self._replace(self._newest, summary) if summary is not None else []

    def _replace(self, until: int, summary: str) -> list[Edit]:
        """Puts a summary in the place of everything up to a place."""
        if until in self._head:
            return []
        edits: list[Edit] = []
        for place in [place for place in self._until(until) if place != until]:
            self._forget(place)
            edits.append((place, None))
        mark = note(SUMMARY + summary)
        self._put(until, mark)
        self._edge = max(self._edge, until)
        return [*edits, (until, mark)]

    def _until(self, until: int) -> Iterator[int]:
        """Places up to one, oldest first, without those that stay in any case."""
        for place in self._pieces:
            if place > until:
                return
            if place not in self._head:
                yield place

    async def settle(self, occasion: Occasion) -> list[Edit]:
        return await self.compact(occasion, self._at, self._keep)

    async def compact(self, occasion: Occasion, at: int, keep: int) -> list[Edit]:
        """Sums up all but the newest pieces, where there are too many tokens.

        Args:
            occasion: The request to be made.
            at: Above how many tokens.
            keep: How many tokens of the newest pieces stay.
        """
        edits = self._use_known(keep) if self.total > at else []
        if self.total <= at:
            return edits
        until = self._cut(keep)
        past = self._pasts.get(until)
        stretch = [self._pieces[place] for place in self._until(until)]
        if past is None or all(piece.made for piece in stretch):
            return edits
        summary = await self._summaries.write(stretch, past, occasion, self.counter)
        if summary is None or until not in self._pieces or self._pieces[until].made:
            return edits  # it failed, or somebody else asked at the same time and was quicker
        count = sum(piece.count for piece in stretch)
        occasion.notice(f"{count} messages were summed up, to be seen as a summary from now on", "info")
        return edits + self._replace(until, summary)

    def _use_known(self, keep: int) -> list[Edit]:
        """Uses the newest summary that somebody who sees the same has asked for."""
        for place in reversed(list(self._until(self._cut(keep)))):
            summary = self._summaries.known(self._pasts[place]) if place in self._pasts else None
            if summary is not None and not self._pieces[place].made:
                return self._replace(place, summary)
        return []

    def _cut(self, keep: int) -> int:
        """The newest place that is to be summed up; -1 for none."""
        total = 0
        for place in reversed(self._pieces):
            total += self._weights[place]
            if total > keep and place != self._newest:
                return place if place not in self._head else -1
        return -1

    def drop(self, limit: int) -> list[Edit]:
        """Drops the oldest pieces until the rest has no more than so many tokens; never the newest, nor the first."""
        edits: list[Edit] = []
        while self.total > limit:
            place = next((place for place in self._pieces if place not in self._head), self._newest)
            if place == self._newest:
                break
            self._forget(place)
            self._edge = max(self._edge, place)
            edits.append((place, None))
        return edits
