"""FunctionSet: the functions of an agent as learnable weights; immutable, versioned, and kept as plain files.

After "Offline Training of Language Model Agents with Functions as Learnable Weights" (Zhang et al., ICML 2024;
arXiv 2402.11359).
"""

from __future__ import annotations

import difflib
import hashlib
import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from functools import cached_property
from pathlib import Path
from types import MappingProxyType
from typing import TYPE_CHECKING, Any

from ..core.errors import ConfigError
from .code_check import MAX_CODE, MODULES
from .function import LearnedFunction

if TYPE_CHECKING:
    from ..core.protocols import Tool

MANIFEST = "manifest.json"
FORMAT = 1
_MAX_MANIFEST = 10_000_000  # characters


class FunctionSet:
    r"""Functions that an agent has learned, by name. Changing it gives a new one, of the next version.

    Args:
        functions: The functions.
        version: How many changes led to it.

    Raises:
        ConfigError: If two have the same name.

    Example:
        >>> empty = FunctionSet()
        >>> code = "def double(x): return 2 * x"
        >>> double = LearnedFunction.checked("double", "Doubles.", {"x": {"type": "number"}}, code)
        >>> one = empty.add(double)
        >>> one.version, list(one), len(empty)
        (1, ['double'], 0)
        >>> print(one.diff(empty))
        + double(x): Doubles.
              def double(x): return 2 * x
    """

    def __init__(self, functions: Iterable[LearnedFunction] = (), version: int = 0) -> None:
        ordered = sorted(functions, key=lambda function: function.name)
        self._functions = MappingProxyType({function.name: function for function in ordered})
        if len(self._functions) < len(ordered):
            raise ConfigError(f"two functions of a set have the same name, among {[one.name for one in ordered]}")
        self.version = version

    # --- reading

    def __getitem__(self, name: str) -> LearnedFunction:
        return self._functions[name]

    def __contains__(self, name: object) -> bool:
        return name in self._functions

    def __iter__(self) -> Iterator[str]:
        return iter(self._functions)

    def __len__(self) -> int:
        return len(self._functions)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, FunctionSet) and self.key == other.key

    def __hash__(self) -> int:
        return hash(self.key)

    def __reduce__(self) -> tuple[Any, ...]:  # it is taken to other processes; a read-only view can't be
        return type(self), (self.functions, self.version)

    def __repr__(self) -> str:
        return f"FunctionSet({list(self)}, version={self.version})"

    @property
    def functions(self) -> tuple[LearnedFunction, ...]:
        """The functions, by name."""
        return tuple(self._functions.values())

    @property
    def functions_by_name(self) -> Mapping[str, LearnedFunction]:
        """The functions, for those who look one up that may not be there."""
        return self._functions

    @cached_property
    def key(self) -> str:
        """A hash of what is in it, whatever its version."""
        text = json.dumps([function.to_dict() for function in self.functions], sort_keys=True)
        return hashlib.sha256(text.encode()).hexdigest()

    # --- changing

    def add(self, function: LearnedFunction) -> FunctionSet:
        """The set with one more.

        Raises:
            ConfigError: If there is one of its name; `revise` that.
        """
        if function.name in self:
            raise ConfigError(f"there is a function {function.name!r} already; revise it, or take another name")
        return FunctionSet([*self.functions, function], self.version + 1)

    def revise(self, function: LearnedFunction) -> FunctionSet:
        """The set with the function of the same name replaced.

        Raises:
            ConfigError: If there is none of its name.
        """
        return FunctionSet([*self.remove(function.name).functions, function], self.version + 1)

    def remove(self, name: str) -> FunctionSet:
        """The set with one less.

        Raises:
            ConfigError: If there is none of this name.
        """
        if name not in self:
            raise ConfigError(f"there is no function {name!r}; there are {', '.join(self) or 'none'}")
        return FunctionSet([one for one in self.functions if one.name != name], self.version + 1)

    def diff(self, before: FunctionSet) -> str:
        """What changed since another version, as a person reads it; empty where nothing did.

        Args:
            before: The other one.
        """
        parts = [_removed(before[name]) for name in before if name not in self]
        for function in self.functions:
            if function.name not in before:
                parts.append(_added(function))
            elif function != before[function.name]:
                parts.append(_revised(before[function.name], function))
        return "\n".join(parts)

    # --- using

    def tools(self, executor: Any = None) -> Sequence[Tool]:  # a Sandbox, a CodeExecutor or the name of one
        """The functions as tools, which run in an executor and never in this process.

        Args:
            executor: A `Sandbox`, a `CodeExecutor`, "docker" or "local"; Docker by default.

        Raises:
            ConfigError: If no function could run there: no engine answers, say.
        """
        if not self:
            return ()
        from .learned_tool import LearnedTool
        from .sandbox import Sandbox

        sandbox = Sandbox.of(executor)
        return tuple(LearnedTool(function, sandbox) for function in self.functions)

    # --- keeping

    def to_dict(self) -> dict[str, Any]:
        """The set as JSON."""
        return {"version": self.version, "functions": [function.to_dict() for function in self.functions]}

    @classmethod
    def from_dict(cls, state: Mapping[str, Any], modules: Iterable[str] = MODULES) -> FunctionSet:
        """The set that `to_dict` described.

        Args:
            state: What `to_dict` gave.
            modules: The modules of the standard library that functions may import.

        Raises:
            ConfigError: If it isn't one.
        """
        try:
            records, version = list(map(dict, state["functions"])), int(state["version"])
        except (KeyError, TypeError, ValueError) as error:
            raise ConfigError(f"this is no function set: {type(error).__name__}: {error}") from None
        return cls([LearnedFunction.from_dict(record, modules) for record in records], version)

    def save(self, folder: str | Path) -> None:
        """Writes it as a folder: a Python file for each function, and a manifest with all else.

        Args:
            folder: Where to; made if need be. Python files there that an earlier `save` wrote, of functions that are
                gone, are removed.

        Raises:
            ConfigError: If the folder has files in it and is no function set's.
        """
        place = Path(folder)
        place.mkdir(parents=True, exist_ok=True)
        if any(place.iterdir()) and not (place / MANIFEST).is_file():
            raise ConfigError(f"{place} has files in it and is no function set's folder: choose another")
        before = _manifest(place)["functions"] if (place / MANIFEST).is_file() else []
        entries = [{k: v for k, v in one.to_dict().items() if k != "code"} for one in self.functions]
        for function in self.functions:
            _write(place / f"{function.name}.py", function.code)
        manifest = {"format": FORMAT, "version": self.version, "functions": entries}
        _write(place / MANIFEST, json.dumps(manifest, indent=2, ensure_ascii=False) + "\n")
        for entry in before:
            if entry["name"] not in self:
                (place / f"{entry['name']}.py").unlink(missing_ok=True)

    @classmethod
    def load(cls, folder: str | Path, modules: Iterable[str] = MODULES) -> FunctionSet:
        """The set that a folder holds. Its code is read and checked; nothing of it runs.

        Args:
            folder: What `save` wrote, edited by hand perhaps.
            modules: The modules of the standard library that functions may import.

        Raises:
            ConfigError: If it holds none, or one of its functions can't be one.
        """
        place = Path(folder)
        manifest = _manifest(place)
        records = [{**entry, "code": _code(place, entry["name"])} for entry in manifest["functions"]]
        return cls.from_dict({"version": manifest["version"], "functions": records}, modules)


