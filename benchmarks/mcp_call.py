"""What one call of an MCP tool costs through `McpTools`, beside the bare client of the official SDK.

python benchmarks/mcp_call.py [CALLS]

Both call the same tool of the same server (written with the SDK, on this machine), one call after the other and then
many at once, over stdio and over streamable HTTP; rounds of the two alternate. The medians of the rounds are shown, and
the CPU time of this process alone, so that the server's work is not in it.
"""

from __future__ import annotations

import asyncio
import socket
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Awaitable, Callable
from pathlib import Path

from mcp import Client, StdioServerParameters

from autogen_like import McpTools, ToolCall

ROUNDS, AT_ONCE = 7, 20
SERVER = '''
import sys
from mcp.server import MCPServer

server = MCPServer("echo")

@server.tool()
def echo(text: str) -> str:
    """Echoes."""
    return text

if len(sys.argv) > 1:
    server.run("streamable-http", port=int(sys.argv[1]))
server.run()
'''
Call = Callable[[], Awaitable[object]]


async def round_of(call: Call, calls: int) -> tuple[float, float, float]:
    """Microseconds a call: one after the other, CPU time of this process, and many at once."""
    wall, cpu = time.perf_counter(), time.process_time()
    for _ in range(calls):
        await call()
    wall, cpu = time.perf_counter() - wall, time.process_time() - cpu
    many = time.perf_counter()
    for _ in range(calls // AT_ONCE):
        await asyncio.gather(*(call() for _ in range(AT_ONCE)))
    many = time.perf_counter() - many
    return tuple(seconds / calls * 1e6 for seconds in (wall, cpu, many))  # type: ignore[return-value]


async def compare(way: str, bare: Call, ours: Call, calls: int) -> None:
    """Prints the lines of one transport."""
    took: dict[str, list[tuple[float, float, float]]] = {"SDK": [], "McpTools": []}
    for call in (bare, ours):
        await round_of(call, AT_ONCE)
    for _ in range(ROUNDS):
        for name, call in (("SDK", bare), ("McpTools", ours)):
            took[name].append(await round_of(call, calls))
    medians = {
        name: [statistics.median(column) for column in zip(*rounds, strict=True)] for name, rounds in took.items()
    }
    for name, (wall, cpu, many) in medians.items():
        print(f"{way:<16} {name:<10} {wall:>12.0f} {cpu:>12.0f} {many:>16.0f}")
    differences = [ours - bare for bare, ours in zip(medians["SDK"], medians["McpTools"], strict=True)]
    print(f"{'':<16} {'more':<10} {differences[0]:>12.0f} {differences[1]:>12.0f} {differences[2]:>16.0f}")


async def main(calls: int) -> None:
    """Starts the servers and compares."""
    one = ToolCall("1", "echo", '{"text": "hello"}')
    print(f"{'µs a call':<16} {'':<10} {'one by one':>12} {'CPU of that':>12} {f'{AT_ONCE} at once':>16}")
    with tempfile.TemporaryDirectory() as folder:
        server = Path(folder) / "echo_server.py"
        server.write_text(SERVER)
        parameters = StdioServerParameters(command=sys.executable, args=[str(server)])
        async with Client(parameters) as client, McpTools([sys.executable, str(server)]) as tools:
            echo = tools.get("echo")
            assert echo is not None
            await compare("stdio", lambda: client.call_tool("echo", {"text": "hello"}), lambda: echo.call(one), calls)
        with socket.create_server(("127.0.0.1", 0)) as free:
            port = free.getsockname()[1]
        process = await asyncio.create_subprocess_exec(
            sys.executable, str(server), str(port), stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
        )
        try:
            while True:
                try:
                    socket.create_connection(("127.0.0.1", port)).close()
                    break
                except OSError:
                    await asyncio.sleep(0.1)
            url = f"http://127.0.0.1:{port}/mcp"
            async with Client(url) as client, McpTools(url=url) as tools:
                echo = tools.get("echo")
                assert echo is not None
                await compare(
                    "streamable HTTP",
                    lambda: client.call_tool("echo", {"text": "hello"}),
                    lambda: echo.call(one),
                    calls,
                )
        finally:
            process.kill()
            await process.wait()


if __name__ == "__main__":
    asyncio.run(main(int(sys.argv[1]) if len(sys.argv) > 1 else 200))
