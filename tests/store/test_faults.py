"""What goes wrong around a store: one clear error each, and what was committed can still be read."""

from __future__ import annotations

import asyncio
import os
import shutil
import sqlite3
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import create_engine, text

from autogen_like.core.errors import ConfigError, MissingExtra
from autogen_like.store import LeaseLost, Store, StoreError

from .postgres import PASSWORD, Cluster
from .records import OPENED, said, texts


async def filled(store: Store, count: int = 3) -> Any:
    run = await store.begin("r")
    await run.append("c", OPENED)
    for number in range(count):
        await run.append("c", said(str(number)))
    return run


def path_of(url: str) -> Path:
    return Path(url.removeprefix("sqlite:///"))


@pytest.fixture
def file(tmp_path: Path) -> str:
    return f"sqlite:///{tmp_path}/chats.db"


# --- the address


@pytest.mark.parametrize(
    ("url", "problem"),
    [
        ("chats.db", "must be a URL: write 'sqlite:///chats.db'"),
        ("sqlite://", "in memory ends with its process"),
        ("sqlite:///:memory:", "in memory ends with its process"),
        ("mysql://user:secret@host/db", "can't be kept in mysql"),
        ("postgresql+asyncpg://user:secret@host/db", r"can't be kept in postgresql\+asyncpg"),
        ("postgresql://user:secret@host:port/db", "must be a URL"),
        (None, "must be a URL"),
    ],
)
def test_an_address_that_cant_be_right_is_refused_at_once(url: Any, problem: str) -> None:
    with pytest.raises(ConfigError, match=problem) as raised:
        Store(url)
    assert "secret" not in str(raised.value)


@pytest.mark.parametrize("arguments", [{"durability": "eternal"}, {"lease": 0}, {"patience": -1}])
def test_settings_that_cant_be_right_are_refused_at_once(arguments: Any) -> None:
    with pytest.raises(ConfigError, match=next(iter(arguments))):
        Store(**arguments)


@pytest.mark.parametrize("scheme", ["postgresql", "postgresql+psycopg", "postgres"])
def test_an_address_is_shown_without_its_password(scheme: str) -> None:
    shown = repr(Store(f"{scheme}://user:secret@host/db?password=secret&sslmode=require"))
    assert shown == "Store('postgresql+psycopg://user:***@host/db')"


def test_making_a_store_opens_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    with Store():
        pass
    assert list(tmp_path.iterdir()) == []


async def test_a_relative_path_is_that_of_the_folder_it_was_named_in(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    async with Store("sqlite:///here.db") as store:
        monkeypatch.chdir("/")
        await store.runs()
    assert (tmp_path / "here.db").exists()


async def test_without_the_driver_the_extra_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "psycopg", None)
    with pytest.raises(MissingExtra, match=r"autogen_like\[postgres\]"):
        await Store("postgresql://user@host/db").runs()


def test_without_sqlalchemy_the_extra_is_named() -> None:
    code = "import sys; sys.modules['sqlalchemy'] = None\nfrom autogen_like import Store"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert "MissingExtra: a store of conversations needs an optional part: pip install 'autogen_like[store]'" in (
        done.stderr
    )


# --- SQLite files


async def test_a_file_that_another_process_has_locked(file: str) -> None:
    async with Store(file, patience=0.3) as store:
        run = await filled(store)
        other = sqlite3.connect(path_of(file), isolation_level=None)
        other.execute("BEGIN IMMEDIATE")
        with pytest.raises(StoreError, match=r"another process has locked it for longer than 0\.3 s"):
            await run.append("c", said("never"))
        assert texts(await store.messages("c")) == ["0", "1", "2"]
        other.execute("ROLLBACK")
        other.close()
        await run.append("c", said("3"))
        assert texts(await store.messages("c")) == ["0", "1", "2", "3"]


async def test_a_lock_that_is_soon_given_up_is_waited_for(file: str) -> None:
    async with Store(file, patience=30) as store:
        run = await filled(store, 0)
        other = sqlite3.connect(path_of(file), isolation_level=None)
        other.execute("BEGIN IMMEDIATE")
        waiting = asyncio.create_task(run.append("c", said("0")))
        await asyncio.sleep(0.2)
        assert not waiting.done()
        other.execute("ROLLBACK")
        other.close()
        await waiting
        assert texts(await store.messages("c")) == ["0"]


async def test_a_file_that_is_no_database(file: str) -> None:
    path_of(file).write_text("Dear diary, " * 1000)
    async with Store(file) as store:
        for _ in range(2):
            with pytest.raises(StoreError, match="the file is no SQLite database"):
                await store.begin()
    assert path_of(file).read_text().startswith("Dear diary")


