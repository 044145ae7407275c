"""Installs TextWorld in an environment of its own, once, and prints the path of its Python.

``python scripts/textworld_env.py FOLDER``. Versions are pinned. It makes its games with tools that come inside its
wheel, so neither a compiler nor anything beside PyPI is needed. spaCy, which jericho names and only other games use, is
left out. Whoever asks second waits until the first has done it.
"""

from __future__ import annotations

import fcntl
import json
import shutil
import subprocess
import sys
import venv
from pathlib import Path

PACKAGES = [
    "textworld==1.7.0",
    "jericho==3.3.1",
    "hashids==1.3.1",
    "mementos==1.3.1",
    "more-itertools==11.2.1",
    "networkx==3.6.1",
    "numpy==2.4.6",
    "prompt_toolkit==3.0.53",
    "tatsu==5.8.3",
    "termcolor==3.3.0",
    "tqdm==4.70.1",
    "wcwidth",
]


def install(folder: Path) -> Path:
    """Installs it where it isn't yet; gives the path of its Python."""
    python, stamp = folder / "bin" / "python", folder / "installed"
    if not stamp.is_file() or stamp.read_text() != json.dumps(PACKAGES):
        shutil.rmtree(folder, ignore_errors=True)
        venv.create(folder, with_pip=True)
        command = [python, "-m", "pip", "install", "--quiet", "--no-deps", *PACKAGES]
        subprocess.run([str(word) for word in command], stdout=sys.stderr, check=True)
        stamp.write_text(json.dumps(PACKAGES))
    return python


def main() -> None:
    """Installs it into the folder that the command line names."""
    folder = Path(sys.argv[1]).resolve()
    folder.parent.mkdir(parents=True, exist_ok=True)
    with folder.with_suffix(".lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        print(install(folder))


if __name__ == "__main__":
    main()
