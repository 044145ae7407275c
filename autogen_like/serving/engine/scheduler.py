"""Which sequences are computed in the next step, and how many tokens of each.

A step has a budget of tokens. Sequences that decode take one each, so none waits for another's prompt; what is left of
the budget goes to prompts, in pieces, in order of arrival. Where blocks run out, the sequence that came last gives its
own back and is computed again later: most of it is found in the prefix cache. The one that came first is never put
back, so each gets its turn.
"""

from __future__ import annotations

from bisect import insort
from collections.abc import Hashable, Iterator
from dataclasses import dataclass
from operator import attrgetter
from typing import Protocol

from ...core.errors import ModelError
from .blocks import BlockManager, Match
from .ops import BLOCK
from .sequence import Running

_IDLE_TOKENS = 128  # computed at once while nothing else is to be done: who comes then waits no longer than that

_rank = attrgetter("rank")


class QueueFull(ModelError):
    """As many requests wait as may: ask again later."""


class Memory(Protocol):
    """Where a device keeps the keys and values that blocks stand for."""

    def open(self, sequence: Running, known: Match) -> None:
        """A sequence begins: its blocks begin with the known full ones, and the tail's tokens are copied."""
        ...

    def seal(self, sequence: Running, place: int) -> None:
        """A sequence's block is known from now on."""
        ...

    def fork(self, source: Running, target: Running) -> None:
        """A second sequence begins with all that the first one has computed."""
        ...


@dataclass(frozen=True, slots=True)
class Chunk:
    """Part of a step.

    Args:
        sequence: Whose tokens.
        count: How many of those that are pending.
    """

    sequence: Running
    count: int


