"""The other side of `remote`: an agent in a process of a cluster takes turns in conversations held elsewhere."""

from __future__ import annotations

import asyncio
from collections import OrderedDict
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any, NoReturn

from ..agents.conversable import ConversableAgent
from ..core.conversation import Conversation, Turn
from ..core.errors import ConfigError
from ..core.events import Event, HumanAnswered
from ..core.message import Message
from ..core.protocols import Participant, Reply
from ..core.run import Run
from ..core.termination import StopReason
from ..core.transcript import Transcript
from .pickling import dumps, loads
from .ray_worker import portable

KEPT = 64  # conversations that are remembered; of older ones, all is sent again


@dataclass(frozen=True, slots=True)
class TurnRequest:
    """What is asked of the agent: all that it needs of a turn, as data.

    Args:
        conversation: The conversation's id.
        start: How many messages were sent before.
        messages: Those that are new.
        forgotten: How many of the first the agent doesn't see any more.
        sender: The name of whom it answers.
        others: The names of the other participants.
        index: The turn's number.
        final: Whether it is the last turn.
        silent: Whether the conversation isn't printed.
        pieces: Whether somebody wants replies in pieces.
        auto_replies: How often it has answered in a row.
    """

    conversation: str
    start: int
    messages: Sequence[Message]
    forgotten: int
    sender: str
    others: tuple[str, ...]
    index: int
    final: bool
    silent: bool
    pieces: bool
    auto_replies: int


@dataclass(frozen=True, slots=True)
class Done:
    """How a turn ended."""

    reply: Reply = None
    error: Exception | None = None
    backend: str = ""
    auto_replies: int = 0


@dataclass(frozen=True, slots=True)
class About:
    """What a group needs to know of a member."""

    name: str
    description: str
    functions: tuple[str, ...]


@dataclass(slots=True, eq=False)  # agents keep what they know of others by them
class _Other:
    """A participant that is elsewhere."""

    name: str
    description: str = ""

    async def reply(self, turn: Turn) -> NoReturn:
        raise ConfigError(f"{self.name} is in another process: {turn.speaker.name} can't ask it from here")


class _Elsewhere:
    """The rule of a conversation that is held elsewhere."""

    async def next(self, conversation: Conversation) -> Participant | StopReason:
        raise ConfigError(f"who speaks next in {conversation.id} is decided where it is held")


@dataclass(slots=True)
class _UnderWay:
    """A turn that is being taken."""

    items: asyncio.Queue[Any] = field(default_factory=asyncio.Queue)
    task: asyncio.Task[None] | None = None
    run: Run[Reply] | None = None


class Member:
    """Holds an agent and lets it answer.

    Args:
        agent: The agent, or what makes one, pickled.
    """

    def __init__(self, agent: bytes) -> None:
        made = loads(agent)
        self._agent = made if isinstance(made, ConversableAgent) else made()
        if not isinstance(self._agent, ConversableAgent):
            raise ConfigError(f"remote takes an agent, or a function that makes one; it made {self._agent!r}")
        self._conversations: OrderedDict[str, Conversation] = OrderedDict()
        self._under_way: dict[str, _UnderWay] = {}

    async def about(self) -> bytes:
        """Who the agent is."""
        agent = self._agent
        return dumps(About(agent.name, agent.description, tuple(agent.function_map)), "an agent's description")

    async def begin(self, number: str, packed: bytes) -> tuple[bool, int]:
        """Begins a turn.

        Args:
            number: What it is called from now on.
            packed: The `TurnRequest`, pickled.

        Returns:
            Whether it has begun, and how many messages of the conversation are known: where that is less than was sent
            before, nothing begins.
        """
        request: TurnRequest = loads(packed)
        conversation = self._conversation(request)
        transcript = conversation.transcript
        if len(transcript) < request.start:
            return False, len(transcript)
        for message in request.messages[len(transcript) - request.start :]:
            transcript.append(message)
        turn = self._under_way[number] = _UnderWay()
        turn.task = asyncio.get_running_loop().create_task(self._taken(turn, request, conversation))
        return True, len(transcript)

    def _conversation(self, request: TurnRequest) -> Conversation:
        found = self._conversations.get(request.conversation)
        if found is None:
            names = dict.fromkeys((*request.others, request.sender))
            others: dict[str, Any] = {name: _Other(name) for name in names if name != self._agent.name}
            sender = others.get(request.sender)
            found = Conversation(
                (self._agent, *others.values()),
                _Elsewhere(),
                lambda _: sender,
                Transcript(id=request.conversation),
            )
            self._conversations[request.conversation] = found
            while len(self._conversations) > KEPT:
                self._conversations.popitem(last=False)
        self._conversations.move_to_end(request.conversation)
        return found

    async def _taken(self, under_way: _UnderWay, request: TurnRequest, conversation: Conversation) -> None:
        name, told = self._agent.name, under_way.items.put_nowait
        taken: list[Turn] = []

        async def main(run: Run[Reply]) -> Reply:
            turn = Turn(conversation, run, self._agent, conversation.counterpart(self._agent), request.index)
            turn.final = request.final
            taken.append(turn)
            with conversation.held_by(run):
                return await self._agent.reply(turn)

        def forward(event: Event) -> None:
            if not isinstance(event, HumanAnswered):  # who holds the conversation asks, and tells of it
                told(event)

        run = under_way.run = Run(main, human="events", name=name)
        run.subscribe(forward, deltas=request.pieces)
        conversation.auto_replies[name] = request.auto_replies
        conversation.silent = request.silent
        view = conversation.transcript.view(name)
        if view.start != request.forgotten:
            view.forget(len(conversation.transcript) - request.forgotten)
        reply, error = None, None
        try:
            reply = await run
        except Exception as raised:  # noqa: BLE001 - raised where the conversation is held
            error = portable(raised)
        backend = taken[0].backend if taken else ""
        told(Done(reply, error, backend, conversation.auto_replies.get(name, 0)))

    async def news(self, turn: str) -> bytes:
        """What has happened in a turn since the last look; waits until something has.

        Args:
            turn: The turn's number.
        """
        items = self._under_way[turn].items
        found = [await items.get()]
        while not items.empty():
            found.append(items.get_nowait())
        if isinstance(found[-1], Done):
            del self._under_way[turn]
        return dumps(found, "what a remote agent said")

    async def answer(self, turn: str, request: str, text: str) -> None:
        """Tells what a person answered.

        Args:
            turn: The turn's number.
            request: The request's id.
            text: The answer.
        """
        run = self._under_way[turn].run
        if run is not None and request in run.pending():
            run.answer(request, text)

    async def stop(self, turn: str) -> None:
        """Cancels a turn, and returns once it has ended.

        Args:
            turn: The turn's number.
        """
        under_way = self._under_way.pop(turn, None)
        if under_way is not None and under_way.task is not None:
            under_way.task.cancel()
            await asyncio.wait({under_way.task})
