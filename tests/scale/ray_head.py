"""A small Ray for tests: two CPUs, little memory, no dashboard, nothing sent anywhere."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

STORE = 80 << 20  # bytes: the least that Ray takes
SETTINGS = {
    "RAY_USAGE_STATS_ENABLED": "0",
    "RAY_AUTH_MODE": "disabled",  # tests of one machine need no token in somebody's home
    "RAY_memory_monitor_refresh_ms": "0",  # a busy machine is no reason to kill workers
    "RAY_enable_metrics_collection": "0",
    "RAY_DISABLE_IMPORT_WARNING": "1",
}


def start(folder: Path, port: int, client_port: int) -> str:
    """Starts it, and gives its address."""
    ray("start", "--head", "--num-cpus=2", "--num-gpus=0", f"--object-store-memory={STORE}", f"--port={port}",
        f"--ray-client-server-port={client_port}", "--include-dashboard=false", "--node-ip-address=127.0.0.1",
        "--disable-usage-stats", f"--temp-dir={folder}", f"--plasma-directory={folder}")  # fmt: skip
    return f"127.0.0.1:{port}"


def ray(*arguments: str) -> None:
    """Runs Ray's command."""
    command = [str(Path(sys.executable).with_name("ray")), *arguments]
    done = subprocess.run(command, env={**os.environ, **SETTINGS}, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
