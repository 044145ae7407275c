"""What a chat leaves behind."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from ..core.message import ChatMessage, Message
from ..core.termination import StopReason
from ..core.usage import UsageLedger, combined

if TYPE_CHECKING:
    from .paused import PausedChat

INCLUDING = "usage_including_cached_inference"
EXCLUDING = "usage_excluding_cached_inference"


@dataclass
class ChatResult:
    """The result of a chat; a snapshot, which later chats don't change.

    Attributes:
        chat_id: The id that a queue of chats gave it.
        chat_history: What was said, as the agent that began the chat sees it.
        summary: The summary, by the chosen method.
        cost: What this chat, with everything nested in it, cost, with and without what a cache answered.
        human_input: What people said in it.
        stop_reason: Why it ended.
        messages: What was said, as `Message` objects.
        usage_by_agent: Tokens and cost by agent.
        paused: How to go on, where it waits for a person.
        run_id: The id of the run that it is the result of: by it a store knows it.
    """

    chat_id: Any = None
    chat_history: list[ChatMessage] = field(default_factory=list)
    summary: Any = None  # a callable summary method may return anything
    cost: dict[str, dict[str, Any]] = field(default_factory=dict)
    human_input: list[str] = field(default_factory=list)
    stop_reason: StopReason = field(default_factory=lambda: StopReason("no_reply"))
    messages: tuple[Message, ...] = field(default=(), repr=False)
    usage_by_agent: Mapping[str, UsageLedger] = field(default_factory=dict, repr=False)
    paused: PausedChat | None = field(default=None, repr=False)
    run_id: str = field(default="", repr=False)


def cost_of(ledger: UsageLedger) -> dict[str, dict[str, Any]]:
    """A ledger in the form of `ChatResult.cost`."""
    return {INCLUDING: ledger.summary(), EXCLUDING: ledger.summary(actual=True)}


def gather_usage_summary(agents: Iterable[Any]) -> dict[str, dict[str, Any]]:
    """What agents have used in all their chats together.

    Args:
        agents: Agents; those without usage count nothing.

    Returns:
        ``{"usage_including_cached_inference": {...}, "usage_excluding_cached_inference": {...}}``.
    """
    ledgers = (getattr(agent, "usage", None) for agent in agents)
    return cost_of(combined(ledger for ledger in ledgers if isinstance(ledger, UsageLedger)))
