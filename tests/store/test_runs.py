"""Looking at runs, forking them, answering them, deleting them."""

from __future__ import annotations

from typing import Any

import pytest

from autogen_like.core.errors import ConfigError
from autogen_like.core.journal import Answered, Closed, Opened, Said
from autogen_like.core.message import Message, new_id
from autogen_like.core.termination import StopReason
from autogen_like.store import Leased, Store

from .records import ENDED, OPENED, calling, results, said, state, texts

PAUSED = Closed(
    StopReason("paused", "waits for a person", "ada"),
    state(
        paused={
            "requests": [
                {"id": "q", "agent": "ada", "prompt": "Well?"},
                {"id": "p", "agent": "ada", "prompt": "May I?", "call": {"id": "1", "name": "add", "arguments": "{}"}},
            ],
            "speaker": "ada",
            "index": 1,
            "messages": 1,
        }
    ),
)


async def kept(store: Store, *records: Any, run: str | None = None, conversation: str | None = None) -> tuple[str, str]:
    """A run of one conversation, given back: its id and the conversation's."""
    where = conversation or new_id()
    async with await store.begin(run) as made:
        for record in records:
            await made.append(where, record)
    return made.id, where


def unspent(turns: int) -> dict[str, Any]:
    """The state after so many turns, in a run that has spent nothing."""
    return {**state(turns), "run": state()["run"]}


async def recovered(store: Store, run: str) -> Any:
    async with await store.resume(run) as held:
        return await held.recover("")


