"""Numbers for who watches, in Prometheus's text form."""

from __future__ import annotations

from bisect import bisect_left
from collections import Counter
from collections.abc import Iterator, Mapping

_PREFIX = "autogen_like_"
# What only ever grows; the rest is what there is now.
_COUNTERS = ("requests", "generated_tokens", "cached_tokens", "cancelled", "prefilled_tokens", "steps", "preemptions")
_SECONDS = (0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0, 60.0, 120.0)


class Histogram:
    """How often which length of time was seen.

    Example:
        >>> seen = Histogram()
        >>> seen.observe(0.3)
        >>> list(seen.lines("wait_seconds", "Time."))[7]
        'wait_seconds_bucket{le="0.5"} 1'
    """

    def __init__(self) -> None:
        self._buckets = [0] * (len(_SECONDS) + 1)
        self._sum = 0.0

    def observe(self, seconds: float) -> None:
        """Takes note of one."""
        self._buckets[bisect_left(_SECONDS, seconds)] += 1
        self._sum += seconds

    def lines(self, name: str, about: str) -> Iterator[str]:
        """It as text."""
        yield f"# HELP {name} {about}"
        yield f"# TYPE {name} histogram"
        total = 0
        for bound, count in zip((*map(str, _SECONDS), "+Inf"), self._buckets, strict=True):
            total += count
            yield f'{name}_bucket{{le="{bound}"}} {total}'
        yield f"{name}_sum {self._sum}"
        yield f"{name}_count {total}"


class ServerMetrics:
    """What a server counts beside its engine."""

    def __init__(self) -> None:
        self.responses: Counter[tuple[str, int]] = Counter()
        self.first = Histogram()
        self.whole = Histogram()
        self.left = 0

    def render(self, engine: Mapping[str, int], in_flight: int) -> str:
        """All numbers, the engine's among them."""
        return "\n".join([*self._lines(engine, in_flight), ""])

    def _lines(self, engine: Mapping[str, int], in_flight: int) -> Iterator[str]:
        for key, value in engine.items():
            counter = key in _COUNTERS
            name = f"{_PREFIX}engine_{key}{'_total' if counter else ''}"
            yield f"# TYPE {name} {'counter' if counter else 'gauge'}"
            yield f"{name} {value}"
        yield f"# HELP {_PREFIX}replies_in_flight Replies that clients wait for."
        yield f"# TYPE {_PREFIX}replies_in_flight gauge"
        yield f"{_PREFIX}replies_in_flight {in_flight}"
        yield f"# HELP {_PREFIX}clients_left_total Requests whose client left before the end."
        yield f"# TYPE {_PREFIX}clients_left_total counter"
        yield f"{_PREFIX}clients_left_total {self.left}"
        yield f"# TYPE {_PREFIX}http_responses_total counter"
        for (path, status), count in sorted(self.responses.items()):
            yield f'{_PREFIX}http_responses_total{{path="{path}",status="{status}"}} {count}'
        yield from self.first.lines(f"{_PREFIX}first_item_seconds", "From a request to the first piece of its reply.")
        yield from self.whole.lines(f"{_PREFIX}reply_seconds", "From a request to the end of its replies.")
