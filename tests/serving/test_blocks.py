"""Blocks and scheduler: whatever comes, no block is lost, written by two, or freed twice, and every request ends."""

from __future__ import annotations

import itertools
from typing import Any

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule

from autogen_like.serving.engine.blocks import BlockManager, Match
from autogen_like.serving.engine.detokenize import Detokenizer
from autogen_like.serving.engine.scheduler import QueueFull, Scheduler
from autogen_like.serving.engine.sequence import GenerateRequest, Outbox, Running

from .support import audit, byte_tokenizer

TOKENIZER = byte_tokenizer()


class Written:
    """A device's memory that holds tokens instead of keys and values: so it shows what would be wrong in them."""

    def __init__(self) -> None:
        self.kept: dict[int, list[int]] = {}

    def open(self, sequence: Running, known: Match) -> None:
        sequence.memory = [token for block in known.blocks for token in self.kept[block]]
        if known.tail is not None:
            sequence.memory += self.kept[known.tail][: known.tail_tokens]
        assert sequence.memory == sequence.tokens[: known.tokens]

    def seal(self, sequence: Running, place: int) -> None:
        self.kept[sequence.blocks[place]] = sequence.memory[place * 16 : place * 16 + 16]

    def fork(self, source: Running, target: Running) -> None:
        target.memory = list(source.memory)


def request_of(tokens: list[int], **settings: Any) -> Running:
    request = GenerateRequest(tokens, **settings)
    return Running(request, 0 if request.idle else request.max_tokens or 8, Outbox(1), Detokenizer(TOKENIZER))