class TestLooking:
    async def test_a_run_tells_what_it_is_about(self, store: Store) -> None:
        run = await store.begin("r", title="Adding", metadata={"user": 7})
        await run.append("c", OPENED)
        await run.append("c", Said(Message("ada", "1 + 2?"), state(1, tokens=30, cost=0.5)))
        await run.append("n", Opened("/1/1", ("eve",), state(tokens=1000)))
        await run.append("n", said("inside"))
        info = await store.run("r")
        assert (info.title, info.metadata, info.participants) == ("Adding", {"user": 7}, ("ada", "bob"))
        assert (info.status, info.reason, info.conversations, info.messages) == ("running", None, 2, 2)
        assert (info.tokens, info.cost) == (30, 0.5)  # nested usage is part of the outermost run's
        assert info.held_by is not None
        assert info.started <= info.updated

    async def test_without_a_title_it_is_how_its_first_message_begins(self, store: Store) -> None:
        run, _ = await kept(store, OPENED, said("line one\n\n line two " + "x" * 100), said("more"))
        title = (await store.run(run)).title
        assert title.startswith("line one line two xxx")
        assert (len(title), title[-1]) == (80, "…")

    async def test_its_status_is_that_of_its_outermost_conversation(self, store: Store) -> None:
        await kept(store, OPENED, run="interrupted")
        await kept(store, OPENED, PAUSED, run="paused")
        await kept(store, OPENED, ENDED, run="ended")
        await kept(store, OPENED, ENDED, OPENED, run="again")
        running = await store.begin("running")
        await running.append("n", Opened("/1", ("eve",), {}))
        await running.append("n", ENDED)
        statuses = {info.id: info.status for info in await store.runs()}
        assert statuses == {
            "running": "running", "again": "interrupted", "ended": "ended", "paused": "paused",
            "interrupted": "interrupted",
        }  # fmt: skip
        for status in ("running", "paused", "ended"):
            assert [info.id for info in await store.runs(status=status)] == [status]
        assert [info.id for info in await store.runs(status="interrupted")] == ["again", "interrupted"]
        assert (await store.run("ended")).reason == ENDED.reason

    async def test_a_run_without_an_outermost_conversation_says_why_it_ended(self, store: Store) -> None:
        queue = await store.begin("queue")
        for number in range(2):
            await queue.append(f"c{number}", Opened(f"/{number}/1", ("ada", f"agent {number}"), state(tokens=5)))
            await queue.append(f"c{number}", said(f"task {number}"))
            await queue.append(f"c{number}", Closed(ENDED.reason, state(tokens=10)))
        await queue.release(StopReason("answered", "all chats are over"))
        info = await store.run("queue")
        assert (info.status, info.reason) == ("ended", StopReason("answered", "all chats are over"))
        assert (info.participants, info.tokens, info.title) == (("ada", "agent 0", "agent 1"), 20, "task 0")

    async def test_runs_come_a_page_at_a_time(self, store: Store) -> None:
        for number in range(5):
            await kept(store, run=f"r{number}")
        first = await store.runs(2)
        second = await store.runs(2, before=first[-1].id)
        third = await store.runs(2, before=second[-1].id)
        assert [info.id for info in (*first, *second, *third)] == ["r4", "r3", "r2", "r1", "r0"]
        assert await store.runs(2, before="r0") == []

    async def test_conversations_of_a_run(self, store: Store) -> None:
        run = await store.begin("r")
        await run.append("c", OPENED)
        await run.append("c", said("one"))
        await run.append("n", Opened("/1/1", ("eve",), {}))
        await run.append("n", ENDED)
        await run.append("loose", said("to nobody in particular"))
        found = [
            (one.id, one.key, one.participants, one.messages, one.reason) for one in await store.conversations("r")
        ]
        assert found == [
            ("c", "", ("ada", "bob"), 1, None),
            ("n", "/1/1", ("eve",), 0, ENDED.reason),
            ("loose", None, (), 1, None),
        ]

    async def test_messages_come_in_pieces(self, store: Store) -> None:
        _, where = await kept(store, OPENED, *(said(str(number)) for number in range(6)))
        assert texts(await store.messages(where)) == list("012345")
        assert texts(await store.messages(where, 2, 3)) == list("234")
        assert texts(await store.messages(where, 5, 9)) == ["5"]
        assert await store.messages(where, 9) == await store.messages(where, 0, 0) == []

    async def test_records_have_their_times(self, store: Store) -> None:
        run, where = await kept(store, OPENED, *(said(str(number)) for number in range(3)), ENDED)
        found = [entry async for entry in store.records(run)]
        assert [type(entry.record).__name__ for entry in found] == ["Opened", "Said", "Said", "Said", "Closed"]
        assert {entry.conversation for entry in found} == {where}
        assert [entry.at for entry in found] == sorted(entry.at for entry in found)
        assert [entry.number for entry in found] == list(range(5))

    async def test_what_isnt_there_is_said(self, store: Store) -> None:
        with pytest.raises(ConfigError, match="no run 'x'"):
            await store.run("x")
        with pytest.raises(ConfigError, match="no run 'x'"):
            await store.resume("x")
        with pytest.raises(ConfigError, match="no run 'x'"):
            await store.runs(before="x")
        with pytest.raises(ConfigError, match="no run 'x'"):
            _ = [entry async for entry in store.records("x")]
        with pytest.raises(ConfigError, match="no run 'x'"):
            await store.conversations("x")
        with pytest.raises(ConfigError, match="no conversation 'x'"):
            await store.messages("x")

    @pytest.mark.parametrize(
        ("arguments", "problem"), [({"limit": 0}, "limit must be"), ({"status": "done"}, "status must be one of")]
    )
    async def test_what_cant_be_asked_is_said(self, store: Store, arguments: Any, problem: str) -> None:
        with pytest.raises(ConfigError, match=problem):
            await store.runs(**arguments)
        with pytest.raises(ConfigError, match="must not be negative"):
            await store.messages("c", -1)

    async def test_an_id_can_be_used_once(self, store: Store) -> None:
        await kept(store, run="r")
        with pytest.raises(ConfigError, match="go on with it by resume"):
            await store.begin("r")
        with pytest.raises(ConfigError, match="must be printable"):
            await store.begin("a\nb")


