"""A PostgreSQL cluster of the tests' own: on a free port, in a folder of its own, gone when they are."""

from __future__ import annotations

import os
import shutil
import signal
import socket
import subprocess
import tempfile
import time
from contextlib import suppress
from itertools import count
from pathlib import Path

import psycopg

PASSWORD = "a-password-that-nobody-may-see"


class Cluster:
    """A server with fsync, as in earnest. It refuses to run as root, so there it runs as Debian's `postgres`."""

    def __init__(self) -> None:
        self._bin = max(Path("/usr/lib/postgresql").glob("*/bin"), key=lambda path: int(path.parent.name))
        self._as = {"user": "postgres", "group": "postgres", "extra_groups": []} if os.getuid() == 0 else {}
        self._folder = Path(tempfile.mkdtemp(prefix="pg-", dir="/tmp"))  # others may pass through /tmp
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            self.port = free.getsockname()[1]
        self._databases = count()
        self._make()
        self.start()

    def _make(self) -> None:
        secret = self._folder / "password"
        secret.write_text(PASSWORD)
        if self._as:
            shutil.chown(self._folder, "postgres", "postgres")
            shutil.chown(secret, "postgres")
        made = ["initdb", "-D", str(self._folder / "data"), "-U", "tests", "-A", "scram-sha-256"]
        self._run(*made, f"--pwfile={secret}", "-E", "UTF8", "--locale=C")

    def _run(self, program: str, *arguments: str) -> None:
        command = [str(self._bin / program), *arguments]
        subprocess.run(command, check=True, cwd=self._folder, stdout=subprocess.DEVNULL, **self._as)  # type: ignore[call-overload]

    def start(self) -> None:
        options = f"-p {self.port} -c listen_addresses=127.0.0.1 -c unix_socket_directories={self._folder}"
        log = str(self._folder / "log")
        for _ in range(100):  # after a crash its processes take a moment to be gone
            try:
                self._run(
                    "pg_ctl", "-D", str(self._folder / "data"), "-w", "-t", "120", "-l", log, "-o", options, "start"
                )
            except subprocess.CalledProcessError:
                time.sleep(0.2)
            else:
                return
        raise AssertionError(Path(log).read_text()[-2000:])

    def stop(self, mode: str = "fast") -> None:
        self._run("pg_ctl", "-D", str(self._folder / "data"), "-w", "-t", "120", "-m", mode, "stop")

    def crash(self) -> None:
        """What a dead machine leaves: the server and all its processes are gone at once."""
        pid = int((self._folder / "data" / "postmaster.pid").read_text().splitlines()[0])
        children = Path(f"/proc/{pid}/task/{pid}/children").read_text().split()
        for one in (pid, *map(int, children)):
            os.kill(one, signal.SIGKILL)

    def close(self) -> None:
        with suppress(subprocess.CalledProcessError):  # a test has stopped it
            self.stop("immediate")
        shutil.rmtree(self._folder)

    def url(self, database: str, user: str = "tests") -> str:
        return f"postgresql+psycopg://{user}:{PASSWORD}@127.0.0.1:{self.port}/{database}"

    def new_database(self) -> str:
        """The URL of an empty database."""
        name = f"d{next(self._databases)}"
        self.sql(f"CREATE DATABASE {name}")
        return self.url(name)

    def sql(self, statement: str, database: str = "postgres") -> None:
        plain = self.url(database).replace("+psycopg", "")
        with psycopg.connect(plain, autocommit=True) as connection:
            connection.execute(statement)