class Scheduler:
    """Sequences that wait and that run, and their blocks.

    Args:
        blocks: Account of the blocks.
        memory: What is in them.
        budget: Most tokens of a step; more than `most_running`.
        most_running: Most sequences at once.
        most_waiting: Most that may wait; None is no limit.
        reuse: Whether blocks are kept for other sequences.

    Attributes:
        waiting: In the order in which they will run.
        running: In order of arrival.
        preempted: How often one was put back.
    """

    def __init__(
        self, blocks: BlockManager, memory: Memory, *, budget: int, most_running: int,
        most_waiting: int | None = None, reuse: bool = True,
    ) -> None:  # fmt: skip
        self.blocks = blocks
        self.waiting: list[Running] = []
        self.running: list[Running] = []
        self.preempted = 0
        self._memory = memory
        self._budget = max(budget, most_running + 1)
        self._most_running = most_running
        self._most_waiting = most_waiting
        self._reuse = reuse

    def add(self, sequence: Running) -> None:
        """Takes a new sequence.

        Raises:
            QueueFull: If as many wait as may.
        """
        idle = sequence.request.idle
        if self._most_waiting is not None:
            waiting = sum(other.request.idle == idle for other in self.waiting)
            if waiting >= self._most_waiting:
                raise QueueFull(
                    f"{waiting} requests wait already, as many as may: try again later", status=429, transient=True
                )
        insort(self.waiting, sequence, key=_rank)

    def plan(self) -> list[Chunk]:
        """The next step; empty where nothing is to be done."""
        busy = any(not sequence.request.idle for sequence in (*self.running, *self.waiting))
        budget = self._budget if busy else min(self._budget, _IDLE_TOKENS)
        decoding = [sequence for sequence in self.running if sequence.decoding]
        chunks = [Chunk(sequence, 1) for sequence in decoding if self._has_room(sequence, 1)]
        budget -= len(chunks)
        for sequence in self._prompts(busy=busy):
            count = min(sequence.pending, budget)
            if count > 0 and self._has_room(sequence, count):
                chunks.append(Chunk(sequence, count))
                budget -= count
            if budget <= 0:
                break
        return [chunk for chunk in chunks if chunk.sequence.running]

    def _prompts(self, *, busy: bool) -> Iterator[Running]:
        """Running sequences whose prompts are not computed, then such that are admitted while there is room."""
        for sequence in list(self.running):
            if not sequence.decoding and not (busy and sequence.request.idle):
                yield sequence
        while self.waiting and not (busy and self.waiting[0].request.idle):
            sequence = self.waiting[0]
            alike = sum(other.request.idle == sequence.request.idle for other in self.running)
            if alike >= self._most_running or not self._admitted(sequence):
                return
            yield sequence

    def _admitted(self, sequence: Running) -> bool:
        # The last token is always computed: its logits are what is wanted.
        known = self.blocks.match(sequence.tokens[:-1], sequence.request.salt) if self._reuse else Match()
        needed = _blocks(len(sequence.tokens) + 1) - len(known.blocks)
        while self.blocks.free < needed:
            last = self.running[-1] if self.running else None
            if last is None or not last.rank[0] or sequence.rank[0]:  # only idle work makes room for a new one
                self._give_back(known)
                return False
            self._put_back(last)
        sequence.blocks = list(known.blocks)
        sequence.digests = list(known.digests)
        if known.tail is not None:
            sequence.blocks += self.blocks.allocate(1) or []
        self._memory.open(sequence, known)
        if known.tail is not None:
            self.blocks.release([known.tail])
        self.waiting.remove(sequence)
        insort(self.running, sequence, key=_rank)
        sequence.running = True
        sequence.begin(known.tokens)
        return True

    def _give_back(self, known: Match) -> None:
        self.blocks.release(known.blocks if known.tail is None else [*known.blocks, known.tail])

    def _has_room(self, sequence: Running, count: int) -> bool:
        """Whether a sequence has blocks for its next tokens, or gets them from those that came after it."""
        while sequence.running:
            wanted = _blocks(sequence.computed + count) - len(sequence.blocks)
            taken = self.blocks.allocate(wanted) if wanted > 0 else []
            if taken is not None:
                sequence.blocks += taken
                return True
            self._put_back(self.running[-1])
        return False

    def _put_back(self, sequence: Running) -> None:
        self._free(sequence)
        self.preempted += 1
        sequence.computed = 0
        insort(self.waiting, sequence, key=_rank)

    def computed(self, chunk: Chunk) -> None:
        """A chunk of the plan is done: the blocks that it filled are known from now on."""
        sequence = chunk.sequence
        sequence.computed += chunk.count
        if not self._reuse:
            return
        while (place := len(sequence.digests)) < sequence.computed // BLOCK:
            self._seal(sequence, place, BLOCK)

    def fork(self, source: Running, target: Running) -> bool:
        """Begins a second sequence where the first one is, in the same blocks; False where it has to wait."""
        full = source.computed // BLOCK
        rest = self.blocks.allocate(_blocks(source.computed) - full) if self._fits(source) else None
        if rest is None:
            insort(self.waiting, target, key=_rank)
            return False
        shared = source.blocks[:full]
        self.blocks.fork(shared)
        target.blocks, target.digests = shared + rest, list(source.digests)
        self._memory.fork(source, target)
        insort(self.running, target, key=_rank)
        target.running = True
        target.begin(source.computed)
        return True

    def _fits(self, source: Running) -> bool:
        return len(self.running) < self._most_running and source.running

    def end(self, sequence: Running) -> None:
        """A sequence is done, or nobody wants it any more: its blocks are free, and known, at once."""
        if not sequence.running:
            if sequence in self.waiting:
                self.waiting.remove(sequence)
            return
        rest = sequence.computed % BLOCK
        if self._reuse and rest:
            self._seal(sequence, sequence.computed // BLOCK, rest)
        if self._reuse and sequence.request.owner is not None and not sequence.left:
            self.blocks.stay(sequence.request.owner, sequence.digests)
        self._free(sequence)

    def leave(self, owner: Hashable) -> None:
        """An owner's blocks stay no longer than others', nor will those of what it still has running."""
        self.blocks.leave(owner)
        for sequence in (*self.running, *self.waiting):
            if sequence.request.owner == owner:
                sequence.left = True

    def _seal(self, sequence: Running, place: int, count: int) -> None:
        parent = sequence.digests[-1] if place else self.blocks.root(sequence.request.salt)
        tokens = sequence.tokens[place * BLOCK : place * BLOCK + count]
        digest, new = self.blocks.seal(sequence.blocks[place], parent, tokens)
        if new:
            self._memory.seal(sequence, place)
        sequence.digests.append(digest)

    def _free(self, sequence: Running) -> None:
        self.running.remove(sequence)
        self.blocks.release(sequence.blocks)
        sequence.running = False
        sequence.blocks, sequence.digests, sequence.memory = [], [], None


def _blocks(tokens: int) -> int:
    return -(-tokens // BLOCK)
