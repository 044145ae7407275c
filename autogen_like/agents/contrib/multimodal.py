"""MultimodalConversableAgent: an agent whose model sees the images that a person names in a message."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

from ..context import ContextPolicy
from ..conversable import ConversableAgent
from .images import ImageTags

DEFAULT_SYSTEM_MESSAGE = "You are a helpful AI assistant."


class MultimodalConversableAgent(ConversableAgent):
    """An agent whose model sees ``<img ...>`` in a message as the image that it names.

    Image parts need no tags, and no agent of a kind of its own: ``{"type": "image_url", ...}`` in a message's content
    is shown to any model. Tags are for text: see `ImageTags` for which are read.

    Args:
        name: Unique within a conversation.
        system_message: What its model is told about itself.
        is_termination_msg: Whether a message it is sent ends the chat.
        *args: The other arguments of `ConversableAgent`, in order.
        image_folders: Folders that images may be read from; none by default.
        image_hosts: Hosts that addresses may name; any by default.
        image_speakers: Whose tags are read; whoever speaks first in the conversation, by default.
        context: What else decides what the model sees.
        **kwargs: The other arguments of `ConversableAgent`.

    Raises:
        ConfigError: If a setting can't be right.

    Example:
        >>> from autogen_like import ScriptedModel, UserProxyAgent
        >>> model = ScriptedModel(["A cat."])
        >>> agent = MultimodalConversableAgent("eye", llm_config=model, image_hosts=["example.org"])
        >>> agent.generate_reply([{"role": "user", "content": "What is <img https://example.org/cat.png>?"}])
        'A cat.'
        >>> model.requests[0].messages[0]["content"][1]["image_url"]["url"]
        'https://example.org/cat.png'
    """

    DEFAULT_SYSTEM_MESSAGE = DEFAULT_SYSTEM_MESSAGE

    def __init__(
        self,
        name: str,
        system_message: str | list[Any] | None = DEFAULT_SYSTEM_MESSAGE,
        is_termination_msg: Callable[[Mapping[str, Any]], Any] | None = None,
        *args: Any,
        image_folders: Iterable[str | Path] = (),
        image_hosts: Iterable[str] | None = None,
        image_speakers: Iterable[str] | None = None,
        context: ContextPolicy | Sequence[ContextPolicy] | None = None,
        **kwargs: Any,
    ) -> None:
        tags = ImageTags(image_folders, image_hosts, image_speakers)
        policies = [context] if isinstance(context, ContextPolicy) else list(context or ())
        super().__init__(name, system_message, is_termination_msg, *args, context=[tags, *policies], **kwargs)
