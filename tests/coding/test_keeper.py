"""The process that keeps local code, by itself: what it is given, and what it reports."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from autogen_like.coding import keeper
from autogen_like.coding.process import kill_marked

PROGRAM = (
    f"import sys; sys.path.append({str(Path(keeper.__file__).parent)!r}); import keeper; keeper.main(sys.argv[1:])"
)


class Kept:
    """A keeper at work, and both ends that it is held by."""

    def __init__(self, *command: str, limits: str = "0 0 0 0 0 0", folders: tuple[str, ...] = ()) -> None:
        self.reports, reported = os.pipe()
        arguments = [str(reported), *limits.split(), str(len(folders)), *folders, *command]
        self.process = subprocess.Popen(
            [sys.executable, "-c", PROGRAM, *arguments], stdin=subprocess.PIPE, pass_fds=[reported], env=os.environ
        )
        os.close(reported)

    def report(self) -> str:
        with os.fdopen(self.reports) as reports:
            said = reports.read()
        assert self.process.stdin is not None
        self.process.stdin.close()
        assert self.process.wait() == 0
        return said

    def let_go(self) -> None:
        assert self.process.stdin is not None
        self.process.stdin.close()


SH = "/bin/sh"


@pytest.mark.parametrize(
    ("code", "said"), [("exit 0", "exit 0\n"), ("exit 7", "exit 7\n"), ("kill -9 $$", "exit -9\n")]
)
def test_it_reports_the_exit_code(code, said):
    assert Kept(SH, "-c", code).report() == said


def test_it_reports_why_a_program_cannot_be_started(tmp_path):
    (tmp_path / "plain").write_text("no program")
    assert Kept("/no/such/program").report() == "failed No such file or directory\n"
    assert Kept(str(tmp_path / "plain")).report() == "failed Permission denied\n"


@pytest.mark.parametrize("away", ["", "setsid "])
def test_it_ends_everything_when_it_is_let_go(tmp_path, away):
    kept = Kept(SH, "-c", f"{away}sleep 600 & echo $! > {tmp_path}/pid; sleep 600")
    while not (tmp_path / "pid").exists() or not (tmp_path / "pid").read_text():
        time.sleep(0.01)
    kept.let_go()
    assert kept.report() == "stopped\n"
    with pytest.raises(ProcessLookupError):
        os.kill(int((tmp_path / "pid").read_text()), 0)


@pytest.mark.skipif(sys.platform != "linux", reason="counted by way of /proc")
@pytest.mark.parametrize(
    ("limits", "code", "said"),
    [
        (
            "40000000 0 0 0 0 0",
            "{python} -c 'import time; x = b\"x\" * 50_000_000; time.sleep(600)'",
            "38.15 MiB of memory",
        ),
        ("0 5 0 0 0 0", "for n in 1 2 3 4 5 6 7 8; do sleep 600 & done; wait", "more than 5 processes"),
        ("0 0 0 1000000 0 0", "head -c 3000000 /dev/zero > {folder}/x; sleep 600", "of disk"),
        ("0 0 0 0 0 1", "while :; do :; done", "computed for more than 1 s"),
    ],
)
def test_it_stops_what_takes_too_much(tmp_path, limits, code, said):
    filled = code.replace("{python}", sys.executable).replace("{folder}", str(tmp_path))
    report = Kept(SH, "-c", filled, limits=limits, folders=(str(tmp_path),)).report()
    assert report.startswith("stopped it ")
    assert said in report


def test_what_others_write_to_the_disk_meanwhile_is_not_counted(tmp_path):
    (tmp_path / "work").mkdir()
    code = f"head -c 3000000 /dev/zero > {tmp_path}/elsewhere; sleep 0.6; exit 4"
    assert Kept(SH, "-c", code, limits="0 0 0 1000000 0 0", folders=(str(tmp_path / "work"),)).report() == "exit 4\n"


def test_only_what_was_written_since_is_counted(tmp_path):
    (tmp_path / "old").write_bytes(bytes(100_000))
    os.utime(tmp_path / "old", (1, 1))
    assert keeper._written(str(tmp_path), time.time() + 100) == 0
    assert keeper._written(str(tmp_path), 0) >= 100_000
    assert keeper._free(str(tmp_path)) > 0 == keeper._free("/no/such/folder")


@pytest.mark.skipif(sys.platform != "linux", reason="counted by way of /proc")
def test_the_users_processes_are_counted_with_their_threads():
    assert keeper._processes_of_user() >= 1
    assert keeper._threads_of_all() >= keeper._processes_of_user()


@pytest.fixture
def sleeper() -> Iterator[subprocess.Popen[bytes]]:
    process = subprocess.Popen(["sleep", "600"], env={"AUTOGEN_LIKE_CODE_RUN": "the-mark", "PATH": os.environ["PATH"]})
    yield process
    process.kill()
    process.wait()


@pytest.mark.skipif(sys.platform != "linux", reason="found by way of /proc")
def test_what_carries_the_mark_is_found_and_killed(sleeper):
    while b"the-mark" not in Path(f"/proc/{sleeper.pid}/environ").read_bytes():
        time.sleep(0.01)
    assert sleeper.pid in keeper._family()
    kill_marked("another-mark")
    assert sleeper.poll() is None
    kill_marked("the-mark")
    assert sleeper.wait() == -9
