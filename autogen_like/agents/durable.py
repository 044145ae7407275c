"""Runs that are kept in a store, and go on from there."""

from __future__ import annotations

import threading
from collections.abc import AsyncIterator, Callable, Coroutine
from contextlib import asynccontextmanager
from functools import partial
from typing import TYPE_CHECKING, Any, Protocol, TypeVar

from ..core.conversation import Conversation
from ..core.errors import ConfigError
from ..core.journal import JournalStore, Recovered, RunJournal
from ..core.limits import Limits
from ..core.protocols import fits
from ..core.run import Ask, Run
from ..core.termination import StopReason

if TYPE_CHECKING:
    from ..store import Store

T = TypeVar("T")
UNCERTAIN = ("ask", "tell")
# What ended for one of these reasons can go on; any other end was the chat's own.
_CUT_OFF = ("paused", "budget", "context_overflow", "timeout", "cancelled", "error")

_opened: dict[str, tuple[Store, int]] = {}  # stores that were named by a URL, and how many use each
_lock = threading.Lock()
_default: JournalStore | str | None = None


def keep_runs(store: JournalStore | str | None) -> None:
    """Has all runs of this process kept that name no store themselves.

    Args:
        store: A `Store`, or a database's URL; None to keep none any more.
    """
    global _default
    check_kept(store, None, "ask")
    before, _default = _default, store
    if isinstance(store, str):
        _take(store)  # open from the first run on, until it isn't the process's store any more
    last = _leave(before) if isinstance(before, str) else None
    if last is not None:
        last.close()


def check_kept(store: object, resume: str | None, uncertain: str) -> None:
    """Checks how a run is to be kept.

    Raises:
        ConfigError: If it can't be kept so; names the argument and the cure.
    """
    if not (store is None or isinstance(store, str) or fits(store, JournalStore)):
        raise ConfigError(f"store must be a Store or a database's URL (sqlite:///chats.db), not {store!r}")
    if resume is not None and store is None and _default is None:
        raise ConfigError(f"to go on with the run {resume!r}, name the store that it is in: store=...")
    if uncertain not in UNCERTAIN:
        raise ConfigError(f'uncertain must be "ask" or "tell", not {uncertain!r}')


def store_of(run: Run[Any], store: JournalStore | str | None) -> JournalStore | str | None:
    """Where a run is to be kept on its own; None where it isn't, or is a part of one that is kept.

    Args:
        run: The run.
        store: Where its caller wants it; the process's store by default.

    Raises:
        ConfigError: If it is inside a run that is kept.
    """
    if run.parent is None or run.journal is None:  # nothing around it is kept: it may be one of many rollouts
        return store if store is not None else _default
    if store is not None:
        raise ConfigError("a chat inside a kept run is kept with it: take store and resume out of its arguments")
    return None


@asynccontextmanager
async def kept(
    run: Run[Any],
    store: JournalStore | str,
    resume: str | None,
    uncertain: str,
    over: StopReason | None = None,
) -> AsyncIterator[None]:
    """Keeps a run in a store while the block lasts. One that is named by a URL is open while anybody uses it.

    Args:
        run: The run.
        store: Where.
        resume: The id of a kept run to go on with.
        uncertain: What becomes of calls that may have run: "ask" a person, or "tell" the model.
        over: Why it is over when the block ends well, where it is no single conversation that says so.

    Raises:
        ConfigError: If the run to go on with isn't there, or another process holds it.
    """
    run.tell_uncertain = uncertain == "tell"
    async with _open(store) as opened:
        if resume is not None:
            run.id = resume
            journal = await opened.resume(resume)
        else:
            journal = await opened.begin(run.id)
        run.journal = journal
        reason = None
        try:
            with run.at("run"):  # nothing inside is without a place, which would be taken for the outermost chat's
                yield
            reason = over
        finally:
            await journal.release(reason)


class HowToRun(Protocol):
    """What every run takes, whatever it does."""

    @property
    def limits(self) -> Limits | None: ...
    @property
    def human(self) -> Ask | str | None: ...
    @property
    def deps(self) -> object: ...
    @property
    def store(self) -> JournalStore | str | None: ...
    @property
    def resume(self) -> str | None: ...
    @property
    def uncertain(self) -> str: ...


def run_of(main: Callable[[Run[T]], Coroutine[Any, Any, T]], how: HowToRun, name: str) -> Run[T]:
    """A run, kept where its caller or its process wants that.

    Args:
        main: What to do, given the run.
        how: Its budgets, people and store.
        name: What it is called where runs are watched.
    """
    return Run(partial(_begun, main, how), limits=how.limits, human=how.human, deps=how.deps, name=name)


def _begun(
    main: Callable[[Run[T]], Coroutine[Any, Any, T]], how: HowToRun, run: Run[T]
) -> Coroutine[Any, Any, T]:  # no coroutine of its own where nothing is kept: each is resumed at every step
    store = store_of(run, how.store)
    return main(run) if store is None else _journalled(main, how, run, store)


async def _journalled(
    main: Callable[[Run[T]], Coroutine[Any, Any, T]], how: HowToRun, run: Run[T], store: JournalStore | str
) -> T:
    async with kept(run, store, how.resume, how.uncertain):
        return await main(run)


@asynccontextmanager
async def _open(store: JournalStore | str) -> AsyncIterator[JournalStore]:
    if not isinstance(store, str):
        yield store
        return
    opened = _take(store)
    try:
        yield opened
    finally:
        last = _leave(store)
        if last is not None:
            await last.aclose()


def _take(url: str) -> Store:
    """The store at an address, which all who use it share."""
    from ..store import Store  # with a database behind it: only where runs are kept

    with _lock:
        store, users = _opened.get(url) or (Store(url), 0)
        _opened[url] = store, users + 1
        return store


def _leave(url: str) -> Store | None:
    """Says that one uses it no more; the store, to be closed, if that was the last."""
    with _lock:
        store, users = _opened.pop(url)
        if users == 1:
            return store
        _opened[url] = store, users - 1
        return None


async def recovered(run: Run[Any], conversation: Conversation) -> Recovered | None:
    """Lets a conversation go on where it was cut off in another process.

    Args:
        run: The run that it is part of.
        conversation: The conversation, in which nothing has been said.

    Returns:
        What was known of it; None where it is new.
    """
    journal = run.journal
    if journal is None or not fits(journal, RunJournal):
        return None
    found = await journal.recover(run.key)
    if found is None or not found.messages:
        return None
    conversation.recover(found, run)
    if finished(found) is not None:
        run.summed_up = found.summed_up
    return found


def finished(found: Recovered) -> StopReason | None:
    """Why a conversation ended for good; None where it can go on."""
    reason = found.closed
    return reason if reason is not None and reason.kind not in _CUT_OFF else None
