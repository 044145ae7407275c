"""Images that people name in messages, as ``<img ...>``: which are read, and what becomes of the others."""

from __future__ import annotations

import re
from base64 import b64decode
from binascii import Error as NotBase64
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any, TypeAlias
from urllib.parse import urlsplit

from ...core.errors import ConfigError
from ...core.message import ChatMessage, Image, Text, content_text, part_to_dict
from ..context import ContextPolicy, Stage
from ..context.pieces import Counter, Edit, Piece
from .fetching import LARGEST, fetch

_TAG = re.compile(r"<img\s+([^<>]+?)\s*/?>", re.IGNORECASE)
_SOURCE = re.compile(r"""(?:^|\s)src\s*=\s*(?:"([^"]*)"|'([^']*)'|(\S+))""", re.IGNORECASE)
_DATA = re.compile(r"data:image/[\w.+-]+;base64,", re.IGNORECASE)
_RAN = "exitcode: "  # what code printed is not something that its speaker says
_KINDS = (
    (b"\x89PNG\r\n\x1a\n", "image/png"),
    (b"\xff\xd8\xff", "image/jpeg"),
    (b"GIF87a", "image/gif"),
    (b"GIF89a", "image/gif"),
)
Parts: TypeAlias = "tuple[Text | Image, ...]"


class Refused(Exception):
    """An image is not read; the message says why, and the cure."""


def kind_of(data: bytes) -> str | None:
    """What kind of image bytes are, by how they begin: "image/png", "image/jpeg", "image/gif", "image/webp" or None.

    Example:
        >>> kind_of(b"GIF89a...")
        'image/gif'
    """
    if data[:4] == b"RIFF" and data[8:12] == b"WEBP":
        return "image/webp"
    return next((kind for start, kind in _KINDS if data.startswith(start)), None)


def load_image(source: str, *, detail: str = "auto", private: bool = False) -> Image:
    """The image that a program names: a path, a ``data:`` URI, or an address, which is fetched.

    Args:
        source: Where it is. It is read whatever it is: pass on nothing that a model, a tool or a document said.
        detail: How closely a model should look.
        private: Whether addresses of private networks may be fetched from.

    Raises:
        ConfigError: If there is no image there, or it is too large.
        OSError: If an address doesn't answer.
    """
    if _DATA.match(source):
        return Image(source, detail)
    if "://" in source:
        data = fetch(source, private=private)[0]
    else:
        try:
            data = _read(Path(source))
        except Refused as error:
            raise ConfigError(str(error)) from None
    kind = kind_of(data)
    if kind is None:
        raise ConfigError(f"{source!r} is no PNG, JPEG, GIF or WebP image")
    return Image.from_bytes(data, kind, detail=detail)


def image_bytes(image: Image) -> bytes | None:
    """The bytes of an image that is a ``data:`` URI; None of one that is elsewhere.

    Example:
        >>> image_bytes(Image.from_bytes(b"GIF89a", "image/gif"))
        b'GIF89a'
    """
    if not image.url.startswith("data:"):
        return None
    try:
        return b64decode(image.url.partition(",")[2])
    except NotBase64:
        raise ConfigError("the image's data: URI is no base64") from None


def sources_in(text: str) -> list[str]:
    """What the ``<img ...>`` tags of a text name, in order.

    Example:
        >>> sources_in('Compare <img a.png> and <img src="https://example.org/b.png">.')
        ['a.png', 'https://example.org/b.png']
    """
    return [_source(match) for match in _TAG.finditer(text)]


def _source(match: re.Match[str]) -> str:
    named = _SOURCE.search(match[1])
    return next(one for one in named.groups() if one is not None) if named else match[1].strip("\"' ")


def _read(path: Path, folders: Iterable[Path] | None = None) -> bytes:
    try:
        real = path.resolve(strict=True)
        if folders is not None and not any(real.is_relative_to(folder) for folder in folders):
            raise Refused(f"{path} is in none of the folders that images may be read from: name it in image_folders")
        if not real.is_file():
            raise Refused(f"{path} is no file")
        with real.open("rb") as opened:
            data = opened.read(LARGEST + 1)
    except (OSError, ValueError, RuntimeError) as error:  # a null byte, a loop of links
        raise Refused(f"{path} can't be read: {getattr(error, 'strerror', None) or error}") from None
    if len(data) > LARGEST:
        raise Refused(f"{path} is larger than {LARGEST:,} bytes")
    return data


