"""Connecting to Ray, and calling what runs there: the one place that knows of Ray's ways."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import os
import threading
from collections.abc import Mapping
from typing import Any

from ..core.background import BackgroundLoop
from ..core.errors import ConfigError, MissingExtra

try:
    import ray
    from ray.exceptions import GetTimeoutError, ObjectLostError, RayActorError, RayTaskError, WorkerCrashedError
except ImportError:
    raise MissingExtra("a cluster", "ray") from None

OBJECT_STORE = 128 << 20  # bytes, for a Ray of our own: conversations are small
GONE = (RayActorError, WorkerCrashedError, ObjectLostError)
"""What a call raises whose process died, or whose result was lost with its machine."""
_lock = threading.Lock()
# That Ray can't set a handler of SIGTERM from a thread other than the main one is as it should be: it is the program's.
logging.getLogger("ray._private.worker").addFilter(lambda record: not record.getMessage().startswith("SIGTERM handler"))
_lasting = BackgroundLoop("autogen_like-ray")  # Linux ends Ray's processes with the *thread* that started them


def connect(on: str) -> bool:
    """Connects this process to Ray, unless it is already.

    A Ray that is started here has no dashboard, sends no statistics, and takes connections from this machine alone.

    Args:
        on: "ray" or "ray://host:port".

    Returns:
        Whether it started a Ray of its own, which `disconnect` ends.

    Raises:
        ConfigError: If no Ray answers.
    """
    with _lock:
        if ray.is_initialized():
            return False
        os.environ.setdefault("RAY_USAGE_STATS_ENABLED", "0")
        os.environ.setdefault("RAY_raylet_start_wait_time_s", "120")  # Ray's own 30 are not enough on a busy machine
        os.environ.setdefault("RAY_agent_register_timeout_ms", "120000")
        address = on if on != "ray" else os.environ.get("RAY_ADDRESS")
        quiet: dict[str, Any] = {"log_to_driver": False, "configure_logging": False}
        try:
            if address is not None:
                ray.init(address, **quiet)
                return False
            own = {"include_dashboard": False, "object_store_memory": OBJECT_STORE, "_node_ip_address": "127.0.0.1"}
            _lasting.submit(_start({**own, **quiet})).result()
        except (OSError, RuntimeError, ValueError, ImportError) as error:
            raise ConfigError(f"on={on!r}: no Ray answers there: {error}") from error
        return True


async def _start(settings: Mapping[str, Any]) -> None:
    """Starts a local Ray: a coroutine only so that it runs on that thread."""
    ray.init("local", **settings)


def disconnect() -> None:
    """Ends the Ray that `connect` started."""
    with _lock:
        ray.shutdown()


def cpus() -> int:
    """The CPUs of the cluster."""
    resources: dict[str, float] = ray.cluster_resources()  # type: ignore[no-untyped-call]
    return max(1, int(resources.get("CPU", 1)))


def start(actor: type[Any], *arguments: Any, restarts: int = 0, concurrency: int = 1000) -> Any:
    """Starts an object in a process of its own, somewhere in the cluster. It ends when nobody holds its handle.

    Args:
        actor: Its class, whose methods are async.
        *arguments: For its constructor.
        restarts: How often it is started again when it dies; -1 is always.
        concurrency: How many calls it takes at once.
    """
    remote = ray.remote(actor).options(
        max_restarts=restarts, max_task_retries=0, max_concurrency=concurrency, scheduling_strategy="SPREAD"
    )
    return remote.remote(*arguments)


def end(actor: Any, *, again: bool = False) -> None:
    """Ends a process at once.

    Args:
        actor: Its handle.
        again: Whether it is to be started anew.
    """
    if ray.is_initialized():
        ray.kill(actor, no_restart=not again)


async def answer(call: Any, grace: float) -> Any:
    """What a call gives. Whoever stops waiting cancels it there, too, and waits for that.

    Args:
        call: Ray's reference to its result.
        grace: Seconds to wait for a cancelled call to end.
    """
    try:
        return await call
    except asyncio.CancelledError:
        ray.cancel(call)
        with contextlib.suppress(RayTaskError, TimeoutError, GetTimeoutError, *GONE):
            await asyncio.wait_for(call, grace)
        raise
