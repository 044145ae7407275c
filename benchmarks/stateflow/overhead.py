"""What a flow costs beside its model: transitions, building and checking, and many flows at once.

    python benchmarks/stateflow/overhead.py [--transitions 5000] [--states 1000] [--flows 1000] [--nap 1.0] [--rounds 5]

Process CPU time for transitions and building, medians of rounds. The flows at once, whose models take `nap` seconds
each, run on a clock that goes on by the CPU time that they use and by the naps that they wait for: the time they take
on a core of their own, whatever else the machine does.
"""

from __future__ import annotations

import argparse
import asyncio
import selectors
import statistics
import time
from collections.abc import Callable

from autogen_like import ScriptedModel
from autogen_like.stateflow import Context, StateFlow, ask, instruct

TRANSITION, BUILD, IDEAL = 100.0, 0.5, 1.1  # targets: microseconds, seconds, times the ideal


def never(context: Context) -> bool:
    return False


def ring(transitions: int, *, speaking: bool) -> StateFlow:
    """Two states that lead to each other, with a condition that is looked at first."""
    made = StateFlow("ring", initial="a", final={"end"}, max_transitions=transitions)
    outputs = [instruct("x")] if speaking else []
    made.state("a", *outputs).state("b", *outputs)
    made.transition("*", "end", when=never).transition("a", "b").transition("b", "a")
    return made


def transition(transitions: int, *, speaking: bool) -> float:
    """Microseconds of CPU for one transition and the state it leads to."""
    made = ring(transitions, speaking=speaking)

    async def go() -> float:
        await ring(10, speaking=speaking).run("t")
        began = time.process_time()
        result = await made.run("t")
        seconds = time.process_time() - began
        assert result.path[-1].at <= transitions + 2
        assert len(result.path) == transitions + 1
        return seconds / transitions * 1e6

    return asyncio.run(go())


def build(states: int) -> float:
    """Seconds of CPU to declare and check a flow with a wildcard and a ring of states."""
    began = time.process_time()
    made = StateFlow("large", initial="s0", final={"end"})
    for number in range(states):
        made.state(f"s{number}", instruct("x"), max_visits=3, otherwise="end")
        made.transition(f"s{number}", f"s{(number + 1) % states}", when=lambda context: True)
    made.transition("*", "end")
    made.check()
    return time.process_time() - began


class Skipping(selectors.DefaultSelector):
    """Skips the time that a loop would wait, and counts it."""

    skipped = 0.0

    def select(self, timeout: float | None = None) -> list[tuple[selectors.SelectorKey, int]]:
        ready = super().select(0)
        self.skipped += 0.0 if ready or timeout is None else timeout
        return ready


class OwnCore(asyncio.SelectorEventLoop):
    """A loop for which only its own process takes time."""

    def __init__(self) -> None:
        self.selector = Skipping()
        super().__init__(self.selector)

    def time(self) -> float:
        return time.process_time() + self.selector.skipped


def at_once(flows: int, nap: float) -> float:
    """Seconds for many flows at once, each of two states that ask a model."""
    made = StateFlow("two", initial="a", final={"end"}, model=ScriptedModel(lambda _: "x", delay=nap, record=False))
    made.state("a", ask("1")).state("b", ask("2")).transition("a", "b").transition("b", "end")

    async def go() -> float:
        loop = asyncio.get_running_loop()
        began = loop.time()
        results = await asyncio.gather(*(made.run(str(number)).start() for number in range(flows)))
        assert all(result.finished for result in results)
        return loop.time() - began

    with asyncio.Runner(loop_factory=OwnCore) as runner:
        return runner.run(go())


def show(label: str, number: float, target: float) -> None:
    verdict = "met" if number <= target else "MISSED"
    print(f"{label:60} {number:10.3f}   < {target:8.3f}  {verdict}")


def median(measure: Callable[[], float], rounds: int) -> float:
    return statistics.median(measure() for _ in range(rounds))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--transitions", type=int, default=5000)
    parser.add_argument("--states", type=int, default=1000)
    parser.add_argument("--flows", type=int, default=1000)
    parser.add_argument("--nap", type=float, default=1.0)
    parser.add_argument("--rounds", type=int, default=5)
    options = parser.parse_args()
    count, rounds = options.transitions, options.rounds
    silent = median(lambda: transition(count, speaking=False), rounds)
    speaking = median(lambda: transition(count, speaking=True), rounds)
    show("a transition, us of CPU", silent, TRANSITION)
    show("a transition and a state that says something, us of CPU", speaking, TRANSITION)
    show(f"{options.states:,} states built and checked, s", median(lambda: build(options.states), rounds), BUILD)
    ideal = 2 * options.nap
    took = median(lambda: at_once(options.flows, options.nap), min(rounds, 3))
    show(f"{options.flows:,} flows at once, s (ideal {ideal:g})", took, ideal * IDEAL)


if __name__ == "__main__":
    main()
