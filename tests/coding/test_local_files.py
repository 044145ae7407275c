"""Where local code finds itself: its files, its folders, its environment."""

from __future__ import annotations

import os
import site
import stat
import subprocess
import sys
import tempfile
from pathlib import Path, PurePosixPath

import pytest

from autogen_like.coding.blocks import CodeBlock
from autogen_like.coding.local import LocalCommandLineCodeExecutor, write_inside
from autogen_like.coding.virtual_env import create_virtual_env
from autogen_like.core.errors import ConfigError


def run(folder: Path, *blocks: tuple[str, str], **options):
    executor = LocalCommandLineCodeExecutor(work_dir=folder, **options)
    return executor.execute_code_blocks([CodeBlock(code, language) for language, code in blocks])


def test_a_link_out_made_by_one_block_is_not_followed_by_the_next(tmp_path):
    outside = tmp_path / "outside"
    outside.mkdir()
    (outside / "target").write_text("as it was")
    work = tmp_path / "work"
    result = run(work, ("sh", f"ln -s {outside} way"), ("python", "# filename: way/x.py\nprint(1)"))
    assert result.exit_code == 1
    assert result.output == "the file could not be written: way is a link or a file, not a folder of the work folder\n"
    assert [path.name for path in outside.iterdir()] == ["target"]
    replaced = run(work, ("sh", f"ln -s {outside}/target x.py"), ("python", "# filename: x.py\nprint(1)"))
    assert (replaced.exit_code, replaced.output) == (0, "1\n")
    assert (outside / "target").read_text() == "as it was"
    assert not (work / "x.py").is_symlink()


def test_a_pipe_or_a_folder_that_stands_in_the_way_holds_nothing_up(tmp_path):
    result = run(tmp_path, ("sh", "mkfifo x.py; mkdir y.py; touch z"), ("python", "# filename: x.py\nprint(1)"))
    assert result.output == "1\n"
    for name in ("y.py", "z/a.py"):
        refused = run(tmp_path, ("python", f"# filename: {name}\nprint(1)"))
        assert refused.exit_code == 1
        assert refused.output.startswith("the file could not be written: ")
    assert not list(tmp_path.glob(".*.part"))


def test_a_file_is_written_whole_or_not_at_all(tmp_path):
    write_inside(tmp_path, PurePosixPath("a/b/c.txt"), b"1")
    write_inside(tmp_path, PurePosixPath("a/b/c.txt"), b"2")
    assert (tmp_path / "a/b/c.txt").read_bytes() == b"2"
    with pytest.raises(IsADirectoryError):
        write_inside(tmp_path, PurePosixPath("a/b"), b"3")
    with pytest.raises(FileNotFoundError):
        write_inside(tmp_path / "nowhere", PurePosixPath("x"), b"")
    assert sorted(path.name for path in tmp_path.rglob("*")) == ["a", "b", "c.txt"]


def test_code_may_remove_the_folder_that_it_runs_in(tmp_path):
    work = tmp_path / "work"
    executor = LocalCommandLineCodeExecutor(work_dir=work)
    block = CodeBlock('rm -rf "$PWD" "$HOME" "$TMPDIR"; echo gone', "sh")
    assert executor.execute_code_blocks([block]).output == "gone\n"
    assert executor.execute_code_blocks([block]).output == "gone\n"


def test_nothing_but_the_named_folder_is_left_whatever_the_code_made(tmp_path, monkeypatch):
    temporary = tmp_path / "temporary"
    temporary.mkdir()
    monkeypatch.setattr(tempfile, "tempdir", str(temporary))
    litter = "cd $HOME; mkdir -p a/b; touch a/b/c; chmod 0 a; mktemp; mktemp -d; ln -s / root"
    executor = LocalCommandLineCodeExecutor(work_dir=tmp_path / "work")
    result = executor.execute_code_blocks([CodeBlock(litter, "sh")])
    assert result.exit_code == 0
    assert all(line.startswith(str(temporary)) for line in result.output.split())
    executor.close()
    executor.close()
    assert list(temporary.iterdir()) == []
    assert Path("/etc").is_dir()


@pytest.mark.parametrize("end", ["executor.close()", "del executor", "sys.exit()"])
def test_a_forked_child_leaves_the_folder_to_its_parent(end):
    program = f"""
import os, sys
from autogen_like import CodeBlock, LocalCommandLineCodeExecutor
executor = LocalCommandLineCodeExecutor()
if os.fork() == 0:
    {end}
    os._exit(0)
os.wait()
print(executor.work_dir, executor.work_dir.is_dir())
"""
    done = subprocess.run([sys.executable, "-c", program], check=True, capture_output=True, text=True)
    folder, there = done.stdout.split()
    assert there == "True"
    assert not Path(folder).exists()


