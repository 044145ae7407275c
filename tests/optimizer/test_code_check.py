"""What is wrong with a function's code is found by reading it, whatever it is."""

from __future__ import annotations

from importlib import import_module
from types import ModuleType

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from autogen_like.optimizer.code_check import MAX_CODE, MODULES, find_fault, imported, parameters_of

OK = "def f(x):\n    return x"


@pytest.mark.parametrize(
    "code",
    [
        OK,
        '"""Says something."""\nimport math\nFACTORS = [1, 2]\n\ndef helper(y):\n    return y\n\n' + OK,
        "from __future__ import annotations\n" + OK,
        "import numpy as np\ndef f(a: np.ndarray):\n    return [b for b in a]",
        "def f(x):\n    class P:\n        def __init__(self):\n            self.x = x\n    return P().x",
        "def f(x):\n    global seen\n    seen = x\n    return seen",
        "def f(x):\n    return '\\d'",  # an odd escape, which Python warns about
    ],
)
def test_code_that_only_computes_is_taken(code):
    assert find_fault(code, "f", packages=True) == ""


@pytest.mark.parametrize(
    ("code", "said"),
    [
        ("def f(x)\n    return x", "doesn't compile: line 1"),
        ("def g(x):\n    return x", "defines no function 'f'"),
        ("async def f(x):\n    return x", "async functions aren't taken"),
        ("def f(*x):\n    return x", "takes arguments without a name"),
        ("def f(x, /):\n    return x", "takes arguments without a name"),
        ("def f(x):\n    return y", "uses y, which nothing in it defines"),
        ("print(1)\n" + OK, "would run when the code is loaded"),
        ("X = open\n" + OK, "open may not be used"),
        ("X = [f(1)]\n" + OK, "would run when the code is loaded"),
        ("import numpy\n" + OK, "belongs to no package"),
        ("from . import x\n" + OK, "can't be relative"),
        ("x" * (MAX_CODE + 1), "20,001 characters, and 20,000 are taken"),
        ("def f(x):\n    return \0", "doesn't compile"),
        ("def f(x):\n    return '\ud800'", "doesn't compile: UnicodeEncodeError"),
    ],
)
def test_what_can_not_work_is_told(code, said):
    assert said in find_fault(code, "f")


@pytest.mark.parametrize(
    "line",
    [
        "import os; os.system('rm -rf /')",
        "__import__('os').system('ls')",
        "eval('1')",
        "exec('1')",
        "open('/etc/passwd').read()",
        "import random; random._os.system('ls')",
        "from random import _os",
        "import statistics; statistics.sys.modules",
        "().__class__.__mro__[1].__subclasses__()",
        "getattr(x, '__class__')",
        "import operator; operator.attrgetter('_os.system')",
        "from operator import methodcaller",
        "import typing; typing.get_type_hints(x)",
        "import string; string.Formatter().get_field('0._os', [x], {})",
        "import functools; functools.singledispatch(x)",
        "import subprocess",
        "import _posixsubprocess",
        "import socket",
        "globals()",
        "import importlib",
        "(0 for _ in x).gi_frame.f_builtins['__import__']('os')",
        "import functools; functools.update_wrapper(x, f, assigned=['__globals__'])",
        "from functools import wraps",
        "from json.tool import Path",
        "from json import tool",
        "import json.tool as t; t.argparse.FileType('w')('/tmp/x')",
        "import zoneinfo._common",
        "import dataclasses; dataclasses.types.CodeType",
        "help('antigravity')",
    ],
)
def test_the_ways_out_of_computing_are_refused(line):
    assert "may not be" in find_fault(f"def f(x):\n    {line}", "f")


def test_a_pattern_reads_no_attribute_that_an_expression_may_not():
    code = "def f(x):\n    match f:\n        case object(__globals__=g):\n            return g"
    assert ".__globals__ may not be used" in find_fault(code, "f")
    assert find_fault("def f(x):\n    match x:\n        case complex(real=r):\n            return r", "f") == ""


def test_no_module_that_functions_may_import_leads_to_one_that_does_more_than_compute():
    harmless = {"abc", "binascii", "collections", "contextlib", "keyword", "struct", "warnings", "weakref"} | MODULES
    seen, waiting = set(), [import_module(name) for name in MODULES]
    while waiting:
        module = waiting.pop()
        for name, value in vars(module).items():
            if isinstance(value, ModuleType) and value not in seen and not find_fault(f"def f(x):\n    x.{name}", "f"):
                assert value.__name__.partition(".")[0] in harmless, f"{module.__name__}.{name}"
                seen.add(value)
                waiting.append(value)


@pytest.mark.parametrize(
    "expression",
    ["(" * 5000 + "1" + ")" * 5000, "-" * 9000 + "1", "1" + "+1" * 9000, "x" + ".a" * 4000, "x" + "[0]" * 5000,
     "not " * 4500 + "1", "lambda: " * 2000 + "1", "1 if x else " * 1500 + "1"],
)  # fmt: skip
def test_code_that_is_nested_too_deeply_is_refused(expression):
    assert find_fault(f"def f(x):\n    return {expression}", "f")


def test_code_of_many_parts_is_refused():
    assert "parts, and 8,000 are taken" in find_fault("def f(x):\n    " + "x;" * 9000, "f")


def test_more_modules_may_be_allowed():
    code = "import os\ndef f(x):\n    return os.getcwd(), open(x)"
    assert "os may not be imported" in find_fault(code, "f")
    assert "open may not be used" in find_fault(code, "f", {"os"})
    assert find_fault(code, "f", {"os", "io"}) == ""


@settings(deadline=None)
@given(st.text(max_size=300))
def test_any_text_is_read_and_nothing_raised(code):
    assert isinstance(find_fault(code, "f"), str)


@settings(deadline=None)
@given(
    st.lists(st.sampled_from(["def f(x):", "\n", "    ", "return x", "import os", "(", ")", "x.y", "'"]), max_size=30)
)
def test_any_pieces_of_code_are_read_and_nothing_raised(pieces):
    assert isinstance(find_fault("".join(pieces), "f"), str)


def test_imports_and_parameters_are_read_from_the_code():
    code = "import math\ndef f(a, b=2, *, c, d=4, **more):\n    from json import loads\n    return a"
    assert imported(code) == ("json", "math")
    assert parameters_of(code, "f") == ({"a": True, "b": False, "c": True, "d": False}, True)
