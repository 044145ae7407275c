"""Executors by AutoGen 0.2's module paths: what they did with blocks, folders and names."""

from __future__ import annotations

import asyncio
import venv
from pathlib import Path
from typing import Any

import pytest

from autogen_like import ConfigError
from autogen_like.coding.blocks import CodeBlock
from autogen_like.coding.jupyter.executor import JupyterCodeExecutor as Base
from autogen_like.compat import coding
from autogen_like.compat.coding import jupyter
from autogen_like.compat.coding._blocks import BlocksMixin, named_in_comment, silenced
from autogen_like.compat.coding.factory import CodeExecutorFactory
from autogen_like.compat.coding.jupyter._cells import as_cell

Local = coding.LocalCommandLineCodeExecutor


@pytest.mark.parametrize(
    ("language", "code", "name"),
    [
        ("python", "# report.py\nprint(1)", "report.py"),
        ("python", "# sub/report.py", "sub/report.py"),
        ("javascript", "// page.js", "page.js"),
        ("css", "/* page.css */", "page.css"),
        ("html", "<!-- page.html -->\n<h1>Hi</h1>", "page.html"),
        ("python", "# compute the sum", None),
        ("python", "# and/or x", None),
        ("python", "# see notes.txt", None),
        ("python", "# notes.txt", None),
        ("python", "# version 1.2", None),
        ("cobol", "# x.cob", None),
    ],
)
def test_only_a_comment_that_can_be_nothing_else_names_a_file(language: str, code: str, name: str | None) -> None:
    assert named_in_comment(code, language) == name


def test_a_file_is_named_by_its_comment_and_kept_as_it_is(tmp_path: Path) -> None:
    result = Local(work_dir=tmp_path).execute_code_blocks([CodeBlock("# sum.py\nprint(1 + 1)", "python")])
    assert (result.output, result.code_file) == ("2\n", str(tmp_path / "sum.py"))
    assert (tmp_path / "sum.py").read_text() == "# sum.py\nprint(1 + 1)"
    assert isinstance(Local, coding.CodeExecutor)
    outside = Local(work_dir=tmp_path).execute_code_blocks([CodeBlock("# ../x.py", "python")])
    assert outside.exit_code == 1


def test_pip_prints_no_progress() -> None:
    assert silenced(CodeBlock("pip install rich", "sh")).code == "pip install -qqq rich"
    assert as_cell(CodeBlock("!pip install rich", "bash")) == CodeBlock("!pip install -qqq rich", "python")
    block = CodeBlock("print(1)", "python")
    assert silenced(block) is block


def test_a_work_dir_is_made_but_not_the_folders_above(tmp_path: Path) -> None:
    assert Local(work_dir=tmp_path / "one").work_dir.is_dir()
    with pytest.raises(FileNotFoundError, match="make it first"):
        Local(work_dir=tmp_path / "two" / "three")


def test_a_restart_says_that_it_does_nothing() -> None:
    with pytest.warns(UserWarning, match="No action is taken"):
        Local().restart()


def test_a_virtual_environment_by_a_relative_path_is_used(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    builder = venv.EnvBuilder(symlinks=True)
    builder.create("env")
    executor = Local(work_dir="work", virtual_env_context=builder.ensure_directories("env"))
    result = executor.execute_code_blocks([CodeBlock("import sys; print(sys.prefix)", "python")])
    assert Path(result.output.strip()).resolve() == (tmp_path / "env").resolve()


def test_the_factory_makes_this_rooms_executors_and_knows_no_others(tmp_path: Path) -> None:
    made = CodeExecutorFactory.create({"executor": "commandline-local", "commandline-local": {"work_dir": tmp_path}})
    assert type(made) is Local
    assert CodeExecutorFactory.create({"executor": made}) is made
    for config in ({"executor": "unknown"}, {}):
        with pytest.raises(ValueError, match=r"Unknown code executor (unknown|None)"):
            CodeExecutorFactory.create(config)
    with pytest.raises(ConfigError, match="no_such"):
        CodeExecutorFactory.create({"executor": "commandline-local", "commandline-local": {"no_such": 1}})


def test_a_folder_for_files_must_be_there(tmp_path: Path) -> None:
    kinds: tuple[Any, ...] = (jupyter.JupyterCodeExecutor, jupyter.EmbeddedIPythonCodeExecutor)
    for kind in kinds:
        with pytest.raises(ValueError, match="does not exist"):
            kind(output_dir=tmp_path / "nowhere")
        with pytest.raises(ValueError, match=r"Kernel .* is not installed"):
            kind(kernel_name="cobol")
        assert kind(timeout=10, output_dir=tmp_path)._kernel_name == "python3"


def test_a_cell_may_begin_with_ipythons_mark_whatever_its_language(monkeypatch: pytest.MonkeyPatch) -> None:
    seen: list[CodeBlock] = []

    async def execute(self: Base, blocks: Any, *, on_output: Any = None) -> None:
        seen.extend(blocks)

    monkeypatch.setattr(Base, "execute", execute)
    made = CodeExecutorFactory.create({"executor": "ipython-embedded"})
    assert isinstance(made, jupyter.EmbeddedIPythonCodeExecutor)
    asyncio.run(made.execute([CodeBlock("!echo hi", "bash"), CodeBlock("echo hi", "bash")]))
    assert [block.language for block in seen] == ["python", "bash"]


def test_dockers_blocks_are_named_in_the_same_way() -> None:
    assert issubclass(coding.DockerCommandLineCodeExecutor, BlocksMixin)
