"""``autogen.function_utils``: schemas of functions, and the parts that they are made of."""

from __future__ import annotations

import functools
import inspect
import json
import logging
from collections.abc import Callable, Mapping, Sequence
from typing import Annotated, Any, ForwardRef, Literal, TypeVar, get_args, get_origin

from pydantic import BaseModel, Field, TypeAdapter

from ..core.errors import ToolSchemaError
from ._pydantic import JsonSchemaValue, model_dump, type2schema

logger = logging.getLogger(__name__)
T = TypeVar("T")
F = TypeVar("F", bound=Callable[..., Any])


class Parameters(BaseModel):
    """The parameters of a function, in OpenAI's form."""

    type: Literal["object"] = "object"
    properties: dict[str, JsonSchemaValue]
    required: list[str]


class Function(BaseModel):
    """A function, in OpenAI's form."""

    description: Annotated[str, Field(description="Description of the function")]
    name: Annotated[str, Field(description="Name of the function")]
    parameters: Annotated[Parameters, Field(description="Parameters of the function")]


class ToolFunction(BaseModel):
    """A function as a tool."""

    type: Literal["function"] = "function"
    function: Annotated[Function, Field(description="Function under tool")]


def get_typed_annotation(annotation: Any, globalns: Mapping[str, Any]) -> Any:
    """A hint, with a name in quotation marks looked up."""
    if isinstance(annotation, ForwardRef):
        annotation = annotation.__forward_arg__
    if not isinstance(annotation, str):
        return annotation
    holder = type("Holder", (), {"__annotations__": {"hint": annotation}})
    return inspect.get_annotations(holder, globals=dict(globalns), eval_str=True)["hint"]


def get_typed_signature(call: Callable[..., Any]) -> inspect.Signature:
    """A function's signature, its hints looked up."""
    signature = inspect.signature(call)
    names = getattr(call, "__globals__", {})
    typed = [
        parameter.replace(annotation=get_typed_annotation(parameter.annotation, names))
        for parameter in signature.parameters.values()
    ]
    return inspect.Signature(typed)


def get_typed_return_annotation(call: Callable[..., Any]) -> Any:
    """What a function is said to return; None if nothing is said."""
    annotation = inspect.signature(call).return_annotation
    if annotation is inspect.Signature.empty:
        return None
    return get_typed_annotation(annotation, getattr(call, "__globals__", {}))


def get_param_annotations(typed_signature: inspect.Signature) -> dict[str, Any]:
    """The hints of the parameters that have one."""
    hints = {name: parameter.annotation for name, parameter in typed_signature.parameters.items()}
    return {name: hint for name, hint in hints.items() if hint is not inspect.Signature.empty}


def get_required_params(typed_signature: inspect.Signature) -> list[str]:
    """The parameters without a default."""
    parameters = typed_signature.parameters.items()
    return [name for name, parameter in parameters if parameter.default is inspect.Signature.empty]


def get_default_values(typed_signature: inspect.Signature) -> dict[str, Any]:
    """The defaults of those that have one."""
    defaults = {name: parameter.default for name, parameter in typed_signature.parameters.items()}
    return {name: default for name, default in defaults.items() if default is not inspect.Signature.empty}


def get_missing_annotations(typed_signature: inspect.Signature, required: Sequence[str]) -> tuple[set[str], set[str]]:
    """The parameters without a hint: those that need one, and those with a default."""
    unannotated = set(typed_signature.parameters) - set(get_param_annotations(typed_signature))
    return unannotated & set(required), unannotated - set(required)


def get_parameter_json_schema(k: str, v: Any, default_values: Mapping[str, Any]) -> JsonSchemaValue:
    """The schema of one parameter.

    Args:
        k: Its name.
        v: Its hint; ``Annotated[T, "what it is"]`` describes it.
        default_values: The function's defaults.
    """
    described = k
    if get_origin(v) is Annotated:
        hint, note = get_args(v)[:2]
        described = note if isinstance(note, str) else getattr(note, "description", None) or k
        v = hint if isinstance(note, str) else v
    schema = type2schema(v)
    if k in default_values:
        schema["default"] = default_values[k]
    schema["description"] = described
    return schema


