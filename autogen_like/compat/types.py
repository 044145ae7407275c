"""``autogen.types``: the forms of a message's content."""

from __future__ import annotations

from typing import Any, Literal, TypeAlias

from typing_extensions import TypedDict

MessageContentType: TypeAlias = "str | list[dict[str, Any] | str] | None"


class UserMessageTextContentPart(TypedDict):
    """A part of text."""

    type: Literal["text"]
    text: str


class UserMessageImageContentPart(TypedDict):
    """A part that is an image: ``{"url": ...}``."""

    type: Literal["image_url"]
    image_url: dict[Literal["url", "detail"], str]


__all__ = ["MessageContentType", "UserMessageImageContentPart", "UserMessageTextContentPart"]
