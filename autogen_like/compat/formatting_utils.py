"""``autogen.formatting_utils``: colours for a terminal."""

from __future__ import annotations

import os
from collections.abc import Iterable

_NAMES = ("grey", "red", "green", "yellow", "blue", "magenta", "cyan", "light_grey")
_BRIGHT = ("dark_grey", *(f"light_{name}" for name in _NAMES[1:-1]), "white")
_COLORS = {name: 30 + index for index, name in enumerate(_NAMES)}
_COLORS |= {name: 90 + index for index, name in enumerate(_BRIGHT)} | {"black": 30}
_ATTRIBUTES = {"bold": 1, "dark": 2, "underline": 4, "blink": 5, "reverse": 7, "concealed": 8}


def colored(
    text: object,
    color: str | None = None,
    on_color: str | None = None,
    attrs: Iterable[str] | None = None,
    *,
    no_color: bool | None = None,
    force_color: bool | None = None,
) -> str:
    r"""A text with the signs that colour it in a terminal; as it is where ``NO_COLOR`` is set.

    Args:
        text: What to colour.
        color: "red", "light_blue", ...
        on_color: The background: "on_red", ...
        attrs: "bold", "underline", ...
        no_color: Whether to leave it as it is.
        force_color: Whether to colour it where ``NO_COLOR`` is set.

    Example:
        >>> colored("stop", "red", force_color=True)
        '\x1b[31mstop\x1b[0m'
    """
    shown = str(text)
    if no_color or (not force_color and ("NO_COLOR" in os.environ or "ANSI_COLORS_DISABLED" in os.environ)):
        return shown
    codes = [_COLORS[color]] if color else []
    if on_color:
        codes.append(_COLORS[on_color.removeprefix("on_")] + 10)
    codes += [_ATTRIBUTES[name] for name in attrs or ()]
    return "".join(f"\x1b[{code}m" for code in codes) + shown + "\x1b[0m" if codes else shown


def cprint(text: object, color: str | None = None, **options: object) -> None:
    """Prints a coloured text: see `colored`."""
    coloring = {key: options.pop(key) for key in ("on_color", "attrs", "no_color", "force_color") if key in options}
    print(colored(text, color, **coloring), **options)  # type: ignore[arg-type,call-overload]  # noqa: T201
