"""The sample of the paper's SQL machine: on SQLite and on MariaDB, with an oracle's words and the embedded model."""

from __future__ import annotations

import importlib
import math
import os
import signal
import subprocess
import sys
import xml.etree.ElementTree as ET
from collections.abc import Iterator
from itertools import combinations
from pathlib import Path
from types import ModuleType

import pytest
from hypothesis import given
from hypothesis import strategies as st

from autogen_like import ConfigError, ScriptedModel

SAMPLES = Path(__file__).parents[2] / "samples"
SCRIPT = SAMPLES / "stateflow_sql.py"


@pytest.fixture
def sql(monkeypatch: pytest.MonkeyPatch) -> ModuleType:
    monkeypatch.syspath_prepend(str(SAMPLES))
    return importlib.import_module("stateflow_sql")


@pytest.fixture
def databases(monkeypatch: pytest.MonkeyPatch) -> ModuleType:
    monkeypatch.syspath_prepend(str(SAMPLES))
    return importlib.import_module("stateflow_databases")


@pytest.fixture
def sqlite(databases: ModuleType) -> Iterator[object]:
    database = databases.Sqlite()
    yield database
    database.close()


@pytest.fixture(scope="module")
def mariadb() -> Iterator[str]:
    """A real server of its own, with the sample's rivers in it. Its user may write: it is the sample that refuses."""
    with pytest.MonkeyPatch.context() as patch:
        patch.syspath_prepend(str(SAMPLES))
        rivers = importlib.import_module("stateflow_databases").RIVERS
        started = importlib.import_module("stateflow_mariadb").server
    more = "CREATE USER writer@localhost IDENTIFIED BY 'a b'; GRANT SELECT, INSERT ON rivers.* TO writer@localhost;"
    with started(f"CREATE DATABASE rivers; USE rivers; {rivers}", more) as url:
        yield url.format("rivers").replace("reader@", "writer:a%20b@")


async def test_the_oracle_comes_to_success_with_a_mistake_on_the_way(sql, sqlite, capsys):
    result = await sql.main(ScriptedModel(list(sql.ORACLE)), sqlite)
    assert [step.target for step in result.path] == [
        "init", "observe", "solve", "error", "solve", "verify", "end"
    ]  # fmt: skip
    assert result.finished
    assert sql.submitted(result) == sql.GOLD
    assert "Reward: 1.00" in capsys.readouterr().out


async def test_a_query_is_mended_in_verify_and_run_again(sql, sqlite):
    model = ScriptedModel(["DESC rivers", "SELECT 1", "SELECT 2", "submit"])
    result = await sql.machine(model, sqlite).run("Two?")
    assert [step.target for step in result.path][3:] == ["verify", "again", "verify", "end"]
    assert sql.submitted(result) == "SELECT 2"


async def test_a_model_that_talks_runs_into_its_turns(sql, sqlite):
    result = await sql.machine(ScriptedModel(lambda _: "I like rivers."), sqlite, turns=4).run("Why?")
    assert (result.stop_reason.kind, result.finished, sql.submitted(result)) == ("max_turns", False, "")


@pytest.mark.parametrize(
    "query",
    [
        "DROP TABLE rivers",
        "INSERT INTO rivers VALUES (9, 'x', 1, 'y')",
        "DELETE FROM rivers",
        "ATTACH DATABASE '/tmp/x' AS x",
        "PRAGMA writable_schema = 1",
        "SELECT load_extension('x')",
        "SELECT 1; SELECT 2",
        "CREATE TEMP TABLE t (a)",
        "VACUUM INTO '/tmp/x'",
        "DESC nothing",
        "SELECT nothing FROM rivers",
        "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n) SELECT max(i) FROM n",
        "",
    ],
)
def test_sqlite_only_reads_and_not_for_ever(query: str, sqlite, databases):
    if not query:
        assert sqlite.rows(query) == []
        return
    with pytest.raises(databases.SqlError, match="Error executing query"):
        sqlite.rows(query)
    assert len(sqlite.rows("SELECT * FROM rivers")) == 5


def test_sqlite_knows_mysqls_words(sqlite):
    assert sqlite.rows("show tables;") == [("countries",), ("flows_through",), ("rivers",)]
    assert sqlite.rows("DESCRIBE `flows_through`") == [("river_id", "INTEGER"), ("country_id", "INTEGER")]


def test_results_are_cut_and_rewarded_by_rows_and_order(databases):
    assert databases.shown([(1,)]) == "[(1,)]"
    assert len(databases.shown([("x" * 100,)] * 30)) == 353
    reward = databases.reward
    assert reward([], []) == 1
    assert reward([(1,)], []) == 0
    assert reward([(1,), (2,)], [(1,), (2,)]) == 1
    assert reward([(1,)] * 3, [(1,)] * 3) == 1  # all the same: there is no order
    assert reward([(2,), (1,)], [(1,), (2,)]) == -1
    assert reward([(1,), (2,)], [(1,), (3,)]) == pytest.approx(1 / 3)
    assert reward([(1,), (2,), (3,), (9,)], [(1,), (3,), (2,)]) == 0.25  # 3 of 4 rows, a third of the order