def test_a_link_that_looks_like_a_folder_left_behind_is_let_be(tmp_path, monkeypatch):
    temporary, precious = tmp_path / "temporary", tmp_path / "precious"
    for folder in (temporary, precious / "sub"):
        folder.mkdir(parents=True)
    (precious / "lock").touch()
    (precious / "sub").chmod(0o750)
    (temporary / "autogen_like-x").symlink_to(precious)
    monkeypatch.setattr(tempfile, "tempdir", str(temporary))
    LocalCommandLineCodeExecutor().close()
    assert (precious / "lock").exists()
    assert stat.S_IMODE((precious / "sub").stat().st_mode) == 0o750


def test_its_home_is_its_own_and_the_users_packages_are_still_found(tmp_path, monkeypatch):
    monkeypatch.setenv("HOME", str(tmp_path / "users"))
    monkeypatch.setattr(site, "ENABLE_USER_SITE", True)
    monkeypatch.setattr(site, "USER_BASE", str(tmp_path / "users" / ".local"))
    shown = run(tmp_path, ("sh", 'echo $HOME $PYTHONUSERBASE; stat -c %a "$HOME/.."')).output.split()
    assert not shown[0].startswith(str(tmp_path / "users"))
    assert shown[1:] == [str(tmp_path / "users" / ".local"), "700"]
    given = run(tmp_path, ("sh", "echo $HOME"), env={"HOME": str(tmp_path)})
    assert given.output == f"{tmp_path}\n"


def test_a_users_own_import_path_is_kept(tmp_path):
    (tmp_path / "lib").mkdir()
    (tmp_path / "lib" / "mine.py").write_text("x = 5")
    result = run(tmp_path, ("python", "import mine; print(mine.x)"), env={"PYTHONPATH": str(tmp_path / "lib")})
    assert result.output == "5\n"


def test_languages_of_a_table_are_run(tmp_path):
    result = run(tmp_path, ("awk", 'BEGIN { print "hi" }'), commands={"awk": ["awk", "-f"]})
    assert (result.exit_code, result.output) == (0, "hi\n")
    missing = run(tmp_path, ("ruby", "1"), commands={"ruby": ["no-such-ruby"]})
    assert (missing.exit_code, missing.output) == (127, "there is no no-such-ruby on this machine\n")
    assert missing.code_file is not None


def test_a_program_can_be_found_on_a_path_of_its_own(tmp_path):
    program = tmp_path / "bin" / "greet"
    program.parent.mkdir()
    program.write_text("#!/bin/sh\necho hello\n")
    program.chmod(program.stat().st_mode | stat.S_IXUSR)
    path = {"PATH": f"{program.parent}:{os.environ['PATH']}"}
    assert run(tmp_path, ("greeting", ""), commands={"greeting": ["greet"]}, env=path).output == "hello\n"


def test_a_virtual_environment_is_made_where_it_is_wanted_and_used_again(tmp_path):
    create_virtual_env(tmp_path / "env", with_pip=False)
    made = (tmp_path / "env" / "pyvenv.cfg").stat().st_mtime_ns
    blocks = [("python", "import sys; print(sys.prefix)"), ("sh", "python -c 'import sys; print(sys.prefix)'")]
    result = run(tmp_path / "work", *blocks, ("sh", "echo $VIRTUAL_ENV"), virtual_env=tmp_path / "env")
    assert result.output == f"{tmp_path / 'env'}\n" * 3
    assert (tmp_path / "env" / "pyvenv.cfg").stat().st_mtime_ns == made


@pytest.mark.slow
def test_an_environment_of_its_own_takes_what_is_installed_and_goes_away_with_it():
    executor = LocalCommandLineCodeExecutor(virtual_env=True, timeout=120)
    where = "import sys, importlib.util as u; print(sys.prefix, bool(u.find_spec('pip')), bool(u.find_spec('pytest')))"
    results = [executor.execute_code_blocks([CodeBlock(where, "python")]).output.split() for _ in range(2)]
    assert results[0] == results[1]
    assert results[0][1:] == ["True", "False"]
    assert results[0][0] != sys.prefix
    assert Path(results[0][0]).is_dir()
    executor.close()
    assert not Path(results[0][0]).exists()


def test_only_one_virtual_environment_can_be_meant(tmp_path):
    context = create_virtual_env(tmp_path / "env", with_pip=False)
    with pytest.raises(ConfigError, match="virtual_env"):
        LocalCommandLineCodeExecutor(virtual_env=True, virtual_env_context=context)
