"""A member of a group chat in another process: `remote(agent)`.

The conversation stays where it is held. What goes to the other process is what was said since the agent's last turn;
what comes back are events as they happen, then the reply or the exception. The agent's tools, its model client and its
keys are in the other process alone.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import TYPE_CHECKING, Any, NoReturn
from weakref import WeakKeyDictionary

from ..core.errors import ConfigError
from ..core.events import HumanRequested, UsageReported
from ..core.message import new_id
from ..core.sync import in_place, in_worker
from ..core.sync import run as run_sync
from .backend import GRACE
from .rollout import WorkerLost

if TYPE_CHECKING:
    from ..agents.conversable import ConversableAgent
    from ..core.conversation import Conversation, Turn
    from ..core.protocols import Reply
    from .remote_worker import Done, TurnRequest

SECONDS = 120.0  # for a process to start, and to load what it needs


def remote(agent: ConversableAgent | Callable[[], ConversableAgent], *, on: str = "ray") -> RemoteAgent:
    """Places an agent in a process of a Ray cluster; what comes back takes its place in group chats and other chats.

    Waits until the process is there. The agent keeps its state there: what it is given here later doesn't reach it.

    Args:
        agent: The agent, which is pickled; or a function that makes it there, for what can't be pickled (model clients,
            MCP sessions, containers) and for keys, which are read from the environment there.
        on: "ray" for a local Ray, which is started where none runs; "ray://host:10001" for a cluster.

    Raises:
        ConfigError: If it can't be pickled or holds a secret, no Ray answers, or it can't be made there.
        MissingExtra: If Ray isn't installed.

    Example:
        In a group, with one member on another machine::

            critic = remote(lambda: AssistantAgent("critic", llm_config={"model": "gpt-4.1-mini"}), on="ray://head:10001")
            group = GroupChat([writer, critic])
    """
    from .pickling import dumps_code
    from .remote_worker import About, Member

    packed = dumps_code(agent, "the agent")

    async def start_there() -> tuple[Any, About]:
        from .pickling import loads
        from .ray_cluster import GONE, answer, connect, start

        await in_worker(connect, on)
        actor = start(Member, packed, restarts=-1)
        try:
            return actor, loads(await asyncio.wait_for(answer(actor.about.remote(), GRACE), SECONDS))
        except GONE as error:
            raise ConfigError(f"the agent can't be made on {on}: {error}") from None
        except TimeoutError:
            raise ConfigError(f"no process came up on {on} within {SECONDS} s: it may be full") from None

    actor, about = run_sync(start_there())
    return RemoteAgent(actor, about.name, about.description, about.functions)


class RemoteAgent:
    """An agent in another process, as a participant of conversations here. Made by `remote`.

    Attributes:
        name: The agent's name.
        description: What it is good for.
    """

    def __init__(self, actor: Any, name: str, description: str, functions: tuple[str, ...]) -> None:
        self.name = name
        self.description = description
        self._actor = actor
        self._functions = frozenset(functions)
        self._sent: WeakKeyDictionary[Conversation, int] = WeakKeyDictionary()

    def __repr__(self) -> str:
        return f"RemoteAgent({self.name!r})"

    def __reduce__(self) -> NoReturn:
        raise TypeError(f"remote agent {self.name!r} belongs to this process: call remote(...) where it is needed")

    def can_execute_function(self, name: str | list[str]) -> bool:
        """Whether the agent runs these tools, for a group's choice of who speaks after a call.

        Args:
            name: A tool's name, or several.
        """
        return {name} <= self._functions if isinstance(name, str) else set(name) <= self._functions

    async def reply(self, turn: Turn) -> Reply:
        """Lets the agent answer, where it is. Cancelling this cancels that.

        Args:
            turn: The conversation so far, and whom to answer.

        Raises:
            WorkerLost: If its process died. It is started anew, for the next turn.
        """
        from .ray_cluster import GONE

        turn.backend = "remote"
        number, done = new_id(), None
        try:
            await self._begin(turn, number)
            done = await self._followed(turn, number)
        except GONE as error:
            raise WorkerLost(f"the process of {self.name} died during its turn: {error}") from None
        finally:
            if done is None:
                await self._stop(number)
        turn.backend = done.backend
        turn.conversation.auto_replies[self.name] = done.auto_replies
        if done.error is not None:
            raise done.error
        return done.reply

    async def _begin(self, turn: Turn, number: str) -> None:
        from .pickling import dumps
        from .ray_cluster import answer

        conversation = turn.conversation
        start = self._sent.get(conversation, 0)
        while True:
            packed = dumps(self._request(turn, start), f"what {self.name} is told")
            begun, known = await answer(self._actor.begin.remote(number, packed), GRACE)
            if begun:
                self._sent[conversation] = known
                return
            start = known  # its process is a new one, or has forgotten an old conversation

    def _request(self, turn: Turn, start: int) -> TurnRequest:
        from .remote_worker import TurnRequest

        conversation = turn.conversation
        others = tuple(one.name for one in conversation.participants if one is not self)
        return TurnRequest(
            conversation=conversation.id,
            start=start,
            messages=tuple(conversation.transcript.messages[start:]),
            forgotten=turn.view.start,
            sender=getattr(turn.sender, "name", ""),
            others=others,
            index=turn.index,
            final=turn.final,
            silent=conversation.silent,
            pieces=turn.run.wants_deltas,
            auto_replies=conversation.auto_replies.get(self.name, 0),
        )

    async def _followed(self, turn: Turn, number: str) -> Done:
        from .ray_cluster import answer

        asking: set[asyncio.Task[None]] = set()
        news: asyncio.Future[bytes] | None = None
        try:
            while True:
                news = asyncio.ensure_future(answer(self._actor.news.remote(number), GRACE))
                while not news.done():
                    await asyncio.wait({news, *asking}, return_when=asyncio.FIRST_COMPLETED)
                    for asked in [task for task in asking if task.done()]:
                        asking.discard(asked)
                        asked.result()  # raises what went wrong with the person
                done = self._heard(turn, number, news.result(), asking)
                if done is not None:
                    return done
        finally:
            for task in (news, *asking):
                if task is not None and not task.done():
                    task.cancel()

    def _heard(self, turn: Turn, number: str, packed: bytes, asking: set[asyncio.Task[None]]) -> Done | None:
        from .pickling import loads
        from .remote_worker import Done

        for item in loads(packed):
            if isinstance(item, Done):
                return item
            if isinstance(item, HumanRequested):
                asking.add(asyncio.create_task(self._ask(turn, number, item)))
            elif isinstance(item, UsageReported):
                turn.run.record_usage(
                    item.agent, item.model, item.usage, cached=item.cached, conversation=item.conversation
                )
            elif turn.run.listening:
                turn.run.emit(item)
        return None

    async def _ask(self, turn: Turn, number: str, request: HumanRequested) -> None:
        from .ray_cluster import answer

        if turn.run.human == "pause":
            raise ConfigError(
                f"{self.name} asks a person ({request.prompt.strip()}), and a remote agent can't pause for that: start "
                'the run with human="events" or an async function'
            )
        text = await turn.run.ask(request, _terminal)
        await answer(self._actor.answer.remote(number, request.id, text), GRACE)

    async def _stop(self, number: str) -> None:
        """Cancels the turn there; waits for that, but not for ever, whatever happens here."""
        stopping = asyncio.ensure_future(_quietly(self._actor.stop.remote(number)))
        await asyncio.wait({stopping}, timeout=GRACE)


async def _quietly(call: Any) -> None:
    """Waits for a call of which nothing is wanted: a process that is gone has stopped, too."""
    from .ray_cluster import GONE

    try:
        await call
    except GONE:
        return


async def _terminal(request: HumanRequested) -> str:
    return await in_place(input, request.prompt)