def get_parameters(
    required: Sequence[str], param_annotations: Mapping[str, Any], default_values: Mapping[str, Any]
) -> Parameters:
    """The parameters of a function, in OpenAI's form."""
    return Parameters(
        properties={
            name: get_parameter_json_schema(name, hint, default_values)
            for name, hint in param_annotations.items()
            if hint is not inspect.Parameter.empty
        },
        required=list(required),
    )


def get_function_schema(f: Callable[..., Any], *, name: str | None = None, description: str) -> dict[str, Any]:
    """A function as a tool dict, with any name; `autogen_like.function_schema` holds it to what endpoints take.

    Args:
        f: The function.
        name: What the model calls it; its own name by default.
        description: What it does.

    Raises:
        ToolSchemaError: If a parameter has neither hint nor default; a TypeError, too.

    Example:
        >>> def half(x: Annotated[float, "A number"]) -> float:
        ...     return x / 2
        >>> get_function_schema(half, description="Halves.")["function"]["parameters"]["properties"]
        {'x': {'type': 'number', 'description': 'A number'}}
    """
    typed = get_typed_signature(f)
    required = get_required_params(typed)
    missing, optional = get_missing_annotations(typed, required)
    if get_typed_return_annotation(f) is None:
        logger.warning("%r doesn't say what it returns: a string or a pydantic model is best", f.__name__)
    if optional:
        listed = ", ".join(repr(one) for one in sorted(optional))
        logger.warning("%r has parameters without a type hint, which the model won't see: %s", f.__name__, listed)
    if missing:
        listed = ", ".join(repr(one) for one in sorted(missing))
        raise ToolSchemaError(f"{f.__name__!r} can't be described to a model: give these a type hint: {listed}")
    parameters = get_parameters(required, get_param_annotations(typed), get_default_values(typed))
    function = Function(description=description, name=name or f.__name__, parameters=parameters)
    return model_dump(ToolFunction(function=function))


def get_load_param_if_needed_function(t: Any) -> Callable[[dict[str, Any], type[BaseModel]], BaseModel] | None:
    """What makes a pydantic model of a dict, for a hint that is one; None for others."""
    if get_origin(t) is Annotated:
        return get_load_param_if_needed_function(get_args(t)[0])
    if isinstance(t, type) and issubclass(t, BaseModel):
        return lambda value, kind: kind(**value)
    return None


def load_basemodels_if_needed(func: F) -> F:
    """A function that takes dicts where its hints say pydantic models, in lists and unions, too.

    Example:
        >>> class Point(BaseModel):
        ...     x: int
        >>> @load_basemodels_if_needed
        ... def move(points: list[Point]) -> int:
        ...     return points[0].x + 1
        >>> move(points=[{"x": 1}])
        2
    """
    hints = get_param_annotations(get_typed_signature(func))
    adapters = {name: TypeAdapter(hint) for name, hint in hints.items() if _has_model(hint)}

    def loaded(kwargs: dict[str, Any]) -> dict[str, Any]:
        changed = {name: adapters[name].validate_python(value) for name, value in kwargs.items() if name in adapters}
        return {**kwargs, **changed}

    @functools.wraps(func)
    def plain(*args: Any, **kwargs: Any) -> Any:
        return func(*args, **loaded(kwargs))

    @functools.wraps(func)
    async def awaited(*args: Any, **kwargs: Any) -> Any:
        return await func(*args, **loaded(kwargs))

    return awaited if inspect.iscoroutinefunction(func) else plain  # type: ignore[return-value]


def _has_model(hint: Any) -> bool:
    if isinstance(hint, type) and issubclass(hint, BaseModel):
        return True
    return any(_has_model(argument) for argument in get_args(hint))


def serialize_to_str(x: Any) -> str:
    """What a function returned, as text: strings as they are, pydantic models and everything else as JSON.

    Example:
        >>> serialize_to_str({"a": 1})
        '{"a": 1}'
    """
    if isinstance(x, str):
        return x
    return x.model_dump_json() if isinstance(x, BaseModel) else json.dumps(x, ensure_ascii=False)
