"""Checks of where runs are kept: what a user's own store must do so that runs survive their process."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable

from ..core.errors import ConfigError
from ..core.journal import Answered, Called, Closed, JournalStore, Opened, Record, RunJournal, Said
from ..core.message import Message, ToolCall, ToolResult
from ..core.termination import StopReason

_STATE = {"version": 1, "text": "✓ \U0001f600", "nested": {"list": [1, 2.5, None, True]}}
_ASKS = Message("ada", "Add them.", (ToolCall("1", "add", "{}"), ToolCall("2", "add", '{"a": 1}')))
_RESULT = ToolResult("2", "add", "3", parts=())
_RECORDS: tuple[Record, ...] = (
    Opened("", ("ada", "bob"), {}, (Message("bob", "Before."),)),
    Said(Message("bob", "1 + 2?", extra={"name": "robert"}), {"version": 1}),
    Answered("q", "bob", "go on", False),
    Said(_ASKS, _STATE),
    Called(_ASKS.id, 0, _ASKS.tool_calls[0]),
    Called(_ASKS.id, 1, _ASKS.tool_calls[1]),
    Called(_ASKS.id, 1, _ASKS.tool_calls[1], _RESULT),
    Answered("p", "ada", "yes", True),
)


def check_journal(make: Callable[[], JournalStore]) -> None:
    """Checks that a place where runs are kept keeps to `JournalStore`: what is written is found by another process.

    Args:
        make: Opens it. What one that was made earlier has written is found by one that is made later; each may be
            used on a loop of its own. If it has ``aclose``, that is called.

    Raises:
        AssertionError: If it does not; the message says how.

    Example:
        >>> import tempfile
        >>> from autogen_like import Store
        >>> with tempfile.TemporaryDirectory() as folder:
        ...     check_journal(lambda: Store(f"sqlite:///{folder}/chats.db"))
    """

    def on_a_loop(check: Callable[[JournalStore], Awaitable[None]]) -> None:
        async def run() -> None:
            store = make()
            assert isinstance(store, JournalStore), f"{store!r} lacks something of JournalStore"
            try:
                await check(store)
            finally:
                close = getattr(store, "aclose", None)
                if close is not None:
                    await close()

        asyncio.run(run())

    for check in (_check_begun, _check_found, _check_gone_on, _check_alone):
        on_a_loop(check)


async def _check_begun(store: JournalStore) -> None:
    journal = await store.begin("check_journal")
    assert isinstance(journal, RunJournal), f"{journal!r} lacks something of RunJournal"
    assert await journal.recover("") is None, "what hasn't begun can't be recovered"
    for record in _RECORDS:
        await journal.append("conversation", record)
    await journal.append("nested", Opened("/2/1", ("eve",), {"n": 1}))
    await asyncio.gather(*(journal.append("nested", Said(Message("eve", str(n)), {"n": n})) for n in range(20)))
    await journal.release()


async def _check_found(store: JournalStore) -> None:
    journal = await store.resume("check_journal")
    found = await journal.recover("")
    assert found is not None, "a conversation that was opened must be found by its key"
    assert found.id == "conversation", f"it must have its id, not {found.id!r}"
    assert tuple(found.participants) == ("ada", "bob"), f"it must have its participants, not {found.participants}"
    said = [record.message for record in _RECORDS if isinstance(record, Said)]
    assert list(found.messages[1:]) == said, f"it must have the messages as they were, not {found.messages[1:]}"
    assert [message.text for message in found.messages] == ["Before.", "1 + 2?", "Add them."], "and those before it"
    assert found.state == _STATE, f"its state must be the newest, not {found.state}"
    assert found.calls[_ASKS.id, 0] is None, "a call that was begun must be there, without a result"
    assert found.calls[_ASKS.id, 1] == _RESULT, "a call that has run must be there with its result"
    assert found.answers == {"q": "go on", "p": "yes"}, f"what people said must be there by id, not {found.answers}"
    assert list(found.human_input) == ["go on"], "what was part of the conversation must be there, approvals not"
    assert found.closed is None, "it hasn't ended"
    nested = await journal.recover("/2/1")
    assert nested is not None, "conversations at other places of the run must be found"
    assert nested.id == "nested", "and be those that were opened there"
    assert sorted(message.text for message in nested.messages) == sorted(map(str, range(20))), "nothing may be lost"
    assert await journal.recover("/2/2") is None, "and none where none was opened"
    await journal.release()


async def _check_gone_on(store: JournalStore) -> None:
    journal = await store.resume("check_journal")
    found = await journal.recover("")
    assert found is not None
    await journal.append("conversation", Opened("", ("ada", "bob"), {}, tuple(found.messages)))
    await journal.append("conversation", Said(Message("ada", "3"), {}))
    await journal.append("conversation", Closed(StopReason("answered", "done", "ada"), {"end": True}))
    found = await journal.recover("")
    assert found is not None
    assert len(found.messages) == 4, "what goes on has what was said before once, and what is new"
    assert found.closed == StopReason("answered", "done", "ada"), "why it ended must be there"
    assert found.state == {"end": True}, "and its state then"
    await journal.release()


async def _check_alone(store: JournalStore) -> None:
    journal = await store.resume("check_journal")
    for attempt, problem in ((store.resume, "be held twice"), (store.begin, "begin twice")):
        try:
            await attempt("check_journal")
        except ConfigError:
            continue
        raise AssertionError(f"a run can't {problem}: that must be a ConfigError")
    try:
        await store.resume("no such run")
    except ConfigError:
        pass
    else:
        raise AssertionError("a run that isn't there can't be gone on with: that must be a ConfigError")
    await journal.release()
    await (await store.resume("check_journal")).release()
