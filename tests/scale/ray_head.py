"""A small Ray for tests: two CPUs, little memory, no dashboard, nothing sent anywhere."""

from __future__ import annotations

import contextlib
import os
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
from pathlib import Path

STORE = 80 << 20  # bytes: about the least that Ray takes
PATIENCE = 150  # seconds, on a machine with much else to do
SETTINGS = {
    "RAY_USAGE_STATS_ENABLED": "0",
    "RAY_AUTH_MODE": "disabled",  # tests leave no token in somebody's home
    "RAY_memory_monitor_refresh_ms": "0",  # what else is in memory is no reason to kill a worker
    "RAY_enable_metrics_collection": "0",
    # Ray's own 30 s, or less, are not enough where others use the processors, too. It takes 5 s on an idle machine.
    "RAY_raylet_start_wait_time_s": "120",
    "RAY_agent_register_timeout_ms": "120000",
    "OMP_NUM_THREADS": "1",
}


class Head:
    """A Ray of this machine, held by a process of ours: it ends with that process, and touches no other Ray.

    Attributes:
        address: For drivers.
        client: For clients: ``ray://...``.
    """

    def __init__(self) -> None:
        port, client = _free_port(), _free_port()
        self.address, self.client = f"127.0.0.1:{port}", f"ray://127.0.0.1:{client}"
        self.folder = Path(tempfile.mkdtemp(prefix="ray", dir="/tmp"))  # a short path: sockets are in it
        command = [
            str(Path(sys.executable).with_name("ray")), "start", "--head", "--block", "--num-cpus=2", "--num-gpus=0",
            f"--object-store-memory={STORE}", f"--plasma-directory={self.folder}", f"--temp-dir={self.folder}",
            f"--port={port}", f"--ray-client-server-port={client}", "--node-ip-address=127.0.0.1",
            "--include-dashboard=false", "--no-monitor", "--include-log-monitor=false", "--disable-usage-stats",
        ]  # fmt: skip
        self._log = (self.folder / "head.log").open("w")
        # Counting the lines of Ray's own processes would make them twice as slow to start.
        inherited = {name: value for name, value in os.environ.items() if not name.startswith("COVERAGE_")}
        self._process = subprocess.Popen(
            command, env={**inherited, **SETTINGS}, stdout=self._log, stderr=self._log, start_new_session=True
        )
        try:
            self._wait(port)
            self._wait(client)
        except BaseException:
            self.close()
            raise

    def _wait(self, port: int) -> None:
        until = time.monotonic() + PATIENCE
        while time.monotonic() < until:
            try:
                socket.create_connection(("127.0.0.1", port), timeout=1).close()
            except OSError:
                assert self._process.poll() is None, self._said()
                time.sleep(0.2)
            else:
                return
        raise AssertionError(self._said())

    def _said(self) -> str:
        """What it and its helpers said last."""
        logs = [self.folder / "head.log", *sorted(self.folder.glob("session_2*/logs/*.*"))]
        ends = [(log.name, log.read_text(errors="replace")[-1500:]) for log in logs if log.is_file()]
        return "\n\n".join(f"{name}:\n{end}" for name, end in ends if end)

    def close(self) -> None:
        """Ends it."""
        self._process.terminate()
        try:
            self._process.wait(timeout=60)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()
        with contextlib.suppress(ProcessLookupError):  # what a start that failed left behind
            os.killpg(self._process.pid, signal.SIGKILL)
        self._log.close()
        shutil.rmtree(self.folder, ignore_errors=True)


def _free_port() -> int:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        port: int = taken.getsockname()[1]
        return port
