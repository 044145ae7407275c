"""One small Ray for all tests of this room that need one: those are in the xdist group "ray"."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from . import factories
from .ray_head import SETTINGS, Head


@pytest.fixture(scope="session")
def head() -> Iterator[Head]:
    """A running Ray that ``on="ray"`` finds."""
    import ray

    started = _started()
    with pytest.MonkeyPatch.context() as patch:
        for name, value in {**SETTINGS, "RAY_ADDRESS": started.address}.items():
            patch.setenv(name, value)
        ray.cloudpickle.register_pickle_by_value(factories)  # the workers don't have the tests
        try:
            yield started
        finally:
            ray.shutdown()
            started.close()


def _started(attempts: int = 3) -> Head:
    """Ray's processes wait for each other only so long, which on a busy machine may be too short."""
    try:
        return Head()
    except AssertionError:
        if attempts == 1:
            raise
        return _started(attempts - 1)
