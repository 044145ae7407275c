"""Who will read what was just said: the prompts that the other agents of a conversation are likely to need next."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from typing import Any

from ..core.protocols import PrefixHint
from .chat_model import ChatReply, ChatRequest

_CONVERSATIONS = 64


class Readers:
    """What agents of conversations asked last, for as many conversations as are likely to live.

    Example:
        >>> from autogen_like.serving.engine.sequence import StepUsage
        >>> readers = Readers()
        >>> bob = ChatRequest([], system="You are Bob.", owner=PrefixHint("chat", "bob"), speaker="bob")
        >>> list(readers.next_prompts(bob, ChatReply("Hi", (), "stop", StepUsage(1))))
        []
        >>> ada = ChatRequest([{"role": "user", "name": "bob", "content": "Hi"}], owner=PrefixHint("chat", "ada"))
        >>> [ahead] = readers.next_prompts(ada, ChatReply("Ho", (), "stop", StepUsage(1)))
        >>> ahead.system, [(said["role"], said["content"]) for said in ahead.messages]
        ('You are Bob.', [('assistant', 'Hi'), ('user', 'Ho')])
    """

    def __init__(self) -> None:
        self._asked: OrderedDict[str, dict[str, ChatRequest]] = OrderedDict()

    def next_prompts(self, request: ChatRequest, reply: ChatReply) -> Iterator[ChatRequest]:
        """The likely next requests of those who read a reply; who asked last comes last."""
        hint = request.owner
        if not isinstance(hint, PrefixHint):
            return
        agents = self._asked.setdefault(hint.conversation, {})
        self._asked.move_to_end(hint.conversation)
        while len(self._asked) > _CONVERSATIONS:
            self._asked.popitem(last=False)
        agents.pop(hint.agent, None)
        agents[hint.agent] = replace(request, messages=())
        if reply.content is None or reply.tool_calls:
            return  # its own tools are called next, and it reads their results itself
        if request.choices is not None:
            return  # a choice, such as who speaks next, is said to nobody
        said = [*request.messages, {"role": "assistant", "name": hint.agent, "content": reply.content}]
        for agent, asked in agents.items():
            if agent != hint.agent:
                yield replace(asked, messages=_seen_by(agent, hint.agent, said))


def _seen_by(agent: str, speaker: str, messages: Sequence[Mapping[str, Any]]) -> list[Mapping[str, Any]]:
    """The conversation as another agent sees it: its own words are the assistant's, all others' a user's."""
    seen: list[Mapping[str, Any]] = []
    for message in messages:
        plain = not message.get("tool_calls") and message.get("role") in ("user", "assistant")
        name = message.get("name") or (speaker if message.get("role") == "assistant" else None)
        if plain and name is not None:
            seen.append({**message, "role": "assistant" if name == agent else "user", "name": name})
        else:
            seen.append(message)
    return seen
