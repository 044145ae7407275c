"""What a function takes: looked at once per function, with what a model couldn't be told about it.

A function that is only to be *run* may be anything (AutoGen 0.2's ``function_map`` holds functions without hints), so
what stands in the way of a schema is noted here and raised where a schema is asked for.
"""

from __future__ import annotations

import functools
import inspect
import warnings
import weakref
from collections.abc import Callable
from dataclasses import dataclass, field
from types import UnionType
from typing import Annotated, Any, Union, get_args, get_origin, get_type_hints

from pydantic.fields import FieldInfo

from .context import ToolContext
from .docstring import parse_docstring

EMPTY: Any = inspect.Parameter.empty


@dataclass(frozen=True, slots=True)
class Parameter:
    """One parameter that a model may fill in.

    Args:
        name: Its name.
        hint: Its type hint, ``Annotated`` kept; `EMPTY` where there is none.
        default: Its default; `EMPTY` where it is required.
        required: Whether it must be given.
        text: What it means, from ``Annotated[..., "text"]``, else from the docstring.
    """

    name: str
    hint: Any
    default: Any = EMPTY
    required: bool = True
    text: str | None = None


@dataclass(frozen=True, slots=True)
class Signature:
    """What a function takes.

    Args:
        name: The function's own name.
        summary: The first paragraph of its docstring.
        parameters: What a model fills in.
        context: Name of the parameter that takes a `ToolContext`, if there is one.
        catches_all: Whether it has ``**kwargs``.
        problems: Why it can't be described to a model, each with its cure; empty where it can.
        is_async: Whether calling it gives a coroutine, or an async generator.
        is_generator: Whether calling it gives a generator, sync or async.
        derived: What was made of it and is costly to make: its schema and the check of arguments.
    """

    name: str
    summary: str
    parameters: tuple[Parameter, ...]
    context: str | None
    catches_all: bool
    problems: tuple[str, ...]
    is_async: bool = False
    is_generator: bool = False
    derived: dict[str, Any] = field(default_factory=dict, compare=False, repr=False)  # by whoever derives it


_known: weakref.WeakKeyDictionary[Callable[..., Any], Signature] = weakref.WeakKeyDictionary()


def signature_of(function: Callable[..., Any]) -> Signature:
    """What a function takes, looked at once.

    Args:
        function: A function, a bound method, a partial, a class, or an object with ``__call__``.
    """
    try:
        known = _known.get(function)
    except TypeError:  # can't be referred to weakly, or not hashed
        return _inspect(function)
    if known is None:
        known = _inspect(function)
        if inspect.isfunction(function):  # a bound method is another object each time it is looked up
            _known[function] = known
    return known


def target_of(function: Callable[..., Any]) -> Callable[..., Any]:
    """The function that holds the hints and the docstring: under partials, and behind ``__call__``."""
    while isinstance(function, functools.partial):
        function = function.func
    if inspect.isclass(function) or inspect.isroutine(function):
        return function
    return type(function).__call__


def _kind(function: Callable[..., Any], target: Callable[..., Any]) -> tuple[bool, bool]:
    """Whether calling it gives a coroutine or an async generator, and whether it gives a generator of either sort."""
    coroutine, generator, both = (
        kind(function) or kind(target)
        for kind in (inspect.iscoroutinefunction, inspect.isgeneratorfunction, inspect.isasyncgenfunction)
    )
    return coroutine or both, generator or both


