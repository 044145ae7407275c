"""A MariaDB server of one's own for samples/stateflow_sql.py: started in a temporary folder, gone with the block.

It listens on a socket in that folder alone, not on the network, and takes names of tables in any case, as MySQL does on
some systems. The user that queries are run as may only read.
"""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from autogen_like import ConfigError

STARTING = 60.0  # seconds


def program(name: str) -> str:
    """The path of one of the server's programs; Debian keeps some where not every user looks.

    Raises:
        ConfigError: If it isn't installed.
    """
    found = shutil.which(name, path=f"{os.environ.get('PATH', '')}{os.pathsep}/usr/sbin")
    if found is None:
        raise ConfigError(f"MariaDB's {name} is missing: sudo apt-get install mariadb-server")
    return found


@contextmanager
def server(*scripts: str) -> Iterator[str]:
    """A server, for as long as the block lasts.

    Args:
        *scripts: SQL that fills it, run as its administrator.

    Yields:
        The URL of its databases, without a database's name: put it in the place of {}.

    Raises:
        ConfigError: If MariaDB isn't installed, doesn't start, or a script fails.
    """
    with (
        _terminable(),
        tempfile.TemporaryDirectory(prefix="mariadb-") as folder,
    ):
        socket, data = f"{folder}/socket", f"{folder}/data"
        me = ["--user=root"] if os.getuid() == 0 else []
        _run([program("mariadb-install-db"), "--no-defaults", "--auth-root-authentication-method=normal",
              f"--datadir={data}", *me])  # fmt: skip
        with Path(f"{folder}/log").open("w") as log:
            daemon = subprocess.Popen(
                [program("mariadbd"), "--no-defaults", f"--datadir={data}", f"--socket={socket}", "--skip-networking",
                 "--lower-case-table-names=1", f"--pid-file={folder}/pid", *me],
                stdout=log, stderr=log,
            )  # fmt: skip
        try:
            client = [program("mariadb"), "--no-defaults", f"--socket={socket}", "--user=root"]
            _wait(client, daemon, f"{folder}/log")
            for script in scripts:
                _run(client, script)
            _run(client, "CREATE USER reader@localhost; GRANT SELECT ON *.* TO reader@localhost;")
            yield f"mysql://reader@localhost/{{}}?unix_socket={socket}"
        finally:
            daemon.terminate()
            daemon.wait(STARTING)


@contextmanager
def _terminable() -> Iterator[None]:
    """Lets SIGTERM end the block as Ctrl-C does, with all that is to be done at its end; who handles it, goes on so."""
    mine = threading.current_thread() is threading.main_thread() and signal.getsignal(signal.SIGTERM) is signal.SIG_DFL
    if not mine:
        yield
        return
    signal.signal(signal.SIGTERM, _end)
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, signal.SIG_DFL)


def _end(number: int, _: object) -> None:
    signal.signal(number, signal.SIG_IGN)  # once is enough: the server is being stopped
    sys.exit(128 + number)


def _wait(client: list[str], daemon: subprocess.Popen[bytes], log: str) -> None:
    until = time.monotonic() + STARTING
    while subprocess.run([*client, "-e", "SELECT 1"], capture_output=True, check=False).returncode:
        if daemon.poll() is not None or time.monotonic() > until:
            raise ConfigError(f"MariaDB did not start:\n{Path(log).read_text()[-2000:]}")
        time.sleep(0.1)


def _run(command: list[str], script: str | None = None) -> None:
    done = subprocess.run(command, input=script, capture_output=True, text=True, check=False)
    if done.returncode:
        raise ConfigError(f"{Path(command[0]).name} failed: {done.stderr[-2000:]}")
