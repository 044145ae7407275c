"""An MCP server of today's SDK, with the protocol of 2026: its list changes, and a tool of it asks for input."""

from __future__ import annotations

import base64

from mcp import types
from mcp.server import MCPServer
from mcp.server.mcpserver import Context

server = MCPServer("modern")


@server.tool()
async def grow(name: str, ctx: Context) -> str:
    """Adds a tool."""
    server.add_tool(lambda: f"I am {name}", name=name, description="A new one.")
    await ctx.notify_tools_changed()
    return "grown"


@server.tool()
def media() -> types.CallToolResult:
    """Gives sound, and what is none."""
    data = base64.b64encode(b"RIFF").decode()
    return types.CallToolResult(
        content=[
            types.AudioContent(data=data, mime_type="audio/wav"),
            types.ImageContent(data=data, mime_type="image/svg+xml"),
            types.ImageContent(data="no base64!", mime_type="image/png"),
            types.ImageContent(data=data, mime_type="image/png;charset=<script>"),
            types.EmbeddedResource(
                resource=types.BlobResourceContents(uri="file:///a/..%2f.hidden?x", blob=data, mime_type="text/csv")
            ),
            types.EmbeddedResource(resource=types.BlobResourceContents(uri="http://[broken", blob=data)),
        ]
    )


@server.tool()
def ask() -> types.InputRequiredResult:
    """Asks for input, the way of 2026."""
    schema = {"type": "object", "properties": {"name": {"type": "string"}}}
    wanted = types.ElicitRequest(params=types.ElicitRequestFormParams(message="Who?", requested_schema=schema))
    return types.InputRequiredResult(input_requests={"who": wanted})


server.run()
