"""For programs that die and go on: a store that dies at any record, and a world that outlives it.

Imported by tests as ``dying``; see ``pythonpath`` in setup.cfg.
"""

from __future__ import annotations

import json
from functools import reduce
from typing import Any

from autogen_like import (
    ChatResult,
    FunctionTool,
    Message,
    ModelResponse,
    ScriptedModel,
    ToolCall,
    ToolResult,
    UserProxyAgent,
)
from autogen_like.core.journal import Answered, Called, Closed, Opened, Recovered, Said
from autogen_like.core.snapshot import message_from_json, message_to_json


class Died(BaseException):
    """What `kill -9` looks like from inside: nothing after it is written."""


class Memory:
    """A store that keeps its records as JSON would, and can die at any of them."""

    def __init__(self) -> None:
        self.records: list[tuple[str, Any]] = []
        self.dies_at: int | None = None
        self.dead = False

    async def begin(self, run_id: str) -> Kept:
        return Kept(self)

    async def resume(self, run_id: str) -> Kept:
        self.dies_at, self.dead = None, False
        return Kept(self)


class Kept:
    def __init__(self, memory: Memory) -> None:
        self.memory = memory

    async def append(self, conversation: str, record: Any) -> None:
        memory = self.memory
        if memory.dead:
            raise Died
        if isinstance(record, Opened | Said | Closed):
            json.dumps(record.state)
        if isinstance(record, Opened):
            memory.records += [(conversation, message_to_json(one)) for one in record.past if not self.knows(one)]
        memory.records.append((conversation, record))
        if memory.dies_at is not None and len(memory.records) >= memory.dies_at:
            memory.dead = True
            raise Died

    def knows(self, message: Message) -> bool:
        return any(isinstance(one, Said) and one.message.id == message.id for _, one in self.memory.records)

    async def recover(self, key: str) -> Recovered | None:
        records = self.memory.records
        ids = [id_ for id_, record in records if isinstance(record, Opened) and record.key == key]
        if not ids:
            return None
        mine = [record for id_, record in records if id_ == ids[-1]]
        messages = [message_from_json(message_to_json(one.message)) for one in mine if isinstance(one, Said)]
        calls: dict[tuple[str, int], ToolResult | None] = {}
        for record in mine:
            if isinstance(record, Called):
                calls[record.message, record.place] = record.result
        last = next((one for one in reversed(mine) if isinstance(one, Opened | Closed)), None)
        answers = [record for record in mine if isinstance(record, Answered)]
        return Recovered(
            ids[-1],
            next(one.participants for one in mine if isinstance(one, Opened)),
            messages,
            reduce(lambda state, one: getattr(one, "state", None) or state, mine, {}),
            calls,
            {answer.id: answer.text for answer in answers},
            [answer.text for answer in answers if not answer.approval],
            last.reason if isinstance(last, Closed) else None,
        )

    async def release(self, reason: object = None) -> None:
        pass


class World:
    """What outlives the process: what tools have done."""

    def __init__(self) -> None:
        self.done: list[str] = []

    def tools(self) -> list[FunctionTool]:
        def book(what: str) -> str:
            "Books something."
            self.done.append(what)
            return f"{what} is booked"

        def look(what: str) -> str:
            "Looks something up."
            self.done.append(f"looked for {what}")
            return f"{what} is free"

        return [FunctionTool(book, inline=True), FunctionTool(look, inline=True, repeatable=True)]


def wants(*calls: tuple[str, str]) -> ModelResponse:
    return ModelResponse(
        tool_calls=tuple(ToolCall(f"{name}-{what}", name, json.dumps({"what": what})) for name, what in calls)
    )


def after(*replies: Any) -> ScriptedModel:
    """A model that says the n-th thing after it has spoken n times, as far as it can see."""

    def reply(request: Any) -> Any:
        mine = [one for one in request.messages if one["role"] == "assistant" and one["name"] == request.prefix.agent]
        return replies[len(mine)]

    return ScriptedModel(reply, record=False)


def user(**more: Any) -> UserProxyAgent:
    return UserProxyAgent("user", human_input_mode="NEVER", **more)


def told(result: ChatResult) -> list[Any]:
    return [
        (message.speaker, message.content, message.tool_calls, [one.content for one in message.tool_results])
        for message in result.messages
    ]


def asked(result: ChatResult) -> dict[str, int]:
    return {name: ledger.total.requests for name, ledger in result.usage_by_agent.items()}


async def again(request: Any) -> str:
    return "yes"  # in these programs a call is written before it runs: it didn't when the journal died
