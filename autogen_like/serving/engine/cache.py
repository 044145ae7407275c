"""Computed keys and values, kept so that a request which begins with the same tokens needn't compute them again.

Each sequence has its own contiguous tensors, which is what attention on a CPU likes best. Agents of one conversation
have different beginnings (each its own system message), so several sequences are kept, the least recently used going
first when they take too much memory.
"""

from __future__ import annotations

from collections.abc import Hashable, Sequence

import torch
from torch import Tensor

from .checkpoint import ModelConfig

_STEP = 256  # capacities are multiples of this many tokens


class SequenceCache:
    """Keys and values of one sequence, with the tokens that they belong to.

    Args:
        config: The model's shape.
        dtype: Of keys and values.
        owner: Whose sequence it is, where somebody said so.

    Attributes:
        tokens: The tokens computed so far.
    """

    __slots__ = ("_keys", "_values", "owner", "tokens")

    def __init__(self, config: ModelConfig, dtype: torch.dtype, owner: Hashable = None) -> None:
        self.tokens: list[int] = []
        self.owner = owner
        self._keys = torch.empty(config.layers, config.kv_heads, 0, config.head_dim, dtype=dtype)
        self._values = torch.empty_like(self._keys)

    @property
    def capacity(self) -> int:
        """Tokens that there is room for."""
        return self._keys.shape[2]

    @property
    def size(self) -> int:
        """Bytes of its tensors."""
        return 2 * self._keys.nbytes

    def reserve(self, tokens: int) -> None:
        """Makes room for this many tokens in all; at least half as many again when it must grow."""
        if tokens <= self.capacity:
            return
        wanted = -(-max(tokens, self.capacity * 3 // 2) // _STEP) * _STEP
        self._keys = self._grown(self._keys, wanted)
        self._values = self._grown(self._values, wanted)

    def _grown(self, tensor: Tensor, capacity: int) -> Tensor:
        layers, heads, _, width = tensor.shape
        grown = tensor.new_empty(layers, heads, capacity, width)
        held = len(self.tokens)
        grown[:, :, :held] = tensor[:, :, :held]
        return grown

    def extend(self, layer: int, keys: Tensor, values: Tensor) -> tuple[Tensor, Tensor]:
        """Stores a layer's new keys and values, which follow those of `tokens`.

        Args:
            layer: Which layer.
            keys: ``[new tokens, kv_heads, head_dim]``.
            values: The same shape.

        Returns:
            All keys and all values so far, ``[kv_heads, tokens, head_dim]``: views, valid until the next growth.
        """
        start = len(self.tokens)
        end = start + keys.shape[0]
        self._keys[layer, :, start:end] = keys.transpose(0, 1)
        self._values[layer, :, start:end] = values.transpose(0, 1)
        return self._keys[layer, :, :end], self._values[layer, :, :end]

    def truncate(self, tokens: int) -> None:
        """Forgets all but the first tokens."""
        del self.tokens[tokens:]

    def copy_prefix(self, other: SequenceCache, tokens: int) -> None:
        """Takes over the first tokens of another sequence; its own must be empty."""
        self.reserve(tokens)
        self._keys[:, :, :tokens] = other._keys[:, :, :tokens]
        self._values[:, :, :tokens] = other._values[:, :, :tokens]
        self.tokens[:] = other.tokens[:tokens]


class PrefixCache:
    """Sequences computed before, least recently used first.

    Args:
        config: The model's shape.
        dtype: Of keys and values.
        max_bytes: How much memory they may take; 0 keeps none.
        max_sequences: How many may be kept.
    """

    def __init__(self, config: ModelConfig, dtype: torch.dtype, *, max_bytes: int, max_sequences: int = 64) -> None:
        self._config = config
        self._dtype = dtype
        self._max_bytes = max_bytes
        self._max_sequences = max_sequences
        self._kept: list[SequenceCache] = []

    def __len__(self) -> int:
        return len(self._kept)

    @property
    def size(self) -> int:
        """Bytes that all kept sequences take."""
        return sum(sequence.size for sequence in self._kept)

    def take(self, prompt: Sequence[int], owner: Hashable = None) -> SequenceCache:
        """A sequence to compute `prompt` with, holding as many of its first tokens as any kept one has.

        The last token is never among them: its logits are what is wanted. A kept sequence is handed over where nothing
        of it is lost by that, or where it is the owner's own, which goes on; otherwise its beginning is copied.
        """
        best, length = None, 0
        for sequence in reversed(self._kept):
            common = common_prefix(sequence.tokens, prompt, len(prompt) - 1)
            if common > length or (common == length and common and owner is not None and sequence.owner == owner):
                best, length = sequence, common
        if best is None:
            return SequenceCache(self._config, self._dtype, owner)
        if length == len(best.tokens) or (owner is not None and best.owner == owner):
            self._kept.remove(best)
            best.truncate(length)
            best.owner = owner
            return best
        taken = SequenceCache(self._config, self._dtype, owner)
        taken.copy_prefix(best, length)
        self._kept.remove(best)
        self._kept.append(best)  # it was useful: keep it longer
        return taken

    def give(self, sequence: SequenceCache) -> None:
        """Keeps a sequence for later, and lets the least recently used go where there is no room."""
        if not sequence.tokens:
            return
        self._kept.append(sequence)
        while self._kept and (len(self._kept) > self._max_sequences or self.size > self._max_bytes):
            del self._kept[0]

    def clear(self) -> None:
        """Forgets all."""
        self._kept.clear()


def common_prefix(first: Sequence[int], second: Sequence[int], limit: int) -> int:
    """How many first elements two sequences share, counted up to a limit.

    Example:
        >>> common_prefix([1, 2, 3], [1, 2, 4], 10)
        2
    """
    end = min(len(first), len(second), limit)
    if first[:end] == second[:end]:
        return max(end, 0)
    low, high = 0, end  # equal up to low, not up to high
    while high - low > 1:
        middle = (low + high) // 2
        if first[low:middle] == second[low:middle]:
            low = middle
        else:
            high = middle
    return low
