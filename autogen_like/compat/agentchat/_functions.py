"""AG2's functions of an agent: its model may call them, it runs them, and they may ask for its variables."""

from __future__ import annotations

import functools
import inspect
import typing
from collections.abc import Callable, Mapping, Sequence
from types import SimpleNamespace
from typing import Any

from ...core.errors import ConfigError
from .._errors import raised_as
from ._tools import ToolsMixin

VARIABLES = "context_variables"


def without_variables(function: Callable[..., Any], variables: Callable[[], Mapping[str, Any]]) -> Callable[..., Any]:
    """A function as the model sees it: without the parameter ``context_variables``, which is filled in.

    Args:
        function: The function.
        variables: Gives what is filled in.
    """
    signature = inspect.signature(function)
    if VARIABLES not in signature.parameters:
        return function

    @functools.wraps(function)
    def shown(**kwargs: Any) -> Any:
        return function(**kwargs, **{VARIABLES: variables()})

    del shown.__wrapped__
    hints = _hints(function, set(signature.parameters) - {VARIABLES})
    kept = [
        one.replace(annotation=hints.get(name, one.annotation))
        for name, one in signature.parameters.items()
        if name != VARIABLES
    ]
    shown.__signature__ = signature.replace(  # type: ignore[attr-defined]
        parameters=kept, return_annotation=inspect.Signature.empty
    )
    shown.__annotations__ = hints
    return shown


def _hints(function: Any, names: set[str]) -> dict[str, Any]:
    """The hints of parameters, looked up where the function is from; as they are written where they can't be found."""
    written = {name: hint for name, hint in getattr(function, "__annotations__", {}).items() if name in names}
    try:
        holder = SimpleNamespace(__annotations__=written)
        return typing.get_type_hints(holder, getattr(function, "__globals__", {}), include_extras=True)
    except NameError:  # whoever registers it says what to do
        return written


class FunctionsMixin(ToolsMixin):
    """Functions that are given to an agent when it is made."""

    context_variables: dict[str, Any]

    def _add_single_function(self, func: Callable[..., Any], name: str | None = None, description: str = "") -> None:
        """Lets its model call a function, which without a description or docstring its name describes."""
        called = name or func.__name__
        told = description or (func.__doc__ or "").strip() or called.replace("_", " ")
        shown = without_variables(func, lambda: self.context_variables)
        self.register_for_llm(name=called, description=told)(shown)
        self.register_function({called: shown})

    def _add_functions(self, func_list: Any) -> None:
        """Lets its model call functions: a list of them, or one.

        Raises:
            ConfigError: If it is something else.
        """
        functions = [func_list] if callable(func_list) else func_list or ()
        with raised_as(TypeError):
            if not (isinstance(functions, Sequence) and all(callable(func) for func in functions)):
                raise ConfigError(f"functions must be a function or a list of functions, not {func_list!r}")
        for func in functions:
            self._add_single_function(func)
