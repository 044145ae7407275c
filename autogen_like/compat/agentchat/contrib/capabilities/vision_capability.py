"""``autogen.agentchat.contrib.capabilities.vision_capability``."""

from __future__ import annotations

from base64 import b64encode
from collections.abc import Mapping, Sequence
from typing import Any

from .....agents.agent import call
from .....agents.contrib import vision
from .....agents.contrib.asking import ask
from .....agents.contrib.images import image_bytes
from .....agents.contrib.vision import DEFAULT_DESCRIPTION_PROMPT
from .....core.message import Image
from .....core.sync import run as run_sync
from ..img_utils import gpt4v_formatter
from .agent_capability import AgentCapability


class VisionCapability(vision.VisionCapability, AgentCapability):
    """`autogen_like.VisionCapability` for scripts of AutoGen 0.2.

    Example:
        >>> from autogen_like import ScriptedModel
        >>> vision = VisionCapability(ScriptedModel(["a sleeping cat"]))
        >>> vision.process_last_received_message("What does <img https://example.org/a.png> do?")
        'What does [an image: a sleeping cat] do?'
    """

    def process_last_received_message(self, content: str | Sequence[Mapping[str, Any]]) -> str:
        """A message's content with texts in the place of images; what may not be read is told of, not read.

        Agents that it is added to are shown the same, without calling this.

        Args:
            content: A text with ``<img ...>`` in it, or parts.
        """
        return run_sync(self._told(gpt4v_formatter(content, "url") if isinstance(content, str) else content))

    async def _told(self, parts: Sequence[Mapping[str, Any]]) -> str:
        return "".join([await self._part(part) for part in parts])

    async def _part(self, part: Mapping[str, Any]) -> str:
        if "image_url" not in part:
            return str(part.get("text", ""))
        url = str(part["image_url"]["url"])
        (shown,) = self.images.parts(f"<img {url}>")
        if self.function is not None:
            data = image_bytes(shown) if isinstance(shown, Image) else None
            return f"[an image: {await call(self.function, url, data and b64encode(data).decode(), self.client)}]"
        if not isinstance(shown, Image) or self.client is None:
            return getattr(shown, "text", "")
        wanted = [{"type": "text", "text": self.prompt}, {"type": "image_url", "image_url": {"url": shown.url}}]
        return f"[an image: {await ask(self.client, [{'role': 'user', 'content': wanted}])}]"


__all__ = ["DEFAULT_DESCRIPTION_PROMPT", "VisionCapability"]
