"""What all executors do that write a block to a file and run a program on it, wherever that may be."""

from __future__ import annotations

import asyncio
import posixpath
from collections.abc import Sequence
from pathlib import PurePosixPath

import pytest
from hypothesis import given
from hypothesis import strategies as st

from autogen_like.coding.blocks import CodeBlock
from autogen_like.coding.commandline import BadFileName, CommandLineCodeExecutor, block_path
from autogen_like.coding.executor import CodeExecutor, CommandLineCodeResult
from autogen_like.coding.output import Output
from autogen_like.core.errors import ConfigError


class Told(CommandLineCodeExecutor):
    """Runs nothing: notes what it is asked for, and ends as it is told to."""

    def __init__(self, *codes: int | None, **options) -> None:
        super().__init__(**options)
        self.codes = list(codes)
        self.files: dict[str, bytes] = {}
        self.commands_run: list[tuple[str, ...]] = []
        self.prepared = 0
        self.preparing = 0

    async def _prepare(self) -> None:
        self.preparing += 1
        assert self.preparing == 1, "two at a time"
        await asyncio.sleep(0.001)
        self.prepared += 1
        self.preparing -= 1

    async def _write(self, path: PurePosixPath, content: bytes) -> str:
        if path.name == "full":
            raise OSError(28, "No space left on device")
        self.files[str(path)] = content
        return f"/box/{path}"

    async def _start(self, command: Sequence[str], *, seconds: float, output: Output) -> int | None:
        self.commands_run.append(tuple(command))
        output.feed(f"ran {command[0]} for {seconds:g}\n".encode())
        return self.codes.pop(0) if self.codes else 0


def run(executor: Told, *blocks: tuple[str, str]) -> CommandLineCodeResult:
    return executor.execute_code_blocks([CodeBlock(code, language) for language, code in blocks])


def test_all_files_are_named_the_first_among_them():
    executor = Told()
    result = run(executor, ("python", "# filename: a/b.py\n1"), ("css", "/* filename: c.css */"))
    assert result.code_file == "/box/a/b.py"
    assert result.code_files == ("/box/a/b.py", "/box/c.css")
    assert executor.commands_run == [("python3", "a/b.py")]
    assert result.output == "ran python3 for 60\nsaved to /box/c.css, not run\n"


def test_the_first_failure_is_the_last_and_is_prepared_for_once():
    executor = Told(0, 3)
    result = run(executor, ("sh", "1"), ("sh", "2"), ("sh", "3"))
    assert (result.exit_code, len(executor.commands_run), executor.prepared) == (3, 2, 1)


def test_nothing_to_run_needs_nothing_prepared():
    executor = Told()
    assert run(executor) == CommandLineCodeResult(0, "")
    assert executor.prepared == 0
    executor.restart()
    assert isinstance(executor, CodeExecutor)


async def test_preparations_never_meet():
    executor = Told()
    await asyncio.gather(*(executor.execute([CodeBlock("1", "sh")]) for _ in range(5)))
    assert executor.prepared == 5


def test_a_language_is_added_or_changed_by_a_table():
    executor = Told(commands={"Ruby": ["ruby", "-w"], "sh": ("dash",)}, execution_policies={"ruby": True})
    run(executor, ("ruby", "1"), ("shell", "2"), ("javascript", "# filename: x.js\n3"))
    assert [command[:-1] for command in executor.commands_run] == [("ruby", "-w"), ("dash",)]
    assert executor.commands_run[0][-1].endswith(".rb")
    run(Told(commands={"../c++": ["cc"]}), ("../C++", "int x;"))
    assert block_path("int x;", "../c++").suffix == ".c"
    assert block_path("int x;", "汉").suffix == ".txt"


def test_other_names_of_a_language_are_that_language():
    executor = Told(execution_policies={"js": True, "py": False})
    run(executor, ("js", "1"), ("Python3", "2"), ("ps1", "3"), ("pwsh", "4"))
    assert [command[0] for command in executor.commands_run] == ["node", "pwsh", "pwsh"]


