"""Constrained output: choices, JSON schemas and tool calls, and the parsing of calls in plain text."""

from __future__ import annotations

from .. import engine as _engine  # noqa: F401 - loads torch, or says that it is missing
