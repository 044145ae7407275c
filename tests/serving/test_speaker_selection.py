"""A group whose next speaker a local model selects: each selection goes on where the one before ended."""

from __future__ import annotations

from collections.abc import AsyncGenerator
from contextlib import aclosing
from pathlib import Path

import pytest

from autogen_like.agents.assistant import AssistantAgent
from autogen_like.agents.user_proxy import UserProxyAgent
from autogen_like.core.protocols import PrefixHint
from autogen_like.groupchat.group import GroupChat
from autogen_like.groupchat.manager import GroupChatManager
from autogen_like.models.client import ModelRequest, ModelResponse, StreamItem
from autogen_like.models.local import LocalClient, unload
from autogen_like.models.scripted import ScriptedModel

SAID = "I looked at the numbers again, and they are as good as they were when the two of us last spoke about them."


class Watched(LocalClient):
    """Notes what was asked, and what it took."""

    def __init__(self, path: Path) -> None:
        super().__init__(path)
        self.hints: list[PrefixHint | None] = []
        self.responses: list[ModelResponse] = []

    async def stream(self, request: ModelRequest) -> AsyncGenerator[StreamItem, None]:
        self.hints.append(request.prefix)
        async with aclosing(super().stream(request)) as items:
            async for item in items:
                if isinstance(item, ModelResponse):
                    self.responses.append(item)
                yield item


@pytest.mark.slow
def test_a_selection_computes_only_what_was_said_since_the_last_one(model_path: Path) -> None:
    selecting = Watched(model_path)
    members = [AssistantAgent(name, llm_config=ScriptedModel(lambda _: SAID)) for name in ("ada", "bob", "cy")]
    manager = GroupChatManager(GroupChat(members, max_round=5), llm_config=selecting)
    user = UserProxyAgent("user", human_input_mode="NEVER")
    result = user.initiate_chat(manager, message="How are the numbers?", silent=True)
    unload()
    assert len(result.messages) == 5
    assert set(selecting.hints) == {selecting.hints[0]}
    assert selecting.hints[0] is not None
    assert selecting.hints[0].agent == manager.name
    first, *later = (response.usage for response in selecting.responses)
    assert len(later) == 3
    grown = later[1].prompt_tokens - later[0].prompt_tokens  # what one message adds
    for before, usage in zip([first, *later], later, strict=False):
        # All up to the question that stands behind the conversation was there; it and a message are new.
        question = 60
        assert usage.cached_tokens >= before.prompt_tokens - question
        assert usage.prompt_tokens - usage.cached_tokens <= grown + question
