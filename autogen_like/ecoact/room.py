"""Making room: which registered tools leave when the window is nearly full."""

from __future__ import annotations

from dataclasses import dataclass

from .catalog import Listed
from .costs import Prices, Workload
from .registry import Registry

PRESSURE = 0.8  # of the window; from here on it is nearly full
RECENT = 6  # messages; what was used in them stays


@dataclass(frozen=True, slots=True)
class Room:
    """What leaves.

    Args:
        names: The tools, those not used for longest first.
        lost: Tokens of the cached prompt that the next request pays in full.
    """

    names: tuple[str, ...]
    lost: int


def room_for(
    registry: Registry, listed: Listed, window: int, always: int, prices: Prices, workload: Workload
) -> Room | None:
    """Which tools leave, so that no more than four fifths of the window are used; None where none has to.

    Taking a tool out of the list changes the prompt from there on, and what a cache knew of it is lost: all that comes
    behind the tool. So until the window is really full, tools leave only where that costs less than to go on with them,
    or where it is lost anyway, since another tool was registered just now.

    Args:
        registry: What is registered, and what was said.
        listed: The tools.
        window: Tokens of a request.
        always: Tokens of what is listed always.
        prices: The prices.
        workload: How many requests are to be expected still.
    """
    sizes = {name: listed.tokens(name) for name in registry.used if name in listed}
    total = always + sum(sizes.values()) + registry.tokens
    excess = total - int(window * PRESSURE)
    if excess <= 0:
        return None
    old = [name for name in sizes if registry.used[name] < registry.taken - RECENT]
    leaving: list[str] = []
    freed = 0
    for name in sorted(old, key=registry.used.__getitem__):
        if freed >= excess:
            break
        leaving.append(name)
        freed += sizes[name]
    if not leaving:
        return None
    order = list(sizes)
    first = min(order.index(name) for name in leaving)
    behind = sum(sizes[name] for name in order[first:] if name not in leaving) + registry.tokens
    changed = registry.grown >= registry.taken - 1  # a registration: all behind the list is new to the cache
    lost = 0 if changed else behind
    worth = freed * prices.hit * workload.calls
    if total < window and lost * (prices.input - prices.hit) > worth:
        return None
    return Room(tuple(leaving), lost)
