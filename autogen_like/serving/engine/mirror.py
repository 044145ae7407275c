"""Keys and values on a processor: blocks for what is kept, and a contiguous mirror for each sequence that runs.

Attention on a CPU reads a contiguous tensor twice as fast as scattered blocks, whatever their size. So a sequence that
begins copies what is known of it (a thousand times faster than computing it), and writes a block back when it is full.
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import accumulate

import torch
from torch import Tensor
from torch.nn import functional

from ...core.errors import ConfigError
from .blocks import Match
from .checkpoint import ModelConfig
from .ops import BLOCK
from .scheduler import Chunk
from .sequence import Running

_STEP = 256  # capacities are multiples of this many tokens


class Mirror:
    """Keys and values of one sequence.

    Args:
        config: The model's shape.
        dtype: Of keys and values.
        tokens: How many there is room for at first.

    Attributes:
        tensor: ``[layers, 2, kv_heads, capacity, head_dim]``: keys, then values.
    """

    __slots__ = ("tensor",)

    def __init__(self, config: ModelConfig, dtype: torch.dtype, tokens: int) -> None:
        capacity = -(-tokens // _STEP) * _STEP
        self.tensor = torch.empty(config.layers, 2, config.kv_heads, capacity, config.head_dim, dtype=dtype)

    def reserve(self, tokens: int, held: int) -> None:
        """Makes room for this many tokens, at least half as many again; the first `held` are kept."""
        layers, pair, heads, capacity, width = self.tensor.shape
        if tokens <= capacity:
            return
        wanted = -(-max(tokens, capacity * 3 // 2) // _STEP) * _STEP
        grown = self.tensor.new_empty(layers, pair, heads, wanted, width)
        grown[:, :, :, :held] = self.tensor[:, :, :, :held]
        self.tensor = grown


class MirrorMemory:
    """Blocks and mirrors of a model.

    Args:
        config: The model's shape.
        dtype: Of keys and values.
        count: Number of blocks. Memory is taken from the system as they are written, not before.

    Raises:
        ConfigError: If there is not so much memory.
    """

    def __init__(self, config: ModelConfig, dtype: torch.dtype, count: int) -> None:
        self._config = config
        self._dtype = dtype
        shape = (count, config.layers, 2, config.kv_heads, BLOCK, config.head_dim)
        try:
            self._pool = torch.empty(shape, dtype=dtype)
        except RuntimeError as error:
            raise ConfigError(
                "there is no memory for keys and values of one whole context: set a smaller 'context_length' (or a "
                f"smaller 'prefix_cache_bytes'): {error}"
            ) from error

    @staticmethod
    def block_bytes(config: ModelConfig, dtype: torch.dtype) -> int:
        """What a block takes."""
        return 2 * config.layers * config.kv_heads * BLOCK * config.head_dim * dtype.itemsize

    def open(self, sequence: Running, known: Match) -> None:
        with torch.inference_mode():
            room = len(sequence.tokens) + min(sequence.limit, _STEP)
            mirror = sequence.memory = Mirror(self._config, self._dtype, room)
            full = len(known.blocks) * BLOCK
            if full:
                found = self._pool[torch.tensor(known.blocks)].permute(1, 2, 3, 0, 4, 5)
                layers, pair, heads, _, width = mirror.tensor.shape
                mirror.tensor[:, :, :, :full].view(layers, pair, heads, -1, BLOCK, width).copy_(found)
            if known.tail is not None:
                mirror.tensor[:, :, :, full : known.tokens] = self._pool[known.tail][:, :, :, : known.tail_tokens]

    def seal(self, sequence: Running, place: int) -> None:
        with torch.inference_mode():
            start = place * BLOCK
            count = min(BLOCK, sequence.computed - start)
            written = sequence.memory.tensor[:, :, :, start : start + count]
            self._pool[sequence.blocks[place]][:, :, :, :count] = written

    def fork(self, source: Running, target: Running) -> None:
        with torch.inference_mode():
            done = source.computed
            target.memory = Mirror(self._config, self._dtype, done + min(target.limit, _STEP))
            target.memory.tensor[:, :, :, :done] = source.memory.tensor[:, :, :, :done]

    def batch(self, chunks: Sequence[Chunk]) -> MirrorBatch:
        """The attention of one step."""
        return MirrorBatch(self._config, chunks)


class MirrorBatch:
    """Attention of one step over mirrors. All that is the same for each layer is prepared here.

    Args:
        config: The model's shape.
        chunks: What is computed, in the order of its rows.
    """

    def __init__(self, config: ModelConfig, chunks: Sequence[Chunk]) -> None:
        self._heads, self._kv_heads = config.heads, config.kv_heads
        ends = list(accumulate(chunk.count for chunk in chunks))
        self._parts = [_Part(chunk, end) for chunk, end in zip(chunks, ends, strict=True)]
        self._single = ends[-1] == len(chunks)

    def attend(self, layer: int, queries: Tensor, keys_values: Tensor) -> Tensor:
        """Stores new keys and values, and mixes.

        Args:
            layer: Which.
            queries: ``[n, heads, head_dim]``, turned.
            keys_values: ``[n, 2 * kv_heads, head_dim]``: turned keys, then values.

        Returns:
            ``[n, heads * head_dim]``.
        """
        rows, width = queries.shape[0], queries.shape[2]
        # The query heads that share a key head are rows of one small matrix: nothing is repeated.
        grouped = queries.view(rows, 1, self._kv_heads, -1, width)
        pairs = keys_values.view(rows, 2, self._kv_heads, width)
        mixed = []
        if self._single:
            for part, query, pair in zip(self._parts, grouped.unbind(), pairs.unbind(), strict=True):
                part.slots[layer].copy_(pair)
                mixed.append(_attention(query, part.keys[layer], part.values[layer]))
            return (mixed[0] if rows == 1 else torch.cat(mixed)).reshape(rows, -1)
        for part in self._parts:
            start, end = part.rows
            if part.count == 1:
                part.slots[layer].copy_(pairs[start])
                one = _attention(grouped[start], part.keys[layer], part.values[layer])
                mixed.append(one.reshape(1, -1))
            else:
                part.slots[layer].copy_(pairs[start:end].permute(1, 2, 0, 3))
                mixed.append(self._prompt(part, layer, queries[start:end]))
        return torch.cat(mixed)

    def _prompt(self, part: _Part, layer: int, queries: Tensor) -> Tensor:
        mixed = functional.scaled_dot_product_attention(
            queries.transpose(0, 1)[None],
            _repeated(part.keys[layer], self._heads),
            _repeated(part.values[layer], self._heads),
            attn_mask=part.mask,
            is_causal=part.mask is None,
        )
        return mixed[0].transpose(0, 1).reshape(part.count, -1)


_attention = functional.scaled_dot_product_attention


class _Part:
    """One sequence's views in a step, a list of one for each layer; and its rows in the batch."""

    __slots__ = ("count", "keys", "mask", "rows", "slots", "values")

    def __init__(self, chunk: Chunk, last: int) -> None:
        start, self.count = chunk.sequence.computed, chunk.count
        self.rows = (last - chunk.count, last)
        end = start + chunk.count
        mirror: Mirror = chunk.sequence.memory
        mirror.reserve(end, start)
        held = mirror.tensor[:, :, None, :, :end]
        self.keys, self.values = held[:, 0].unbind(), held[:, 1].unbind()
        written = mirror.tensor[:, :, :, start:end] if self.count > 1 else mirror.tensor[:, :, :, start]
        self.slots = written.unbind()
        # Who may look at whom: nothing is needed for one token, or where the sequence begins here.
        plain = start == 0 or self.count == 1
        self.mask = None if plain else torch.ones(self.count, end, dtype=torch.bool).tril(diagonal=start)


def _repeated(heads: Tensor, count: int) -> Tensor:
    """Key or value heads as many times as query heads share them; a view where that is possible."""
    _, kv_heads, length, width = heads.shape
    shared = heads[0, :, None].expand(kv_heads, count // kv_heads, length, width)
    return shared.reshape(1, count, length, width)
