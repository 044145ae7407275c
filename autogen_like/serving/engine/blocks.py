"""Blocks of 16 tokens in which computed keys and values are kept, and the prefix cache that they make up.

A full block is known by a hash over its parent's hash and its tokens, so equal hashes mean equal beginnings of
sequences; the first parent is the salt. Blocks are shared by counting references. One that nobody uses stays where it
is until room is wanted: the least recently used goes first, those of living sessions last.
"""

from __future__ import annotations

from array import array
from collections import Counter, OrderedDict
from collections.abc import Hashable, Sequence
from dataclasses import dataclass, field
from hashlib import blake2b

from .ops import BLOCK

_SIBLINGS = 32  # blocks behind the same parent that are looked at for the beginning of a block
_SESSIONS = 256


@dataclass(slots=True)
class _Block:
    refs: int = 0
    digest: bytes = b""  # empty while it is written
    parent: bytes = b""
    tokens: tuple[int, ...] = ()


@dataclass(frozen=True, slots=True)
class Match:
    """What is known of a sequence. All its blocks are held, and given back with `BlockManager.release`.

    Args:
        blocks: Full blocks with its first tokens.
        digests: Their hashes.
        tail: A block whose first tokens follow: to be copied, since what comes behind them there is another's.
        tail_tokens: How many tokens of it.
    """

    blocks: list[int] = field(default_factory=list)
    digests: list[bytes] = field(default_factory=list)
    tail: int | None = None
    tail_tokens: int = 0

    @property
    def tokens(self) -> int:
        """How many tokens are known."""
        return len(self.blocks) * BLOCK + self.tail_tokens


