"""A small MCP server, written with the official SDK. `mcp_tools.py` starts it.

python samples/mcp_planets.py
"""

from __future__ import annotations

from mcp.server import MCPServer

MOONS = {"Mercury": 0, "Venus": 0, "Earth": 1, "Mars": 2}
server = MCPServer("planets")


@server.tool()
def count_moons(planet: str) -> int:
    """Tells how many moons a planet has."""
    return MOONS[planet]


if __name__ == "__main__":
    server.run()
