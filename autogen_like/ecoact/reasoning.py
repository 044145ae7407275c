"""Reasoning strategies: how an agent comes from a task to an answer, in one turn.

`ReAct` goes one way: a thought, a call, what came of it, and so on. `DFSDT` ("depth-first search over a decision tree",
ToolLLM, arXiv 2307.16789; with registration: EcoAct, arXiv 2411.01643) goes back where a way leads nowhere, and tries
another. Both go step by step through conversations of their own, in which the agent itself asks its model and runs its
tools: approvals, budgets and events are the usual ones.
"""

from __future__ import annotations

import asyncio
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any

from ..agents.pair import Asker, Solo, runs
from ..core.conversation import Conversation, Turn
from ..core.errors import ConfigError
from ..core.message import Message
from ..core.protocols import Reply
from ..core.run import Run
from ..core.termination import StopReason
from ..core.transcript import Transcript
from .events import BranchEnded
from .registry import REGISTER, SEARCH

GIVE_UP = "GIVE UP"
INSTRUCTION = (
    "Solve the task step by step: say in a sentence what you do next and why, then call a tool. When you know the "
    f"answer, give it without calling a tool. If this way can't lead to the answer, reply {GIVE_UP}."
)
OTHERWISE = "From here these were tried before, and led nowhere:\n{tried}\nDo something else."


@dataclass(slots=True)
class Node:
    """A step of a search.

    Args:
        said: What the agent said, and what came of it.
        depth: How many steps lead to it.
        children: What was tried after it.
        answer: The answer, where it is one.
    """

    said: tuple[Message, ...]
    depth: int = 0
    children: list[Node] = field(default_factory=list)
    answer: str | None = None

    @property
    def registers(self) -> bool:
        """Whether it only gets tools."""
        calls = [call for message in self.said for call in message.tool_calls]
        return bool(calls) and all(call.name in (REGISTER, SEARCH) for call in calls)

    def __iter__(self) -> Iterator[Node]:
        """It, and all that was tried after it, in order."""
        yield self
        for child in self.children:
            yield from child


class DFSDT:
    """An agent's turn as a depth-first search with back-tracking. A step that registers a tool isn't branched.

    What is registered on one way is registered on all. Tools run on every way: give a search none whose effects can't
    be repeated, or have them approved.

    Args:
        agent: The agent, a `ConversableAgent` with a model and tools; it reasons so from now on.
        width: How many ways are tried from each step.
        depth: How many steps a way may have.
        requests: How often the model may be asked in all.

    Raises:
        ConfigError: If a number is less than 1, or the agent has no backends.

    Example:
        >>> from autogen_like import AssistantAgent, ScriptedModel
        >>> ada = AssistantAgent("ada", llm_config=ScriptedModel(["GIVE UP", "42"]))
        >>> search = DFSDT(ada)
        >>> import asyncio
        >>> async def main():
        ...     return (await ada.run(message="What is it?")).summary
        >>> asyncio.run(main())
        '42'
    """

    name = "dfsdt"

    def __init__(self, agent: Any, *, width: int = 2, depth: int = 12, requests: int = 200) -> None:
        if min(width, depth, requests) < 1:
            raise ConfigError("width, depth and requests of a search must be at least 1")
        backends = getattr(agent, "backends", None)
        if not isinstance(backends, list):
            raise ConfigError(f"a search takes a ConversableAgent, not {agent!r}")
        self.agent, self.width, self.depth, self.requests = agent, width, depth, requests
        at = next((at for at, one in enumerate(backends) if one.name == "tool"), len(backends))
        backends.insert(at, self)

    async def reply(self, turn: Turn) -> Reply:
        """Searches, and says the answer; None inside a search, where the agent's other backends answer."""
        if isinstance(turn.conversation.rule, _Way):
            return None
        if turn.run.journal is not None:
            raise ConfigError(f"a search can't be kept or replayed: run {self.agent.name} without a store")

        async def main(run: Run[Reply]) -> Reply:
            return await _Search(self, turn, run).answer()

        return await Run(main, name=f"{self.agent.name}'s search")


