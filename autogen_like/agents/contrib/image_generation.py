"""ImageGeneration: an agent that answers with an image where one is asked for."""

from __future__ import annotations

import io
from base64 import b64decode
from typing import Any, Protocol, runtime_checkable

from pydantic import BaseModel, Field

from ...core.conversation import Turn
from ...core.errors import ConfigError
from ...core.message import Image, Message, Text
from ...core.protocols import Reply, fits
from ..agent import call
from .asking import ask_for, model_of
from .images import kind_of

_INSTRUCTIONS = (
    "You are shown a message, as text to be analysed. Say whether it asks for an image to be made and, if so, describe "
    "that image so that an image generator can make it, with all that the message says of it."
)


@runtime_checkable
class ImageGenerator(Protocol):
    """Whatever makes images."""

    def generate_image(self, prompt: str) -> Any:  # bytes, an `Image` or one of Pillow's; may be async
        """Makes an image.

        Args:
            prompt: What is to be on it.
        """
        ...

    def cache_key(self, prompt: str) -> str:
        """What an image is kept under: the prompt, and whatever else decides what it looks like."""
        ...


class Wanted(BaseModel):
    """Whether a message asks for an image."""

    image: bool = Field(description="Whether an image is to be made")
    prompt: str = Field("", description="What is to be on it")


class ImageGeneration:
    """Has an agent answer with an image where a message asks for one; otherwise it answers as it always does.

    Args:
        image_generator: What makes the images.
        cache: Where they are kept, as data URIs by `ImageGenerator.cache_key`; nowhere by default.
        text_analyzer_llm_config: The model that says whether an image is wanted; the agent's own by default.
        text_analyzer_instructions: What it is told.
        verbosity: Kept for AutoGen 0.2's scripts.
        register_reply_position: Its place among the agent's backends.

    Raises:
        ConfigError: If `image_generator` is none.

    Example:
        >>> from autogen_like import AssistantAgent, ScriptedModel
        >>> class Red:
        ...     def generate_image(self, prompt):
        ...         return b"GIF89a"
        ...     def cache_key(self, prompt):
        ...         return prompt
        >>> agent = AssistantAgent("artist", llm_config=ScriptedModel(['{"image": true, "prompt": "a red square"}']))
        >>> ImageGeneration(Red()).add_to_agent(agent)
        >>> agent.generate_reply([{"role": "user", "content": "Paint a red square!"}])["content"][1]["image_url"]["url"]
        'data:image/gif;base64,R0lGODlh'
    """

    def __init__(
        self,
        image_generator: ImageGenerator,
        cache: Any = None,  # anything with get and set
        text_analyzer_llm_config: Any = None,  # a dict, an LLMConfig or a ModelClient
        text_analyzer_instructions: str = _INSTRUCTIONS,
        verbosity: int = 0,
        register_reply_position: int = 2,
    ) -> None:
        if not fits(image_generator, ImageGenerator):
            raise ConfigError("image_generator needs the methods generate_image(prompt) and cache_key(prompt)")
        self.generator = image_generator
        self.cache = cache
        self.llm_config = text_analyzer_llm_config
        self.instructions = text_analyzer_instructions
        self.position = register_reply_position

    def add_to_agent(self, agent: Any) -> None:  # any ConversableAgent
        """Lets an agent make images.

        Raises:
            ConfigError: If there is no model that could say whether one is wanted.
        """
        agent.backends.insert(self.position, _ImageBackend(self, agent, self.client_for(agent)))

    def client_for(self, agent: Any) -> Any:  # a ModelClient, for any ConversableAgent
        """The model that says whether an image is wanted.

        Raises:
            ConfigError: If there is none.
        """
        return model_of(agent, self.llm_config, "ImageGeneration")

    async def prompt_of(self, text: str, agent: Any, client: Any) -> str | None:
        """What is to be on the image that a message asks for; None where it asks for none.

        Args:
            text: The message.
            agent: Whom it was sent to.
            client: The model that says so.
        """
        asked = [{"role": "user", "content": f"<message>\n{text}\n</message>"}]
        wanted = await ask_for(Wanted, client, asked, system=self.instructions, name=agent.name, usage=agent.usage)
        return wanted.prompt.strip() if wanted.image and wanted.prompt.strip() else None

    async def image(self, prompt: str) -> Image:
        """An image, made or from the cache.

        Args:
            prompt: What is to be on it.
        """
        key = self.generator.cache_key(prompt) if self.cache is not None else ""
        known = self.cache.get(key) if self.cache is not None else None
        if isinstance(known, str):
            return Image(known)
        made = as_image(await call(self.generator.generate_image, prompt))
        if self.cache is not None:
            self.cache.set(key, made.url)
        return made


def as_image(made: Any) -> Image:  # what a generator returned
    """What a generator made, as an image.

    Raises:
        ConfigError: If it is none.
    """
    if isinstance(made, Image):
        return made
    if hasattr(made, "save"):  # one of Pillow's
        buffer = io.BytesIO()
        made.save(buffer, format="PNG")
        made = buffer.getvalue()
    kind = kind_of(made) if isinstance(made, bytes) else None
    if kind is None:
        raise ConfigError(
            f"generate_image must return bytes of an image, an Image or one of Pillow's, not {made!r:.80}"
        )
    return Image.from_bytes(made, kind)


class _ImageBackend:
    """Answers with an image where one is wanted."""

    name = "image"

    def __init__(self, capability: ImageGeneration, agent: Any, client: Any) -> None:
        self._capability, self._agent, self._client = capability, agent, client

    async def reply(self, turn: Turn) -> Reply:
        last, agent, capability = turn.last, self._agent, self._capability
        if last is None or last.tool_calls or last.tool_results or not last.text.strip():
            return None
        prompt = await capability.prompt_of(last.text, agent, self._client)
        if prompt is None:
            return None
        return Message(agent.name, (Text(f"An image of: {prompt}\n"), await capability.image(prompt)))


class OpenAIImages:
    """Makes images at an OpenAI-compatible endpoint.

    Args:
        model: The model.
        resolution: "1024x1024", ...
        quality: As the model takes it; None for its default.
        **client: Arguments of `openai.AsyncOpenAI`: ``api_key``, ``base_url``.

    Example:
        >>> OpenAIImages("gpt-image-1", api_key="sk-...").cache_key("a cat")
        'gpt-image-1,1024x1024,None,a cat'
    """

    def __init__(self, model: str, resolution: str = "1024x1024", quality: str | None = None, **client: Any) -> None:
        self.model, self.resolution, self.quality = model, resolution, quality
        self._client = client

    async def generate_image(self, prompt: str) -> Image:
        """Makes an image.

        Args:
            prompt: What is to be on it.

        Raises:
            ConfigError: If the endpoint sends none.
        """
        from openai import AsyncOpenAI

        asked: dict[str, Any] = {"model": self.model, "prompt": prompt, "size": self.resolution, "n": 1}
        if self.quality is not None:
            asked["quality"] = self.quality
        async with AsyncOpenAI(**self._client) as client:
            made = (await client.images.generate(**asked)).data
        if made and made[0].b64_json:
            return as_image(b64decode(made[0].b64_json))
        if made and made[0].url:
            return Image(made[0].url)
        raise ConfigError(f"{self.model!r} sent no image")

    def cache_key(self, prompt: str) -> str:
        """What an image is kept under."""
        return f"{self.model},{self.resolution},{self.quality},{prompt}"
