"""What code printed and showed: text for the result, files in a folder, and parts for a model to look at."""

from __future__ import annotations

import base64
import binascii
import json
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from uuid import uuid4

from ...core.message import Image, Part, Text
from ..executor import CodeResult
from ..output import Output

MAX_FILES = 50  # that one call keeps; what is shown beyond is counted
MAX_FILE = 32 * 1024 * 1024  # bytes of one file
MAX_IMAGE = 5 * 1024 * 1024  # bytes of an image that a model is shown; endpoints refuse what is much larger
MAX_HTML = 10_000  # characters of a page that a model is shown

_ANSI = re.compile(r"\x1b(?:\[[0-?]*[ -/]*[@-~]|\][^\x07\x1b]*(?:\x07|\x1b\\)|[ -/]+[0-~]|[@-Z\\-_])")
_BARE = re.compile(r"<[^<>]*>")  # <Figure size 640x480 with 1 Axes>, <IPython.core.display.HTML object>

# Images that models take, and how each begins: an endpoint refuses the whole chat for one that is none.
_IMAGES: Mapping[str, tuple[str, tuple[bytes, ...]]] = {
    "image/png": ("png", (b"\x89PNG\r\n\x1a\n",)),
    "image/jpeg": ("jpg", (b"\xff\xd8\xff",)),
    "image/gif": ("gif", (b"GIF87a", b"GIF89a")),
    "image/webp": ("webp", (b"RIFF",)),
}
_DOCUMENTS = {"image/svg+xml": "svg", "text/html": "html", "application/pdf": "pdf"}
_WORDS = {"image/svg+xml": "Image", "text/html": "HTML", "application/pdf": "PDF"}
_TEXTS = ("text/markdown", "text/latex", "application/json")


@dataclass(frozen=True, slots=True)
class IPythonCodeResult(CodeResult):
    """What came of running code in a kernel.

    Args:
        output_files: Paths of the files that images, HTML and the like were saved to, in the order shown.
    """

    output_files: list[str] = field(default_factory=list)


class Gathered:
    """Gathers what the blocks of one call print and show.

    Args:
        folder: Where files are saved.
        limit: Characters of text that are kept.
        tell: Told each piece of text as it comes.
    """

    def __init__(self, folder: Path, limit: int, tell: Callable[[str], None] | None = None) -> None:
        self._folder = folder
        self._output = Output(limit, tell)
        self._fresh = True  # whether what comes next begins a line
        self._unshown = 0
        self._files: list[str] = []
        self._parts: list[Part] = []

    def say(self, text: str) -> None:
        """Adds text that the code printed.

        Args:
            text: What it printed.
        """
        text = plain(text)
        if text:
            self._output.say(text)
            self._fresh = text.endswith("\n")

    def note(self, text: str) -> None:
        """Adds a line of our own.

        Args:
            text: The line.
        """
        self.say(f"{text}\n" if self._fresh else f"\n{text}\n")

    def show(self, bundle: Mapping[str, Any]) -> None:
        """Adds what the code displayed.

        Args:
            bundle: The forms that it has, by MIME type. What can be a file is saved; images that models take, and
                HTML that says nothing as text, become parts.
        """
        forms = {kind: _joined(form) for kind, form in bundle.items()}
        words = forms.get("text/plain", "")
        bare = not words or _BARE.fullmatch(words) is not None
        saved = [kind for kind in (*_IMAGES, *_DOCUMENTS) if forms.get(kind)]
        for kind in saved:
            self._save(kind, forms[kind], bare)
        if bare:
            words = next((forms[kind] for kind in _TEXTS if forms.get(kind)), "" if saved else words)
        if words:
            self.say(words if words.endswith("\n") else f"{words}\n")

    def _save(self, kind: str, form: str, bare: bool) -> None:
        if len(self._files) >= MAX_FILES:
            self._unshown += 1
            return
        word = _WORDS.get(kind, "Image")
        try:
            data = _bytes(kind, form)
        except ValueError as error:
            self.note(f"{word} not saved: {error}")
            return
        name = f"output_{len(self._files) + 1:03}_{uuid4().hex[:12]}.{_suffix(kind)}"
        path = self._folder / name
        try:
            self._folder.mkdir(parents=True, exist_ok=True)
            with path.open("xb") as file:  # made anew, so that nothing that lies there is followed or overwritten
                file.write(data)
        except OSError as error:
            self.note(f"{word} not saved: {error.strerror}")
            return
        self._files.append(str(path))
        self.note(f"{word} data saved to {path}")
        self._reach(kind, data, form, bare)

    def _reach(self, kind: str, data: bytes, form: str, bare: bool) -> None:
        """Adds the part that a model is to see, if it can."""
        if kind in _IMAGES:
            if len(data) > MAX_IMAGE:
                self.note(f"The image is not shown, since it has more than {MAX_IMAGE // 1024**2} MiB.")
            else:
                self._parts.append(Image(f"data:{kind};base64,{base64.b64encode(data).decode('ascii')}"))
        elif kind == "text/html" and bare:  # a table, say, has said itself as text
            page = plain(form)
            cut = f"\n[... {len(page) - MAX_HTML} more characters ...]" if len(page) > MAX_HTML else ""
            self._parts.append(Text(f"\n{page[:MAX_HTML]}{cut}\n"))

    def result(self, exit_code: int) -> IPythonCodeResult:
        """What came of it all.

        Args:
            exit_code: How it ended.
        """
        if self._unshown:
            self.note(f"[... {self._unshown} more images and pages were dropped ...]")
        return IPythonCodeResult(exit_code, self._output.finish(), list(self._files), parts=tuple(self._parts))


def plain(text: str) -> str:
    r"""Text without colours and other codes of terminals, and without halves of characters, which can't be encoded.

    Args:
        text: What a kernel sent.

    Example:
        >>> plain("\x1b[31mred\x1b[0m")
        'red'
    """
    if "\x1b" in text:
        text = _ANSI.sub("", text)
    return text.replace("\r\n", "\n").encode("utf-8", "replace").decode("utf-8")


def _joined(form: Any) -> str:
    """A form as text: kernels send strings, or lists of lines as notebooks keep them; JSON is sent as it is."""
    if isinstance(form, str):
        return form
    if isinstance(form, list) and all(isinstance(line, str) for line in form):
        return "".join(form)
    return json.dumps(form, ensure_ascii=False)


def _suffix(kind: str) -> str:
    return _IMAGES[kind][0] if kind in _IMAGES else _DOCUMENTS[kind]


def _bytes(kind: str, form: str) -> bytes:
    """A form's bytes.

    Raises:
        ValueError: If it is too large, or isn't what it says it is.
    """
    if len(form) > 2 * MAX_FILE:
        raise ValueError("it is too large")
    if kind in ("text/html", "image/svg+xml"):
        data = form.encode("utf-8", "replace")
    else:
        try:
            data = base64.b64decode("".join(form.split()), validate=True)
        except (binascii.Error, ValueError):
            raise ValueError("its data is not base64") from None
    if len(data) > MAX_FILE:
        raise ValueError("it is too large")
    if kind in _IMAGES and not data.startswith(_IMAGES[kind][1]):
        raise ValueError(f"its data is no {kind}")
    return data
