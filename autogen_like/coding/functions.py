"""Functions of the user's that code may import, made into a module; nothing of it runs here."""

from __future__ import annotations

import ast
import builtins
import functools
import inspect
import keyword
import string
import symtable
import textwrap
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any, Generic, ParamSpec, TypeAlias, TypeVar

from ..core.errors import ConfigError

T = TypeVar("T")
P = ParamSpec("P")

FUNCTION_PROMPT_TEMPLATE = """Your code may use the functions below: import them from the module `$module_name`.
For a function `foo` that is: from $module_name import foo

$functions"""


@dataclass(frozen=True, slots=True)
class Alias:
    """A module or a name imported as another.

    Args:
        name: What is imported.
        alias: Its name in the code.
    """

    name: str
    alias: str


@dataclass(frozen=True, slots=True)
class ImportFromModule:
    """Names imported from a module.

    Args:
        module: The module.
        imports: The names, or aliases of them.
    """

    module: str
    imports: Sequence[str | Alias]


Import: TypeAlias = str | ImportFromModule | Alias


@dataclass(frozen=True)
class FunctionWithRequirementsStr:
    """A function given as its source, with what it needs.

    Args:
        func: The source of one function.
        python_packages: Packages that it needs, as pip names them.
        global_imports: Imports that stand above it.
    """

    func: str
    python_packages: Sequence[str] = ()
    global_imports: Sequence[Import] = ()


@dataclass
class FunctionWithRequirements(Generic[T, P]):
    """A function with what it needs; called, it is the function.

    Args:
        func: The function.
        python_packages: Packages that it needs, as pip names them.
        global_imports: Imports that stand above it.
    """

    func: Callable[P, T]
    python_packages: Sequence[str] = ()
    global_imports: Sequence[Import] = field(default=())

    def __post_init__(self) -> None:
        functools.update_wrapper(self, self.func)

    @classmethod
    def from_callable(
        cls, func: Callable[P, T], python_packages: Sequence[str] = (), global_imports: Sequence[Import] = ()
    ) -> FunctionWithRequirements[T, P]:
        """The same for a function that is there.

        Args:
            func: The function.
            python_packages: Packages that it needs, as pip names them.
            global_imports: Imports that stand above it.
        """
        return cls(func, python_packages, global_imports)

    @staticmethod
    def from_str(
        func: str, python_packages: Sequence[str] = (), global_imports: Sequence[Import] = ()
    ) -> FunctionWithRequirementsStr:
        """The same for a function given as its source, which isn't run here.

        Args:
            func: The source of one function.
            python_packages: Packages that it needs, as pip names them.
            global_imports: Imports that stand above it.

        Raises:
            ConfigError: If it is not the source of one function.
        """
        _undecorated(func)  # parsed, so that what is wrong is said here
        return FunctionWithRequirementsStr(func, python_packages, global_imports)

    def __call__(self, *args: P.args, **kwargs: P.kwargs) -> T:
        """Calls the function, here."""
        return self.func(*args, **kwargs)


UserFunction: TypeAlias = Callable[..., Any] | FunctionWithRequirements[Any, Any] | FunctionWithRequirementsStr


def with_requirements(
    python_packages: Sequence[str] = (), global_imports: Sequence[Import] = ()
) -> Callable[[Callable[P, T]], FunctionWithRequirements[T, P]]:
    """Says what a function needs where code of agents calls it.

    Args:
        python_packages: Packages that it needs, as pip names them. The executor must allow them.
        global_imports: Imports that stand above it: ``"json"``, ``Alias("numpy", "np")``,
            ``ImportFromModule("math", ["pi"])``.

    Example:
        >>> @with_requirements(global_imports=["math"])
        ... def area(radius: float) -> float:
        ...     return math.pi * radius**2
        >>> area.global_imports
        ['math']
    """

    def wrap(func: Callable[P, T]) -> FunctionWithRequirements[T, P]:
        return FunctionWithRequirements(func, python_packages, global_imports)

    return wrap


def to_stub(function: UserFunction) -> str:
    r'''A function as a model is shown it: its signature and its docstring.

    Args:
        function: The function.

    Example:
        >>> add = FunctionWithRequirementsStr('def add(a: int, b: int) -> int:\n    "Adds."\n    return a + b')
        >>> print(to_stub(add))
        def add(a: int, b: int) -> int:
            """Adds."""
            ...
    '''
    definition = _definition(_source(function))
    documented = ast.get_docstring(definition, clean=False) is not None
    definition.body = [*(definition.body[:1] if documented else []), ast.Expr(ast.Constant(...))]
    definition.decorator_list = []
    return ast.unparse(definition)


