"""Several chats: one after another, each with the summaries of those before; or as a graph, in parallel."""

from __future__ import annotations

import asyncio
import warnings
from collections.abc import Callable, Coroutine, Iterable, Mapping, Sequence
from graphlib import CycleError, TopologicalSorter
from typing import Any, TypeVar

from ..core.errors import ConfigError, InvalidCarryOverType, SenderRequired
from ..core.journal import JournalStore
from ..core.position import branch
from ..core.run import Ask, Run
from ..core.sync import run as run_sync
from ..core.termination import StopReason
from ..observe.console import ConsolePrinter
from .chat_result import ChatResult
from .chats import refuse_async
from .durable import check_kept, kept, store_of

T = TypeVar("T")

_NOT_ARGUMENTS = ("sender", "chat_id", "prerequisites", "finished_chat_indexes_to_exclude_from_carryover", "verbose")


def check_queue(chats: Iterable[Mapping[str, Any]], sender: Any = None) -> list[dict[str, Any]]:
    """Checks a queue of chats before the first begins.

    Args:
        chats: Each with ``recipient`` and the arguments of `initiate_chat`.
        sender: Who begins those that name no sender.

    Returns:
        Copies of the chats, each with its sender; the arguments stay as they are.

    Raises:
        SenderRequired: If a chat has no sender.
        ConfigError: If a chat has no recipient.
        InvalidCarryOverType: If a carryover is neither a string nor a list.
    """
    checked = []
    for index, chat in enumerate(chats):
        begins = chat.get("sender") or sender
        if begins is None:
            raise SenderRequired(f"chat {index} has no 'sender'")
        if chat.get("recipient") is None:
            raise ConfigError(f"chat {index} has no 'recipient'")
        carryover = chat.get("carryover", ())
        if not isinstance(carryover, str | Sequence):
            raise InvalidCarryOverType(
                f"the carryover of chat {index} must be a string or a list, not {type(carryover).__name__}"
            )
        checked.append({**chat, "sender": begins})
    recipients = [id(chat["recipient"]) for chat in checked if chat.get("clear_history", True)]
    if len(set(recipients)) < len(recipients):
        warnings.warn(
            "a recipient appears in several chats, and each begins with an empty history; "
            "give a chat 'clear_history': False where it should go on from the one before",
            UserWarning,
            stacklevel=3,
        )
    return checked


def _with_summaries(chat: Mapping[str, Any], finished: Iterable[tuple[Any, ChatResult]]) -> dict[str, Any]:
    """The arguments of `a_initiate_chat`, with the summaries of finished chats in the carryover."""
    excluded = chat.get("finished_chat_indexes_to_exclude_from_carryover", ())
    given = chat.get("carryover", [])
    carryover = [given] if isinstance(given, str) else list(given)
    carryover += [result.summary for key, result in finished if key not in excluded]
    arguments = {key: value for key, value in chat.items() if key not in _NOT_ARGUMENTS}
    return {**arguments, "carryover": carryover}


async def a_chain(chats: Iterable[Mapping[str, Any]], sender: Any = None) -> list[ChatResult]:
    """Chats one after another; the async form of `initiate_chats`."""
    finished: list[ChatResult] = []
    for chat in check_queue(chats, sender):
        result = await chat["sender"].a_initiate_chat(**_with_summaries(chat, enumerate(finished)))
        result.chat_id = chat.get("chat_id")
        finished.append(result)
        if result.paused is not None:  # the others build on what it will have come to
            break
    return finished


def initiate_chats(
    chat_queue: Iterable[Mapping[str, Any]],
    *,
    store: JournalStore | str | None = None,
    resume: str | None = None,
    human: Ask | str | None = None,
) -> list[ChatResult]:
    """Has chats one after another; each first message carries the summaries of the chats before.

    Args:
        chat_queue: Dicts with ``sender``, ``recipient`` and the arguments of `ConversableAgent.initiate_chat`; also
            ``finished_chat_indexes_to_exclude_from_carryover``.
        store: Where all of them are kept, as one run: a `Store`, or a database's URL.
        resume: The id of a kept run of the same chats to go on with: those that had ended aren't held again.
        human: An async function that answers for people, in all of them.

    Returns:
        One result for each chat, in order. One that pauses for a person is the last: resume it, then have the others.

    Raises:
        SenderRequired: If a chat has no sender; and others, see `check_queue`.
    """
    checked = check_queue(chat_queue)
    refuse_async(*(chat[side] for chat in checked for side in ("sender", "recipient")))
    return run_sync(in_one_run(lambda: a_chain(checked), store, resume, human))