class Device(RuleBasedStateMachine):
    """An engine without a model: a step writes tokens, and the next token is any."""

    blocks = 24
    most = 5

    def __init__(self) -> None:
        super().__init__()
        self.manager = BlockManager(self.blocks)
        self.memory = Written()
        self.scheduler = Scheduler(self.manager, self.memory, budget=40, most_running=self.most, most_waiting=12)
        self.alive: list[Running] = []
        self.letters = itertools.cycle(range(7))

    @rule(
        beginning=st.integers(0, 2), length=st.integers(1, 150), limit=st.integers(1, 60),
        owner=st.sampled_from([None, "a", "b"]), idle=st.booleans(), salt=st.sampled_from(["", "x"]),
    )  # fmt: skip
    def arrive(self, beginning: int, length: int, limit: int, owner: str | None, idle: bool, salt: str) -> None:
        tokens = [beginning + place // 40 for place in range(length)]
        sequence = request_of(tokens, max_tokens=limit, owner=owner, idle=idle, salt=salt)
        try:
            self.scheduler.add(sequence)
        except QueueFull:
            assert len(self.scheduler.waiting) >= 12
        else:
            self.alive.append(sequence)

    @rule()
    def step(self) -> None:
        chunks = self.scheduler.plan()
        assert sum(chunk.count for chunk in chunks) <= 40
        for chunk in chunks:
            sequence = chunk.sequence
            assert len(sequence.blocks) * 16 >= sequence.computed + chunk.count
            sequence.memory += sequence.tokens[sequence.computed : sequence.computed + chunk.count]
            self.scheduler.computed(chunk)
        for chunk in chunks:
            if not chunk.sequence.pending:
                self.choose(chunk.sequence)

    def choose(self, sequence: Running) -> None:
        if sequence.limit == sequence.usage.completion_tokens:
            self.end(sequence)
            return
        sequence.took()
        sequence.tokens.append(next(self.letters))

    def end(self, sequence: Running) -> None:
        self.scheduler.end(sequence)
        self.alive.remove(sequence)

    @precondition(lambda self: self.alive)
    @rule(which=st.integers(0, 100))
    def cancel(self, which: int) -> None:
        self.end(self.alive[which % len(self.alive)])

    @precondition(lambda self: any(one.running for one in self.alive))
    @rule(which=st.integers(0, 100))
    def fork(self, which: int) -> None:
        running = [one for one in self.alive if one.running]
        source = running[which % len(running)]
        target = Running(source.request, source.limit, source.outbox, Detokenizer(TOKENIZER), 1)
        target.tokens = list(source.tokens)
        self.scheduler.fork(source, target)
        self.alive.append(target)

    @rule(owner=st.sampled_from(["a", "b"]))
    def leave(self, owner: str) -> None:
        self.manager.leave(owner)

    @rule()
    def clear(self) -> None:
        self.manager.clear()

    @invariant()
    def blocks_are_accounted_for(self) -> None:
        audit(self.manager)
        users = [block for one in self.alive for block in one.blocks]
        for block, held in enumerate(self.manager._blocks):
            assert users.count(block) == held.refs

    @invariant()
    def nobody_writes_what_another_reads(self) -> None:
        for one in self.alive:
            for block in one.blocks[one.computed // 16 :]:
                assert self.manager._blocks[block].refs == 1
                assert not self.manager._blocks[block].digest

    @invariant()
    def memory_is_what_the_tokens_say(self) -> None:
        for one in self.alive:
            if one.running:
                assert one.memory == one.tokens[: one.computed]

    def teardown(self) -> None:
        """Nobody starves: with nothing new, all that is there ends, the first of all that wait first."""
        for _ in range(4000):
            if not self.alive:
                break
            self.step()
        assert not self.alive
        assert not self.scheduler.running
        assert not self.scheduler.waiting
        assert self.manager.free == self.manager.count


TestDevice = Device.TestCase
TestDevice.settings = settings(max_examples=40, stateful_step_count=60, deadline=None)


def test_the_least_recently_used_block_goes_first_and_a_sessions_last() -> None:
    manager = BlockManager(3)
    digests = []
    for token in range(3):
        [block] = manager.allocate(1) or []
        digests.append(manager.seal(block, manager.root(), [token] * 16)[0])
        manager.release([block])
    manager.stay("ada", [digests[0]])
    assert manager.allocate(2) is not None
    assert [manager.match([token] * 17).tokens for token in range(3)] == [16, 0, 0]


def test_a_session_that_ended_is_like_others() -> None:
    manager = BlockManager(2)
    for token, owner in ((0, "ada"), (1, "bob")):
        [block] = manager.allocate(1) or []
        digest, _ = manager.seal(block, manager.root(), [token] * 16)
        manager.release([block])
        manager.stay(owner, [digest])
    manager.leave("ada")
    manager.allocate(1)
    assert [manager.match([token] * 17).tokens for token in range(2)] == [0, 16]
    assert manager.sessions() == ["bob"]


def test_another_salt_shares_nothing() -> None:
    manager = BlockManager(2)
    [block] = manager.allocate(1) or []
    manager.seal(block, manager.root("mine"), [1] * 16)
    assert manager.match([1] * 20, "yours").tokens == 0
    assert manager.match([1] * 20, "mine").tokens == 16


def test_a_block_that_is_freed_twice_is_an_error() -> None:
    manager = BlockManager(1)
    [block] = manager.allocate(1) or []
    manager.release([block])
    with pytest.raises(AssertionError, match="freed twice"):
        manager.release([block])


def test_one_more_than_may_wait_is_refused() -> None:
    scheduler = Scheduler(BlockManager(4), Written(), budget=8, most_running=1, most_waiting=1)
    scheduler.add(request_of([1]))
    with pytest.raises(QueueFull, match="1 requests wait already") as refused:
        scheduler.add(request_of([2]))
    assert (refused.value.status, refused.value.transient) == (429, True)
    scheduler.add(request_of([3], idle=True))  # idle work has a queue of its own


def test_idle_work_makes_room_for_a_request() -> None:
    scheduler = Scheduler(BlockManager(8), Written(), budget=200, most_running=4)
    ahead, urgent = request_of([1] * 100, idle=True), request_of([2] * 100)
    scheduler.add(ahead)
    assert [chunk.sequence for chunk in scheduler.plan()] == [ahead]
    scheduler.add(urgent)
    assert [chunk.sequence for chunk in scheduler.plan()] == [urgent]
    assert scheduler.waiting == [ahead]


def test_a_long_prompt_holds_up_nobody_who_decodes() -> None:
    memory = Written()
    scheduler = Scheduler(BlockManager(64), memory, budget=32, most_running=4)
    quick, long = request_of([1] * 10, max_tokens=20), request_of([2] * 500)
    scheduler.add(quick)
    scheduler.add(long)
    for _ in range(8):
        chunks = scheduler.plan()
        assert quick in [chunk.sequence for chunk in chunks]
        for chunk in chunks:
            one = chunk.sequence
            one.memory += one.tokens[one.computed : one.computed + chunk.count]
            scheduler.computed(chunk)
            if not one.pending:
                one.took()
                one.tokens.append(3)
    assert long.computed > 200
