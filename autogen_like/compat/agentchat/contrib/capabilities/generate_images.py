"""``autogen.agentchat.contrib.capabilities.generate_images``."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from .....agents.agent import call
from .....agents.contrib import image_generation
from .....agents.contrib.image_generation import ImageGenerator
from .....core.errors import ConfigError
from .....models.config import LLMConfig
from .agent_capability import AgentCapability


class ImageGeneration(image_generation.ImageGeneration, AgentCapability):
    """`autogen_like.ImageGeneration` for scripts of AutoGen 0.2.

    A subclass that overrides both ``_should_generate_image(message)`` and ``_extract_prompt(message)`` decides by
    itself, and needs no model.
    """

    _should_generate_image: Any = None
    _extract_prompt: Any = None

    @property
    def _decides(self) -> bool:
        return self._should_generate_image is not None and self._extract_prompt is not None

    def client_for(self, agent: Any) -> Any:
        """The model that says whether an image is wanted; None where a subclass says so."""
        return None if self._decides else super().client_for(agent)

    async def prompt_of(self, text: str, agent: Any, client: Any) -> str | None:
        """What is to be on the image that a message asks for; None where it asks for none."""
        if not self._decides:
            return await super().prompt_of(text, agent, client)
        return str(await call(self._extract_prompt, text)) if await call(self._should_generate_image, text) else None


class DalleImageGenerator(image_generation.OpenAIImages):
    """`OpenAIImages` with the arguments of AutoGen 0.2.

    Args:
        llm_config: Names the model, its key and maybe its address.
        resolution: "1024x1024", ...
        quality: As the model takes it.
        num_images: 1.
    """

    def __init__(
        self,
        llm_config: Mapping[str, Any],
        resolution: str = "1024x1024",
        quality: str = "standard",
        num_images: int = 1,
    ) -> None:
        if num_images != 1:
            raise ConfigError(f"num_images is 1 here, not {num_images!r}: ask several times")
        entry = LLMConfig(llm_config).entries[0]
        client = {key: entry[key] for key in ("api_key", "base_url") if entry.get(key)}
        super().__init__(str(entry["model"]), resolution, quality, **client)


__all__ = ["DalleImageGenerator", "ImageGeneration", "ImageGenerator"]
