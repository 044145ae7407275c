"""VisionCapability: an agent whose model sees no images is told what is on them."""

from __future__ import annotations

from base64 import b64encode
from collections.abc import Callable, Mapping
from hashlib import sha256
from typing import Any

from ...core.errors import ConfigError
from ...core.message import ChatMessage, Image, Text, content_text, part_from_dict, part_to_dict
from ...models.client import ModelClient, ModelRequest
from ..agent import call
from ..context import ContextPolicy, Occasion, Stage
from ..context.pieces import Counter, Edit, Piece
from .asking import client_of
from .images import ImageTags, image_bytes

DEFAULT_DESCRIPTION_PROMPT = (
    "Describe this image so that somebody who can't see it can answer questions about it: what is on it, where, any "
    "text word by word, and numbers and colours where they matter."
)
_KEPT = 1000  # captions


class VisionCapability:
    """Has a model that sees describe images to one that doesn't, each image once.

    Args:
        lmm_config: The model that sees: a dict, an `LLMConfig` or a `ModelClient`.
        description_prompt: What it is asked of each image.
        custom_caption_func: ``(image_url, image_data, lmm_client) -> text``, sync or async, instead of it;
            `image_data` is base64, and None for an image that is elsewhere: nothing is fetched.
        images: Which ``<img ...>`` in texts are images; by default those of a conversation's first speaker.

    Raises:
        ConfigError: If there is neither a model nor a function.

    Example:
        >>> from autogen_like import AssistantAgent, ScriptedModel
        >>> model = ScriptedModel(["It is asleep."])
        >>> agent = AssistantAgent("ada", llm_config=model)
        >>> VisionCapability(ScriptedModel(["a sleeping cat"])).add_to_agent(agent)
        >>> agent.generate_reply([{"role": "user", "content": "What does <img https://example.org/a.png> do?"}])
        'It is asleep.'
        >>> model.requests[0].messages[0]["content"]
        'What does [an image: a sleeping cat] do?'
    """

    def __init__(
        self,
        lmm_config: Any = None,  # a dict, an LLMConfig or a ModelClient
        description_prompt: str | None = DEFAULT_DESCRIPTION_PROMPT,
        custom_caption_func: Callable[..., Any] | None = None,
        *,
        images: ImageTags | None = None,
    ) -> None:
        if custom_caption_func is None and not lmm_config:
            raise ConfigError("VisionCapability needs a model that sees, lmm_config, or a custom_caption_func")
        self.client: ModelClient | None = client_of(lmm_config, "VisionCapability") if lmm_config else None
        self.prompt = description_prompt or DEFAULT_DESCRIPTION_PROMPT
        self.function = custom_caption_func
        self.images = images or ImageTags()
        self.captions: dict[str, str] = {}

    def add_to_agent(self, agent: Any) -> None:  # any ConversableAgent
        """Has an agent told what is on images, before anything else that shortens what its model sees."""
        before = agent.context
        agent.context = [self.images, _Captions(self), *([before.policy] if before is not None else [])]

    async def caption(self, image: Image, occasion: Occasion) -> str:
        """What is on an image.

        Args:
            image: The image.
            occasion: The request that it is wanted for.
        """
        key = sha256(image.url.encode()).hexdigest()
        if key not in self.captions:
            text = await self._described(image, occasion)
            while len(self.captions) >= _KEPT:
                del self.captions[next(iter(self.captions))]
            self.captions[key] = text.strip()
        return self.captions[key]

    async def _described(self, image: Image, occasion: Occasion) -> str:
        if self.function is not None:
            data = image_bytes(image)
            given = await call(self.function, image.url, data and b64encode(data).decode(), self.client)
            if not isinstance(given, str):
                raise ConfigError(f"custom_caption_func must return a text, not {given!r}")
            return given
        if self.client is None:
            raise ConfigError("VisionCapability has no model any more")
        shown = {"type": "image_url", "image_url": {"url": image.url, "detail": image.detail}}
        asked = [{"role": "user", "content": [{"type": "text", "text": self.prompt}, shown]}]
        return (await occasion.ask(self.client, ModelRequest(asked))).content or ""


class _Captions(ContextPolicy):
    """What stands for images in what a model sees.

    Args:
        capability: What describes them.
    """

    def __init__(self, capability: VisionCapability) -> None:
        self.capability = capability

    def begin(self, counter: Counter) -> Stage:
        return _Captioning(self.capability)

    def __repr__(self) -> str:
        return "Captions()"


class _Captioning(Stage):
    """Takes images out as they come, and puts texts in their place before a request is made."""

    def __init__(self, capability: VisionCapability) -> None:
        self._capability = capability
        self._waiting: dict[int, Piece] = {}

    def take(self, edits: list[Edit]) -> list[Edit]:
        return [(place, self._without(place, piece)) for place, piece in edits]

    def _without(self, place: int, piece: Piece | None) -> Piece | None:
        self._waiting.pop(place, None)
        if piece is None or not any(_images(wire) for wire in piece.wires):
            return piece
        self._waiting[place] = piece
        return _with(piece, {image: "<image>" for wire in piece.wires for image in _images(wire)})

    async def settle(self, occasion: Occasion) -> list[Edit]:
        edits: list[Edit] = []
        while self._waiting:
            place, piece = next(iter(self._waiting.items()))
            images = [image for wire in piece.wires for image in _images(wire)]
            texts = {image: f"[an image: {await self._capability.caption(image, occasion)}]" for image in images}
            if self._waiting.get(place) is piece:
                del self._waiting[place]
            edits.append((place, _with(piece, texts)))
        return edits


def _images(wire: Mapping[str, Any]) -> list[Image]:
    content = wire.get("content")
    if not isinstance(content, list | tuple):
        return []
    return [part for part in map(part_from_dict, content) if isinstance(part, Image)]


def _with(piece: Piece, texts: Mapping[Image, str]) -> Piece:
    return Piece(tuple(_told(wire, texts) for wire in piece.wires), piece.count, piece.calls)


def _told(wire: Mapping[str, Any], texts: Mapping[Image, str]) -> Mapping[str, Any]:
    if not _images(wire):
        return wire
    parts = [Text(texts[one]) if isinstance(one, Image) else one for one in map(part_from_dict, wire["content"])]
    if all(isinstance(one, Text) for one in parts):  # a model that sees nothing may take nothing but strings either
        return ChatMessage({**wire, "content": content_text(parts)})
    return ChatMessage({**wire, "content": [part_to_dict(one) for one in parts]})
