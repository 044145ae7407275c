"""What tests of tools share."""

from __future__ import annotations

import sys

import pytest
from mcp_use import WAYWARD

from autogen_like.tools.mcp.tools import McpTools


@pytest.fixture
def wayward(tmp_path):
    """Makes the tools of a server that behaves in a certain way; its notes are in tmp_path."""
    return lambda mode="good", **options: McpTools([sys.executable, str(WAYWARD), mode, str(tmp_path)], **options)
