"""Functions of the user's that code may import."""

from __future__ import annotations

import ast
import asyncio
import math
from typing import Any

import pytest

from autogen_like.coding.blocks import CodeBlock
from autogen_like.coding.functions import (
    Alias,
    FunctionModule,
    FunctionWithRequirements,
    FunctionWithRequirementsStr,
    ImportFromModule,
    to_stub,
    with_requirements,
)
from autogen_like.coding.local import LocalCommandLineCodeExecutor
from autogen_like.core.errors import ConfigError

NOT_THERE = 3


def add(a: int, b: Any = 2) -> int:
    """Adds
    two numbers."""
    return a + b


@with_requirements(
    global_imports=["math", Alias("json", "j"), ImportFromModule("os.path", ["join", Alias("basename", "base")])]
)
def described(radius: float) -> str:
    return j.dumps([math.floor(radius), base(join("a", "b")), add(1)])  # noqa: F821 - imported where it runs


async def later(*, n: int = 1) -> int:
    total = 0
    for step in range(n):
        total += sum(step for _ in range(2))
    return total


def outer(n: int) -> int:
    def inner(m: int) -> int:
        global seen  # noqa: PLW0603 - what is tested
        seen = m
        return n + m

    return inner(1) + seen


def uses_module() -> float:
    return math.pi


def uses_default(n: int = NOT_THERE) -> int:
    return n


def run(code: str, **options):
    return LocalCommandLineCodeExecutor(**options).execute_code_blocks([CodeBlock(code, "python")])


def test_code_calls_them():
    functions = [add, described, later, outer]
    code = "import asyncio\nfrom functions import add, described, later, outer\n"
    result = run(code + "print(add(1), described(2.5), asyncio.run(later(n=3)), outer(1))", functions=functions)
    assert result.output == '3 [2, "b", 3] 6 3\n'


def test_they_are_there_in_any_folder_and_the_module_is_called_as_asked(tmp_path):
    (tmp_path / "functions.py").write_text("mine = 1")
    code = "# filename: sub/x.py\nfrom helpers import add\nprint(add(1))"
    assert run(code, functions=[add], functions_module="helpers", work_dir=tmp_path).output == "3\n"
    assert (tmp_path / "functions.py").read_text() == "mine = 1"


async def test_blocks_side_by_side_always_find_the_whole_module():
    executor = LocalCommandLineCodeExecutor(functions=[add, later])
    block = CodeBlock("from functions import add, later\nprint(add(1))", "python")
    results = await asyncio.gather(*(executor.execute([block]) for _ in range(8)))
    assert {result.output for result in results} == {"3\n"}


def test_a_function_may_be_given_as_its_source_which_is_not_run_here():
    source = """
        @with_requirements(global_imports=["math"])
        def root(n):
            return math.sqrt(n)
    """
    given = FunctionWithRequirements.from_str(source, global_imports=["math"])
    assert isinstance(given, FunctionWithRequirementsStr)
    assert run("from functions import root\nprint(root(4))", functions=[given]).output == "2.0\n"


def test_a_function_with_requirements_is_still_the_function():
    made = FunctionWithRequirements.from_callable(add, ["pandas"], ["json"])
    assert made(1, b=4) == 5
    assert (made.__name__, made.__doc__, made.python_packages) == ("add", add.__doc__, ["pandas"])
    assert FunctionModule([made]).requirements == (("pandas", "add"),)


def test_imports_stand_once_and_first():
    source = FunctionModule([described, FunctionWithRequirements(add, global_imports=["math"])]).source
    assert source.startswith(
        "from __future__ import annotations\nimport math\nimport json as j\n"
        "from os.path import join, basename as base\n\n\ndef described("
    )
    assert source.count("import math") == 1
    assert "with_requirements" not in source
    ast.parse(source)


def test_a_model_is_shown_signatures_and_docstrings():
    assert to_stub(add) == 'def add(a: int, b: Any=2) -> int:\n    """Adds\n    two numbers."""\n    ...'
    assert to_stub(described) == "def described(radius: float) -> str:\n    ..."
    assert to_stub(later) == "async def later(*, n: int=1) -> int:\n    ..."


def closing_over(number: int):
    def closed() -> int:
        return number

    return closed


@pytest.mark.parametrize(
    ("functions", "said"),
    [
        ([uses_module], "uses_module uses math, which its module won't have"),
        ([closing_over(1)], "closed uses number"),
        ([uses_default], "a decorator or a default uses NOT_THERE"),
        ([described], "described uses add"),
        ([add, FunctionWithRequirementsStr("def add(): pass")], "two named add"),
        ([lambda: 1], "one function with a def is needed"),
        ([int], "isn't to be had"),
        ([len], "isn't to be had"),
        ([FunctionWithRequirementsStr("x = 1")], "one function with a def is needed"),
        ([FunctionWithRequirementsStr("def f(): pass\nprint(1)")], "one function with a def is needed"),
        ([FunctionWithRequirementsStr("def f(:")], "is no Python function"),
        ([FunctionWithRequirementsStr("def f(): \0")], "is no Python function"),
        ([FunctionWithRequirementsStr("def f(): pass", (), ["os; import sys"])], "is no import"),
        ([FunctionWithRequirementsStr("def f(): pass", (), ["not a name"])], "is no import"),
        ([FunctionWithRequirementsStr("def f(): pass", (), [Alias("os", "a\nimport b")])], "is no import"),
    ],
)
def test_what_cannot_stand_in_a_module_of_its_own_is_refused_with_the_cure(functions, said):
    with pytest.raises(ConfigError, match=said):
        LocalCommandLineCodeExecutor(functions=functions)


@pytest.mark.parametrize("name", ["class", "a.b", "../x", "1x", ""])
def test_the_modules_name_is_a_name(name):
    with pytest.raises(ConfigError, match="functions_module"):
        FunctionModule([], name)
