"""The sample whose process dies: the chat goes on in another one, here and from the command line."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

import pytest

SAMPLE = str(Path(__file__).parents[2] / "samples" / "kept_runs.py")


def run(*words: str) -> str:
    return subprocess.run([sys.executable, *words], capture_output=True, text=True, check=True, timeout=120).stdout


def test_without_a_folder_it_leaves_nothing_behind():
    folder = re.search(r"A page to share is at (.*)/trip.html", run(SAMPLE))
    assert folder is not None
    assert not Path(folder[1]).exists()


@pytest.mark.slow
def test_the_chat_is_gone_on_with_where_it_was_cut_off_and_forked(tmp_path: Path):
    out = run(SAMPLE, "--folder", str(tmp_path / "new" / "folder"))
    assert "The process ended with 9." in out
    assert "2 messages were kept" in out
    assert "planner (to user):\n\nTake one of the trains at 8:00." in out
    assert "somebody who flies: Take one of the flights at 8:00." in out
    assert "after message 1" in out
    page = (tmp_path / "new" / "folder" / "trip.html").read_text(encoding="utf-8")
    assert "Take one of the trains at 8:00." in page

    store = ["--store", f"sqlite:///{tmp_path}/new/folder/chats.db"]
    command = ["-m", "autogen_like", "runs"]
    oldest = run(*command, "list", *store).splitlines()[-1].split()[0]
    fork = run(*command, "fork", oldest, "--at", "1", *store).strip()
    assert "Take one of the trains at 8:00." in run(*command, "resume", fork, f"{SAMPLE}:trip", *store)
