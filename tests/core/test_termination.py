"""Stop conditions say why, combine, and start afresh in each run."""

from __future__ import annotations

from typing import Any

import pytest

from autogen_like.core.errors import ConfigError
from autogen_like.core.message import Message, Text, ToolCall
from autogen_like.core.run import Run
from autogen_like.core.termination import (
    CostBudget,
    MaxMessages,
    Progress,
    RepeatedReply,
    SaidBy,
    StopCondition,
    StopReason,
    TextMention,
    Timeout,
    TokenBudget,
)
from autogen_like.core.usage import Usage


class Feed:
    """Says messages to a condition's checker, one after the other."""

    def __init__(self, condition: StopCondition) -> None:
        async def main(run: Run[None]) -> None: ...

        self.run: Run[None] = Run(main)
        self.progress = Progress(self.run)
        self.check = condition.begin()

    def say(self, text: str = "x", speaker: str = "ada", **more: Any) -> StopReason | None:
        self.progress.messages += 1
        self.progress.last = Message(speaker, text, **more)
        return self.check(self.progress)

    def spend(self, tokens: int, cost: float = 0.0) -> StopReason | None:
        self.run.record_usage("ada", "m", Usage(tokens, 0, cost=cost))
        return self.say()


def said(condition: StopCondition, *texts: str) -> list[bool]:
    feed = Feed(condition)
    return [feed.say(text) is not None for text in texts]


def test_so_many_messages() -> None:
    assert said(MaxMessages(3), *"abcd") == [False, False, True, True]


def test_a_text_is_found_exactly_and_by_whom() -> None:
    assert said(TextMention("STOP"), "stop", "please STOP now") == [False, True]
    feed = Feed(TextMention("STOP", speakers=("bob",)))
    assert feed.say("STOP") is None
    reason = feed.say("STOP", "bob")
    assert reason == StopReason("condition", "bob mentioned 'STOP'", "bob")


def test_a_text_is_found_in_parts() -> None:
    assert Feed(TextMention("STOP")).say((Text("ST"), Text("OP"))) is not None  # type: ignore[arg-type]


def test_a_speaker_has_spoken_when_it_isnt_just_calling_tools() -> None:
    feed = Feed(SaidBy("bob", "eve"))
    assert feed.say() is None
    assert feed.say(speaker="bob", tool_calls=(ToolCall("1", "f", "{}"),)) is None
    reason = feed.say(speaker="eve")
    assert reason is not None
    assert reason.by == "eve"


def test_tokens_and_cost_of_the_run() -> None:
    feed = Feed(TokenBudget(100))
    assert feed.spend(99) is None
    assert feed.spend(1) == StopReason("budget", "100 of 100 tokens used")
    feed = Feed(CostBudget(0.5))
    assert feed.spend(1, 0.25) is None
    assert feed.spend(1, 0.25) == StopReason("budget", "$0.5000 of $0.5 spent")


def test_time_is_up(monkeypatch: pytest.MonkeyPatch) -> None:
    now = [100.0]
    monkeypatch.setattr("time.monotonic", lambda: now[0])
    feed = Feed(Timeout(5))
    now[0] = 104.9
    assert feed.say() is None
    now[0] = 105.0
    assert feed.say() == StopReason("timeout", "5 s are over")


def test_the_same_text_by_the_same_speaker_in_a_row() -> None:
    feed = Feed(RepeatedReply(2))
    assert feed.say("yes", "ada") is None
    assert feed.say("yes", "bob") is None
    assert feed.say("", "ada") is None
    assert feed.say("yes", "ada") == StopReason("condition", "ada said the same 2 times", "ada")
    assert said(RepeatedReply(2), "a", "b", "a") == [False, False, False]


def test_either_ends_it() -> None:
    condition = MaxMessages(3) | TextMention("STOP")
    assert said(condition, "a", "STOP") == [False, True]
    assert said(condition, "a", "b", "c") == [False, False, True]


def test_both_must_be_met_though_not_by_the_same_message() -> None:
    condition = TextMention("STOP") & MaxMessages(3)
    assert said(condition, "STOP", "b", "c") == [False, False, True]
    assert said(condition, "a", "b", "c", "STOP") == [False, False, False, True]
    feed = Feed(condition)
    feed.say("STOP"), feed.say()
    assert feed.say() == StopReason("condition", "ada mentioned 'STOP'; 3 messages")


def test_combinations_nest_as_python_reads_them() -> None:
    condition = MaxMessages(20) | TextMention("a") & TextMention("b")
    assert repr(condition) == "(MaxMessages(20) | (TextMention('a') & TextMention('b')))"
    assert said(condition, "a", "c", "b") == [False, False, True]
    assert said((MaxMessages(2) | TextMention("a")) & TextMention("b"), "b", "c") == [False, True]


def test_a_condition_can_be_shared_since_each_run_gets_a_checker_of_its_own() -> None:
    condition = RepeatedReply(3) | TextMention("a") & MaxMessages(2)
    one, two = Feed(condition), Feed(condition)
    assert one.say("x") is None
    assert one.say("x") is None
    assert two.say("x") is None
    assert one.say("x") is not None
    assert two.say("y") is None
    assert said(condition, "a", "b") == [False, True]


def test_the_earliest_deadline_of_alternatives_counts_and_none_of_what_needs_more() -> None:
    assert MaxMessages(1).deadline() is None
    assert (Timeout(5) | Timeout(3) | MaxMessages(1)).deadline() == 3
    assert (Timeout(5) & MaxMessages(1)).deadline() is None
    assert (Timeout(5) & MaxMessages(1) | Timeout(7)).deadline() == 7


@pytest.mark.parametrize(
    "make",
    [
        lambda: MaxMessages(0),
        lambda: TextMention(""),
        SaidBy,
        lambda: TokenBudget(0),
        lambda: CostBudget(0),
        lambda: Timeout(0),
        lambda: RepeatedReply(1),
    ],
)
def test_what_could_never_be_right_is_refused_at_once(make: Any) -> None:
    with pytest.raises(ConfigError, match="needs"):
        make()


def test_conditions_and_reasons_can_be_read() -> None:
    conditions = [SaidBy("a", "b"), TokenBudget(5), CostBudget(0.5), Timeout(3), RepeatedReply(4)]
    assert list(map(repr, conditions)) == [
        "SaidBy('a', 'b')",
        "TokenBudget(5)",
        "CostBudget(0.5)",
        "Timeout(3)",
        "RepeatedReply(4)",
    ]
    assert [str(StopReason("timeout")), str(StopReason("timeout", "5 s"))] == ["timeout", "timeout: 5 s"]
