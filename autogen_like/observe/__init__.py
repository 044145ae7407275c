"""Watching a run: the console printer and the table of usage."""

from .console import ConsolePrinter
from .usage import print_usage, usage_table

__all__ = ["ConsolePrinter", "print_usage", "usage_table"]
