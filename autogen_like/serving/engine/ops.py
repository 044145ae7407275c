"""The arithmetic of a decoder's step, as a protocol that a device implements; and its reference in plain torch.

`TorchOps` runs anywhere and is what each kernel is compared with. Shapes, for ``n`` tokens of ``B`` sequences:

- A batch is flat: the new tokens of all sequences, one sequence after the other, in ``[n, ...]``.
- Keys and values live in blocks of 16 tokens, ``[blocks, 16, kv_heads, head_dim]`` for each layer. A sequence's block
  table says which blocks are its own, in order; a token's slot is ``block * 16 + place in it``; slot -1 stores nothing.
- Query heads ``g * heads // kv_heads`` and following share key head ``g``.
"""

from __future__ import annotations

from dataclasses import dataclass, fields
from functools import lru_cache
from typing import Protocol

import torch
from torch import Tensor
from torch.nn import functional

BLOCK = 16
_LIKELY = 512


@dataclass(frozen=True, slots=True)
class Affine:
    """A weight in few bits: ``quants * scales + minima``, each scale for 32 inputs.

    Args:
        quants: For 8 bits int8 ``[outputs, inputs]``; for 4 bits uint8 ``[outputs, inputs / 2]``, the even input in the
            low half.
        scales: ``[outputs, inputs / 32]``.
        minima: The same shape; zeros where the weight has none.
        bits: 4 or 8.
    """

    quants: Tensor
    scales: Tensor
    minima: Tensor
    bits: int

    def dense(self, dtype: torch.dtype) -> Tensor:
        """The weight it stands for, ``[outputs, inputs]``."""
        quants = self.quants
        if self.bits == 4:
            quants = torch.stack((quants & 15, quants >> 4), dim=-1).flatten(1)
        grouped = quants.view(*self.scales.shape, -1).float()
        return (grouped * self.scales.float()[..., None] + self.minima.float()[..., None]).flatten(1).to(dtype)


@dataclass(frozen=True, slots=True)
class SampleBatch:
    """How the next tokens of a batch are chosen; all tensors have a row for each sequence.

    It is made in the CPU's memory: so what a batch asks for can be looked at without waiting for another device.

    Args:
        temperature: float32 ``[B]``; 0 takes the most likely token.
        top_k: int64 ``[B]``; 0 is no limit.
        top_p: float32 ``[B]``; 1 is no limit.
        min_p: float32 ``[B]``; 0 is no limit.
        uniform: float64 ``[B]``, each in [0, 1): the chance of this step, drawn by the request's own seed.
        repetition: float32 ``[B]``; 1 is none.
        frequency: float32 ``[B]``.
        presence: float32 ``[B]``.
        seen: Tokens generated so far, each once: int64 ``[B, most]``, padded with -1.
        counts: How often each was: float32 ``[B, most]``.
        bias_tokens: int64 ``[B, most]``, padded with -1.
        bias: float32 ``[B, most]``.
        allowed: int32 ``[B, (vocabulary + 31) // 32]``, bit ``t % 32`` of word ``t // 32`` for token ``t``; None where
            no request of the batch is constrained.
    """

    temperature: Tensor
    top_k: Tensor
    top_p: Tensor
    min_p: Tensor
    uniform: Tensor
    repetition: Tensor
    frequency: Tensor
    presence: Tensor
    seen: Tensor
    counts: Tensor
    bias_tokens: Tensor
    bias: Tensor
    allowed: Tensor | None = None

    def to(self, device: torch.device) -> SampleBatch:
        """The same on a device, without waiting for it."""
        tensors = {field.name: getattr(self, field.name) for field in fields(self)}
        there = {name: tensor.to(device, non_blocking=True) for name, tensor in tensors.items() if tensor is not None}
        return SampleBatch(**there)


