"""Text to tokens and back: `tokenizers.Tokenizer`, and what it leaves open: bytes, special tokens, ends of turns."""

from __future__ import annotations

import re
from collections.abc import Iterable
from functools import cached_property
from typing import TYPE_CHECKING

from ...core.errors import ConfigError

if TYPE_CHECKING:
    from tokenizers import Tokenizer

# How models call the token that ends a turn; a file's own "end of text" is often another one.
_TURN_ENDS = ("<|im_end|>", "<|eot_id|>", "<|eom_id|>", "<|end_of_text|>", "<|endoftext|>", "<|end|>", "<end_of_turn>")
_BYTE_TOKEN = re.compile(r"<0x([0-9A-F]{2})>")
# Stands for a special token's text where that is only text: the last plane of characters, which nobody assigns.
_GUARD = 0x10_0000


class TextTokenizer:
    """A model's tokenizer.

    Args:
        tokenizer: What does the work. Its added tokens that are special are recognised in prompts.
        ends: Ids that end a reply.
        bos: The token that begins a sequence, where the model has one.
        eos: Text of the token that ends a sequence, for templates.
        add_bos: Whether a prompt without a template begins with `bos`.

    Raises:
        ConfigError: If it is neither byte-level nor one with byte fallback.
    """

    def __init__(
        self,
        tokenizer: Tokenizer,
        *,
        ends: Iterable[int],
        bos: int | None = None,
        eos: str | None = None,
        add_bos: bool = False,
    ) -> None:
        self._tokenizer = tokenizer
        self.bos_id = bos
        self.bos: str = "" if bos is None else tokenizer.id_to_token(bos) or ""
        self.eos = eos or ""
        self.add_bos = add_bos and bos is not None
        self.size = tokenizer.get_vocab_size(with_added_tokens=True)
        added = tokenizer.get_added_tokens_decoder()
        self._special = {token: spec.content for token, spec in added.items() if spec.special}
        self._plain_added = {token: spec.content for token, spec in added.items() if not spec.special}
        known = (tokenizer.token_to_id(text) for text in _TURN_ENDS)
        self.ends = frozenset({*ends, *(token for token in known if token is not None and token in self._special)})
        self._byte_level = _is_byte_level(tokenizer)
        self._bytes: dict[int, bytes] = {}
        texts = sorted(self._special.values(), key=len, reverse=True)
        self._specials_in_text = re.compile("|".join(map(re.escape, texts))) if texts else None
        self._guards = {text: chr(_GUARD + place) for place, text in enumerate(texts)}
        self._guarded = {guard: text for text, guard in self._guards.items()}

    @cached_property
    def json(self) -> str:
        """The tokenizer in the ``tokenizers`` package's own format."""
        return self._tokenizer.to_str()

    @property
    def spaces_first(self) -> bool:
        """Whether the first token of a text carries a space that isn't in it (SentencePiece's habit)."""
        return not self._byte_level

    def token_id(self, text: str) -> int | None:
        """The id of the token with exactly this text."""
        found: int | None = self._tokenizer.token_to_id(text)
        return found

    def guard(self, text: str) -> str:
        """Takes the power from text that looks like special tokens, for `encode` to put it back as mere text.

        So what somebody writes can't end a turn or begin one in another's name.
        """
        if self._specials_in_text is None:
            return text
        return self._specials_in_text.sub(lambda match: self._guards[match[0]], text)

    def encode(self, text: str) -> list[int]:
        """The tokens of a prompt; special tokens in it count as such, unless they are guarded."""
        if not any(ord(char) >= _GUARD for char in text if char > "\uffff"):
            return list(self._tokenizer.encode(text, add_special_tokens=False).ids)
        ids: list[int] = []
        for piece in re.split(f"([{chr(_GUARD)}-{chr(_GUARD + len(self._guards))}])", text):
            if piece in self._guarded:
                ids += self.encode_plain(self._guarded[piece])
            elif piece:
                ids += self._tokenizer.encode(piece, add_special_tokens=False).ids
        return ids

    def encode_plain(self, text: str) -> list[int]:
        """The tokens of a text in which nothing is special."""
        if self._specials_in_text is None or not self._specials_in_text.search(text):
            return list(self._tokenizer.encode(text, add_special_tokens=False).ids)
        ids: list[int] = []
        # Cut within each special token's text, so that none is found: after its first character.
        start = 0
        for match in self._specials_in_text.finditer(text):
            ids += self._tokenizer.encode(text[start : match.start() + 1], add_special_tokens=False).ids
            start = match.start() + 1
        return ids + list(self._tokenizer.encode(text[start:], add_special_tokens=False).ids)

    def token_bytes(self, token: int) -> bytes:
        """What a token adds to a reply; nothing for special tokens."""
        found = self._bytes.get(token)
        if found is None:
            found = self._bytes[token] = self._bytes_of(token)
        return found

    def _bytes_of(self, token: int) -> bytes:
        if token in self._special:
            return b""
        if token in self._plain_added:
            return self._plain_added[token].encode()
        text = self._tokenizer.id_to_token(token)
        if text is None:
            return b""  # a row of the embedding that pads it
        if self._byte_level:
            return bytes(_BYTES[char] for char in text)
        byte = _BYTE_TOKEN.fullmatch(text)
        return bytes([int(byte[1], 16)]) if byte else text.replace("\u2581", " ").encode()

    def decode(self, tokens: Iterable[int]) -> str:
        """The text of tokens; what is no UTF-8 becomes U+FFFD."""
        return b"".join(map(self.token_bytes, tokens)).decode("utf-8", "replace")


def _is_byte_level(tokenizer: Tokenizer) -> bool:
    decoder = str(tokenizer.decoder)
    if "ByteLevel" in decoder:
        return True
    if "ByteFallback" in decoder:
        return False
    raise ConfigError(f"a tokenizer with the decoder {decoder} is not supported: byte-level and byte-fallback ones are")


def _byte_table() -> dict[str, int]:
    """GPT-2's letters for bytes: printable ones stand for themselves, the others for characters from U+0100 on."""
    printable = [*range(0x21, 0x7F), *range(0xA1, 0xAD), *range(0xAE, 0x100)]
    others = [byte for byte in range(256) if byte not in printable]
    table = {chr(byte): byte for byte in printable}
    table.update({chr(0x100 + place): byte for place, byte in enumerate(others)})
    return table


_BYTES = _byte_table()