class FunctionModule:
    """Functions of the user's as one module.

    Args:
        functions: The functions.
        name: The module's name.

    Attributes:
        name: The module's name.
        functions: The functions.
        source: What is in its file.
        requirements: The packages that its functions need, each with the function that does.

    Raises:
        ConfigError: If a function can't stand in a module of its own: its source isn't there, it is one of two of the
            same name, or it uses names that the module wouldn't have.

    Example:
        >>> print(FunctionModule([FunctionWithRequirementsStr("def one(): return 1")]).source)
        from __future__ import annotations
        <BLANKLINE>
        <BLANKLINE>
        def one(): return 1
        <BLANKLINE>
    """

    def __init__(self, functions: Sequence[UserFunction], name: str = "functions") -> None:
        if not name.isidentifier() or keyword.iskeyword(name):
            raise ConfigError(f"functions_module must be a module's name, an identifier, not {name!r}")
        self.name = name
        self.functions = tuple(functions)
        sources = [_source(function) for function in functions]
        names = [_definition(source).name for source in sources]
        twice = sorted({name for name in names if names.count(name) > 1})
        if twice:
            raise ConfigError(f"functions: there are two named {', '.join(twice)}; give each a name of its own")
        imports = [line for function in functions for line in map(_import, getattr(function, "global_imports", ()))]
        head = "\n".join(["from __future__ import annotations", *dict.fromkeys(imports)])
        self.source = "\n\n\n".join([head, *sources]) + "\n"
        self.requirements = tuple(
            (package, called)
            for function, called in zip(functions, names, strict=True)
            for package in getattr(function, "python_packages", ())
        )
        _check_names(self.source)

    def prompt(self, template: str = FUNCTION_PROMPT_TEMPLATE) -> str:
        """What a model is told of them.

        Args:
            template: Text with ``$module_name`` and ``$functions``.
        """
        stubs = "\n\n".join(map(to_stub, self.functions))
        return string.Template(template).safe_substitute(module_name=self.name, functions=stubs)


def _import(asked: Import) -> str:
    if isinstance(asked, str):
        line = f"import {asked}"
    elif isinstance(asked, Alias):
        line = f"import {_as(asked)}"
    else:
        line = f"from {asked.module} import {', '.join(map(_as, asked.imports))}"
    try:
        tree = ast.parse(line)
    except SyntaxError:
        tree = ast.Module([], [])
    if len(tree.body) != 1:
        raise ConfigError(f"global_imports: {asked!r} is no import")
    return line


def _as(name: str | Alias) -> str:
    return name if isinstance(name, str) else f"{name.name} as {name.alias}"


def _source(function: UserFunction) -> str:
    """A function's source, without the decorator that gave it its requirements, which its module doesn't know."""
    if isinstance(function, FunctionWithRequirementsStr):
        return _undecorated(function.func)
    func = function.func if isinstance(function, FunctionWithRequirements) else function
    try:
        return _undecorated(inspect.getsource(func))
    except (OSError, TypeError) as error:
        raise ConfigError(
            f"functions: the source of {func!r} isn't to be had ({error}); give it as a string, with "
            "FunctionWithRequirements.from_str"
        ) from error


def _undecorated(text: str) -> str:
    source = textwrap.dedent(text).strip("\n")
    lines = source.split("\n")
    for decorator in reversed(_definition(source).decorator_list):
        called = decorator.func if isinstance(decorator, ast.Call) else decorator
        if ast.unparse(called).rsplit(".", 1)[-1] == "with_requirements":
            del lines[decorator.lineno - 1 : decorator.end_lineno]
    return "\n".join(lines)


def _definition(source: str) -> ast.FunctionDef | ast.AsyncFunctionDef:
    try:
        body = ast.parse(source).body
    except (SyntaxError, ValueError) as error:
        raise ConfigError(f"functions: {source[:80]!r} is no Python function: {error}") from error
    if len(body) != 1 or not isinstance(body[0], ast.FunctionDef | ast.AsyncFunctionDef):
        raise ConfigError(f"functions: one function with a def is needed, not {source[:80]!r}")
    return body[0]


def _check_names(source: str) -> None:
    """Refuses a module whose functions use names that nothing in it defines, as those of their first home."""
    tree = ast.parse(source)
    for node in ast.walk(tree):  # hints are never looked up: the module says so in its first line
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            node.returns = None
        elif isinstance(node, ast.arg):
            node.annotation = None
        elif isinstance(node, ast.AnnAssign):
            node.annotation = ast.Constant("")
    module = symtable.symtable(ast.unparse(tree), "<functions>", "exec")
    known = {symbol.get_name() for symbol in module.get_symbols() if symbol.is_assigned() or symbol.is_imported()}
    known |= {symbol.get_name() for symbol in module.get_symbols() if symbol.is_namespace()}
    known |= {*vars(builtins), "__name__", "__file__"}.union(*map(_made_global, module.get_children()))
    for function in module.get_children():
        missing = sorted(_globals(function) - known)
        if missing:
            raise ConfigError(
                f"functions: {function.get_name()} uses {', '.join(missing)}, which its module won't have; import it "
                "inside the function, or with with_requirements(global_imports=[...])"
            )
    outside = {symbol.get_name() for symbol in module.get_symbols() if symbol.is_referenced()} - known
    if outside:
        raise ConfigError(
            f"functions: a decorator or a default uses {', '.join(sorted(outside))}, which the module won't have; "
            "import it with with_requirements(global_imports=[...])"
        )


def _globals(table: symtable.SymbolTable) -> set[str]:
    found = {name.get_name() for name in table.get_symbols() if name.is_global() and name.is_referenced()}
    return found.union(*map(_globals, table.get_children()))


def _made_global(table: symtable.SymbolTable) -> set[str]:
    """Names that a function makes the module's, with ``global``."""
    found = {name.get_name() for name in table.get_symbols() if name.is_declared_global() and name.is_assigned()}
    return found.union(*map(_made_global, table.get_children()))