class Ops(Protocol):
    """What a device computes for the decoder."""

    def rms_norm(self, hidden: Tensor, residual: Tensor | None, weight: Tensor, eps: float) -> tuple[Tensor, Tensor]:
        """Adds, then normalises rows; statistics in float32.

        Args:
            hidden: ``[n, width]``.
            residual: Added to it first; None at the first layer.
            weight: ``[width]``.
            eps: Added to the mean square.

        Returns:
            ``norm(hidden + residual) * weight``, and the sum.
        """
        ...

    def rope_store(
        self, qkv: Tensor, cos: Tensor, sin: Tensor, slots: Tensor, keys: Tensor, values: Tensor,
        norms: tuple[Tensor, Tensor, float] | None,
    ) -> Tensor:  # fmt: skip
        """Turns queries and keys by their positions, and stores keys and values.

        Args:
            qkv: ``[n, heads + 2 * kv_heads, head_dim]``: queries, keys, values.
            cos: ``[n, head_dim / 2]``, of each token's position.
            sin: The same.
            slots: int64 ``[n]``: where each token is stored; -1 nowhere.
            keys: ``[blocks, 16, kv_heads, head_dim]``; changed.
            values: The same; changed.
            norms: Weights ``[head_dim]`` and eps of the norms of queries and keys (Qwen3); before they turn.

        Returns:
            The queries, ``[n, heads, head_dim]``. First halves of a head pair with second halves.
        """
        ...

    def silu_mul(self, gate_up: Tensor) -> Tensor:
        """``silu(gate) * up`` of ``[n, 2 * width]``."""
        ...

    def prefill_attention(
        self, queries: Tensor, keys: Tensor, values: Tensor, tables: Tensor, starts: Tensor, lengths: Tensor
    ) -> Tensor:
        """Causal attention of sequences' last tokens, over all their tokens.

        Args:
            queries: ``[n, heads, head_dim]``.
            keys: ``[blocks, 16, kv_heads, head_dim]``; the new tokens are stored already.
            values: The same.
            tables: int32 ``[B, most blocks]``, padded with anything.
            starts: int32 ``[B + 1]``: a sequence's queries are rows ``starts[b]`` to ``starts[b + 1]``.
            lengths: int32 ``[B]``: tokens of each sequence, the new ones included.

        Returns:
            ``[n, heads, head_dim]``.
        """
        ...

    def decode_attention(
        self, queries: Tensor, keys: Tensor, values: Tensor, tables: Tensor, lengths: Tensor
    ) -> Tensor:
        """The same for one new token of each sequence: ``[B, heads, head_dim]``; length 0 gives zeros."""
        ...

    def linear(self, rows: Tensor, weight: Affine) -> Tensor:
        """``rows @ weight.T`` for a weight in few bits; for few rows, as decoding has."""
        ...

    def sample(self, logits: Tensor, batch: SampleBatch) -> Tensor:
        """The next token of each row, int64 ``[B]``.

        Penalties and bias change the logits, then the mask, then temperature; top-k, top-p and min-p look at the
        probabilities after temperature. The token is the first in order of ids at which the running sum of kept
        probabilities passes ``uniform`` times their sum.

        Args:
            logits: float32 ``[B, vocabulary]``; not changed.
            batch: How.
        """
        ...


