"""Blots out what looks like a secret, in text that leaves the program."""

from __future__ import annotations

import re

BLOT = "***"

_KEYS = (
    r"sk-[A-Za-z0-9_-]{12,}",  # OpenAI, Anthropic and their like
    r"(?:gh[pousr]|github_pat)_[A-Za-z0-9_]{20,}",
    r"glpat-[A-Za-z0-9_-]{16,}",
    r"xox[abeprs]-[A-Za-z0-9-]{10,}",
    r"(?:AKIA|ASIA)[A-Z0-9]{16}",
    r"AIza[A-Za-z0-9_-]{30,}",
    r"hf_[A-Za-z0-9]{20,}",
    r"eyJ[A-Za-z0-9_-]{8,2000}\.eyJ[A-Za-z0-9_-]{8,4000}\.[A-Za-z0-9_-]+",  # a JSON web token
)
_PRIVATE_KEY = r"-----BEGIN [A-Z ]*PRIVATE KEY-----.*?(?:-----END [A-Z ]*PRIVATE KEY-----|\Z)"
_NAMES = (
    r"api[-_ ]?key|access[-_ ]?key|secret[-_ ]?key|client[-_ ]?secret|passw(?:or)?d|auth[-_ ]?token|access[-_ ]?token"
)

_WHOLE = re.compile(rf"(?<![A-Za-z0-9])(?:{'|'.join(_KEYS)})|{_PRIVATE_KEY}", re.DOTALL)
_IN_ADDRESS = re.compile(r"(?<=://)[^\s/@:\"'<>]*:[^\s/@\"'<>]+(?=@)")
_BEARER = re.compile(r"\b(Bearer|Basic)(\s+)[A-Za-z0-9._~+/=-]{8,}", re.IGNORECASE)
_NAMED = re.compile(
    rf"(?P<name>\b[\w-]{{0,40}}(?:{_NAMES}))(?P<sign>\\?[\"']?\s*[:=]\s*\\?[\"']?)[^\s\"'\\,;&}}]{{4,}}", re.IGNORECASE
)


def hide_secrets(text: str) -> str:
    r"""A text without the secrets that can be told by their looks.

    Keys of well-known makes, private keys, JSON web tokens, ``Bearer`` credentials, passwords in addresses, and what
    follows "api_key", "password" and the like. It is a net, not a wall: a secret that looks like a word passes.

    Args:
        text: Any text.

    Example:
        >>> hide_secrets("curl -H 'Authorization: Bearer abcdef123456' https://me:pa55word@example.com")
        "curl -H 'Authorization: Bearer ***' https://***@example.com"
        >>> hide_secrets('{"api_key": "0123456789abcdef", "model": "m"}')
        '{"api_key": "***", "model": "m"}'
    """
    text = _WHOLE.sub(BLOT, text)
    text = _IN_ADDRESS.sub(BLOT, text)
    text = _BEARER.sub(rf"\1\2{BLOT}", text)
    return _NAMED.sub(rf"\g<name>\g<sign>{BLOT}", text)
