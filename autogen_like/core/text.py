"""Untrusted text made safe to show on a terminal."""

from __future__ import annotations

# A model or a web page that a tool read can put escape sequences into a text: to clear the screen, to rewrite what was
# printed before, to set the clipboard. Each control character is shown as a visible sign, one for one, so that a
# sequence that comes in two pieces is harmless too. Line breaks and tabs stay.
_SIGNS: dict[int, str] = {
    **{code: chr(0x2400 + code) for code in range(0x20) if code not in (0x09, 0x0A)},
    0x7F: "\u2421",
    **{code: f"\\x{code:02x}" for code in range(0x80, 0xA0)},
    # What turns the direction of writing, or hides, can make a text look like another.
    **{code: f"\\u{code:04x}" for code in (0x061C, 0x200E, 0x200F, *range(0x202A, 0x202F), *range(0x2066, 0x206A))},
    **dict.fromkeys(range(0xD800, 0xE000), "\ufffd"),  # halves of pairs, which no encoding takes
}
_ONE_LINE: dict[int, str] = {**_SIGNS, 0x09: " ", 0x0A: "\u240a", 0x2028: " ", 0x2029: " "}


def visible(text: str) -> str:
    r"""Text with its control characters made visible; line breaks and tabs stay.

    Example:
        >>> visible("\x1b[2Jhello\r\n")
        '␛[2Jhello\n'
    """
    return text.replace("\r\n", "\n").translate(_SIGNS)


def one_line(text: str) -> str:
    """The same for names and ids, which have no business with line breaks."""
    return text.translate(_ONE_LINE)
