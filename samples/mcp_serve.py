"""Serves an agent as a tool of an MCP server over stdio, for a client that starts this program.

python samples/mcp_serve.py [--model NAME_OR_GGUF]
"""

from __future__ import annotations

from typing import Any

from _model import start

from autogen_like import AssistantAgent, serve_mcp


def main(model: dict[str, Any]) -> None:
    """Serves until the client ends it."""
    teacher = AssistantAgent(
        "teacher", "You are a teacher. Answer in one short sentence.", llm_config=model, description="Explains things."
    )
    serve_mcp({"ask_the_teacher": teacher})


if __name__ == "__main__":
    start(main, temperature=0, max_tokens=60)
