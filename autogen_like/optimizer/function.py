"""One function that a model wrote: its record, checked, and never run here."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any

from ..core.errors import ConfigError
from .code_check import MODULES, find_fault, parameters_of
from .schemas import BadSchema, complete_schema

_NAME = re.compile(r"[A-Za-z][A-Za-z0-9_]{0,63}")
_REQUIREMENT = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]*")
MAX_DESCRIPTION = 2_000


class BadFunction(ValueError):
    """A function can't be taken; the message says why, to whoever wrote it."""


@dataclass(frozen=True)
class LearnedFunction:
    """A function as the paper records it (arXiv 2402.11359, section 3): what a model is told of it, and its code.

    Args:
        name: What models call it, and what the code calls it.
        description: What it does, for models.
        parameters: The JSON schema of its arguments, complete.
        code: Imports and functions, among them the one of this name.
        packages: Packages that it needs, by name; which versions it gets is the sandbox's to say.
    """

    name: str
    description: str
    parameters: Mapping[str, Any]
    code: str
    packages: tuple[str, ...] = ()

    @classmethod
    def checked(
        cls,
        name: object,
        description: object,
        arguments: object,
        code: object,
        packages: object = (),
        modules: Iterable[str] = MODULES,
    ) -> LearnedFunction:
        r"""A function of what a model, a file or a person wrote, where it can be one.

        Args:
            name: Its name.
            description: What it does.
            arguments: The JSON schema of its arguments, or only the properties, as an object or as JSON text.
            code: Imports and functions, among them the one of this name.
            packages: Packages that it needs: a list, or a text with commas between.
            modules: The modules of the standard library that it may import.

        Raises:
            BadFunction: If it can't be one: it doesn't compile, its schema isn't legal, ...

        Example:
            >>> double = LearnedFunction.checked(
            ...     "double", "Doubles.", {"x": {"type": "number"}}, "def double(x):\n    return 2 * x"
            ... )
            >>> double.schema["function"]["parameters"]["required"]
            ['x']
        """
        if not isinstance(name, str) or not _NAME.fullmatch(name):
            raise BadFunction(
                f"the name must be up to 64 letters, digits and '_', with a letter first, not {name!r:.80}"
            )
        if not isinstance(description, str) or not description.strip():
            raise BadFunction("it has no description: say what it does")
        if len(description) > MAX_DESCRIPTION:
            raise BadFunction(
                f"the description has {len(description):,} characters; {MAX_DESCRIPTION:,} are taken at most"
            )
        if not _can_be_sent(description):
            raise BadFunction("the description has characters that are no text (lone surrogates)")
        if not isinstance(code, str):
            raise BadFunction(f"the code must be a text, not {type(code).__name__}")
        needed = _packages(packages)
        fault = find_fault(code, name, modules, packages=bool(needed))
        if fault:
            raise BadFunction(fault)
        parameters, takes_others = parameters_of(code, name)
        try:
            schema = complete_schema(arguments, parameters, takes_others=takes_others)
        except BadSchema as error:
            raise BadFunction(str(error)) from None
        return cls(name, description.strip(), schema, code.strip("\n") + "\n", needed)

    @cached_property
    def schema(self) -> Mapping[str, Any]:
        """The OpenAI tool dict."""
        function = {"description": self.description, "name": self.name, "parameters": self.parameters}
        return {"type": "function", "function": function}

    def to_dict(self) -> dict[str, Any]:
        """The record as JSON."""
        return {
            "name": self.name,
            "description": self.description,
            "parameters": dict(self.parameters),
            "packages": list(self.packages),
            "code": self.code,
        }

    @classmethod
    def from_dict(cls, record: Mapping[str, Any], modules: Iterable[str] = MODULES) -> LearnedFunction:
        """The function that `to_dict` described, checked again.

        Args:
            record: What `to_dict` gave, from wherever it was kept.
            modules: The modules of the standard library that it may import.

        Raises:
            ConfigError: If it isn't one.
        """
        try:
            return cls.checked(
                record["name"],
                record["description"],
                record["parameters"],
                record["code"],
                record.get("packages", ()),
                modules,
            )
        except KeyError as error:
            raise ConfigError(f"a function's record lacks {error}") from None
        except BadFunction as error:
            raise ConfigError(f"the function {record.get('name')!r:.80}: {error}") from None


def _can_be_sent(text: str) -> bool:
    try:
        text.encode()
    except UnicodeEncodeError:
        return False
    return True


def _packages(packages: object) -> tuple[str, ...]:
    if isinstance(packages, str):
        packages = [package for package in packages.split(",") if package.strip()]
    if packages is None:
        return ()
    if not isinstance(packages, list | tuple):
        raise BadFunction(f"the packages must be a list of names, not {packages!r:.80}")
    for package in packages:
        if not isinstance(package, str) or not _REQUIREMENT.fullmatch(package.strip()):
            raise BadFunction(f"{package!r:.80} is no package's name; versions, URLs, paths and options are not taken")
    return tuple(sorted({package.strip() for package in packages}))
