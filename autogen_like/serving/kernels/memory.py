"""Keys and values in a GPU's memory: one pool of blocks for all sequences, and what kernels are told of a step."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from ...core.errors import ConfigError
from ..engine.blocks import Match
from ..engine.checkpoint import ModelConfig
from ..engine.ops import BLOCK
from ..engine.scheduler import Chunk
from ..engine.sequence import Running


class PagedMemory:
    """The blocks themselves. A sequence's tokens are read where they lie; only the end of a shared block is copied.

    Args:
        config: The model's shape.
        dtype: Of keys and values.
        count: Number of blocks.
        device: Where they are.

    Attributes:
        pool: ``[layers, 2, blocks, 16, kv_heads, head_dim]``: keys, then values.

    Raises:
        ConfigError: If there is not so much memory.
    """

    def __init__(self, config: ModelConfig, dtype: torch.dtype, count: int, device: torch.device) -> None:
        shape = (config.layers, 2, count, BLOCK, config.kv_heads, config.head_dim)
        try:
            # Zeros, so that what nobody has written is a number.
            self.pool = torch.zeros(shape, dtype=dtype, device=device)
        except RuntimeError as error:
            raise ConfigError(
                f"there is no memory on {device} for keys and values of {count * BLOCK} tokens: set a smaller "
                f"'context_length' or 'prefix_cache_bytes': {error}"
            ) from error

    def open(self, sequence: Running, known: Match) -> None:
        """A sequence begins: the tail of what is known is copied to a block of its own."""
        if known.tail is not None:
            self._copy(known.tail, sequence.blocks[len(known.blocks)], known.tail_tokens)

    def seal(self, sequence: Running, place: int) -> None:
        """A block is known: it stays where it is."""

    def fork(self, source: Running, target: Running) -> None:
        """A second sequence begins: the block that both go on writing is copied."""
        full, rest = divmod(source.computed, BLOCK)
        if rest:
            self._copy(source.blocks[full], target.blocks[full], rest)

    def _copy(self, source: int, target: int, tokens: int) -> None:
        with torch.inference_mode():
            self.pool[:, :, target, :tokens] = self.pool[:, :, source, :tokens]

    def batch(self, chunks: Sequence[Chunk]) -> PagedBatch:
        """What a step computes."""
        return PagedBatch(chunks)


@dataclass(frozen=True, slots=True)
class StepTensors:
    """A step on the device; all int32.

    Args:
        tokens: ``[n]``.
        positions: ``[n]``.
        slots: ``[n]``, -1 for padding.
        lengths: ``[B]``: tokens of each sequence, the new ones included.
        tables: ``[B, most blocks]``.
        starts: ``[prompts + 1]``: rows of the sequences with several new tokens, from that of the first one on.
        decoding: How many sequences have one new token; they come first.
    """

    tokens: Tensor
    positions: Tensor
    slots: Tensor
    lengths: Tensor
    tables: Tensor
    starts: Tensor
    decoding: int


class PagedBatch:
    """The sequences of a step, as numbers in the CPU's memory.

    Args:
        chunks: What is computed, in the order of its rows: those that decode first.

    Attributes:
        decoding: How many sequences at the beginning have one new token.
        sequences: How many there are.
    """

    def __init__(self, chunks: Sequence[Chunk]) -> None:
        ones = [chunk.count == 1 for chunk in chunks]
        self.sequences = len(chunks)
        self.decoding = ones.index(False) if False in ones else len(ones)
        self._slots: list[int] = []
        self._lengths: list[int] = []
        self._starts = [0]
        for place, chunk in enumerate(chunks):
            blocks, first = chunk.sequence.blocks, chunk.sequence.computed
            end = first + chunk.count
            self._slots += [blocks[at // BLOCK] * BLOCK + at % BLOCK for at in range(first, end)]
            self._lengths.append(end)
            if place >= self.decoding:
                self._starts.append(self._starts[-1] + chunk.count)
        self._tables = [chunk.sequence.blocks for chunk in chunks]

    def packed(self, tokens: Tensor, positions: Tensor, *, rows: int, width: int) -> tuple[Tensor, list[int]]:
        """All of a step in one tensor, so that one transfer brings it to the device.

        Args:
            tokens: ``[n]``.
            positions: ``[n]``.
            rows: How many sequences to pad to; only for steps in which all decode.
            width: Blocks of a row of the tables.

        Returns:
            The tensor, and the sizes of its parts, in the order of `StepTensors`.
        """
        spare = rows - self.sequences
        tables = torch.zeros(rows, width, dtype=torch.int32)
        for row, blocks in enumerate(self._tables):
            tables[row, : len(blocks)] = torch.tensor(blocks, dtype=torch.int32)
        none = torch.zeros(spare, dtype=torch.int32)
        parts = [
            torch.cat((tokens.int(), none)),
            torch.cat((positions.int(), none)),
            torch.tensor(self._slots + [-1] * spare, dtype=torch.int32),
            torch.tensor(self._lengths + [0] * spare, dtype=torch.int32),
            tables.flatten(),
            torch.tensor(self._starts, dtype=torch.int32),
        ]
        return torch.cat(parts), [len(part) for part in parts]

    @property
    def most_blocks(self) -> int:
        """Of one sequence."""
        return max(len(blocks) for blocks in self._tables)


def unpacked(packed: Tensor, sizes: Sequence[int], decoding: int) -> StepTensors:
    """The parts of a packed step, as views."""
    tokens, positions, slots, lengths, tables, starts = packed.split(list(sizes))
    return StepTensors(tokens, positions, slots, lengths, tables.view(len(lengths), -1), starts, decoding)