class BlockManager:
    """Keeps account of blocks; what is in them is the device's matter.

    Args:
        count: How many there are.

    Example:
        >>> manager = BlockManager(4)
        >>> [block] = manager.allocate(1)
        >>> _ = manager.seal(block, manager.root(), range(16))
        >>> manager.release([block])
        >>> manager.match(range(20)).blocks == [block]
        True
    """

    def __init__(self, count: int) -> None:
        self.count = count
        self._blocks = [_Block() for _ in range(count)]
        self._empty = list(range(count - 1, -1, -1))
        self._idle: OrderedDict[int, None] = OrderedDict()  # known, used by nobody; least recently used first
        self._resident: OrderedDict[int, None] = OrderedDict()  # the same, of a living session
        self._known: dict[bytes, int] = {}
        self._children: dict[bytes, dict[int, None]] = {}
        self._pins: Counter[bytes] = Counter()
        self._sessions: OrderedDict[Hashable, list[bytes]] = OrderedDict()

    @property
    def free(self) -> int:
        """Blocks that can be had: empty ones, and known ones that nobody uses."""
        return len(self._empty) + len(self._idle) + len(self._resident)

    @property
    def cached(self) -> int:
        """Blocks whose contents are known."""
        return len(self._known)

    @staticmethod
    def root(salt: str = "") -> bytes:
        """The parent of first blocks. Sequences of different salts share nothing."""
        return blake2b(salt.encode(), digest_size=16).digest()

    def match(self, tokens: Sequence[int], salt: str = "") -> Match:
        """Finds and holds blocks that begin like a sequence, as many as there are."""
        blocks: list[int] = []
        digests: list[bytes] = []
        parent, place = self.root(salt), 0
        while place + BLOCK <= len(tokens):
            digest = _digest(parent, tokens[place : place + BLOCK])
            block = self._known.get(digest)
            if block is None:
                break
            blocks.append(block)
            digests.append(digest)
            parent, place = digest, place + BLOCK
        tail, common = self._beginning(parent, tuple(tokens[place : place + BLOCK]))
        for block in blocks if tail is None else [*blocks, tail]:
            self._hold(block)
        return Match(blocks, digests, tail, common)

    def _beginning(self, parent: bytes, tokens: tuple[int, ...]) -> tuple[int | None, int]:
        """The block behind a parent that has most of the next tokens at its beginning."""
        best, most = None, 0
        siblings = self._children.get(parent, {})
        for block, _ in zip(reversed(siblings), range(_SIBLINGS), strict=False):
            common = _common(self._blocks[block].tokens, tokens)
            if common > most:
                best, most = block, common
        return best, most

    def allocate(self, count: int) -> list[int] | None:
        """Blocks to write to, each with one user; None where there are not so many."""
        if count > self.free:
            return None
        taken = []
        for _ in range(count):
            if not self._empty:
                self._evict()
            block = self._empty.pop()
            self._blocks[block].refs = 1
            taken.append(block)
        return taken

    def fork(self, blocks: Sequence[int]) -> None:
        """One more user for full blocks."""
        for block in blocks:
            self._hold(block)

    def release(self, blocks: Sequence[int]) -> None:
        """One user less. The last blocks of a sequence become the least recently used, so they go first."""
        for block in reversed(blocks):
            held = self._blocks[block]
            if held.refs < 1:
                raise AssertionError(f"block {block} is freed twice")
            held.refs -= 1
            if held.refs:
                continue
            if held.digest:
                (self._resident if self._pins[held.digest] else self._idle)[block] = None
            else:
                self._empty.append(block)

    def seal(self, block: int, parent: bytes, tokens: Sequence[int]) -> tuple[bytes, bool]:
        """Makes a block known: it is not written any more.

        Args:
            block: Which; it has one user.
            parent: The hash of the one before.
            tokens: What it holds; fewer than 16 where a sequence ends in it.

        Returns:
            Its hash, and whether it is known now: a second one with the same contents is not.
        """
        digest = _digest(parent, tokens)
        if digest in self._known:
            return digest, False
        sealed = self._blocks[block]
        sealed.digest, sealed.parent, sealed.tokens = digest, parent, tuple(tokens)
        self._known[digest] = block
        siblings = self._children.setdefault(parent, {})
        for other, _ in zip(list(reversed(siblings)), range(_SIBLINGS), strict=False):
            shorter = self._blocks[other]
            if not shorter.refs and sealed.tokens[: len(shorter.tokens)] == shorter.tokens:
                self._forget(other)  # it holds nothing that this one doesn't
        siblings[block] = None
        self._children[parent] = siblings
        return digest, True

    def stay(self, session: Hashable, digests: Sequence[bytes]) -> None:
        """Keeps a session's blocks longer than others', instead of those that it had."""
        self.leave(session)
        self._sessions[session] = list(digests)
        for digest in digests:
            self._pins[digest] += 1
            block = self._known.get(digest)
            if block is not None and block in self._idle:
                del self._idle[block]
                self._resident[block] = None
        while len(self._sessions) > _SESSIONS:
            self.leave(next(iter(self._sessions)))

    def leave(self, session: Hashable) -> None:
        """A session ended: its blocks are like others'."""
        for digest in reversed(self._sessions.pop(session, [])):
            self._pins[digest] -= 1
            if self._pins[digest]:
                continue
            del self._pins[digest]
            block = self._known.get(digest)
            if block is not None and block in self._resident:
                del self._resident[block]
                self._idle[block] = None

    def sessions(self) -> list[Hashable]:
        """Sessions whose blocks stay, the one that was used longest ago first."""
        return list(self._sessions)

    def clear(self) -> None:
        """Forgets all that nobody uses."""
        for session in self.sessions():
            self.leave(session)
        while self._idle:
            self._evict()

    def _hold(self, block: int) -> None:
        held = self._blocks[block]
        held.refs += 1
        if held.refs == 1:
            self._idle.pop(block, None)
            self._resident.pop(block, None)

    def _evict(self) -> None:
        idle = self._idle or self._resident
        self._forget(next(iter(idle)))

    def _forget(self, block: int) -> None:
        """Empties a block that nobody uses."""
        held = self._blocks[block]
        self._idle.pop(block, None)
        self._resident.pop(block, None)
        del self._known[held.digest]
        siblings = self._children[held.parent]
        del siblings[block]
        if not siblings:
            del self._children[held.parent]
        held.digest, held.parent, held.tokens = b"", b"", ()
        self._empty.append(block)


def _digest(parent: bytes, tokens: Sequence[int]) -> bytes:
    return blake2b(parent + array("q", tokens).tobytes(), digest_size=16).digest()


def _common(first: Sequence[int], second: Sequence[int]) -> int:
    for count, (one, other) in enumerate(zip(first, second, strict=False)):
        if one != other:
            return count
    return min(len(first), len(second))
