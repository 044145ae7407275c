"""The number of threads of a decoding step is found by measuring, with a clock that the test turns."""

from __future__ import annotations

import pytest

pytest.importorskip("torch")

import torch

from autogen_like.serving.engine.threads import Threads


class Machine:
    """A clock, and how long a step takes with so many threads."""

    def __init__(self, seconds: dict[int, float]) -> None:
        self.seconds = seconds
        self.now = 0.0
        self.taken: list[int] = []

    def clock(self) -> float:
        return self.now

    def run(self, threads: Threads, steps: int) -> list[int]:
        """How many threads each step had."""
        begun = len(self.taken)
        for _ in range(steps):
            with threads:
                self.taken.append(torch.get_num_threads())
                self.now += self.seconds[self.taken[-1]]
        return self.taken[begun:]


def test_the_fastest_number_of_threads_is_found() -> None:
    machine = Machine({8: 9.0, 4: 5.0, 2: 3.0, 1: 4.0})
    threads = Threads(8, machine.clock)

    machine.run(threads, 200)

    assert threads.count == 2


def test_trials_that_find_nothing_become_rare() -> None:
    machine = Machine({2: 1.0, 1: 2.0})
    threads = Threads(2, machine.clock)

    machine.run(threads, 2000)
    later = machine.run(threads, 2000)

    assert threads.count == 2
    assert later.count(1) <= 10


def test_a_trial_that_is_much_slower_ends_with_its_first_step() -> None:
    machine = Machine({2: 1.0, 1: 50.0})

    taken = machine.run(Threads(2, machine.clock), 60)

    assert taken.count(1) == 3  # after 8, 16 and 32 steps


def test_a_machine_that_becomes_busy_is_noticed_at_once_and_an_idle_one_in_time() -> None:
    machine = Machine({2: 1.0, 1: 1.5})
    threads = Threads(2, machine.clock)
    machine.run(threads, 3000)

    machine.seconds = {2: 30.0, 1: 1.5}
    slow = machine.run(threads, 100).count(2)
    busy = threads.count
    machine.seconds = {2: 1.0, 1: 1.5}
    machine.run(threads, 1100)

    assert (busy, threads.count) == (1, 2)
    assert slow <= 10


def test_a_step_that_took_long_for_another_reason_decides_nothing() -> None:
    machine = Machine({2: 1.0, 1: 1.5})
    threads = Threads(2, machine.clock)
    for step in range(500):
        if step % 4 == 0:
            machine.now += 100.0  # between two steps: nobody's time
        machine.run(threads, 1)
        machine.seconds[2] = 50.0 if step % 7 == 0 else 1.0

    assert threads.count == 2


def test_numbers_that_are_no_powers_of_two_come_back_to_the_most() -> None:
    machine = Machine({6: 1.0, 4: 1.0, 3: 0.9, 2: 3.0, 1: 4.0})
    threads = Threads(6, machine.clock)
    machine.run(threads, 300)
    assert threads.count == 3

    machine.seconds = {6: 0.1, 3: 0.9, 2: 3.0, 1: 4.0}
    machine.run(threads, 3000)

    assert threads.count == 6


def test_the_number_is_that_of_before_when_a_step_ends_and_when_it_fails() -> None:
    before = torch.get_num_threads()
    threads = Threads(before + 2)

    with threads:
        assert torch.get_num_threads() == before + 2
    with pytest.raises(ZeroDivisionError), threads:
        1 / 0  # noqa: B018

    assert torch.get_num_threads() == before


def test_one_thread_is_nothing_to_measure() -> None:
    machine = Machine({torch.get_num_threads(): 1.0})

    taken = machine.run(Threads(1, machine.clock), 50)

    assert set(taken) == {torch.get_num_threads()}
