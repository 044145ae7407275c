"""An assistant uses the tools of an MCP server; here of `mcp_planets.py`, but any will do.

python samples/mcp_tools.py [--model NAME_OR_GGUF]
"""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

from _model import start

from autogen_like import AssistantAgent, ChatResult, McpTools, UserProxyAgent

COMMAND = [sys.executable, str(Path(__file__).with_name("mcp_planets.py"))]


def main(model: dict[str, Any]) -> ChatResult:
    """Holds the chat."""
    with McpTools(COMMAND, name="planets") as planets:
        astronomer = AssistantAgent(
            "astronomer",
            "You look things up with your tools, and answer in one sentence.",
            llm_config=model,
            tools=planets,
        )
        user = UserProxyAgent("user", human_input_mode="NEVER")
        return user.initiate_chat(astronomer, message="How many moons has Mars?", max_turns=1)


if __name__ == "__main__":
    start(main, temperature=0, max_tokens=60)
