"""The cost of one streamed chunk: process CPU time, in microseconds, ours beside the openai package's own iteration.

    python benchmarks/stream_chunk.py [--chunks 2000] [--rounds 7]

The same bytes come from memory through the same HTTP package, so nothing but the clients' work is measured: what the
HTTP package itself does for each read is shown in a row of its own. Chunks come one in each read, as from a slow model,
and sixteen in each, as from a fast one. Times are medians of rounds in which the contestants take turns.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import statistics
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence

import httpx2
from openai import AsyncOpenAI

from autogen_like import AssistantAgent, ModelRequest, UserProxyAgent
from autogen_like.models.openai import OpenAIClient

URL = "http://model.test/v1"
ASK = [{"role": "user", "content": "Hi"}]
Contestant = Callable[[httpx2.AsyncClient], Awaitable[int]]


class Body(httpx2.AsyncByteStream):
    """The body of an answer, in given reads."""

    def __init__(self, reads: Sequence[bytes]) -> None:
        self.reads = reads

    async def __aiter__(self) -> AsyncIterator[bytes]:
        for read in self.reads:
            yield read


def reads_of(chunks: int, together: int) -> list[bytes]:
    frame = {"id": "chatcmpl-B9MBs8CjcvOU2jLn4n570S5qMJKcT", "object": "chat.completion.chunk", "created": 1741569952}
    frame |= {"model": "gpt-4.1-mini-2025-04-14", "system_fingerprint": "fp_44709d6fcb"}

    def event(delta: dict[str, str], finish: str | None = None) -> bytes:
        choice = {"index": 0, "delta": delta, "logprobs": None, "finish_reason": finish}
        return b"data: " + json.dumps({**frame, "choices": [choice]}, separators=(",", ":")).encode() + b"\n\n"

    events = [event({"content": f" word{number}"}) for number in range(chunks)]
    joined = [b"".join(events[at : at + together]) for at in range(0, chunks, together)]
    return [*joined, event({}, "stop") + b"data: [DONE]\n\n"]


async def bytes_alone(http: httpx2.AsyncClient) -> int:
    async with http.stream("POST", URL) as response:
        return sum([len(piece) > 0 async for piece in response.aiter_bytes()])


async def openai_package(http: httpx2.AsyncClient) -> int:
    client = AsyncOpenAI(api_key="k", base_url=URL, http_client=http, max_retries=0)
    stream = await client.chat.completions.create(model="m", messages=ASK, stream=True)  # type: ignore[call-overload]
    text = [chunk.choices[0].delta.content async for chunk in stream]
    return len(text)


async def our_client(http: httpx2.AsyncClient) -> int:
    client = OpenAIClient({"model": "gpt-4.1-mini", "api_key": "k", "base_url": URL, "http_client": http})
    return len([item async for item in client.stream(ModelRequest(ASK))])


async def our_agent(http: httpx2.AsyncClient) -> int:
    config = {"model": "gpt-4.1-mini", "api_key": "k", "base_url": URL, "http_client": http}
    user = UserProxyAgent("user", human_input_mode="NEVER")
    run = user.run(AssistantAgent("ada", llm_config=config), "Hi", max_turns=1)
    return len([event async for event in run])


CONTESTANTS: dict[str, Contestant] = {
    "the HTTP package alone": bytes_alone,
    "openai package": openai_package,
    "our client": our_client,
    "our agent, as events": our_agent,
}


def measured(contestant: Contestant, reads: Sequence[bytes], chunks: int) -> float:
    """Microseconds of CPU a chunk; what a stream of no chunks costs is taken off."""

    def once(body: Sequence[bytes]) -> float:
        http = httpx2.AsyncClient(
            transport=httpx2.MockTransport(
                lambda _: httpx2.Response(200, headers={"content-type": "text/event-stream"}, stream=Body(body))
            )
        )

        async def timed() -> float:
            started = time.process_time()
            await contestant(http)
            return time.process_time() - started

        return asyncio.run(timed())

    return (once(reads) - once(reads[-1:])) / chunks * 1e6


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--chunks", type=int, default=2000)
    parser.add_argument("--rounds", type=int, default=7)
    options = parser.parse_args()
    sizes = (1, 16)
    times: dict[tuple[str, int], list[float]] = {(name, size): [] for name in CONTESTANTS for size in sizes}
    for _ in range(options.rounds):
        for size in sizes:
            reads = reads_of(options.chunks, size)
            for name, contestant in CONTESTANTS.items():
                times[name, size].append(measured(contestant, reads, options.chunks))
    print("us of CPU a chunk".ljust(26) + "".join(f"{size} a read".rjust(12) for size in sizes))
    for name in CONTESTANTS:
        cells = [f"{statistics.median(times[name, size]):.2f}".rjust(12) for size in sizes]
        print(name.ljust(26) + "".join(cells))


if __name__ == "__main__":
    main()
