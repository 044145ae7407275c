"""Watching a run: the console printer and the table of usage."""