class ReAct(DFSDT):
    """An agent's turn as one chain of thoughts, calls and observations, without going back.

    Args:
        agent: The agent.
        depth: How many steps it may have.
    """

    name = "react"

    def __init__(self, agent: Any, *, depth: int = 12) -> None:
        super().__init__(agent, width=1, depth=depth, requests=depth)


class _Way(Solo):
    """The rule of a conversation in which a search goes one way."""


class _Search:
    """One search.

    Args:
        strategy: How far it goes.
        turn: The agent's turn.
        run: The search's run, nested in the turn's.
    """

    def __init__(self, strategy: DFSDT, turn: Turn, run: Run[Reply]) -> None:
        self._strategy, self._turn, self._run = strategy, turn, run
        self._agent = strategy.agent
        self._asked = 0
        self._asker = Asker(self._agent.name)
        task = Message(self._asker.name, f"{INSTRUCTION}\n\nThe task: {_task(turn, self._agent.name)}")
        self._root = Node((task,))
        self._ended: StopReason | None = None

    async def answer(self) -> Reply:
        """The answer; or what the search came to without one."""
        found = await self._below(self._root, [self._root])
        if self._ended is not None:
            return self._ended
        agent = self._agent.name
        if found is None:
            why = (
                "all ways were tried" if self._asked < self._strategy.requests else f"{self._asked} requests were made"
            )
            return Message(agent, f"No answer was found: {why}.")
        return Message(agent, found)

    async def _below(self, node: Node, way: Sequence[Node]) -> str | None:
        """The answer to which a step leads, one way or another."""
        for _ in range(self._strategy.width):
            if self._ended is not None or self._asked >= self._strategy.requests:
                return None
            child = await self._step(node, way)
            if child is None:
                continue
            if child.answer is not None:
                self._tell(child, child.answer, "answered")
                return child.answer
            if child.depth < self._strategy.depth:
                found = await self._below(child, [*way, child])
                if found is not None:
                    return found
            else:
                self._tell(child, None, "too deep")
            if child.registers:
                break  # another registration in its place would be no other way
        return None

    async def _step(self, node: Node, way: Sequence[Node]) -> Node | None:
        """What the agent does next after a step; None where it gives up."""
        past = [message for one in way for message in one.said]
        tried = [_shown(child) for child in node.children]
        aside = [Message(self._asker.name, OTHERWISE.format(tried="\n".join(tried)))] if tried else []
        talk = Conversation((self._asker, self._agent), _Way(self._agent), self._other, Transcript([*past, *aside]))
        talk.belongings = self._turn.conversation.belongings  # what is registered holds on every way
        talk.silent = True
        self._asked += 1
        await asyncio.sleep(0)  # a model that waits for nothing would keep cancellation away
        with talk.held_by(self._run):
            said = await talk.ask(self._agent, self._run)
            if not isinstance(said, Message):
                self._ended = said if isinstance(said, StopReason) else StopReason("no_reply", "", self._agent.name)
                return None
            await talk.add(said, self._run)
            if said.tool_calls and runs(self._agent, said):
                results = await talk.ask(self._agent, self._run)
                if isinstance(results, Message):
                    await talk.add(results, self._run)
        child = Node(tuple(talk.transcript.messages[len(past) + len(aside) :]), node.depth + 1)
        node.children.append(child)
        if not said.tool_calls:
            if said.text.strip().rstrip(".!").upper().endswith(GIVE_UP):
                self._tell(child, None, "given up")
                return None
            child.answer = said.text
        return child

    def _other(self, one: Any) -> Any:
        return self._agent if one is self._asker else self._asker

    def _tell(self, node: Node, answer: str | None, why: str) -> None:
        if self._run.listening:
            self._run.emit(BranchEnded(self._turn.conversation.id, self._agent.name, node.depth, answer, why))


def _task(turn: Turn, agent: str) -> str:
    """What was said until now, as one text."""
    messages = [message for message in turn.transcript.messages if message.text]
    if len(messages) == 1:
        return messages[0].text
    return "\n\n".join(f"{'You' if one.speaker == agent else one.speaker}: {one.text}" for one in messages)


def _shown(node: Node) -> str:
    said = node.said[0]
    calls = "; ".join(f"{call.name}({call.arguments})" for call in said.tool_calls)
    return f"- {calls or said.text}"[:300]
