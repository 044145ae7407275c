"""Names in files, and what they stand for: things that the program gives, and functions of modules that it allows."""

from __future__ import annotations

import sys
from collections.abc import Iterable, Mapping
from importlib import import_module
from types import ModuleType
from typing import Any

from ..core.errors import ConfigError
from ..tools.tool import FunctionTool

# What a function tool is beside its function: one that differs from the default in these must be given by name.
_SETTINGS = ("name", "timeout", "repeatable", "retries", "inline", "strict", "max_result_chars", "approval", "tags")


class References:
    """What names in a file stand for.

    A file is untrusted text: it can name only what the program gives, and only what is defined in a module that the
    program allows, not what that module has imported itself.

    Args:
        names: Models, agents, tools and functions, by the names that the file has for them.
        modules: Modules whose functions the file may name, as "module:function".
    """

    def __init__(self, names: Mapping[str, Any], modules: Iterable[str] = ()) -> None:
        if isinstance(modules, str):
            raise ConfigError(f"modules must be a list of modules' names, not the text {modules!r}")
        self._names = dict(names)
        self._modules = frozenset(modules)

    def find(self, name: str) -> Any:
        """What a name stands for.

        Raises:
            ConfigError: If it stands for nothing, or for what the file may not name.
        """
        if name in self._names:
            return self._names[name]
        module_name, colon, path = name.partition(":")
        if not colon:
            known = ", ".join(sorted(self._names)) or "none"
            raise ConfigError(f"the file names {name!r}, which load(names=...) doesn't give; it gives {known}")
        if module_name not in self._modules:
            raise ConfigError(
                f"the file names {name!r}; if you trust that module to be used by this file, allow it: "
                f"load(..., modules=[{module_name!r}])"
            )
        return _defined(import_module(module_name), path, name)

    def name_of(self, thing: Any) -> str:
        """The name under which a file can have a thing.

        Raises:
            ConfigError: If there is none.
        """
        for name, known in self._names.items():
            if known is thing:
                return name
        function = thing.function if isinstance(thing, FunctionTool) else thing
        if isinstance(thing, FunctionTool) and not _is_default(thing):
            function = None
        module, path = getattr(function, "__module__", None), getattr(function, "__qualname__", "<locals>")
        found = sys.modules.get(module or "")
        if found is None or module == "__main__" or getattr(found, path, None) is not function:
            raise ConfigError(f"{thing!r} can't be found by an import path: give it a name, save(..., names={{...}})")
        return f"{module}:{path}"


def _is_default(tool: FunctionTool) -> bool:
    plain = FunctionTool(tool.function)
    return all(getattr(tool, setting) == getattr(plain, setting) for setting in _SETTINGS)


def _defined(module: ModuleType, path: str, name: str) -> Any:
    if not path.isidentifier() or path.startswith("_") or path not in vars(module):
        raise ConfigError(f"the file names {name!r}, and the module {module.__name__!r} has no public {path!r}")
    found = vars(module)[path]
    home = getattr(found, "__module__", None) if callable(found) and hasattr(found, "__qualname__") else module.__name__
    if isinstance(found, ModuleType | type) or home != module.__name__:
        raise ConfigError(
            f"the file names {name!r}, which isn't a function or an object that is defined in that module"
        )
    return found
