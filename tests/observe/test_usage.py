"""The table of who said how much and what it cost."""

from __future__ import annotations

import io

from autogen_like.core.message import Message
from autogen_like.core.usage import Usage, UsageLedger
from autogen_like.observe.usage import print_usage, usage_table


def rows(text: str) -> dict[str, list[str]]:
    lines = [line.split() for line in text.splitlines() if line.strip() and "──" not in line]
    return {line[0]: line[1:] for line in lines[1:]}


def table(messages: list[Message], ledgers: dict[str, UsageLedger]) -> dict[str, list[str]]:
    file = io.StringIO()
    print_usage(messages, ledgers, file=file)
    return rows(file.getvalue())


def test_each_agent_has_a_row_and_the_sum_comes_last():
    ledger = UsageLedger()
    ledger.add("m", Usage(1000, 50, cost=0.25, seconds=2.0))
    ledger.add("m", Usage(500, 50, cost=0.25, seconds=2.0))
    shown = table([Message("ada", "x"), Message("user", "y"), Message("ada", "z")], {"ada": ledger})
    assert shown == {
        "ada": ["2", "1,500", "100", "$0.5000", "25.0"],
        "user": ["1", "0", "0", "$0.0000", "-"],
        "total": ["3", "1,500", "100", "$0.5000", "25.0"],
    }
    assert list(shown)[-1] == "total"


def test_what_the_cache_answered_is_not_counted():
    ledger = UsageLedger()
    ledger.add("m", Usage(10, 5, cost=1.0), cached=True)
    assert table([], {"ada": ledger})["ada"] == ["0", "0", "0", "$0.0000", "-"]


def test_name_is_shown_as_it_is_not_as_markup_or_escapes():
    shown = table([Message("[red]\x1b[2J", "x")], {})
    assert "[red]␛[2J" in shown


def test_table_can_be_had_without_printing():
    assert usage_table([Message("ada", "x")], {}).row_count == 2
