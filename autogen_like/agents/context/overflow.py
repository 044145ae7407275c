"""What happens when a conversation outgrows the model's window: noticed before the request is made."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Literal, TypeAlias, get_args

from ...core.errors import ConfigError
from ...core.termination import StopReason
from ...models.tokens import count_tokens
from .compact import Compacting, Summaries
from .pieces import Counter, Edit
from .policy import ContextPolicy, Occasion, Stage
from .windows import at_least

OnOverflow: TypeAlias = Literal["compact", "drop", "stop"]
_RESERVE = 4096


class FitWindow(ContextPolicy):
    """Sees to it that the conversation fits the model's window, before a request is made. Goes last.

    The window is what the model's client says (`Capabilities.context`), less the system message, the tools and what is
    reserved for the answer. Where the window isn't known nothing is checked, until the endpoint refuses a request as
    too long; that tells how long is too long.

    Args:
        on_overflow: "compact" sums up the past with a model, "drop" leaves the oldest messages out, "stop" ends the
            conversation with the reason ``context_overflow``. What can't be summed up is dropped, and where the newest
            message alone is too long the conversation ends.
        model: The model that sums up; the agent's own by default.
        first: How many of the first messages always stay.
        window: The window in tokens, where the client doesn't know it.
        reserve: Tokens kept free for the answer; a quarter of the window, but no more than 4,096, by default.

    Raises:
        ConfigError: If `on_overflow` is none of the three.

    Example:
        >>> FitWindow("stop", window=8192)
        FitWindow('stop')
    """

    def __init__(
        self,
        on_overflow: OnOverflow = "drop",
        *,
        model: Any = None,  # a dict, an LLMConfig, a ModelClient or None
        first: int = 0,
        window: int | None = None,
        reserve: int | None = None,
    ) -> None:
        if on_overflow not in get_args(OnOverflow):
            raise ConfigError(f'on_overflow must be "compact", "drop" or "stop", not {on_overflow!r}')
        at_least("FitWindow", first, 0)
        at_least("FitWindow", window if window is not None else 1, 1)
        at_least("FitWindow", reserve or 0, 0)
        self.on_overflow = on_overflow
        self.first = first
        self.window = window
        self.reserve = reserve
        self.summaries = Summaries(model)

    def begin(self, counter: Counter) -> Stage:
        return _Fitting(self, counter)

    def __repr__(self) -> str:
        return f"FitWindow({self.on_overflow!r})"


class _Fitting(Compacting):
    """Knows how many tokens there are, and what to do when they are too many."""

    def __init__(self, policy: FitWindow, counter: Counter) -> None:
        super().__init__(policy.summaries, counter, policy.first, 0, 0)
        self._policy = policy
        self._overhead = _Overhead(counter.model)

    def _finish_newest(self) -> list[Edit]:
        return super()._finish_newest() if self._policy.on_overflow == "compact" else []

    async def settle(self, occasion: Occasion) -> list[Edit]:
        policy, overhead = self._policy, self._overhead.tokens(occasion.system, occasion.tools)
        overhead += self.counter(occasion.behind) if occasion.behind else 0
        occasion.sent = self.total + overhead
        known = [window for window in (policy.window, occasion.window) if window is not None]
        if not known:
            return []
        window = min(known)
        reserve = policy.reserve if policy.reserve is not None else min(window // 4, _RESERVE)
        room = window - overhead - reserve
        if self.total <= room:
            return []
        before, edits = self.total, list[Edit]()
        if policy.on_overflow == "compact":
            edits += await self.compact(occasion, room, max(room, 0) // 2)
        if policy.on_overflow != "stop":
            edits += self.drop(room)
        occasion.sent = self.total + overhead
        if self.total > room:
            occasion.stop = StopReason(
                "context_overflow",
                f"{self.total:,} tokens of messages, {overhead:,} of system message and tools and {reserve:,} for the "
                f"answer don't fit {occasion.client.model}'s window of {window:,}",
            )
        else:
            occasion.notice(f"{before:,} tokens of messages became {self.total:,}, to fit the model's window", "info")
        return edits


class _Overhead:
    """Tokens of the system message and the tools, counted when they change."""

    def __init__(self, model: str) -> None:
        self._model = model
        self._seen: tuple[str | None, Sequence[Mapping[str, Any]]] | None = None
        self._tokens = 0

    def tokens(self, system: str | None, tools: Sequence[Mapping[str, Any]]) -> int:
        """How many; the reply's own few included."""
        if self._seen != (system, tools):
            self._seen = (system, list(tools))
            told = ({"role": "system", "content": system},) if system else ()
            self._tokens = count_tokens(told, self._model, tools=tools).tokens
        return self._tokens
