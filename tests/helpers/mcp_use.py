"""Using MCP servers that misbehave on request."""

from __future__ import annotations

import asyncio
import contextlib
import json
from pathlib import Path

from autogen_like import ToolCall

WAYWARD = Path(__file__).parents[1] / "tools" / "mcp_servers" / "wayward.py"


async def use(server, name, text=""):
    return await server.get(name).call(ToolCall("1", name, json.dumps({"text": text})))


async def until(condition):
    """Waits for what happens soon; the time-out is generous, since nothing here measures time."""
    async with asyncio.timeout(60):
        while not condition():
            await asyncio.sleep(0.01)


def notes(folder, name):
    return (folder / name).read_text().splitlines() if (folder / name).exists() else []


def running(pid):
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except OSError:
        return False


def command_lines():
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit():
            with contextlib.suppress(OSError):
                yield (entry / "cmdline").read_bytes()
