"""Running code in processes on this machine."""

from __future__ import annotations

import asyncio
import os
import sys
import time
import venv
from pathlib import Path

import pytest

from autogen_like.coding.blocks import CodeBlock
from autogen_like.coding.executor import CodeExecutor
from autogen_like.coding.local import LocalCommandLineCodeExecutor
from autogen_like.core.errors import ConfigError


def run(*blocks: tuple[str, str], **options):
    executor = LocalCommandLineCodeExecutor(**options)
    return executor.execute_code_blocks([CodeBlock(code, language) for language, code in blocks])


def python(code: str, **options):
    return run(("python", code), **options)


def gone(pid: int) -> bool:
    """Waits until a process is dead (a zombie that nobody has buried yet counts as dead)."""
    for _ in range(500):
        try:
            state = Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()[0]
        except (FileNotFoundError, ProcessLookupError):
            return True
        if state == "Z":
            return True
        time.sleep(0.01)
    return False


def test_blocks_run_in_order_and_share_the_folder(tmp_path):
    result = run(
        ("python", "open('a.txt', 'w').write('hello')"), ("bash", "cat a.txt"), ("SH", "echo; pwd"), work_dir=tmp_path
    )
    assert result.exit_code == 0
    assert result.output == f"hello\n{tmp_path.resolve()}\n"
    assert result.code_file is not None
    assert Path(result.code_file).read_text().startswith("open(")


def test_first_failing_block_is_the_last():
    result = run(("sh", "echo one; exit 3"), ("sh", "echo two"))
    assert (result.exit_code, result.output) == (3, "one\n")


def test_nothing_to_run():
    result = LocalCommandLineCodeExecutor().execute_code_blocks([])
    assert (result.exit_code, result.output, result.code_file) == (0, "", None)


def test_both_streams_come_in_the_order_written():
    loop = "import sys\nfor n in range(4):\n    print(n, file=sys.stderr if n % 2 else sys.stdout)\n"
    result = python(loop + "raise ValueError('end')")
    assert result.exit_code == 1
    assert result.output.startswith("0\n1\n2\n3\nTraceback")
    assert result.output.endswith("ValueError: end\n")


def test_signal_is_an_exit_code_as_shells_have_it():
    assert run(("sh", "kill -TERM $$")).exit_code == 128 + 15


def test_time_out_says_so_and_keeps_the_output():
    result = python("import time\nprint('before')\ntime.sleep(60)", timeout=1)
    assert result.exit_code == 124
    assert result.output.startswith("before\n")
    assert "Timeout: stopped after 1 s" in result.output


def test_exit_code_124_of_a_programs_own_is_no_time_out():
    result = run(("sh", "exit 124"))
    assert (result.exit_code, result.output) == (124, "")


FAMILY = """
import os, subprocess, sys, time
sleeper = [sys.executable, "-c", "import time; time.sleep(600)"]
child = subprocess.Popen(sleeper)
own_session = subprocess.Popen(sleeper, start_new_session=True)
open("pids.txt.part", "w").write(f"{os.getpid()} {child.pid} {own_session.pid}")
os.rename("pids.txt.part", "pids.txt")
"""


def family(folder: Path) -> list[int]:
    return [int(pid) for pid in (folder / "pids.txt").read_text().split()]


def test_no_grandchild_survives_a_time_out(tmp_path):
    assert python(FAMILY + "time.sleep(600)", timeout=2, work_dir=tmp_path).exit_code == 124
    assert [pid for pid in family(tmp_path) if not gone(pid)] == []


def test_no_grandchild_survives_the_end_or_holds_it_up(tmp_path):
    result = python(FAMILY + "print('done')", timeout=50, work_dir=tmp_path)
    assert (result.exit_code, result.output) == (0, "done\n")
    assert [pid for pid in family(tmp_path) if not gone(pid)] == []


async def test_no_grandchild_survives_cancellation(tmp_path):
    executor = LocalCommandLineCodeExecutor(work_dir=tmp_path)
    task = asyncio.create_task(executor.execute([CodeBlock(FAMILY + "time.sleep(600)", "python")]))
    while not (tmp_path / "pids.txt").exists():
        await asyncio.sleep(0.01)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert [pid for pid in family(tmp_path) if not gone(pid)] == []


async def test_several_run_side_by_side(tmp_path):
    executor = LocalCommandLineCodeExecutor(work_dir=tmp_path, timeout=30)
    wait = "for i in $(seq 1000); do [ -e {other} ] && exit 0; sleep 0.01; done; exit 1"
    blocks = [f"touch a; {wait.format(other='b')}", f"touch b; {wait.format(other='a')}"]
    results = await asyncio.gather(*(executor.execute([CodeBlock(code, "sh")]) for code in blocks))
    assert [result.exit_code for result in results] == [0, 0]