class TestForking:
    async def test_a_fork_shares_the_past_and_has_its_own_future(self, store: Store) -> None:
        run, where = await kept(store, OPENED, *(said(str(number), number) for number in range(5)), ENDED)
        fork = await store.fork(where, 3)
        found = await recovered(store, fork)
        assert texts(found.messages) == list("012")
        assert found.state == unspent(2)  # as it was then: a rule may count rounds, or know a state
        assert (found.closed, found.participants) == (None, ("ada", "bob"))
        async with await store.resume(fork) as held:
            await held.append(found.id, Opened("", ("ada", "bob"), found.state, tuple(found.messages)))
            await held.append(found.id, said("another"))
        assert texts(await store.messages(found.id)) == ["0", "1", "2", "another"]
        assert texts(await store.messages(where)) == list("01234")
        info = await store.run(fork)
        assert (info.messages, info.title) == (4, "0")
        assert info.forked_from == {"run": run, "conversation": where, "messages": 3}
        own = [entry async for entry in store.records(fork)]
        assert len(own) == 2  # nothing was copied

    async def test_a_fork_has_spent_nothing(self, store: Store) -> None:
        spent = Said(Message("ada", "Hi"), state(3, tokens=500, cost=1.0))
        _, where = await kept(store, OPENED, spent)
        fork = await store.fork(where)
        assert (await recovered(store, fork)).state == unspent(3)
        assert (await store.run(fork)).tokens == 0

    async def test_forks_of_forks(self, store: Store) -> None:
        _, where = await kept(store, OPENED, *(said(str(number), number) for number in range(4)))
        for letter in "abc":
            fork = await store.fork(where, 4, run_id=letter)
            async with await store.resume(fork) as held:
                found = await held.recover("")
                assert found is not None
                await held.append(found.id, said(letter))
            where = found.id
        assert texts(await store.messages(where)) == ["0", "1", "2", "3", "c"]
        fork = await store.fork(where, 2)
        assert texts((await recovered(store, fork)).messages) == ["0", "1"]

    async def test_deep_forks_read_the_whole_chain(self, store: Store) -> None:
        _, where = await kept(store, OPENED, said("0"))
        for number in range(1, 6):
            async with await store.resume(await store.fork(where)) as held:
                found = await held.recover("")
                assert found is not None
                await held.append(found.id, said(str(number)))
            where = found.id
        assert texts(await store.messages(where)) == list("012345")
        assert texts(await store.messages(where, 2, 3)) == list("234")

    async def test_a_call_is_not_parted_from_its_results(self, store: Store) -> None:
        asked = calling("1", "2")
        _, where = await kept(store, OPENED, said("a"), asked, results("1"), results("2"), said("b"))
        for at, shared in ((1, 1), (2, 1), (3, 1), (4, 4), (5, 5), (asked.message.id, 1)):
            fork = await store.fork(where, at)
            assert len((await recovered(store, fork)).messages) == shared

    async def test_a_call_that_is_still_open_is_left_out(self, store: Store) -> None:
        _, where = await kept(store, OPENED, said("a"), calling("1"))
        assert len((await recovered(store, await store.fork(where))).messages) == 1

    async def test_a_message_can_be_named(self, store: Store) -> None:
        spoken = [said(str(number)) for number in range(3)]
        _, where = await kept(store, OPENED, *spoken)
        fork = await store.fork(where, spoken[1].message.id)
        assert texts((await recovered(store, fork)).messages) == ["0", "1"]

    async def test_a_fork_before_anything_was_said(self, store: Store) -> None:
        _, where = await kept(store, OPENED, said("0", 5))
        assert (await recovered(store, await store.fork(where, 0))).state == OPENED.state

    async def test_a_fork_at_what_was_said_before_any_journal(self, store: Store) -> None:
        past = (Message("ada", "before"), Message("bob", "too"))
        _, where = await kept(store, Opened("", ("ada", "bob"), state(1), past), said("0", 5))
        assert (await recovered(store, await store.fork(where, 1))).state == unspent(1)

    async def test_what_cant_be_forked_is_said(self, store: Store) -> None:
        run, where = await kept(store, OPENED, said("0"))
        for at, problem in ((2, "has 1 messages"), (-1, "has 1 messages"), ("x", "no message 'x'")):
            with pytest.raises(ConfigError, match=problem):
                await store.fork(where, at)
        with pytest.raises(ConfigError, match="take another id"):
            await store.fork(where, run_id=run)
        with pytest.raises(ConfigError, match="no conversation"):
            await store.fork("x")
        await kept(store, said("loose"), conversation="loose")
        with pytest.raises(ConfigError, match="never opened"):
            await store.fork("loose")
        assert len(await store.runs()) == 2


