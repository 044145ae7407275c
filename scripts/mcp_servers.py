"""Installs the MCP servers of others that tests talk to, once, and prints how each is started, as JSON.

``python scripts/mcp_servers.py FOLDER [NAME ...]``; without names, all of them. Versions are pinned. Whoever asks
second waits until the first has done it.
"""

from __future__ import annotations

import fcntl
import json
import shutil
import subprocess
import sys
import venv
from pathlib import Path

EVERYTHING = "@modelcontextprotocol/server-everything"
NPM = {"everything": f"{EVERYTHING}@2026.8.31"}
# Name -> what is installed for it, in a virtual environment of its own; one speaks the protocol of before 2026.
PYPI = {
    "time": ["mcp-server-time==2026.10.19"],
    "git": ["mcp-server-git==2026.10.19"],
    "time-v1": ["mcp-server-time==2025.9.25", "mcp==1.28.1"],
}


def install(name: str, folder: Path) -> list[str]:
    """Installs one server where it isn't yet; gives the command that starts it."""
    wanted = [NPM[name]] if name in NPM else PYPI[name]
    stamp = folder / "installed"
    if not stamp.is_file() or stamp.read_text() != json.dumps(wanted):
        shutil.rmtree(folder, ignore_errors=True)
        folder.mkdir(parents=True)
        if name in NPM:
            run(["npm", "install", "--prefix", folder, "--ignore-scripts", "--no-audit", "--no-fund", *wanted])
        else:
            venv.create(folder, with_pip=True)
            run([folder / "bin" / "python", "-m", "pip", "install", "--quiet", *wanted])
        stamp.write_text(json.dumps(wanted))
    if name in NPM:
        return ["node", str(folder / "node_modules" / EVERYTHING / "dist" / "index.js"), "stdio"]
    return [str(folder / "bin" / wanted[0].partition("==")[0])]


def run(command: list[object]) -> None:
    """Runs a command; what it prints goes to stderr, since stdout is for the answer."""
    subprocess.run([str(word) for word in command], stdout=sys.stderr, check=True)


def main() -> None:
    """Installs what was asked for."""
    folder = Path(sys.argv[1]).resolve()
    folder.mkdir(parents=True, exist_ok=True)
    commands = {}
    for name in sys.argv[2:] or [*NPM, *PYPI]:
        with (folder / f"{name}.lock").open("w") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)
            commands[name] = install(name, folder / name)
    print(json.dumps(commands))


if __name__ == "__main__":
    main()
