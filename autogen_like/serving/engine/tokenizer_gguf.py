"""Builds a tokenizer from the metadata of a GGUF file."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from ...core.errors import ConfigError
from .tokenizer import TextTokenizer

if TYPE_CHECKING:
    from tokenizers import Tokenizer, pre_tokenizers

_CONTROL, _USER_DEFINED, _BYTE = 3, 4, 6

_GPT2 = r"""'s|'t|'re|'ve|'m|'ll|'d| ?\p{L}+| ?\p{N}+| ?[^\s\p{L}\p{N}]+|\s+(?!\S)|\s+"""
_QWEN2 = (
    r"(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+"
)
_LLAMA3 = _QWEN2.replace(r"|\p{N}|", r"|\p{N}{1,3}|")
_TEKKEN = (
    r"[^\r\n\p{L}\p{N}]?[\p{Lu}\p{Lt}\p{Lm}\p{Lo}\p{M}]*[\p{Ll}\p{Lm}\p{Lo}\p{M}]+"
    r"|[^\r\n\p{L}\p{N}]?[\p{Lu}\p{Lt}\p{Lm}\p{Lo}\p{M}]+[\p{Ll}\p{Lm}\p{Lo}\p{M}]*"
    r"|\p{N}| ?[^\s\p{L}\p{N}]+[\r\n/]*|\s*[\r\n]+|\s+(?!\S)|\s+"
)


@dataclass(frozen=True, slots=True)
class _Rule:
    """How text is cut before bytes are merged."""

    pattern: str
    digits: bool = False  # each digit by itself, before anything else
    nfc: bool = False
    whole_words: bool = False  # a piece that is a token is taken as it is, without merging


_RULES = {
    "gpt-2": _Rule(_GPT2),
    "smollm": _Rule(_GPT2, digits=True),
    "starcoder": _Rule(_GPT2, digits=True),
    "refact": _Rule(_GPT2, digits=True),
    "qwen2": _Rule(_QWEN2, nfc=True),
    "deepseek-r1-qwen": _Rule(_QWEN2, nfc=True),
    "llama-bpe": _Rule(_LLAMA3, whole_words=True),
    "llama3": _Rule(_LLAMA3, whole_words=True),
    "llama-v3": _Rule(_LLAMA3, whole_words=True),
    "tekken": _Rule(_TEKKEN, whole_words=True),
}


def tokenizer_from_gguf(metadata: Mapping[str, Any], where: str) -> TextTokenizer:
    """The tokenizer of a GGUF file.

    Args:
        metadata: The file's.
        where: The file's name, for errors.

    Raises:
        ConfigError: If it is of a kind that is not known: a guess would cost quality that nobody could explain.
    """
    from tokenizers import AddedToken

    def value(key: str, default: Any = None) -> Any:
        return metadata.get(f"tokenizer.ggml.{key}", default)

    kind, texts = value("model"), value("tokens")
    if not texts:
        raise ConfigError(f"{where} has no vocabulary in it")
    if kind == "gpt2":
        tokenizer = _byte_level(texts, value("merges", []), str(value("pre")), where)
    elif kind == "llama":
        tokenizer = _sentence_piece(texts, value("scores", []), value("token_type", []), metadata)
    else:
        raise ConfigError(f"{where}: tokenizer {kind!r} is not supported; 'gpt2' and 'llama' are")
    types = value("token_type") or [1] * len(texts)
    added = [(text, kind) for text, kind in zip(texts, types, strict=True) if kind in (_CONTROL, _USER_DEFINED)]
    for special in (True, False):
        chosen = [text for text, kind in added if (kind == _CONTROL) == special]
        # `special` decides whether a token is shown in replies; both are found in prompts, where they are whole.
        tokenizer.add_tokens([AddedToken(text, special=special, normalized=False) for text in chosen])
    ends = {value(key) for key in ("eos_token_id", "eot_token_id", "eom_token_id")} - {None}
    eos, bos = value("eos_token_id"), value("bos_token_id")
    return TextTokenizer(
        tokenizer,
        ends=ends,
        bos=bos,
        eos=None if eos is None else texts[eos],
        add_bos=bool(value("add_bos_token", kind == "llama")),
    )


def _byte_level(texts: list[str], merges: list[str], pre: str, where: str) -> Tokenizer:
    from tokenizers import Tokenizer, decoders, models, normalizers, pre_tokenizers

    rule = _RULES.get(pre)
    if rule is None:
        raise ConfigError(f"{where}: pre-tokenizer {pre!r} is not supported; {', '.join(_RULES)} are")
    vocabulary = {text: place for place, text in enumerate(texts)}
    pairs = [_pair(merge) for merge in merges]
    tokenizer = Tokenizer(models.BPE(vocab=vocabulary, merges=pairs, ignore_merges=rule.whole_words))
    steps: list[pre_tokenizers.PreTokenizer] = [pre_tokenizers.Digits(individual_digits=True)] if rule.digits else []
    steps += [_split(rule.pattern), pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=False)]
    tokenizer.pre_tokenizer = pre_tokenizers.Sequence(steps)
    if rule.nfc:
        tokenizer.normalizer = normalizers.NFC()
    tokenizer.decoder = decoders.ByteLevel()
    return tokenizer


def _split(pattern: str) -> pre_tokenizers.PreTokenizer:
    from tokenizers import Regex, pre_tokenizers

    return pre_tokenizers.Split(Regex(pattern), behavior="isolated")


def _pair(merge: str) -> tuple[str, str]:
    left, _, right = merge.partition(" ")
    return left, right


def _sentence_piece(texts: list[str], scores: list[float], types: list[int], metadata: Mapping[str, Any]) -> Tokenizer:
    """A SentencePiece BPE vocabulary: pieces are merged by score, and bytes stand for what no piece covers."""
    from tokenizers import Tokenizer, decoders, models, normalizers

    vocabulary = {text: place for place, text in enumerate(texts)}
    plain = {
        text: score for text, score, kind in zip(texts, scores, types, strict=True) if kind not in (_CONTROL, _BYTE)
    }
    merges = [
        (-score, vocabulary[text], text[:cut], text[cut:])
        for text, score in plain.items()
        for cut in range(1, len(text))
        if text[:cut] in plain and text[cut:] in plain
    ]
    merges.sort()
    unknown = metadata.get("tokenizer.ggml.unknown_token_id", 0)
    tokenizer = Tokenizer(
        models.BPE(
            vocab=vocabulary,
            merges=[(left, right) for _, _, left, right in merges],
            unk_token=texts[unknown],
            fuse_unk=True,
            byte_fallback=True,
        )
    )
    prefix = metadata.get("tokenizer.ggml.add_space_prefix", True)
    steps: list[normalizers.Normalizer] = [normalizers.Prepend("\u2581")] if prefix else []
    steps.append(normalizers.Replace(" ", "\u2581"))
    tokenizer.normalizer = normalizers.Sequence(steps)
    tokenizer.decoder = decoders.Sequence([decoders.Replace("\u2581", " "), decoders.ByteFallback(), decoders.Fuse()])
    return tokenizer
