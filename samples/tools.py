"""A model calls tools: with typed arguments, the run's database, progress, a retry, and a chart as an image.

python samples/tools.py [--model NAME_OR_GGUF]
"""

from __future__ import annotations

import asyncio
import struct
import zlib
from dataclasses import dataclass
from typing import Annotated, Any, Literal

from _model import start
from pydantic import Field

from autogen_like import AssistantAgent, ChatResult, FunctionTool, Image, ToolContext, ToolProgress, tool

SALES = {"north": [3, 5, 4, 7], "south": [2, 2, 6, 8]}


@dataclass
class Period:
    """Which quarters.

    Args:
        first: From 1.
        last: To 4.
    """

    first: int = 1
    last: int = 4


class Shop:
    """What the tools reach, and the model doesn't see: a database whose first answer gets lost."""

    def __init__(self) -> None:
        self.asked = 0

    async def sales(self, region: str) -> list[int]:
        """The sales of a region, by quarter."""
        self.asked += 1
        if self.asked == 1:
            raise ConnectionError("the database went away")
        return SALES[region]


async def sales(
    region: Literal["north", "south"], ctx: ToolContext[Shop], period: Period | None = None
) -> dict[str, list[int]]:
    """Looks sales up.

    Args:
        region: Which region.
        ctx: Where the shop is; the model does not see it.
        period: Which quarters; the whole year by default.
    """
    wanted = period or Period()
    return {region: (await ctx.deps.sales(region))[wanted.first - 1 : wanted.last]}


@tool
def chart(
    numbers: Annotated[list[int], Field(max_length=12, description="What to draw, from left to right")],
    ctx: ToolContext[Shop],
) -> list[Any]:
    """Draws a bar chart."""
    ctx.progress(f"drawing {len(numbers)} bars")
    return [f"A chart of {len(numbers)} bars:", Image.from_bytes(png(numbers), "image/png")]


def png(numbers: list[int], scale: int = 8) -> bytes:
    """A bar chart as a PNG file, each pixel a byte of grey."""
    high = max(numbers, default=0)
    rows = [[0 if number > level else 255 for number in numbers] for level in reversed(range(high))]
    pixels = b"".join((b"\0" + bytes(grey for grey in row for _ in range(scale))) * scale for row in rows)
    head = struct.pack(">IIBBBBB", len(numbers) * scale, high * scale, 8, 0, 0, 0, 0)
    chunks = ((b"IHDR", head), (b"IDAT", zlib.compress(pixels)), (b"IEND", b""))
    packed = (
        struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data)) for kind, data in chunks
    )
    return b"\x89PNG\r\n\x1a\n" + b"".join(packed)


async def report(model: dict[str, Any]) -> ChatResult:
    """Holds the chat, and prints how far the tools are and what they gave."""
    clerk = AssistantAgent(
        "clerk",
        "You look sales up and draw charts of them with your tools, one after the other. Then answer in one sentence.",
        llm_config={**model, "tool_choice": "required"},
        tools=[FunctionTool(sales, repeatable=True, retries=2, timeout=30), chart],
    )
    run = clerk.run(message="Chart the sales of the north from the second quarter on.", deps=Shop())
    async for event in run:
        if isinstance(event, ToolProgress):
            print(f"  ... {event.call.name}: {event.progress}")
    result = await run
    for message in result.messages:
        for answer in message.tool_results:
            print(f"{answer.name}: {answer.content}")
    print(f"{clerk.name}: {result.summary}")
    return result


def main(model: dict[str, Any]) -> ChatResult:
    """Holds the chat."""
    return asyncio.run(report(model))


if __name__ == "__main__":
    start(main, temperature=0, max_tokens=120)