def _manifest(place: Path) -> dict[str, Any]:
    """A folder's manifest, where its names are names: they lead to files."""
    try:
        found = json.loads(_read(place / MANIFEST, _MAX_MANIFEST))
        version, entries = found["version"], found["functions"]
        named = isinstance(version, int) and all(str(entry["name"]).isidentifier() for entry in entries)
    except (OSError, ValueError, KeyError, TypeError, RecursionError) as error:
        raise ConfigError(f"{place} is no folder of a function set: {MANIFEST}: {error}") from None
    if found.get("format") != FORMAT or not named:
        raise ConfigError(f"{place}: {MANIFEST} is not of format {FORMAT}, or has a name that can be no function's")
    return dict(found)


def _code(place: Path, name: str) -> str:
    try:
        return _read(place / f"{name}.py", MAX_CODE)
    except (OSError, ValueError) as error:
        raise ConfigError(f"{place}: the file of {name} can't be read: {error}") from None


def _read(path: Path, most: int) -> str:
    """A file's text. Links are not followed: what is read is shown to models, and a folder may come from anyone."""
    if path.is_symlink() or (path.exists() and not path.is_file()):
        raise ValueError(f"{path.name} is a link, or no file")
    with path.open(encoding="utf-8") as file:
        text = file.read(most + 1)
    if len(text) > most:
        raise ValueError(f"{path.name} has more than {most:,} characters")
    return text


def _write(path: Path, text: str) -> None:
    """Writes a file whole or not at all; a link of its name is replaced, and what it leads to is left alone."""
    part = path.with_name(f".{path.name}.part")
    part.unlink(missing_ok=True)
    with part.open("x", encoding="utf-8") as file:
        file.write(text)
    part.replace(path)


def _heading(function: LearnedFunction) -> str:
    return f"{function.name}({', '.join(function.parameters['properties'])}): {function.description}"


def _added(function: LearnedFunction) -> str:
    return "\n".join([f"+ {_heading(function)}", *_indented(function.code.splitlines())])


def _removed(function: LearnedFunction) -> str:
    return f"- {_heading(function)}"


def _revised(before: LearnedFunction, after: LearnedFunction) -> str:
    lines = list(difflib.unified_diff(_lines(before), _lines(after), lineterm="", n=2))[2:]
    return "\n".join([f"~ {_heading(after)}", *_indented(line for line in lines if not line.startswith("@@"))])


def _lines(function: LearnedFunction) -> list[str]:
    """What a person compares: the description, the arguments, the packages, the code."""
    arguments = [f"{name}: {json.dumps(one)}" for name, one in function.parameters["properties"].items()]
    needed = [f"packages: {', '.join(function.packages)}"] if function.packages else []
    return [function.description, *arguments, *needed, *function.code.splitlines()]


def _indented(lines: Iterable[str]) -> list[str]:
    return [f"      {line}".rstrip() for line in lines]
