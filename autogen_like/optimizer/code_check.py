"""What is wrong with a function that a model wrote, found by reading it; nothing of it runs here.

This is the second fence. The first is the executor in which functions run. It keeps honest mistakes out, tells a model
why, and takes from code that runs in a mere subprocess what it would do harm with most easily. Whoever knows Python
well gets past it: nothing that reads code can tell all that it may do.
"""

from __future__ import annotations

import ast
import builtins
import symtable
import sys
import warnings
from collections.abc import Iterable, Iterator
from itertools import chain

MAX_CODE = 20_000  # characters of one function
MAX_NODES = 8_000  # of its syntax tree

MODULES = frozenset(
    {"__future__", "array", "base64", "bisect", "calendar", "cmath", "collections", "copy", "csv", "dataclasses"}
    | {"datetime", "decimal", "difflib", "enum", "fractions", "functools", "hashlib", "heapq", "html", "itertools"}
    | {"json", "math", "numbers", "operator", "random", "re", "statistics", "string", "textwrap", "time", "typing"}
    | {"unicodedata", "uuid", "zoneinfo"}
)
"""The modules of the standard library that functions may import unless they are given more: those that only compute."""

# By name, as a builtin or behind a dot: ways to run text as code, or to reach what an import would have been refused.
_REFUSED = frozenset(
    {"__import__", "attrgetter", "breakpoint", "compile", "delattr", "eval", "exec", "exit", "ForwardRef", "Formatter"}
    | {"get_field", "get_type_hints", "getattr", "globals", "help", "input", "locals", "methodcaller", "quit"}
    | {"setattr", "singledispatch", "singledispatchmethod", "update_wrapper", "vars", "wraps"}
)
# Frames and code objects, from which all names can be had that there are in the process.
_INSIDES = frozenset(
    {"ag_code", "ag_frame", "co_code", "cr_code", "cr_frame", "cr_origin", "f_back", "f_builtins", "f_code"}
    | {"f_globals", "f_locals", "f_trace", "gi_code", "gi_frame", "tb_frame", "tb_next"}
)
# Modules that others have as attributes: random.os is as good as os.
_REACHED = frozenset(
    {"argparse", "bltns", "builtins", "codecs", "copyreg", "importlib", "inspect", "io", "linecache", "os", "platform"}
    | {"posix", "shutil", "signal", "socket", "subprocess", "sys", "sysconfig", "threading", "types"}
)
_PROGRAMS = frozenset({"json.tool"})  # within modules that only compute, a program that reads and writes files
_DUNDERS = frozenset(
    {"__name__", "__doc__", "__init__", "__len__", "__post_init__", "__str__", "__repr__", "__future__"}
)


def find_fault(code: str, name: str, modules: Iterable[str] = MODULES, *, packages: bool = False) -> str:
    r"""What is wrong with a function's code; empty where nothing is.

    Args:
        code: Imports and functions, one of which has the name.
        name: The function's name.
        modules: The modules of the standard library that it may import.
        packages: Whether it needs packages; then it may import modules that aren't of the standard library.

    Example:
        >>> find_fault("def add(a, b):\n    return a + b", "add")
        ''
        >>> find_fault("import os\ndef add(a, b):\n    return os.system('ls')", "add")
        'line 1: the module os may not be imported by functions, which only compute'
    """
    if len(code) > MAX_CODE:
        return f"the code has {len(code):,} characters, and {MAX_CODE:,} are taken at most: write less"
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # an odd escape in a model's string is nobody's business here
            tree = ast.parse(code)
            compile(tree, f"<{name}>", "exec", dont_inherit=True)
            nodes = list(ast.walk(tree))
            if len(nodes) > MAX_NODES:
                return f"the code has {len(nodes):,} parts, and {MAX_NODES:,} are taken at most: write less"
            return next(_faults(tree, nodes, code, name, _Allowed(modules, packages=packages)), "")
    except SyntaxError as error:
        return f"the code doesn't compile: line {error.lineno}: {error.msg}"
    except (ValueError, RecursionError, MemoryError) as error:
        return f"the code doesn't compile: {type(error).__name__}: {str(error)[:200] or 'it is nested too deeply'}"


def imported(code: str) -> tuple[str, ...]:
    """The modules that code imports, wherever in it.

    Args:
        code: Code that `find_fault` has nothing against.

    Example:
        >>> imported("import math, json as j")
        ('json', 'math')
    """
    found = {module for node in ast.walk(ast.parse(code)) for module in _modules(node)}
    return tuple(sorted(found - {"__future__"}))


def parameters_of(code: str, name: str) -> tuple[dict[str, bool], bool]:
    r"""A function's parameters, each with whether it must be given; and whether it takes others too.

    Args:
        code: Code that `find_fault` has nothing against.
        name: The function's name.

    Example:
        >>> parameters_of("def add(a, b=1, **more):\n    return a + b", "add")
        ({'a': True, 'b': False}, True)
    """
    arguments = _definition(ast.parse(code), name).args
    positional = [*arguments.posonlyargs, *arguments.args]
    needed = len(positional) - len(arguments.defaults)
    found = {argument.arg: place < needed for place, argument in enumerate(positional)}
    for argument, default in zip(arguments.kwonlyargs, arguments.kw_defaults, strict=True):
        found[argument.arg] = default is None
    return found, arguments.kwarg is not None


