"""``autogen.agentchat.contrib.img_utils``: images for messages, read where the program says.

These functions read what they are given, wherever it is: give them nothing that a model, a tool or a document said.
"""

from __future__ import annotations

import io
import re
from base64 import b64decode, b64encode
from binascii import Error as NotBase64
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from ....agents.contrib.images import image_bytes, kind_of, load_image, sources_in
from ....core.errors import ConfigError, MissingExtra
from ....core.message import Image

_TAG = re.compile(r"<img\s+[^<>]+>", re.IGNORECASE)
_PATH = re.compile(r"\b(?:https?://\S+|\S+\.(?:png|jpe?g|gif|webp))\b", re.IGNORECASE)


def _pillow() -> Any:  # Pillow's module, which may not be there
    try:
        from PIL import Image as Pillow
    except ImportError:
        raise MissingExtra("images as Pillow's", "images") from None
    return Pillow


def get_image_data(image_file: Any, use_b64: bool = True) -> Any:
    """The bytes of an image, or their base64.

    Args:
        image_file: A path, an address, a data URI, the base64 of an image, or one of Pillow's.
        use_b64: Whether it is to be base64.

    Raises:
        ConfigError: If there is no image there.
    """
    data = _bytes_of(image_file.strip("\"'")) if isinstance(image_file, str) else _png(image_file)
    return b64encode(data or b"").decode() if use_b64 else data


def _bytes_of(source: str) -> bytes | None:
    if not source.startswith(("data:", "http:", "https:")) and not _is_file(source):
        try:
            data = b64decode(source, validate=True)
        except NotBase64:
            data = b""
        if kind_of(data) is not None:
            return data
    return image_bytes(load_image(source))


def _is_file(source: str) -> bool:
    try:
        return Path(source).is_file()
    except (OSError, ValueError):  # too long for a path, or with a null byte in it
        return False


def get_pil_image(image_file: Any) -> Any:
    """An image as Pillow has it.

    Raises:
        MissingExtra: If Pillow isn't installed.
    """
    pillow = _pillow()
    if not isinstance(image_file, str):
        return image_file
    return pillow.open(io.BytesIO(get_image_data(image_file, use_b64=False))).convert("RGB")


def _png(image: Any) -> bytes:
    if not hasattr(image, "save"):
        raise ConfigError(f"an image is a path, an address, a data URI or one of Pillow's, not {type(image).__name__}")
    buffer = io.BytesIO()
    image.save(buffer, format="PNG")
    return buffer.getvalue()


def pil_to_data_uri(image: Any) -> str:
    """One of Pillow's images as a data URI."""
    return Image.from_bytes(_png(image), "image/png").url


def convert_base64_to_data_uri(base64_image: str) -> str:
    """An image's base64 as a data URI.

    Example:
        >>> convert_base64_to_data_uri("R0lGODlh")
        'data:image/gif;base64,R0lGODlh'
    """
    return Image.from_bytes(b64decode(base64_image), kind_of(b64decode(base64_image)) or "image/jpeg").url


def gpt4v_formatter(prompt: str, img_format: str = "uri") -> list[Any]:
    """A text with ``<img ...>`` as content parts.

    Args:
        prompt: The text.
        img_format: "uri" (read, as data URIs), "url" (handed on as they are) or "pil".
    """
    if img_format not in ("uri", "url", "pil"):
        raise ConfigError(f'img_format must be "uri", "url" or "pil", not {img_format!r}')
    texts, sources = _TAG.split(prompt), sources_in(prompt)
    parts: list[Any] = []
    for index, text in enumerate(texts):
        if text:
            parts.append({"type": "text", "text": text})
        if index < len(sources):
            parts.append({"type": "image_url", "image_url": {"url": _formatted(sources[index], img_format)}})
    return parts


def _formatted(source: str, form: str) -> Any:
    if form == "url":
        return source
    return get_pil_image(source) if form == "pil" else convert_base64_to_data_uri(get_image_data(source))


def llava_formatter(prompt: str, order_image_tokens: bool = False) -> tuple[str, list[str]]:
    """A text with ``<image>`` (or ``<image 0>``, ...) where images were, and their base64."""
    sources = sources_in(prompt)
    texts = _TAG.split(prompt)
    marks = [f"<image {index}>" if order_image_tokens else "<image>" for index in range(len(sources))]
    told = "".join(text + mark for text, mark in zip(texts, [*marks, ""], strict=True))
    return told, [get_image_data(source) for source in sources]


def extract_img_paths(paragraph: str) -> list[str]:
    """What in a text looks like the path or address of an image.

    Example:
        >>> extract_img_paths("Look at a.png and b.jpg.")
        ['a.png', 'b.jpg']
    """
    return _PATH.findall(paragraph)


def message_formatter_pil_to_b64(messages: Iterable[Mapping[str, Any]]) -> list[dict[str, Any]]:
    """Messages with Pillow's images in them, as data URIs."""
    return [{**message, "content": _without_pil(message.get("content"))} for message in messages]


def _without_pil(content: Any) -> Any:
    if not isinstance(content, list):
        return content
    shown = []
    for part in content:
        url = part.get("image_url", {}).get("url") if isinstance(part, Mapping) else None
        pil = url is not None and not isinstance(url, str)
        shown.append({**part, "image_url": {**part["image_url"], "url": pil_to_data_uri(url)}} if pil else part)
    return shown
