"""How many threads a small product takes.

The products of a decoding step last some ten microseconds each, hundreds of them in a row. Threads that share one wait
for each other some hundred times a step, and they do so by spinning, since waking up takes longer than the work. On an
idle machine that is what is fastest; where another program wants the same core, each waits for a thread that is not
running, and a step takes ten times as long; and the products of a small model may be too small for all the threads of
a large machine. So it is measured, while the work is done, and measured again now and then.
"""

from __future__ import annotations

import ctypes
from collections.abc import Callable
from functools import lru_cache
from statistics import median
from time import perf_counter
from types import TracebackType

import torch

_SAMPLE = 5  # steps whose median is compared
_FASTER = 0.95  # what another number must be below to be taken
_SLOW = 2.0  # so many times the usual: no trial goes on, and another number is tried at once
_SOONEST, _LATEST = 8, 1024  # steps between two trials


class Threads:
    """A context for each of many alike steps: sets the number of threads, and finds the number that is fastest.

    It climbs: now and then it tries half as many, or twice as many, for a few steps, and keeps what is faster. Trials
    that find nothing become rarer. The number is set for the calling thread alone, and is as before when the context is
    left. Where torch's threads are not OpenMP's, nothing is done.

    Args:
        most: Most threads to take; None is torch's number.
        now: A clock, in seconds.

    Attributes:
        count: How many are taken now, but for trials.

    Example:
        >>> threads = Threads()
        >>> with threads:
        ...     product = torch.ones(1, 64) @ torch.ones(64, 64)
    """

    def __init__(self, most: int | None = None, now: Callable[[], float] = perf_counter) -> None:
        self._openmp = _openmp()
        self._most = 1 if self._openmp is None else most or torch.get_num_threads()
        self.count = self._most
        self._now = now
        self._trial: int | None = None
        self._halving = True
        self._times: list[float] = []  # of the last steps, in seconds
        self._usual = 0.0  # the median of those with `count` threads
        self._pause, self._waited = _SOONEST, 0
        self._before, self._begun = 0, 0.0

    def __enter__(self) -> None:
        if self._openmp is not None and self._most > 1:
            self._before = self._openmp.omp_get_max_threads()
            self._openmp.omp_set_num_threads(self._trial or self.count)
            self._begun = self._now()

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._openmp is not None and self._most > 1:
            self._took(self._now() - self._begun)
            self._openmp.omp_set_num_threads(self._before)

    def _took(self, seconds: float) -> None:
        self._times.append(seconds)
        del self._times[:-_SAMPLE]
        self._waited += 1
        full = len(self._times) == _SAMPLE
        if self._trial is None:
            if full and (self._waited >= self._pause or median(self._times) > _SLOW * self._usual > 0):
                self._usual = median(self._times)
                self._try()
        elif full or seconds > _SLOW * self._usual:
            self._decide(self._trial, median(self._times))

    def _try(self) -> None:
        """Begins a trial: in the direction that did well last, or in the other one where there is an end."""
        if self.count == 1 or (not self._halving and self.count < self._most):
            self._halving = False
            self._trial = min(2 * self.count, self._most)
        else:
            self._halving = True
            self._trial = self.count // 2
        self._times.clear()

    def _decide(self, trial: int, seconds: float) -> None:
        if seconds < _FASTER * self._usual:
            self.count, self._pause = trial, _SOONEST
        else:
            self._halving = not self._halving
            self._pause = min(2 * self._pause, _LATEST)
        self._trial, self._waited = None, 0
        self._times.clear()


@lru_cache(maxsize=1)
def _openmp() -> ctypes.CDLL | None:
    """The OpenMP that torch runs on. (``torch.set_num_threads`` would hold for all threads that begin later, too.)"""
    try:
        library = ctypes.CDLL(torch._C.__file__)  # noqa: SLF001 - what it is linked to is found through it
        return library if library.omp_get_max_threads() == torch.get_num_threads() else None
    except (AttributeError, OSError):
        return None
