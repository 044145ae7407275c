"""Constrained output: choices, JSON schemas and tool calls, and the parsing of calls in plain text."""
