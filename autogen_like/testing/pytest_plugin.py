"""A pytest plugin: a recorded conversation as a regression test.

It is there wherever autogen_like is installed::

    from autogen_like.testing import replay

    @replay("recordings/trip.jsonl")
    def test_the_trip_is_booked() -> None:
        assert user.initiate_chat(agent, message="A trip, please.").summary == "Booked."

``pytest --record`` has the conversation for real and writes it down; without it the test goes through what was
recorded, asks no model and no person, runs no tool, and fails where the program first does something else.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, TypeVar

import pytest

F = TypeVar("F", bound=Callable[..., Any])


def replay(path: str | Path, *, run_tools: bool = False) -> Callable[[F], F]:
    """Marks a test whose runs are replayed from a file.

    Args:
        path: The recording; relative to the test's own file.
        run_tools: Whether tools are run again, and what they return compared with what they returned.
    """
    mark: Any = pytest.mark.autogen_like_replay(str(path), run_tools=run_tools)
    return mark  # type: ignore[no-any-return]


def pytest_addoption(parser: pytest.Parser) -> None:
    """Adds ``--record``."""
    group = parser.getgroup("autogen_like")
    group.addoption("--record", action="store_true", help="have conversations marked with @replay, and write them down")


def pytest_configure(config: pytest.Config) -> None:
    """Makes the mark known."""
    config.addinivalue_line("markers", "autogen_like_replay(path, run_tools): replays a recorded conversation")


@pytest.fixture(autouse=True)
def _autogen_like_replay(request: pytest.FixtureRequest) -> Iterator[None]:
    mark = request.node.get_closest_marker("autogen_like_replay")
    if mark is None:
        yield
        return
    from ..agents.durable import keep_runs
    from ..core.errors import ConfigError
    from ..store.recording import Recorder, Tape

    path = request.path.parent / mark.args[0]
    recorder = Recorder() if request.config.getoption("--record") else None
    if recorder is None and not path.exists():
        raise ConfigError(f"there is no recording {path}: make one with pytest --record")
    tape = Tape(path, run_tools=mark.kwargs["run_tools"]) if recorder is None else None
    failed = request.session.testsfailed
    keep_runs(recorder or tape)
    try:
        yield
    finally:
        keep_runs(None)
    if request.session.testsfailed > failed:
        return  # what went wrong isn't kept
    if recorder is not None:
        recorder.save(path)
    if tape is not None:
        tape.finish()
