"""A crowd of clients of all kinds: such that wait for their reply, leave, cancel, send garbage, close a half."""

from __future__ import annotations

import asyncio
import json
import random
from collections import Counter
from collections.abc import Awaitable, Callable
from typing import Any
from urllib.parse import urlsplit

import httpx

from autogen_like.serving.server import ModelServer

from .asking import raw_request

GARBAGE = (
    b"\0\1\2\3\r\n\r\n",
    b"GET / HTTP/9.9\r\n\r\n",
    b"POST /v1/chat/completions HTTP/1.1\r\nHost: localhost\r\nContent-Length: -5\r\n\r\n",
    b"POST /v1/chat/completions HTTP/1.1\r\nHost: localhost\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n",
    raw_request({"model": "tiny", "messages": [{"role": "user", "content": 3}]}),
    raw_request({"text_input": 3}, "/v2/models/tiny/generate_stream"),
)


class Crowd:
    """Clients of one server.

    Args:
        server: Whom they ask.
        asks: Requests of which each client takes some.
        seed: Of who does what.

    Attributes:
        did: How often what was done.
        said: The replies that were read to their end, by the request's place.
    """

    def __init__(self, server: ModelServer, asks: list[dict[str, Any]], seed: int) -> None:
        self.did: Counter[str] = Counter()
        self.said: dict[int, set[str]] = {place: set() for place in range(len(asks))}
        self._asks = asks
        self._chance = random.Random(seed)
        self._place = urlsplit(server.address)
        self._http = httpx.AsyncClient(base_url=server.address, timeout=600, limits=httpx.Limits(max_connections=64))
        self._ways: dict[str, tuple[int, Callable[[int], Awaitable[None]]]] = {
            "whole": (40, self._whole),
            "streamed": (20, self._streamed),
            "vanished": (10, self._vanished),
            "left the stream": (10, self._left_stream),
            "cancelled": (10, self._cancelled),
            "garbage": (5, self._garbage),
            "half-closed": (5, self._half_closed),
        }

    async def come(self, requests: int, clients: int = 64) -> None:
        """Has so many clients at once make so many requests in all."""
        left = iter(range(requests))

        async def client() -> None:
            for _ in left:
                names = list(self._ways)
                (name,) = self._chance.choices(names, [self._ways[one][0] for one in names])
                await self._ways[name][1](self._chance.randrange(len(self._asks)))
                self.did[name] += 1

        async with self._http, asyncio.TaskGroup() as group:
            for _ in range(clients):
                group.create_task(client())

    async def _whole(self, place: int) -> None:
        while (got := await self._http.post("/v1/chat/completions", json=self._asks[place])).status_code == 429:
            self.did["told to come again"] += 1
            assert int(got.headers["retry-after"]) > 0
            await asyncio.sleep(self._chance.random())
        assert got.status_code == 200, got.text
        self.said[place].add(got.json()["choices"][0]["message"]["content"])

    async def _streamed(self, place: int, most: int | None = None) -> None:
        text, count = "", 0
        async with self._http.stream("POST", "/v1/chat/completions", json={**self._asks[place], "stream": True}) as got:
            if got.status_code == 429:
                self.did["told to come again"] += 1
                return
            async for line in got.aiter_lines():
                if count == most:
                    return
                if line.startswith("data: {"):
                    count += 1
                    choice = json.loads(line[6:])["choices"][0]
                    text += choice["delta"].get("content") or ""
        self.said[place].add(text)

    async def _left_stream(self, place: int) -> None:
        await self._streamed(place, self._chance.randrange(1, 5))

    async def _cancelled(self, place: int) -> None:
        task = asyncio.ensure_future(self._http.post("/v1/chat/completions", json=self._asks[place]))
        await asyncio.sleep(self._chance.random() * 0.3)
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)

    async def _vanished(self, place: int) -> None:
        sent = raw_request({**self._asks[place], "stream": self._chance.random() < 0.5})
        await self._bare(sent[: self._chance.randrange(1, len(sent) + 1)], 0.2, reset=self._chance.random() < 0.5)

    async def _garbage(self, _: int) -> None:
        await self._bare(self._chance.choice(GARBAGE), 0.1, reset=False)

    async def _half_closed(self, place: int) -> None:
        await self._bare(raw_request(self._asks[place]), 0.2, half=True)

    async def _bare(self, data: bytes, most: float, *, reset: bool = False, half: bool = False) -> None:
        assert self._place.hostname
        _, writer = await asyncio.open_connection(self._place.hostname, self._place.port)
        try:
            writer.write(data)
            await writer.drain()
            if half:
                writer.write_eof()
            await asyncio.sleep(self._chance.random() * most)
            if reset:
                writer.transport.abort()
        except OSError:  # the server was quicker
            pass
        finally:
            writer.close()
            await asyncio.gather(writer.wait_closed(), return_exceptions=True)