def test_secrets_are_not_in_the_childs_environment(monkeypatch):
    for name in ("OPENAI_API_KEY", "AWS_SECRET_ACCESS_KEY", "MY_TOKEN", "DATABASE_URL", "HTTPS_PROXY"):
        monkeypatch.setenv(name, "s3cret")
    monkeypatch.setenv("LC_ALL", "C.UTF-8")
    result = run(("sh", "env; echo $GIVEN"), env={"GIVEN": "on purpose"})
    assert "s3cret" not in result.output
    assert "on purpose" in result.output
    assert "LC_ALL=C.UTF-8" in result.output
    assert f"PATH={os.environ['PATH']}" in result.output


def test_input_is_empty_and_does_not_wait():
    assert "EOFError" in python("input()").output


def test_output_is_limited_with_a_note():
    result = python("print('x' * 1000, end='')", max_output=100)
    assert result.output == "x" * 50 + "\n[... 900 characters of output were dropped ...]\n" + "x" * 50


def test_output_that_is_no_text_is_shown_as_well_as_can_be():
    assert python("import sys; sys.stdout.buffer.write(b'a\\xffb')").output == "a\ufffdb"


@pytest.mark.parametrize(
    ("language", "code", "name"),
    [
        ("python", "# filename: sub/x.py\nprint(1)", "sub/x.py"),
        ("sh", "#filename:run.sh\necho 1", "run.sh"),
        ("js", "// filename: a.js\n1", "a.js"),
        ("html", "<!-- filename: a.html -->\n<p>", "a.html"),
        ("css", "/* filename: a.css */\np {}", "a.css"),
    ],
)
def test_file_is_named_by_its_first_line(tmp_path, language, code, name):
    result = run((language, code), work_dir=tmp_path)
    assert result.exit_code == 0
    assert (tmp_path / name).read_text() == code
    assert result.code_file == str((tmp_path / name).resolve())


@pytest.mark.parametrize("first", ["# compute the sum", "# and/or x", "# Filename", "# see filename: x.py", "// x.py"])
def test_other_comments_name_no_file(tmp_path, first):
    result = run(("sh", f"true {first}\n"), ("python", f"#{first}\nprint(1)"), work_dir=tmp_path)
    assert (result.exit_code, result.output) == (0, "1\n")
    assert all(path.name.startswith("code_") for path in tmp_path.iterdir())


@pytest.mark.parametrize("name", ["../x.py", "/tmp/x.py", "a/../../x.py", ".", "sub", "link/x.py", "\0", "x" * 300])
def test_file_outside_the_folder_is_refused(tmp_path, name):
    folder = tmp_path / "work"
    (folder / "sub").mkdir(parents=True)
    (folder / "link").symlink_to(tmp_path)
    result = python(f"# filename: {name}\nprint(1)", work_dir=folder)
    assert result.exit_code == 1
    assert "file" in result.output
    assert not list(tmp_path.glob("*.py"))


def test_unknown_language_is_named_and_saved_ones_are_not_run(tmp_path):
    result = run(("cobol", "x"))
    assert result.exit_code == 1
    assert result.output.startswith("unknown language 'cobol'; these are known: bash, ")
    saved = run(("javascript", "process.exit(1)"), work_dir=tmp_path)
    assert saved.exit_code == 0
    assert "not run" in saved.output
    only_saved = python("print(1)", execution_policies={"python": False})
    assert "not run" in only_saved.output


def test_missing_program_is_a_failing_result(monkeypatch):
    monkeypatch.setenv("PATH", "/nowhere")
    result = run(("bash", "echo"))
    assert (result.exit_code, result.output) == (127, "there is no bash on this machine\n")


def test_program_that_cannot_be_started_is_a_failing_result(tmp_path):
    class Broken:
        bin_path = str(tmp_path)
        env_exe = str(tmp_path / "python")

    result = python("print(1)", virtual_env_context=Broken())
    assert result.exit_code == 127
    assert "could not be started" in result.output


def test_python_of_a_virtual_environment_is_used(tmp_path):
    builder = venv.EnvBuilder(with_pip=False, symlinks=True)
    builder.create(tmp_path / "env")
    context = builder.ensure_directories(tmp_path / "env")
    result = python("import sys; print(sys.prefix)", virtual_env_context=context)
    assert result.output.strip() == str(tmp_path / "env")


def test_this_python_is_used_otherwise():
    assert python("import sys; print(sys.executable)").output.strip() == sys.executable


def test_temporary_folder_goes_away_and_a_named_one_is_made(tmp_path):
    executor = LocalCommandLineCodeExecutor()
    assert executor.work_dir.is_dir()
    executor.restart()
    executor.close()
    assert not executor.work_dir.exists()
    named = LocalCommandLineCodeExecutor(work_dir=tmp_path / "a" / "b", timeout=3)
    named.close()
    assert named.work_dir.is_dir()
    assert named.timeout == 3
    assert isinstance(named, CodeExecutor)
    assert named.code_extractor.extract_code_blocks("```sh\nls\n```") == [CodeBlock("ls", "sh")]


@pytest.mark.parametrize("timeout", [0, -1])
def test_time_out_must_be_positive(timeout):
    with pytest.raises(ConfigError, match="positive"):
        LocalCommandLineCodeExecutor(timeout=timeout)
