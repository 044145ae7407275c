"""``autogen.agentchat.contrib.vectordb.utils``."""

from __future__ import annotations

import logging
from collections.abc import Mapping, Sequence
from typing import Any


def get_logger(name: str, level: int = logging.INFO) -> logging.Logger:
    """A logger of a name and a level."""
    logger = logging.getLogger(name)
    logger.setLevel(level)
    return logger


def filter_results_by_distance(
    results: Sequence[Sequence[tuple[Any, float]]], distance_threshold: float = -1
) -> list[list[tuple[Any, float]]]:
    """What was found for each query and is nearer than a distance.

    Args:
        results: For each query what was found, with its distance.
        distance_threshold: The distance; all is near enough where it isn't positive.

    Example:
        >>> filter_results_by_distance([[("a", 1), ("b", 3)]], 2)
        [[('a', 1)]]
    """
    if distance_threshold <= 0:
        return [list(found) for found in results]
    return [[one for one in found if one[1] < distance_threshold] for found in results]


def chroma_results_to_query_results(
    data_dict: Mapping[str, Sequence[Sequence[Any]] | None], special_key: str = "distances"
) -> list[list[tuple[dict[str, Any], float]]]:
    """Columns by query, as Chroma gives them, as documents with their distance.

    Args:
        data_dict: The columns, by names in the plural.
        special_key: The column of the distances.

    Example:
        >>> chroma_results_to_query_results({"ids": [["1"]], "documents": [["a"]], "distances": [[0.5]]})
        [[({'id': '1', 'document': 'a'}, 0.5)]]
    """
    columns = {
        name.removesuffix("s"): found
        for name, found in data_dict.items()
        if name != special_key and found and isinstance(found[0], list)
    }
    distances = data_dict[special_key] or []
    return [
        [({name: found[query][at] for name, found in columns.items()}, far) for at, far in enumerate(row)]
        for query, row in enumerate(distances)
    ]


__all__ = ["chroma_results_to_query_results", "filter_results_by_distance", "get_logger"]