class TestAnswering:
    async def test_a_paused_run_is_answered_from_elsewhere(self, store: Store, url: str) -> None:
        run, _ = await kept(store, OPENED, said("0"), PAUSED)
        async with Store(url) as elsewhere:
            await elsewhere.answer(run, "q", "Well indeed")
            await elsewhere.answer(run, "p", True)
        found = await recovered(store, run)
        assert found.answers == {"q": "Well indeed", "p": "yes"}
        assert found.human_input == ()
        assert [entry.record async for entry in store.records(run)][-2:] == [
            Answered("q", "ada", "Well indeed"),
            Answered("p", "ada", "yes", approval=True),
        ]

    async def test_what_isnt_asked_cant_be_answered(self, store: Store) -> None:
        run, _ = await kept(store, OPENED, said("0"), PAUSED)
        with pytest.raises(ConfigError, match=r"no request 'x'.*\['p', 'q'\]"):
            await store.answer(run, "x", "Hm")
        await store.answer(run, "q", "once")
        with pytest.raises(ConfigError, match=r"no request 'q'.*\['p'\]"):
            await store.answer(run, "q", "twice")
        ended, _ = await kept(store, OPENED, ENDED)
        with pytest.raises(ConfigError, match="no request"):
            await store.answer(ended, "q", "Hm")

    async def test_a_run_in_somebodys_hands_isnt_answered(self, store: Store) -> None:
        run, _ = await kept(store, OPENED, PAUSED)
        async with await store.resume(run):
            with pytest.raises(Leased, match="is held by process"):
                await store.answer(run, "q", "Hm")
        await store.answer(run, "q", "Now")


class TestDeleting:
    async def test_a_deleted_run_is_gone(self, store: Store) -> None:
        run, where = await kept(store, OPENED, said("0"))
        await store.delete(run)
        assert await store.runs() == []
        with pytest.raises(ConfigError):
            await store.messages(where)
        with pytest.raises(ConfigError, match="no run"):
            await store.delete(run)

    async def test_forks_keep_what_they_share_with_it(self, store: Store) -> None:
        """A chain of forks: whichever is deleted, and in whatever order, the others stay whole."""
        first, where = await kept(store, OPENED, *(said(f"a{number}", number) for number in range(3)))
        chain, places = [first], [where]
        for letter in "bc":
            fork = await store.fork(places[-1])
            async with await store.resume(fork) as held:
                found = await held.recover("")
                assert found is not None
                await held.append(found.id, Opened("", ("ada", "bob"), found.state, tuple(found.messages)))
                for number in range(2):
                    await held.append(found.id, said(f"{letter}{number}"))
            chain.append(fork)
            places.append(found.id)
        side = await store.fork(places[1], 2, run_id="side")
        whole = await store.messages(places[2])
        exported = [line async for line in store.export_lines(chain[2])]
        for gone in (chain[1], chain[0]):
            await store.delete(gone)
            assert await store.messages(places[2]) == whole
            found = await recovered(store, chain[2])
            assert (list(found.messages), found.id) == (whole, places[2])
            assert texts((await recovered(store, side)).messages) == ["a0", "a1"]
            assert [line async for line in store.export_lines(chain[2])] == exported
        assert (await store.run(chain[2])).messages == 7
        again = await store.fork(places[2], 2)
        assert (await recovered(store, again)).state == unspent(1)
        async with await store.resume(chain[2]) as held:
            await held.append(places[2], said("on"))
        assert texts(await store.messages(places[2])) == [*texts(whole), "on"]

    async def test_a_run_in_somebodys_hands_isnt_deleted(self, store: Store) -> None:
        async with await store.begin("r"):
            with pytest.raises(Leased):
                await store.delete("r")
        await store.delete("r")
