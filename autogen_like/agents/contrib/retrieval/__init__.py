"""Answering from documents: vector databases, chunks of text, and agents that look things up."""