class ImageTags(ContextPolicy):
    """Shows a model the images that are named as ``<img ...>`` in what the first speaker of a conversation says.

    Nothing is fetched: an ``https:`` address is handed on to the model's endpoint, which does it. Files are read where
    their folder was named, and only images. What other agents, tools and code say is never read for tags unless it
    is asked for, since their words may come from anywhere.

    Args:
        folders: Folders (and all in them) that images may be read from; none by default.
        hosts: Hosts that addresses may name; None for any.
        speakers: Whose tags are read; whoever speaks first in the conversation, by default.

    Raises:
        ConfigError: If a folder isn't there.

    Example:
        >>> seen = ImageTags().apply([{"role": "user", "content": "What is <img https://example.org/a.png>?"}])
        >>> [part["type"] for part in seen[0]["content"]]
        ['text', 'image_url', 'text']
    """

    def __init__(
        self,
        folders: Iterable[str | Path] = (),
        hosts: Iterable[str] | None = None,
        speakers: Iterable[str] | None = None,
    ) -> None:
        if isinstance(folders, str | Path):
            raise ConfigError(f"image_folders must be a list of folders, as [{str(folders)!r}]")
        if isinstance(hosts, str) or isinstance(speakers, str):
            raise ConfigError("image_hosts and image_speakers must be lists")
        self.folders = tuple(Path(folder).resolve() for folder in folders)
        missing = [str(folder) for folder in self.folders if not folder.is_dir()]
        if missing:
            raise ConfigError(f"image_folders: {missing[0]} is no folder")
        self.hosts = None if hosts is None else frozenset(host.lower() for host in hosts)
        self.speakers = None if speakers is None else frozenset(speakers)

    def begin(self, counter: Counter) -> Stage:
        return _Reading(self)

    def parts(self, text: str, *, strict: bool = False) -> Parts:
        """A text with the images in it that may be shown.

        Args:
            text: The text.
            strict: Whether an image that may not be shown is an error; otherwise the text says why it isn't there.

        Raises:
            ConfigError: If it is an error.
        """
        parts: list[Text | Image] = []
        end = 0
        for match in _TAG.finditer(text):
            try:
                found: Text | Image = self._image(_source(match))
            except Refused as error:
                if strict:
                    raise ConfigError(f"{match[0]}: {error}") from None
                found = Text(f"[an image is not shown: {error}]")
            if text[end : match.start()]:
                parts.append(Text(text[end : match.start()]))
            parts.append(found)
            end = match.end()
        if text[end:]:
            parts.append(Text(text[end:]))
        return tuple(parts)

    def _image(self, source: str) -> Image:
        if _DATA.match(source):
            return Image(source)
        if "://" in source or source.startswith("//"):
            address = urlsplit(source)
            if address.scheme not in ("http", "https") or not address.hostname:
                raise Refused(f"{source} is no http: or https: address")
            if self.hosts is not None and address.hostname.lower() not in self.hosts:
                raise Refused(f"{address.hostname} is none of the hosts in image_hosts")
            return Image(source)
        data = _read(Path(source).expanduser(), self.folders)
        kind = kind_of(data)
        if kind is None:
            raise Refused(f"{source} is no PNG, JPEG, GIF or WebP image")
        return Image.from_bytes(data, kind)

    def __repr__(self) -> str:
        return f"ImageTags({[str(folder) for folder in self.folders]}, hosts={self.hosts and sorted(self.hosts)})"


class _Reading(Stage):
    """Reads each message once, when it arrives."""

    def __init__(self, policy: ImageTags) -> None:
        self._policy = policy
        self._first: str | None = None
        self._opened = False

    def take(self, edits: list[Edit]) -> list[Edit]:
        return [(place, None if piece is None else self._read(piece)) for place, piece in edits]

    def _read(self, piece: Piece) -> Piece:
        wires = tuple(self._shown(wire) for wire in piece.wires)
        if all(new is old for new, old in zip(wires, piece.wires, strict=True)):
            return piece
        return Piece(wires, piece.count, piece.calls)

    def _shown(self, wire: Mapping[str, Any]) -> Mapping[str, Any]:
        if wire.get("role") != "user":
            return wire
        opening = not self._opened
        if opening:
            self._first, self._opened = wire.get("name"), True
        content, speakers = wire.get("content"), self._policy.speakers
        trusted = wire.get("name") == self._first if speakers is None else wire.get("name") in speakers
        text = content_text(content)
        if not trusted or "<img" not in text.lower() or text.startswith(_RAN):
            return wire
        texts = [content] if isinstance(content, str) else content or []
        shown: list[Any] = []
        for part in texts:
            said = part if isinstance(part, str) else part.get("text") if part.get("type") == "text" else None
            shown += (part_to_dict(one) for one in self._policy.parts(said, strict=opening)) if said else [part]
        return ChatMessage({**wire, "content": shown})