@given(st.lists(st.tuples(st.sampled_from("abcde"), st.sampled_from("abcde")), max_size=12))
def test_the_rank_correlation_is_that_of_counting_all_pairs(pairs: list[tuple[str, str]]):
    with pytest.MonkeyPatch.context() as patch:
        patch.syspath_prepend(str(SAMPLES))
        kendall = importlib.import_module("stateflow_databases").kendall
    signs = [((a > c) - (a < c), (b > d) - (b < d)) for (a, b), (c, d) in combinations(pairs, 2)]
    scale = math.sqrt(sum(x != 0 for x, _ in signs) * sum(y != 0 for _, y in signs))
    expected = sum(x * y for x, y in signs) / scale if scale else None
    assert kendall([a for a, _ in pairs], [b for _, b in pairs]) == pytest.approx(expected)


@pytest.mark.needs_mariadb
@pytest.mark.slow
def test_on_mariadb_the_oracle_comes_to_success_and_the_run_is_drawn(mariadb: str, tmp_path: Path):
    drawn = tmp_path / "run.svg"
    command = [sys.executable, str(SCRIPT), "--oracle", "--database", mariadb, "--svg", str(drawn)]
    done = subprocess.run(command, check=False, capture_output=True, text=True, timeout=120)
    assert done.returncode == 0, done.stderr
    assert "Submitted: SELECT r.name FROM rivers r" in done.stdout
    assert "verify -> end" in done.stdout
    assert "1 visit" in "".join(ET.fromstring(drawn.read_text()).itertext())


@pytest.mark.needs_mariadb
@pytest.mark.slow
def test_mariadb_only_reads(mariadb: str, databases: ModuleType, sql: ModuleType):
    database = databases.MariaDb(mariadb)
    try:
        assert [row[0] for row in database.rows(sql.GOLD)] == ["Danube", "Rhine", "Inn"]
        assert ("rivers",) in database.rows("SHOW TABLES")
        for query in ("INSERT INTO rivers VALUES (9, 'x', 1, 'y')", "SET autocommit = 1", "SELECT nothing"):
            with pytest.raises(databases.SqlError, match="Error executing query"):
                database.rows(query)
        with pytest.raises(databases.SqlError):
            database.rows("WITH x AS (SELECT 1) DELETE FROM rivers")
        assert database.rows("SELECT COUNT(*) FROM rivers") == [(5,)]
    finally:
        database.close()


@pytest.mark.needs_mariadb
@pytest.mark.slow
def test_a_server_started_for_the_sample_takes_names_in_any_case_and_is_gone_afterwards(
    databases: ModuleType, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.syspath_prepend(str(SAMPLES))
    server = importlib.import_module("stateflow_mariadb").server
    with server("CREATE DATABASE d; USE d; CREATE TABLE `Thing` (a INT); INSERT INTO Thing VALUES (1);") as url:
        database = databases.MariaDb(url.format("d"))
        assert database.rows("SELECT a FROM THING") == [(1,)]
        database.close()
        folder = Path(url.partition("unix_socket=")[2]).parent
        assert folder.is_dir()
    assert not folder.exists()
    with pytest.raises(ConfigError, match=r"(?s)mariadb failed: .*ERROR 1064"), server("CREATE NONSENSE"):
        pass


@pytest.mark.needs_mariadb
@pytest.mark.slow
def test_a_server_ends_with_its_program_when_that_is_terminated():
    program = (
        "import sys\nsys.path.insert(0, sys.argv[1])\nfrom stateflow_mariadb import server\n"
        "with server('CREATE DATABASE d') as url:\n    print(url, flush=True)\n    sys.stdin.read()\n"
    )
    process = subprocess.Popen(
        [sys.executable, "-c", program, str(SAMPLES)],
        stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True,
    )  # fmt: skip
    with process:
        assert process.stdout is not None
        socket = Path(process.stdout.readline().partition("unix_socket=")[2].strip())
        assert socket.is_socket()
        process.terminate()
        assert process.wait(120) == 128 + signal.SIGTERM
    assert not socket.parent.exists()


def test_without_mariadb_it_says_what_to_install(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.syspath_prepend(str(SAMPLES))
    with pytest.raises(ConfigError, match="apt-get install mariadb-server"):
        importlib.import_module("stateflow_mariadb").program("no-such-program")


def test_a_database_that_is_not_named_right_is_said(databases: ModuleType):
    for url in ("postgres://x/y", "mysql://host"):
        with pytest.raises(ConfigError, match="mysql://user:password@host/database"):
            databases.MariaDb(url)


def test_from_the_command_line_the_oracle_succeeds_and_the_run_is_drawn():
    done = subprocess.run(
        [sys.executable, str(SCRIPT), "--oracle"], check=False, capture_output=True, text=True, timeout=120
    )
    assert done.returncode == 0, done.stderr
    assert "Reward: 1.00" in done.stdout
    assert "flowchart TD" in done.stdout


@pytest.mark.slow
def test_with_the_embedded_model_it_runs_to_its_end_or_its_turns_without_an_error(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.delenv("OPENAI_API_KEY", raising=False)
    environment = {**os.environ, "OMP_NUM_THREADS": "1"}
    done = subprocess.run(
        [sys.executable, str(SCRIPT)], check=False, capture_output=True, text=True, timeout=900, env=environment
    )
    assert done.returncode == 0, done.stderr
    assert "sql: answered" in done.stdout or "sql: max_turns: max_transitions=10" in done.stdout