class TorchOps:
    """The reference: plain torch on any device, clear rather than fast.

    Example:
        >>> TorchOps().silu_mul(torch.tensor([[0.0, 1.0, 5.0, 2.0]])).shape
        torch.Size([1, 2])
    """

    def rms_norm(self, hidden: Tensor, residual: Tensor | None, weight: Tensor, eps: float) -> tuple[Tensor, Tensor]:
        if residual is not None:
            hidden = hidden + residual
        # By hand, in as few operations as can be: for one row on a CPU each costs more than what it computes.
        wide = hidden.float()
        length = torch.linalg.vector_norm(wide, dim=-1, keepdim=True)
        scale = torch.addcmul(_constant(eps, wide.device), length, length, value=1 / wide.shape[-1]).rsqrt_()
        return (wide * scale).to(hidden.dtype).mul_(weight), hidden

    def rope_store(
        self, qkv: Tensor, cos: Tensor, sin: Tensor, slots: Tensor, keys: Tensor, values: Tensor,
        norms: tuple[Tensor, Tensor, float] | None,
    ) -> Tensor:  # fmt: skip
        kv_heads = keys.shape[2]
        queries, new_keys, new_values = torch.split(qkv, [qkv.shape[1] - 2 * kv_heads, kv_heads, kv_heads], dim=1)
        if norms is not None:
            queries, _ = self.rms_norm(queries, None, norms[0], norms[2])
            new_keys, _ = self.rms_norm(new_keys, None, norms[1], norms[2])
        stored = slots >= 0
        keys.flatten(0, 1)[slots[stored]] = rotated(new_keys, cos, sin)[stored]
        values.flatten(0, 1)[slots[stored]] = new_values[stored]
        return rotated(queries, cos, sin)

    def silu_mul(self, gate_up: Tensor) -> Tensor:
        gate, up = gate_up.chunk(2, dim=-1)
        return functional.silu(gate) * up

    def prefill_attention(
        self, queries: Tensor, keys: Tensor, values: Tensor, tables: Tensor, starts: Tensor, lengths: Tensor
    ) -> Tensor:
        out = torch.zeros_like(queries)
        bounds = starts.tolist()
        for row, length in enumerate(lengths.tolist()):
            start, end = bounds[row], bounds[row + 1]
            if end == start:
                continue
            held = tables[row, : -(-length // BLOCK)].long()
            own = (keys[held].flatten(0, 1)[:length], values[held].flatten(0, 1)[:length])
            out[start:end] = _attended(queries[start:end], *own)
        return out

    def decode_attention(
        self, queries: Tensor, keys: Tensor, values: Tensor, tables: Tensor, lengths: Tensor
    ) -> Tensor:
        starts = torch.zeros(len(lengths) + 1, dtype=torch.int32)
        starts[1:] = (lengths > 0).cumsum(0)
        some = lengths > 0
        out = torch.zeros_like(queries)
        out[some] = self.prefill_attention(queries[some], keys, values, tables, starts, lengths)
        return out

    def linear(self, rows: Tensor, weight: Affine) -> Tensor:
        return functional.linear(rows, weight.dense(rows.dtype))

    def sample(self, logits: Tensor, batch: SampleBatch) -> Tensor:
        batch = batch.to(logits.device)
        logits = penalised(logits, batch)
        greedy = batch.temperature == 0
        if bool(greedy.all()):
            return logits.argmax(dim=-1)
        drawn = _drawn(logits, batch)
        return torch.where(greedy, logits.argmax(dim=-1), drawn)


@lru_cache(maxsize=8)
def _constant(value: float, device: torch.device) -> Tensor:
    return torch.tensor(value, dtype=torch.float32, device=device)


def rotated(heads: Tensor, cos: Tensor, sin: Tensor) -> Tensor:
    """Turns heads ``[n, heads, head_dim]`` by ``[n, head_dim / 2]`` cosines and sines."""
    first, second = heads.chunk(2, dim=-1)
    cos, sin = cos[:, None], sin[:, None]
    return torch.cat((first * cos - second * sin, second * cos + first * sin), dim=-1)


def _attended(queries: Tensor, keys: Tensor, values: Tensor) -> Tensor:
    count, length = queries.shape[0], keys.shape[0]
    groups = queries.shape[1] // keys.shape[1]
    mask = torch.ones(count, length, dtype=torch.bool, device=queries.device).tril(diagonal=length - count)
    return functional.scaled_dot_product_attention(
        queries.transpose(0, 1),
        keys.transpose(0, 1).repeat_interleave(groups, 0),
        values.transpose(0, 1).repeat_interleave(groups, 0),
        attn_mask=mask,
    ).transpose(0, 1)


def penalised(logits: Tensor, batch: SampleBatch) -> Tensor:
    """Logits with penalties and bias, and minus infinity where a token is not allowed; a new tensor."""
    logits = logits.clone()
    if batch.bias_tokens.shape[1]:
        logits.scatter_add_(1, batch.bias_tokens.clamp(min=0), batch.bias.masked_fill(batch.bias_tokens < 0, 0.0))
    if batch.seen.shape[1]:
        real = batch.seen >= 0
        places = batch.seen.clamp(min=0)
        values = logits.gather(1, places)
        factor = torch.where(values > 0, 1 / batch.repetition[:, None], batch.repetition[:, None])
        change = values * factor - batch.counts * batch.frequency[:, None] - batch.presence[:, None] - values
        logits.scatter_add_(1, places, change.masked_fill(~real, 0.0))
    if batch.allowed is not None:
        logits.masked_fill_(~expanded(batch.allowed, logits.shape[1]), -torch.inf)
    return logits


def expanded(bits: Tensor, vocabulary: int) -> Tensor:
    """A bit mask ``[B, words]`` as booleans ``[B, vocabulary]``."""
    places = torch.arange(32, dtype=torch.int32, device=bits.device)
    return ((bits[:, :, None] >> places) & 1).flatten(1)[:, :vocabulary].bool()


def _drawn(logits: Tensor, batch: SampleBatch) -> Tensor:
    shares = (logits / batch.temperature.clamp(min=1e-6)[:, None]).softmax(dim=-1)
    if bool((batch.top_k > 0).any() or (batch.top_p < 1).any()):
        shares = _likeliest(shares, batch)
    if bool((batch.min_p > 0).any()):
        shares = shares.masked_fill(shares < batch.min_p[:, None] * shares.amax(dim=-1, keepdim=True), 0.0)
    sums = shares.double().cumsum(dim=-1)
    wanted = (batch.uniform * sums[:, -1])[:, None]
    found = torch.searchsorted(sums, wanted, right=True)[:, 0]
    # Rounding may put what is wanted behind the last token that is kept.
    last = shares.shape[1] - 1 - (shares > 0).flip(1).int().argmax(dim=-1)
    return torch.minimum(found, last)


def _likeliest(shares: Tensor, batch: SampleBatch) -> Tensor:
    """Shares of the top-k tokens, and of those the ones that make up top-p; zero for the others.

    Sorting a whole vocabulary takes milliseconds on a CPU, so the most likely tokens are tried first.
    """
    vocabulary = shares.shape[1]
    limit = torch.where(batch.top_k > 0, batch.top_k, vocabulary)[:, None]
    for count in (min(_LIKELY, vocabulary), vocabulary):
        ordered, tokens = shares.topk(count, dim=-1)
        ordered = ordered.masked_fill(torch.arange(count, device=shares.device) >= limit, 0.0)
        # Whatever is left out stands behind these, so top-p of all of it is enough; for top-k of all of that.
        whole = torch.where(limit[:, 0] < vocabulary, ordered.sum(dim=-1), 1.0)[:, None]
        every = limit == vocabulary
        plain = every & (batch.top_p[:, None] >= 1)
        enough = (limit <= count) | (every & (ordered.sum(dim=-1, keepdim=True) >= batch.top_p[:, None]))
        if count == vocabulary or bool((enough | plain).all()):
            break
    before = ordered.cumsum(dim=-1) - ordered  # what is before a token already makes it up
    ordered = ordered.masked_fill(before >= batch.top_p[:, None] * whole, 0.0)
    kept = torch.zeros_like(shares).scatter_(1, tokens, ordered)
    return torch.where(plain, shares, kept)
