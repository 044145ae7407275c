"""Runs as JSON Lines: out of one store, into another."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator
from contextlib import suppress
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from autogen_like.core.errors import ConfigError
from autogen_like.core.journal import Answered, Called, Opened
from autogen_like.core.message import ToolResult
from autogen_like.store import Store
from autogen_like.store.lines import parsed

from .records import ENDED, OPENED, call, calling, results, said, state, texts

ASKED = calling("1")
RECORDS = [
    ("c", OPENED),
    ("c", said("0", 1)),
    ("c", ASKED),
    ("c", Called(ASKED.message.id, 0, call("1"))),
    ("n", Opened("/1/1", ("eve",), state(3))),
    ("n", said("inside", 4)),
    ("c", Called(ASKED.message.id, 0, call("1"), ToolResult("1", "add", "2"))),
    ("c", results("1")),
    ("c", Answered("q", "ada", "yes", True)),
    ("c", ENDED),
]


async def written(store: Store, name: str = "r") -> list[str]:
    async with await store.begin(name, title="Adding", metadata={"user": 7}) as run:
        for conversation, record in RECORDS:
            await run.append(conversation, record)
    return [line async for line in store.export_lines(name)]


async def read(store: Store, run: str) -> list[tuple[str, Any]]:
    return [(entry.conversation, entry.record) async for entry in store.records(run)]


async def test_an_exported_run_is_the_same_elsewhere(store: Store, tmp_path: Any) -> None:
    lines = await written(store)
    assert len(lines) == 1 + len(RECORDS)
    assert not any("\n" in line for line in lines)
    async with Store(f"sqlite:///{tmp_path}/other.db") as other:
        assert await other.import_lines(lines) == "r"
        assert await read(other, "r") == RECORDS
        assert [line async for line in other.export_lines("r")] == lines
        here, there = await store.run("r"), await other.run("r")
        assert here == there
        async with await other.resume("r") as theirs, await store.resume("r") as ours:
            for key in ("", "/1/1"):
                assert await theirs.recover(key) == await ours.recover(key)


async def test_a_run_whose_id_is_taken_gets_another(store: Store) -> None:
    lines = await written(store)
    copy = await store.import_lines(lines)
    assert copy != "r"
    assert [record for _, record in await read(store, copy)] == [record for _, record in RECORDS]
    names = [one.id for one in await store.conversations(copy)]
    assert not {"c", "n"} & set(names)
    async with await store.resume(copy) as held:
        await held.append(names[0], said("only here"))
    assert texts(await store.messages("c")) == texts(await store.messages(names[0]))[:-1]


async def test_an_exported_fork_needs_no_other_run(store: Store, tmp_path: Any) -> None:
    await written(store)
    fresh, used = await store.fork("c", 1, run_id="fresh"), await store.fork("c", run_id="used")
    async with await store.resume(used) as held:
        found = await held.recover("")
        assert found is not None
        await held.append(found.id, Opened("", ("ada", "bob"), state(9), tuple(found.messages)))
        await held.append(found.id, said("on"))
    async with Store(f"sqlite:///{tmp_path}/other.db") as other:
        for fork in (fresh, used):
            await other.import_lines([line async for line in store.export_lines(fork)])
            async with await other.resume(fork) as theirs, await store.resume(fork) as ours:
                assert await theirs.recover("") == await ours.recover("")


async def test_lines_may_come_from_an_async_source_or_a_file(store: Store, tmp_path: Any) -> None:
    lines = await written(store)
    path = tmp_path / "run.jsonl"
    path.write_text("\n".join(lines) + "\n\n")
    with path.open() as file:
        await store.import_lines(file)

    async def source() -> AsyncIterator[str]:
        for line in lines:
            yield line

    await store.import_lines(source())
    assert len(await store.runs()) == 3


async def test_a_long_run_is_exported_whole(store: Store) -> None:
    async with await store.begin("r") as run:
        await run.append("c", OPENED)
        for number in range(30):
            await run.append("c", said(str(number)))
    import autogen_like.store.store as module

    page, module.PAGE = module.PAGE, 7
    try:
        assert len([line async for line in store.export_lines("r")]) == 32
        assert len(await read(store, "r")) == 31
    finally:
        module.PAGE = page


@pytest.mark.parametrize(
    ("place", "damage", "problem"),
    [
        (3, lambda line: line[: len(line) // 2], "line 4 is damaged"),
        (3, lambda line: "", None),
        (3, lambda line: "[1]", "line 4 is damaged: it is no JSON object"),
        (3, lambda line: line.replace('"kind":"said"', '"kind":"sung"'), "line 4 is damaged: a record has"),
        (3, lambda line: line.replace('"speaker"', '"singer"'), "line 4 is damaged: this is no saved message"),
        (1, lambda line: line.replace('"state"', '"estate"'), "line 2 is damaged: this is no saved record"),
        (2, lambda line: line.replace('"at"', '"when"'), "line 3 is damaged: 'at' is missing"),
        (2, lambda line: line.replace('"conversation":"c"', '"conversation":"a\\u0000"'), "line 3 .*must be printable"),
        (0, lambda line: line.replace("autogen_like run", "another"), "line 1 is damaged: no exported run begins"),
        (0, lambda line: line.replace('"version":1', '"version":2'), "line 1 is damaged: it is of version 2"),
        (0, lambda line: line.replace('"title":"Adding"', '"title":5'), "line 1 is damaged: id and title must be text"),
        (0, lambda line: line.replace('"by"', '"who"'), "line 1 is damaged: 'by' is missing"),
        (0, lambda line: line.replace('"started":', '"started":1e99'), "line 1 is damaged"),
        (4, lambda line: line.replace('"at":', '"at":NaN,"was":'), "line 5 is damaged"),
    ],
)
async def test_a_damaged_line_is_named_and_nothing_is_taken_in(
    store: Store, tmp_path: Any, place: int, damage: Any, problem: str | None
) -> None:
    lines = await written(store)
    lines[place] = damage(lines[place])
    async with Store(f"sqlite:///{tmp_path}/other.db") as other:
        if problem is None:
            await other.import_lines(lines)
            return
        with pytest.raises(ConfigError, match=problem):
            await other.import_lines(lines)
        assert await other.runs() == []


async def test_an_empty_file_is_no_run(store: Store) -> None:
    with pytest.raises(ConfigError, match="begins with a header"):
        await store.import_lines(["", "\n"])


json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=4),
    lambda inner: (
        st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from(["kind", "content", "id", "at"]), inner)
    ),
    max_leaves=6,
)
HEAD = json.dumps(
    {"format": "autogen_like run", "version": 1, "id": "r", "title": "", "metadata": {}, "started": 1.0, "reason": None}
)


@settings(deadline=None)
@given(st.lists(st.text(max_size=30) | json_values.map(json.dumps), max_size=4), st.booleans())
def test_whatever_stands_in_a_file_there_is_no_other_error(lines: list[str], headed: bool) -> None:
    with suppress(ConfigError):
        parsed([HEAD, *lines] if headed else lines)
