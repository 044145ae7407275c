"""Agents and capabilities for particular tasks: mathematics, retrieval, images, teams that speak with one voice."""