def _inspect(function: Callable[..., Any]) -> Signature:
    target = target_of(function)
    name = _name_of(function, target)
    is_object = target is not function and not isinstance(function, functools.partial)
    summary, described = parse_docstring((function.__doc__ or target.__doc__) if is_object else target.__doc__)
    try:
        parameters = list(inspect.signature(function).parameters.values())
    except (ValueError, TypeError):
        problem = "it doesn't say what it takes (it isn't written in Python): wrap it in a function of your own"
        return Signature(name, summary, (), None, True, (problem,), *_kind(function, target))
    hints, unresolved = _hints(target)
    problems = [unresolved] if unresolved else []
    kept: list[Parameter] = []
    context: str | None = None
    catches_all = False
    for parameter in parameters:
        if parameter.kind is parameter.VAR_KEYWORD:
            catches_all = True
            problems.append(f"**{parameter.name}: name each parameter, since a model must be told what it may pass")
        elif parameter.kind is parameter.VAR_POSITIONAL:
            problems.append(f"*{parameter.name}: take a list instead ({parameter.name}: list[str], say)")
        elif _is_context(hints.get(parameter.name)):
            context = parameter.name
        else:
            if parameter.kind is parameter.POSITIONAL_ONLY:
                problems.append(f"{parameter.name}: remove the '/', since a model passes arguments by name")
            kept.append(_parameter(parameter, hints.get(parameter.name, EMPTY), described))
    if not unresolved:
        problems += _missing(name, kept)
    return Signature(name, summary, tuple(kept), context, catches_all, tuple(problems), *_kind(function, target))


def _name_of(function: Callable[..., Any], target: Callable[..., Any]) -> str:
    named = target if isinstance(function, functools.partial) else function
    return str(getattr(named, "__name__", type(named).__name__))


def _hints(target: Callable[..., Any]) -> tuple[dict[str, Any], str | None]:
    if inspect.isclass(target):
        target = target.__init__
    try:
        return get_type_hints(target, include_extras=True), None
    except NameError as error:
        cure = "import it, or define it at the top of the module and not under TYPE_CHECKING or inside a function"
        return {}, f"the hint {error.name!r} can't be found: {cure}"
    except (TypeError, SyntaxError) as error:
        return {}, f"a hint can't be understood ({error}): use types, not strings, in its hints"


def _parameter(parameter: inspect.Parameter, hint: Any, described: dict[str, str]) -> Parameter:
    text = described.get(parameter.name)
    required, default = parameter.default is EMPTY, parameter.default
    metadata = list(get_args(hint)[1:]) if get_origin(hint) is Annotated else []
    if isinstance(default, FieldInfo):  # x: int = Field(3, ge=1)
        hint = Annotated[Any if hint is EMPTY else hint, default]
        metadata.append(default)
    for extra in metadata:
        if isinstance(extra, str):
            return Parameter(parameter.name, hint, *_default(default, required, metadata), extra)
    for extra in metadata:
        if isinstance(extra, FieldInfo) and extra.description:
            text = extra.description
    return Parameter(parameter.name, hint, *_default(default, required, metadata), text)


def _default(default: Any, required: bool, metadata: list[Any]) -> tuple[Any, bool]:
    """The default that a model is told, and whether the parameter must be given."""
    for extra in metadata:
        if isinstance(extra, FieldInfo) and not extra.is_required():
            return extra.get_default(call_default_factory=False) if extra.default_factory is None else EMPTY, False
    if isinstance(default, FieldInfo):  # Field(...) without a default
        return EMPTY, True
    return default, required


def _is_context(hint: Any) -> bool:
    origin = get_origin(hint)
    if origin is Annotated or origin in (Union, UnionType):
        return any(_is_context(argument) for argument in get_args(hint))
    return hint is ToolContext or origin is ToolContext


def _missing(name: str, parameters: list[Parameter]) -> list[str]:
    bare = [parameter for parameter in parameters if parameter.hint is EMPTY]
    required = [parameter.name for parameter in bare if parameter.required]
    optional = [parameter.name for parameter in bare if not parameter.required]
    if optional and not required:
        warnings.warn(
            f"{name}: the model won't see {', '.join(optional)}, which have a default and no type hint",
            stacklevel=2,
        )
    if not required:
        return []
    if required[0] in ("self", "cls"):
        return [f"{required[0]}: it is a method; make the tool from the bound one, FunctionTool(thing.{name})"]
    return [f"{', '.join(required)}: no type hint; write for example {required[0]}: str"]
