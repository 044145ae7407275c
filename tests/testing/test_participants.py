"""Ours pass the checks of backends and selectors, so do minimal ones of a third party, and broken ones are told how."""

from __future__ import annotations

import random
from typing import Any

import pytest

from autogen_like import Message, StopReason
from autogen_like.agents.backends import (
    CodeBackend,
    FunctionBackend,
    HumanBackend,
    ModelBackend,
    TerminationBackend,
    ToolBackend,
)
from autogen_like.agents.backends.nested import NestedBackend
from autogen_like.testing import check_backend, check_selector


class Parrot:
    """The least that a backend of a third party is."""

    name = "parrot"

    def __init__(self, agent: Any) -> None:
        self.agent = agent

    async def reply(self, turn: Any) -> Any:
        return Message(self.agent.name, turn.last.text)


@pytest.mark.parametrize(
    "make",
    [
        Parrot,
        CodeBackend,
        HumanBackend,
        ModelBackend,
        TerminationBackend,
        ToolBackend,
        lambda agent: FunctionBackend(agent, lambda *_, **__: (True, "mine"), None),
        lambda agent: FunctionBackend(agent, lambda *_, **__: (True, "mine"), lambda sender: True),
        lambda agent: NestedBackend(agent, [], lambda sender: True),
    ],
)
def test_ours_and_a_minimal_backend_keep_to_the_protocol(make: Any) -> None:
    check_backend(make)


class Nameless:
    name = ""

    def __init__(self, agent: Any) -> None:
        self.agent = agent

    async def reply(self, turn: Any) -> Any:
        return None


class Impostor(Parrot):
    async def reply(self, turn: Any) -> Any:
        return Message("somebody", "else")


class Writer(Parrot):
    async def reply(self, turn: Any) -> Any:
        turn.transcript.append(Message("agent", "by the back door"))
        return StopReason("no_reply")


class Talker(Parrot):
    async def reply(self, turn: Any) -> Any:
        return "just text"


@pytest.mark.parametrize(
    ("broken", "told"),
    [(Nameless, "name"), (Impostor, "said by the agent"), (Writer, "the loop adds it"), (Talker, "must be a Message")],
)
def test_a_broken_backend_is_told_how(broken: Any, told: str) -> None:
    with pytest.raises(AssertionError, match=told):
        check_backend(broken)


def test_what_is_no_backend_is_told_so() -> None:
    with pytest.raises(AssertionError, match="lacks something"):
        check_backend(lambda agent: object())  # type: ignore[arg-type,return-value]


async def _later(last: Any, group: Any) -> Any:
    return group.agents[-1]


@pytest.mark.parametrize(
    "select",
    [
        lambda last, group: group.next_agent(last),
        lambda last, group: random.choice(group.agents),
        lambda last, group: "round_robin",
        lambda last, group: None,
        _later,
    ],
)
def test_selectors_keep_to_what_a_group_expects(select: Any) -> None:
    check_selector(select)


def _recruiting(last: Any, group: Any) -> Any:
    group.agents.append(last)
    return group.agents[0]


def _inventing(last: Any, group: Any) -> Any:
    group.append({"content": "invented"}, group.agents[0])
    return group.agents[0]


@pytest.mark.parametrize(
    ("broken", "told"),
    [
        (lambda last, group: "dice", "must choose"),
        (lambda last, group: object(), "must choose"),
        (_recruiting, "leave the members"),
        (_inventing, "leave what was said"),
    ],
)
def test_a_broken_selector_is_told_how(broken: Any, told: str) -> None:
    with pytest.raises(AssertionError, match=told):
        check_selector(broken)