async def test_a_truncated_file(file: str) -> None:
    async with Store(file) as store:
        run = await filled(store, 300)
        await run.release()
        await store.begin("after")
    whole = path_of(file).read_bytes()
    path_of(file).write_bytes(whole[: len(whole) // 2])
    async with Store(file) as store:
        with pytest.raises(StoreError, match="the file is damaged: put a copy in its place"):
            await store.messages("c")


async def test_a_folder_that_isnt_there(tmp_path: Path) -> None:
    async with Store(f"sqlite:///{tmp_path}/no/such/chats.db") as store:
        with pytest.raises(StoreError, match="can't be opened: is its folder there"):
            await store.runs()


@pytest.fixture
def nobody() -> Iterator[Path]:
    """A folder that anybody may read, for a process that isn't root while the test lasts."""
    folder = Path(tempfile.mkdtemp(dir="/tmp"))
    before = os.geteuid()
    yield folder
    os.seteuid(before)
    shutil.rmtree(folder)


async def test_a_read_only_file_can_be_read(nobody: Path) -> None:
    url = f"sqlite:///{nobody}/chats.db"
    async with Store(url) as store:
        await (await filled(store)).release()
    async with Store(f"sqlite:///{nobody}/other.db") as empty:
        await empty.runs()
    sqlite3.connect(nobody / "empty.db").close()
    for path in nobody.iterdir():
        path.chmod(0o444)
    nobody.chmod(0o555)
    if os.geteuid() == 0:
        os.seteuid(65534)
    async with Store(url) as store:
        assert texts(await store.messages("c")) == ["0", "1", "2"]
        for attempt in (store.begin(), store.resume("r"), store.delete("r")):
            with pytest.raises(StoreError, match=r"chats\.db: it is read-only"):
                await attempt
        assert [info.id for info in await store.runs()] == ["r"]
    async with Store(f"sqlite:///{nobody}/empty.db") as store:
        with pytest.raises(StoreError, match="there is no store in it, and none can be made: it is read-only"):
            await store.runs()


# --- both


async def test_a_store_of_a_newer_version(url: str) -> None:
    async with Store(url) as store:
        await filled(store)
    engine = create_engine(url)
    with engine.begin() as connection:
        connection.execute(text("UPDATE autogen_like_version SET version_num = '9999'"))
    async with Store(url) as store:
        with pytest.raises(ConfigError, match="of version 9999, this release of autogen_like knows 0001 and older"):
            await store.runs()
    with engine.begin() as connection:
        connection.execute(text("UPDATE autogen_like_version SET version_num = '0001'"))
    engine.dispose()
    async with Store(url) as store:
        assert texts(await store.messages("c")) == ["0", "1", "2"]


async def test_a_record_that_the_database_refuses_fails_alone(url: str) -> None:
    async with Store(url) as store:
        run = await filled(store, 0)
        engine = create_engine(url)
        with engine.begin() as connection:
            refuse = "ALTER TABLE autogen_like_records ADD CHECK (content NOT LIKE '%poison%')"
            if engine.dialect.name == "sqlite":
                refuse = (
                    "CREATE TRIGGER refuse BEFORE INSERT ON autogen_like_records WHEN NEW.content LIKE '%poison%' "
                    "BEGIN SELECT RAISE(ABORT, 'refused by a trigger'); END"
                )
            connection.exec_driver_sql(refuse.replace("%", "%%") if engine.dialect.name == "postgresql" else refuse)
        engine.dispose()
        spoken = ["0", "1", "poison", "3"]
        outcomes = await asyncio.gather(*(run.append("c", said(one)) for one in spoken), return_exceptions=True)
        assert [type(outcome) for outcome in outcomes] == [type(None), type(None), StoreError, type(None)]
        assert "poison" not in str(outcomes[2]).replace("%poison%", "")  # what was being written isn't told
        assert texts(await store.messages("c")) == ["0", "1", "3"]


class TestCancelling:
    """What raises was not written; what was written returns, and the cancellation comes after it."""

    async def test_what_waits_is_taken_back(self, file: str) -> None:
        async with Store(file, patience=30) as store:
            run = await filled(store, 0)
            other = sqlite3.connect(path_of(file), isolation_level=None)
            other.execute("BEGIN IMMEDIATE")
            under_way = asyncio.create_task(run.append("c", said("0")))
            await asyncio.sleep(0.1)
            waiting = asyncio.create_task(run.append("c", said("1")))
            await asyncio.sleep(0.1)
            waiting.cancel()
            with pytest.raises(asyncio.CancelledError):
                await waiting
            other.execute("ROLLBACK")
            other.close()
            await under_way
            assert texts(await store.messages("c")) == ["0"]

    async def test_what_is_under_way_is_written(self, file: str) -> None:
        steps: list[str] = []

        async def speak(run: Any) -> None:
            await run.append("c", said("0"))
            steps.append("written")
            await asyncio.sleep(0)
            steps.append("not reached")

        async with Store(file, patience=30) as store:
            run = await filled(store, 0)
            other = sqlite3.connect(path_of(file), isolation_level=None)
            other.execute("BEGIN IMMEDIATE")
            speaking = asyncio.create_task(speak(run))
            await asyncio.sleep(0.1)
            for _ in range(2):
                speaking.cancel()
                await asyncio.sleep(0.05)
            assert not speaking.done()
            other.execute("ROLLBACK")
            other.close()
            with pytest.raises(asyncio.CancelledError):
                await speaking
            assert steps == ["written"]
            assert texts(await store.messages("c")) == ["0"]

    @pytest.mark.parametrize("wait", range(8))
    async def test_at_whatever_moment(self, store: Store, wait: int) -> None:
        run = await filled(store, 0)
        returned = []

        async def speak(text: str) -> None:
            await run.append("c", said(text))
            returned.append(text)

        for number in range(25):
            task = asyncio.create_task(speak(str(number)))
            for _ in range(wait):
                await asyncio.sleep(0.0005 if wait > 4 else 0)
            task.cancel()
            await asyncio.wait([task])
        assert texts(await store.messages("c")) == returned


# --- PostgreSQL


@pytest.fixture
def server() -> Iterator[Cluster]:
    """A cluster that a test may stop."""
    made = Cluster()
    yield made
    made.close()


@pytest.mark.needs_postgres
@pytest.mark.slow
@pytest.mark.parametrize("way", ["restart", "crash"])
async def test_a_server_that_goes_away_in_the_middle_and_comes_back(server: Cluster, way: str) -> None:
    """Nothing is lost and nothing is written twice, though nobody can say which commits got through."""
    async with Store(server.new_database(), patience=120) as store:
        run = await filled(store, 0)
        spoken = 0

        async def speak() -> None:
            nonlocal spoken
            while spoken < 2000:
                await run.append("c", said(str(spoken)))
                spoken += 1

        speaking = asyncio.create_task(speak())
        for _ in range(2):
            before = spoken
            while spoken < min(before + 100, 2000):
                await asyncio.sleep(0.01)
            if way == "restart":
                await asyncio.to_thread(server.stop)
            else:
                await asyncio.to_thread(server.crash)
            await asyncio.to_thread(server.start)
        await speaking
        assert texts(await store.messages("c")) == [str(number) for number in range(2000)]


@pytest.mark.needs_postgres
@pytest.mark.slow
async def test_a_server_that_stays_away(server: Cluster) -> None:
    async with Store(server.new_database(), patience=0.5) as store:
        run = await filled(store)
        server.stop()
        with pytest.raises(StoreError, match=r"postgresql\+psycopg://tests:\*\*\*@127\.0\.0\.1") as raised:
            await run.append("c", said("never"))
        with pytest.raises(StoreError) as also:
            await store.messages("c")
        assert PASSWORD not in f"{raised.value} {also.value}"
        server.start()
        await run.append("c", said("3"))
        assert texts(await store.messages("c")) == ["0", "1", "2", "3"]


@pytest.mark.needs_postgres
async def test_a_server_that_takes_no_such_password(cluster: Cluster) -> None:
    url = cluster.url("postgres").replace(PASSWORD, "hunter2")
    async with Store(url) as store:
        with pytest.raises(StoreError, match="password") as raised:
            await store.runs()
        assert "hunter2" not in str(raised.value)


@pytest.mark.needs_postgres
async def test_a_run_that_another_session_has_locked(cluster: Cluster) -> None:
    url = cluster.new_database()
    async with Store(url, patience=0.3) as store:
        run = await filled(store)
        engine = create_engine(url)
        with engine.connect() as other:
            other.execute(text("SELECT * FROM autogen_like_runs FOR UPDATE"))
            with pytest.raises(StoreError, match=r"another process has locked it for longer than 0\.3 s"):
                await run.append("c", said("never"))
            assert texts(await store.messages("c")) == ["0", "1", "2"]
        engine.dispose()
        await run.append("c", said("3"))


@pytest.mark.needs_postgres
async def test_a_takeover_waits_for_what_is_being_written(cluster: Cluster) -> None:
    """Either the record is there when the other reads, or it is never written."""
    url = cluster.new_database()
    async with Store(url, lease=0.05) as one, Store(url, lease=0.05) as two:
        run = await filled(one, 0)
        for number in range(30):
            writing = asyncio.create_task(_written(run, str(number)))
            taken = await two.write(_steal)
            seen = texts(await two.messages("c"))
            assert taken
            await writing
            assert texts(await two.messages("c")) == seen
            await run.release()
            run = await one.resume("r")


async def _written(run: Any, spoken: str) -> None:
    try:
        await run.append("c", said(spoken))
    except LeaseLost:
        pass


def _steal(connection: Any) -> int:
    """Takes a run over as if its lease had ended."""
    return int(connection.execute(text("UPDATE autogen_like_runs SET owner = NULL")).rowcount)
