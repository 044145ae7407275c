"""``autogen.agentchat.contrib.capabilities.generate_images``."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from .....agents.contrib import image_generation
from .....agents.contrib.image_generation import ImageGenerator
from .....core.errors import ConfigError
from .....models.config import LLMConfig
from .agent_capability import AgentCapability


class ImageGeneration(image_generation.ImageGeneration, AgentCapability):
    """`autogen_like.ImageGeneration` for scripts of AutoGen 0.2."""


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
