"""``autogen.agentchat.contrib.capabilities.vision_capability``."""

from __future__ import annotations

from .....agents.contrib import vision
from .....agents.contrib.vision import DEFAULT_DESCRIPTION_PROMPT
from .agent_capability import AgentCapability


class VisionCapability(vision.VisionCapability, AgentCapability):
    """`autogen_like.VisionCapability` for scripts of AutoGen 0.2."""


__all__ = ["DEFAULT_DESCRIPTION_PROMPT", "VisionCapability"]
