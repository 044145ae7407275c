"""``autogen.math_utils``."""

from __future__ import annotations

from typing import Any, NoReturn

from ..agents.contrib.math_utils import (
    eval_math_responses,
    get_answer,
    is_equiv,
    is_equiv_chain_of_thought,
    last_boxed_only_string,
    remove_boxed,
    voting_counts,
)
from ..core.errors import ConfigError


def solve_problem(*_: Any, **__: Any) -> NoReturn:
    """Retired since openai 1.0.

    Raises:
        ConfigError: Always.
    """
    raise ConfigError("solve_problem is retired: ask an agent, and check its answer with is_equiv_chain_of_thought")


__all__ = [
    "eval_math_responses",
    "get_answer",
    "is_equiv",
    "is_equiv_chain_of_thought",
    "last_boxed_only_string",
    "remove_boxed",
    "solve_problem",
    "voting_counts",
]
