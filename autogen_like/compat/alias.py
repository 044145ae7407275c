"""``import autogen`` as this room: for scripts that are run as they are."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from importlib import import_module
from importlib.abc import Loader, MetaPathFinder
from importlib.machinery import ModuleSpec
from importlib.util import find_spec
from types import ModuleType

NAME = "autogen"
ROOM = __name__.rpartition(".")[0]


class AliasFinder(MetaPathFinder, Loader):
    """Finds ``autogen`` and its modules here, also where AutoGen 0.2 is installed.

    Example:
        >>> AliasFinder().find_spec("autogen.oai") is not None, AliasFinder().find_spec("autogenous") is None
        (True, True)
    """

    def find_spec(
        self, fullname: str, path: Sequence[str] | None = None, target: ModuleType | None = None
    ) -> ModuleSpec | None:
        """The place of a module of ``autogen``; None for others, and for those that aren't here."""
        if fullname != NAME and not fullname.startswith(f"{NAME}."):
            return None
        real = ROOM + fullname.removeprefix(NAME)
        try:
            found = find_spec(real)
        except ModuleNotFoundError:
            return None
        if found is None:
            return None
        return ModuleSpec(fullname, self, is_package=found.submodule_search_locations is not None)

    def create_module(self, spec: ModuleSpec) -> ModuleType:
        """The module itself, under both names."""
        return import_module(ROOM + spec.name.removeprefix(NAME))

    def exec_module(self, module: ModuleType) -> None:
        """Gives the module its own names back, which the import system has just changed; it has been run already."""
        known = sys.modules.get(ROOM + (module.__spec__.name.removeprefix(NAME) if module.__spec__ else ""))
        if known is module:
            own = find_spec_of(module)
            module.__spec__, module.__loader__, module.__package__ = own, own.loader, own.parent


def find_spec_of(module: ModuleType) -> ModuleSpec:
    """A module's spec by its own name."""
    from importlib.machinery import PathFinder

    name = module.__name__
    parent = name.rpartition(".")[0]
    found = PathFinder.find_spec(name, getattr(sys.modules.get(parent), "__path__", None))
    if found is None:
        raise ModuleNotFoundError(f"no module named {name!r}", name=name)
    return found


def install() -> None:
    """Binds ``autogen`` to this room, from now on."""
    if not any(isinstance(finder, AliasFinder) for finder in sys.meta_path):
        sys.meta_path.insert(0, AliasFinder())