class _Allowed:
    """What may be imported, and used."""

    def __init__(self, modules: Iterable[str], *, packages: bool) -> None:
        self.modules = frozenset(modules) | {"__future__"}
        self.packages = packages
        self.refused = _REFUSED if "io" in self.modules else _REFUSED | {"open"}
        self.reached = _REACHED - self.modules

    def fault_of_import(self, module: str) -> str:
        top, *parts = module.split(".")
        if top in self.modules:
            within = module in _PROGRAMS - self.modules or any(part.startswith("_") for part in parts)
            return f"the module {module} may not be imported by functions, which only compute" if within else ""
        if not top:
            return "an import can't be relative: there is no package around a function"
        if top in sys.stdlib_module_names or top.startswith("_"):
            return f"the module {top} may not be imported by functions, which only compute"
        return (
            "" if self.packages else f"the module {top} belongs to no package in the function's packages: name it there"
        )

    def fault_of_name(self, name: str) -> str:
        if name in self.refused or (name.startswith("__") and name not in _DUNDERS):
            return f"{name} may not be used by functions, which only compute"
        return ""

    def fault_of_attribute(self, name: str) -> str:
        if name in self.reached or name in _INSIDES or (name.startswith("_") and name not in _DUNDERS):
            return f".{name} may not be used by functions, which only compute"
        return self.fault_of_name(name)


def _faults(tree: ast.Module, nodes: list[ast.AST], code: str, name: str, allowed: _Allowed) -> Iterator[str]:
    for node in nodes:
        fault = _fault(node, allowed)
        if fault:
            yield f"line {getattr(node, 'lineno', 1)}: {fault}"
    for statement in tree.body:
        if not _harmless(statement):
            shown = ast.unparse(statement).splitlines()[0][:80]
            yield (
                f"line {statement.lineno}: {shown!r} would run when the code is loaded; only imports and functions may "
                "stand there"
            )
    if not any(isinstance(node, ast.FunctionDef) and node.name == name for node in tree.body):
        yield f"the code defines no function {name!r} with 'def {name}(...)'"
        return
    if _definition(tree, name).args.posonlyargs or _definition(tree, name).args.vararg:
        yield f"{name} takes arguments without a name; models pass each by its name"
    missing = sorted(_undefined(code))
    if missing:
        yield f"the code uses {', '.join(missing)}, which nothing in it defines or imports"


def _fault(node: ast.AST, allowed: _Allowed) -> str:
    for module in _modules(node):
        fault = allowed.fault_of_import(module)
        if fault:
            return fault
    if isinstance(node, ast.ImportFrom):
        if node.level:
            return allowed.fault_of_import("")
        within = (allowed.fault_of_import(f"{node.module}.{alias.name}") for alias in node.names)
        names = (allowed.fault_of_attribute(alias.name) for alias in node.names)
        return next(filter(None, chain(names, within)), "")
    if isinstance(node, ast.Name):
        return allowed.fault_of_name(node.id)
    if isinstance(node, ast.Attribute):
        return allowed.fault_of_attribute(node.attr)
    if isinstance(node, ast.MatchClass):  # its patterns read attributes
        return next(filter(None, map(allowed.fault_of_attribute, node.kwd_attrs)), "")
    if isinstance(node, ast.AsyncFunctionDef):
        return "async functions aren't taken: write a plain def"
    return ""


def _modules(node: ast.AST) -> list[str]:
    if isinstance(node, ast.Import):
        return [alias.name for alias in node.names]
    if isinstance(node, ast.ImportFrom) and not node.level:
        return [node.module or ""]
    return []


def _harmless(statement: ast.stmt) -> bool:
    """Whether loading it does nothing but define: imports, functions, constants, a docstring."""
    if isinstance(statement, ast.Import | ast.ImportFrom | ast.FunctionDef | ast.ClassDef):
        return True
    if isinstance(statement, ast.Expr):
        return isinstance(statement.value, ast.Constant)
    if isinstance(statement, ast.Assign | ast.AnnAssign):
        return statement.value is None or _constant(statement.value)
    return False


def _constant(value: ast.expr) -> bool:
    try:
        ast.literal_eval(value)
    except (ValueError, TypeError, SyntaxError, MemoryError, RecursionError):
        return False
    return True


def _definition(tree: ast.Module, name: str) -> ast.FunctionDef:
    """The last function of the name, which is the one that counts."""
    return [node for node in tree.body if isinstance(node, ast.FunctionDef) and node.name == name][-1]


def _undefined(code: str) -> set[str]:
    table = symtable.symtable(code, "<function>", "exec")
    known = {symbol.get_name() for symbol in table.get_symbols() if symbol.is_assigned() or symbol.is_imported()}
    return _used(table) - known - _made_global(table) - set(vars(builtins)) - {"__name__", "__doc__"}


def _used(table: symtable.SymbolTable) -> set[str]:
    found = {
        s.get_name()
        for s in table.get_symbols()
        if s.is_referenced() and (s.is_global() or table.get_type() == "module")
    }
    return found.union(*map(_used, table.get_children()))


def _made_global(table: symtable.SymbolTable) -> set[str]:
    found = {
        symbol.get_name() for symbol in table.get_symbols() if symbol.is_declared_global() and symbol.is_assigned()
    }
    return found.union(*map(_made_global, table.get_children()))
