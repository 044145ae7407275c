"""A run of a store, as the process has it that may write to it."""

from __future__ import annotations

from types import TracebackType
from typing import TYPE_CHECKING, Self

from ..core.journal import Record, Recovered
from ..core.termination import StopReason
from . import reading
from .held import Held

if TYPE_CHECKING:
    from .store import Store


class StoredRun:
    """A run of a store that this process may write to: the journal of all its conversations.

    A lease says so to other processes; it is renewed in the background until `release`. Made by `Store.begin` and
    `Store.resume`. Where `append` raises, the record was not written.

    Args:
        store: Where it is kept.
        held: The run.
    """

    def __init__(self, store: Store, held: Held) -> None:
        self._store, self._held = store, held

    @property
    def id(self) -> str:
        """The run's id."""
        return self._held.id

    async def append(self, conversation: str, record: Record) -> None:
        """Writes a record; returns when it is durable.

        Args:
            conversation: The conversation's id.
            record: What is about to happen.

        Raises:
            LeaseLost: If another process has taken the run over.
            StoreError: If the database failed.
            ConfigError: If something in it is no JSON.
        """
        await self._store.append(self._held, conversation, record)

    async def recover(self, key: str) -> Recovered | None:
        """What is known of the conversation at a place of the run; None where it hadn't begun."""
        return await self._store.read(lambda connection: reading.recover(connection, self._held.run, key))

    async def release(self, reason: StopReason | None = None) -> None:
        """Gives the run back: another process may go on with it.

        Args:
            reason: Why it ended; by default, what its outermost conversation said when it was closed.
        """
        await self._store.release(self._held, reason)

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.release()