@pytest.mark.parametrize(
    ("options", "named"),
    [
        ({"timeout": 0}, "timeout"),
        ({"timeout": float("nan")}, "timeout"),
        ({"max_output": 0}, "max_output"),
        ({"commands": {"ruby": "ruby -w"}}, "commands: 'ruby'"),
        ({"commands": {"ruby": []}}, "commands: 'ruby'"),
        ({"commands": {"ruby": ["ruby", 1]}}, "commands: 'ruby'"),
        ({"execution_policies": {"html": True}}, r"commands=\{'html'"),
        ({"functions_module": "my-functions"}, "functions_module"),
        ({"packages": "pandas"}, "packages"),
    ],
)
def test_a_setting_that_cannot_be_is_refused_by_name(options, named):
    with pytest.raises(ConfigError, match=named):
        Told(**options)


def test_a_time_out_says_so():
    result = run(Told(None), ("sh", "1"))
    assert (result.exit_code, result.output) == (124, "ran sh for 60\n\nTimeout: stopped after 60 s\n")


def test_an_unknown_language_and_a_full_disk_are_failing_results():
    assert run(Told(), ("cobol", "1")).output.startswith("unknown language 'cobol'; these are known: bash, ")
    result = run(Told(), ("sh", "# filename: full\n"))
    assert (result.exit_code, result.output) == (1, "the file could not be written: No space left on device\n")
    assert result.code_files == ()


@pytest.mark.parametrize(
    ("name", "said"),
    [
        ("../../etc/passwd", "leads out of"),
        ("/etc/passwd", "leads out of"),
        ("a/../../x", "leads out of"),
        ("..", "leads out of"),
        ("~/../../x", "leads out of"),
        ("C:\\Windows\\x.py", "Windows"),
        ("C:x.py", "Windows"),
        ("..\\x.py", "Windows"),
        ("a\x00b", "control characters"),
        ("a\x1b[2Jb", "control characters"),
        (".", "folder"),
        ("sub/", "folder"),
        ("a/..", "folder"),
        ("x" * 300, "too long"),
        ("x/" * 500 + "y", "too long"),
        ("\N{GRINNING FACE}" * 60, "too long"),
    ],
)
def test_a_file_name_that_cannot_be_is_a_failing_result(name, said):
    executor = Told()
    result = run(executor, ("python", f"# filename: {name}\nprint(1)"))
    assert (result.exit_code, executor.files, executor.commands_run) == (1, {}, [])
    assert said in result.output
    assert "\x1b" not in result.output


@given(st.text(alphabet=st.sampled_from("ab./\\~:- \x00\t\N{GRINNING FACE}\ud800"), min_size=1, max_size=12))
def test_no_file_name_leads_out(name):
    try:
        path = block_path(f"# filename: {name}\n1", "python")
    except BadFileName:
        return
    joined = posixpath.normpath(f"/box/{path}")
    assert joined.startswith("/box/")
    assert joined == f"/box/{path}"
    assert PurePosixPath(joined).name


def test_a_file_name_is_no_option_and_code_that_is_no_text_is_written():
    executor = Told()
    run(executor, ("python", "# filename: -c\nprint('\ud800')"))
    assert executor.commands_run == [("python3", "./-c")]
    assert executor.files["-c"] == b"# filename: -c\nprint('?')"


def test_the_same_code_has_the_same_file():
    assert block_path("1", "python") == block_path("1", "python") != block_path("2", "python")


async def test_output_is_told_as_it_comes():
    told: list[str] = []
    result = await Told(0, 1).execute([CodeBlock("1", "sh"), CodeBlock("2", "bash")], on_output=told.append)
    assert told == ["ran sh for 60\n", "ran bash for 60\n"]
    assert result.output == "".join(told)


def test_the_limit_of_output_is_that_of_all_blocks():
    result = run(Told(max_output=20), *[("sh", "1")] * 10)
    assert "dropped" in result.output
    assert len(result.output) < 80


def one() -> int:
    """The number."""
    return 1


def test_a_prompt_tells_of_the_functions():
    executor = Told(functions=[one], functions_module="numbers_")
    prompt = executor.format_functions_for_prompt()
    assert "from numbers_ import foo" in prompt
    assert prompt.endswith('def one() -> int:\n    """The number."""\n    ...')
    assert executor.format_functions_for_prompt("$module_name: $other") == "numbers_: $other"
    assert (executor.functions, executor.functions_module) == ((one,), "numbers_")
    assert Told().format_functions_for_prompt() == ""
