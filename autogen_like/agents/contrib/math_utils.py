r"""Answers to problems of the MATH data set, found and compared.

Example:
    >>> is_equiv_chain_of_thought(r"So it is $\boxed{\frac{1}{2}}$.", r"\boxed{1/2}")
    1.0
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Sequence
from typing import Any

_IGNORED = (r"\!", r"\$", "$", r"\%", "%", r"\left", r"\right", r"^\circ", r"^{\circ}", "\n")
_SPELLED = {"tfrac": "frac", "dfrac": "frac"}
_BARE_FRACTION = re.compile(r"\\frac\s*(\{[^{}]*\}|[^\s{}])\s*(\{[^{}]*\}|[^\s{}])")
_BARE_ROOT = re.compile(r"\\sqrt\s*([^\s{\[])")
_SLASHED = re.compile(r"(-?\d+)/(-?\d+)")
_UNITS = re.compile(r"\\text\{ .*$", re.DOTALL)
_ASSIGNED = re.compile(r"^\s*[a-zA-Z]\s*=\s*(.+)$", re.DOTALL)


def last_boxed_only_string(string: str) -> str | None:
    r"""The last ``\boxed{...}`` (or ``\fbox``) of a text, with its braces; None if there is none."""
    start = max(string.rfind(r"\boxed"), string.rfind(r"\fbox"))
    if start < 0:
        return None
    spaced = re.match(r"\\boxed +([^$\n]*)", string[start:])
    if spaced and "{" not in string[start : start + 8]:
        return spaced[0].rstrip()
    depth = 0
    for index in range(start, len(string)):
        depth += {"{": 1, "}": -1}.get(string[index], 0)
        if string[index] == "}" and depth == 0:
            return string[start : index + 1]
    return None


def remove_boxed(string: str) -> str | None:
    r"""What is in ``\boxed{...}``; None if it isn't that.

    Example:
        >>> remove_boxed(r"\boxed{42}")
        '42'
    """
    for head in (r"\boxed{", r"\fbox{"):
        if string.startswith(head) and string.endswith("}"):
            return string[len(head) : -1]
    return string.removeprefix(r"\boxed ") if string.startswith(r"\boxed ") else None


def get_answer(solution: str | None) -> str | None:
    """The answer of a solution: what its last box holds."""
    boxed = last_boxed_only_string(solution) if solution is not None else None
    return remove_boxed(boxed) if boxed is not None else None


def _normal(answer: str) -> str:
    for ignored in _IGNORED:
        answer = answer.replace(ignored, "")
    answer = answer.replace("\\\\", "\\")
    for spelled, plain in _SPELLED.items():
        answer = answer.replace(f"\\{spelled}", f"\\{plain}")
    answer = _UNITS.sub("", answer)
    answer = re.sub(r"(^|[^\d])\.(\d)", r"\g<1>0.\2", answer)
    assigned = _ASSIGNED.match(answer)
    answer = (assigned[1] if assigned else answer).strip().rstrip(".")
    answer = _BARE_FRACTION.sub(lambda match: f"\\frac{_braced(match[1])}{_braced(match[2])}", answer)
    answer = _BARE_ROOT.sub(r"\\sqrt{\1}", answer)
    answer = answer.replace(" ", "")
    slashed = _SLASHED.fullmatch(answer)
    if slashed:
        answer = f"\\frac{{{slashed[1]}}}{{{slashed[2]}}}"
    answer = re.sub(r"^(-?)\\frac\{(\d+)\}\{(\d+)\}$", r"\1\\frac{\2}{\3}", answer)
    return r"\frac{1}{2}" if answer == "0.5" else answer


def _braced(text: str) -> str:
    return text if text.startswith("{") else f"{{{text}}}"


def is_equiv(str1: str | None, str2: str | None) -> float:
    """1.0 where two answers are the same but for how they are written, otherwise 0.0.

    Example:
        >>> is_equiv("0.5", "1/2"), is_equiv("x = 3", "3"), is_equiv("3", "4")
        (1.0, 1.0, 0.0)
    """
    if str1 is None or str2 is None:
        return float(str1 is str2)
    return float(_normal(str1) == _normal(str2))


def is_equiv_chain_of_thought(str1: str, str2: str) -> float:
    """1.0 where two solutions have the same answer in their last boxes, otherwise 0.0."""
    return is_equiv(get_answer(str1), get_answer(str2))


def voting_counts(responses: Sequence[str]) -> Counter[str | None]:
    """How many solutions have each answer; answers that only look different count as the first of them."""
    counted: Counter[str | None] = Counter()
    for response in responses:
        answer = get_answer(response)
        same = next((known for known in counted if is_equiv(known, answer) and answer is not None), answer)
        counted[same] += 1
    return counted


def eval_math_responses(
    responses: Sequence[str],
    solution: str | None = None,
    **args: Any,  # noqa: ARG001 - the rest of a row
) -> dict[str, Any]:
    """How good several solutions of a problem are, and the one that most agree on.

    Args:
        responses: The solutions.
        solution: The right one.
        **args: Other columns of the data set, which are ignored.

    Returns:
        ``expected_success``, ``success`` (whether one is right), ``success_vote``, ``voted_answer`` and ``votes``.
    """
    if not responses:
        return {"expected_success": 0, "success": False, "success_vote": 0, "voted_answer": None, "votes": 0}
    right = [is_equiv_chain_of_thought(response, solution) for response in responses] if solution is not None else []
    counts = voting_counts([response for response in responses if get_answer(response) is not None])
    answer, votes = counts.most_common(1)[0] if counts else (None, 0)
    agreed = next((response for response in responses if is_equiv(get_answer(response), answer)), None)
    vote = is_equiv(answer, get_answer(solution)) if solution is not None else 0.0
    wrong = 1 - (sum(right) / len(right) if right else 0.0)
    return {
        "expected_success": 1 - wrong ** len(responses),  # the chance that one of as many tries is right
        "success": any(right),
        "success_vote": vote,
        "voted_answer": agreed,
        "votes": votes,
    }


__all__ = [
    "eval_math_responses",
    "get_answer",
    "is_equiv",
    "is_equiv_chain_of_thought",
    "last_boxed_only_string",
    "remove_boxed",
    "voting_counts",
]