async def in_one_run(
    chats: Callable[[], Coroutine[Any, Any, T]],
    store: JournalStore | str | None,
    resume: str | None,
    human: Ask | str | None,
) -> T:
    """Has chats as parts of one run, where something is said that holds for all; each as a run of its own otherwise.

    Args:
        chats: Has them.
        store: Where they are kept.
        resume: The id of a kept run to go on with.
        human: Who answers for people.
    """
    check_kept(store, resume, "ask")
    if store is None and resume is None and human is None:
        return await chats()

    async def main(run: Run[T]) -> T:
        where = store_of(run, store)
        if where is None:
            return await chats()
        async with kept(run, where, resume, "ask", StopReason("answered", "all chats were held")):
            return await chats()

    run = Run(main, human=human)
    run.subscribe(ConsolePrinter(), deltas=False)  # what is nested is printed with what is around it
    return await run


async def a_initiate_chats(
    chat_queue: Iterable[Mapping[str, Any]],
    sender: Any = None,
    *,
    store: JournalStore | str | None = None,
    resume: str | None = None,
    human: Ask | str | None = None,
) -> dict[Any, ChatResult]:
    """Has chats as a graph: each begins when its prerequisites are done, and carries their summaries.

    Args:
        chat_queue: As for `initiate_chats`; also ``chat_id`` (the index by default) and ``prerequisites``, a list of
            the ids of chats whose results are needed.
        sender: Who begins the chats that name no sender.
        store: Where all of them are kept, as one run: a `Store`, or a database's URL.
        resume: The id of a kept run of the same chats to go on with: those that had ended aren't held again.
        human: An async function that answers for people, in all of them.

    Returns:
        ``{chat_id: result}``, in the order of the queue. Chats that build on one that paused for a person are not held.

    Raises:
        ConfigError: If two chats have the same id, a prerequisite is unknown, or they wait for each other.
    """
    checked = check_queue(chat_queue, sender)
    by_id: dict[Any, dict[str, Any]] = {}
    for index, chat in enumerate(checked):
        key = chat.get("chat_id", index)
        if key in by_id:
            raise ConfigError(f"two chats have the chat_id {key!r}")
        by_id[key] = chat
    order = _order(by_id)
    return await in_one_run(lambda: _graph(by_id, order), store, resume, human)


async def _graph(by_id: Mapping[Any, dict[str, Any]], order: Iterable[Any]) -> dict[Any, ChatResult]:
    done: dict[Any, asyncio.Task[ChatResult | None]] = {}

    async def hold(key: Any, chat: dict[str, Any]) -> ChatResult | None:
        finished: list[tuple[Any, ChatResult]] = []
        for before in chat.get("prerequisites", ()):
            needed = await done[before]
            if needed is None or needed.paused is not None:
                return None
            finished.append((before, needed))
        with branch(str(key)):
            result: ChatResult = await chat["sender"].a_initiate_chat(**_with_summaries(chat, finished))
        result.chat_id = key
        return result

    try:
        async with asyncio.TaskGroup() as group:
            for key in order:
                done[key] = group.create_task(hold(key, by_id[key]))
    except BaseExceptionGroup as errors:
        # The others were cancelled because of the first: that one is what the caller has to know.
        raise errors.exceptions[0] from None
    results = {key: done[key].result() for key in by_id}
    return {key: result for key, result in results.items() if result is not None}


def _order(by_id: Mapping[Any, Mapping[str, Any]]) -> list[Any]:
    graph = {key: list(chat.get("prerequisites", ())) for key, chat in by_id.items()}
    unknown = {before for needs in graph.values() for before in needs if before not in by_id}
    if unknown:
        raise ConfigError(f"prerequisites name chats that are not in the queue: {sorted(map(str, unknown))}")
    try:
        return list(TopologicalSorter(graph).static_order())
    except CycleError as error:
        raise ConfigError(f"these chats wait for each other: {error.args[1]}") from None
