"""NVIDIA's Triton Inference Server in front of a model's server, from the wheel of ``nvidia-pytriton``.

The wheel wants another numpy than everybody else, so it lives in an environment of its own. Of it, Triton itself and
its Python backend are used; the model repository is ours, so the same one works in NVIDIA's own containers.
"""

from __future__ import annotations

import fcntl
import http.client
import json
import os
import shutil
import subprocess
import sys
import tempfile
import threading
import venv
from collections.abc import Callable
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, Self

from ...core.errors import ConfigError, ModelError
from ..library import home

if TYPE_CHECKING:
    from .running import ModelServer

PACKAGES = ["nvidia-pytriton==0.7.0", "numpy<2"]
STREAM = "_stream"
_INPUTS = {"text_input": -1, "messages": 1, "options": 1}
_OUTPUTS = ("text_output", "finish_reason", "response")
_POLL_SECONDS = 0.2


def default_folder() -> Path:
    """Where the environment is, if nobody says otherwise."""
    return home() / "triton-server"


def install(folder: Path) -> Path:
    """Makes the environment where it isn't yet. Fetches some 60 MB from the package index.

    Whoever asks second waits until the first has done it.

    Args:
        folder: Where to.

    Returns:
        The folder.

    Raises:
        ModelError: If the packages can't be fetched.
    """
    folder.parent.mkdir(parents=True, exist_ok=True)
    with folder.with_name(f"{folder.name}.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        stamp, wanted = folder / "installed.json", json.dumps([sys.version, PACKAGES])
        if not stamp.is_file() or stamp.read_text() != wanted:
            shutil.rmtree(folder, ignore_errors=True)
            venv.create(folder, with_pip=True, symlinks=True)
            command = [str(folder / "bin" / "python"), "-m", "pip", "install", "--quiet", *PACKAGES]
            done = subprocess.run(command, stdout=sys.stderr, check=False)  # noqa: S603 - nothing of it is from outside
            if done.returncode:
                raise ModelError(f"pip could not install {' '.join(PACKAGES)} into {folder}")
            stamp.write_text(wanted)
    return folder


def write_repository(folder: Path, *, address: str, served: str) -> None:
    """Writes Triton's model repository: one model that answers whole, and one that streams.

    Args:
        folder: Where to.
        address: Where the model's server is, as Triton reaches it.
        served: What that calls its model.
    """
    for name, streams in ((served, False), (served + STREAM, True)):
        version = folder / name / "1"
        version.mkdir(parents=True)
        shutil.copyfile(Path(__file__).with_name("triton_model.py"), version / "model.py")
        (folder / name / "config.pbtxt").write_text(_config(address, served, streams=streams))


def _config(address: str, served: str, *, streams: bool) -> str:
    inputs = ",\n".join(
        f'  {{ name: "{name}" data_type: TYPE_STRING dims: [ {size} ] optional: true }}'
        for name, size in _INPUTS.items()
    )
    outputs = ",\n".join(f'  {{ name: "{name}" data_type: TYPE_STRING dims: [ -1 ] }}' for name in _OUTPUTS)
    parameters = "\n".join(
        f'parameters {{ key: "{key}" value {{ string_value: "{value}" }} }}'
        for key, value in {"address": address, "served": served}.items()
    )
    return (
        'backend: "python"\n'
        "max_batch_size: 0\n"
        f"input [\n{inputs}\n]\n"
        f"output [\n{outputs}\n]\n"
        "instance_group [ { kind: KIND_CPU count: 1 } ]\n"
        f"model_transaction_policy {{ decoupled: {str(streams).lower()} }}\n"
        f"{parameters}\n"
    )


class TritonServer:
    """Triton, in front of a model's server. It has no keys of its own, so it listens on this machine only.

    Args:
        folder: The environment that `install` made.
        address: Where the model's server is.
        served: What that calls its model.
        api_key: The key of that server.
        http_port: Triton's port for HTTP.
        grpc_port: Triton's port for gRPC.

    Raises:
        ConfigError: If the environment isn't there, or has no backend for its Python.

    Example:
        ```python no-run
        with TritonServer(default_folder(), server.address, "tiny", http_port=8100, grpc_port=8101):
            client = tritonclient.grpc.InferenceServerClient("127.0.0.1:8101")
        ```
    """

    def __init__(
        self, folder: Path, address: str, served: str, *, api_key: str | None = None, http_port: int, grpc_port: int
    ) -> None:
        self._parts = _Parts(folder)
        self._address = address
        self._served = served
        self._key = api_key
        self.http_port = http_port
        self.grpc_port = grpc_port
        self._work: tempfile.TemporaryDirectory[str] | None = None
        self._process: subprocess.Popen[bytes] | None = None
        self._stopping = threading.Event()

    def start(self) -> Self:
        """Starts it, without waiting until it is ready."""
        self._work = tempfile.TemporaryDirectory(prefix="autogen_like-triton-")
        work = Path(self._work.name)
        write_repository(work / "models", address=self._address, served=self._served)
        self._parts.link_backend(work / "backends" / "python")
        self._process = subprocess.Popen(  # noqa: S603 - nothing of it is from outside
            [
                *(self._parts.binary, "--model-repository", work / "models"),
                *("--backend-directory", work / "backends"),
                *("--http-address", "127.0.0.1", "--http-port", str(self.http_port)),
                *("--grpc-address", "127.0.0.1", "--grpc-port", str(self.grpc_port)),
                *("--allow-metrics", "false", "--log-info", "false", "--log-warning", "false"),
            ],
            env=self._parts.environment(self._key),
            stdin=subprocess.DEVNULL,
        )
        return self

    def wait_ready(self, seconds: float = 300.0) -> None:
        """Waits until it answers.

        Raises:
            ModelError: If it ends instead, or takes longer.
        """
        left = seconds
        while not self._stopping.is_set():
            if self._process is None or self._process.poll() is not None:
                raise ModelError("Triton ended before it was ready; what it wrote says why")
            if _answers(self.http_port):
                return
            left -= _POLL_SECONDS
            if left < 0:
                raise ModelError(f"Triton was not ready within {seconds:g} seconds")
            self._stopping.wait(_POLL_SECONDS)

    def wait(self) -> bool:
        """Waits until it ends; True where it was told to."""
        if self._process is not None:
            self._process.wait()
        return self._stopping.is_set()

    def stop(self) -> None:
        """Ends it: requests on their way are given some seconds."""
        self._stopping.set()
        if self._process is not None:
            self._process.terminate()
            try:
                self._process.wait(40)
            except subprocess.TimeoutExpired:
                self._process.kill()
                self._process.wait()
        if self._work is not None:
            self._work.cleanup()
        self._process = self._work = None

    def __enter__(self) -> Self:
        try:
            self.start().wait_ready()
        except BaseException:
            self.stop()
            raise
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()


class Beside:
    """Triton beside a model's server that runs in the foreground: it begins after it, and takes it down if it fails.

    Args:
        server: The model's server.
        folder: The environment that `install` made.
        port: Triton's port for HTTP; the next one is for gRPC.

    Attributes:
        error: Why Triton failed, if it did.

    Raises:
        ConfigError: If the environment isn't there.
    """

    def __init__(self, server: ModelServer, folder: Path, port: int) -> None:
        _Parts(folder)  # what is missing is told before a model is loaded
        self.error: ModelError | None = None
        self._server = server
        self._folder = folder
        self._port = port
        self._triton: TritonServer | None = None
        self._watch: threading.Thread | None = None

    def start(self, on_ready: Callable[[str], object]) -> None:
        """Starts it; the server's address must be known. Tells where it is when it is ready."""
        settings = self._server.settings
        self._triton = TritonServer(
            self._folder,
            self._server.address,
            settings.name,
            api_key=settings.api_key,
            http_port=self._port,
            grpc_port=self._port + 1,
        ).start()
        self._watch = threading.Thread(target=self._watched, args=(self._triton, on_ready), daemon=True)
        self._watch.start()

    def stop(self) -> None:
        """Ends it."""
        if self._triton is not None:
            self._triton.stop()
        if self._watch is not None:
            self._watch.join()

    def _watched(self, triton: TritonServer, on_ready: Callable[[str], object]) -> None:
        try:
            triton.wait_ready()
            on_ready(f"Triton answers at http://127.0.0.1:{triton.http_port}, gRPC at 127.0.0.1:{triton.grpc_port}")
            if not triton.wait():
                raise ModelError("Triton ended; what it wrote says why")
        except ModelError as error:
            self.error = error
            self._server.ask_to_stop()


class _Parts:
    """What the wheel holds.

    Args:
        folder: The environment.
    """

    def __init__(self, folder: Path) -> None:
        self._python = folder / "bin" / "python"
        packages = next(iter(folder.glob("lib/python*/site-packages")), None)
        if packages is None or not (packages / "pytriton" / "tritonserver").is_dir():
            raise ConfigError(f"there is no Triton server in {folder}: run `autogen-like triton install` once")
        self._server = packages / "pytriton" / "tritonserver"
        self._libraries = packages / "nvidia_pytriton.libs"
        version = packages.parent.name.removeprefix("python")
        self._stub = self._server / "python_backend_stubs" / version / "triton_python_backend_stub"
        if not self._stub.is_file():
            raise ConfigError(f"nvidia-pytriton has no backend for Python {version}: install it with another Python")

    @property
    def binary(self) -> Path:
        return self._server / "bin" / "tritonserver"

    def link_backend(self, folder: Path) -> None:
        """Puts the Python backend together: the wheel keeps apart what depends on Python's version."""
        folder.mkdir(parents=True)
        for file in (self._server / "backends" / "python").iterdir():
            if file.is_file():
                (folder / file.name).symlink_to(file)
        (folder / self._stub.name).symlink_to(self._stub)

    def environment(self, key: str | None) -> dict[str, str]:
        """The variables that it runs with: not ours, which may hold secrets that are none of its business."""
        ask = "import sysconfig; print(sysconfig.get_config_var('LIBDIR') or '')"
        told = subprocess.run([self._python, "-c", ask], capture_output=True, text=True, check=True)  # noqa: S603
        # The backend must find the libpython of its own interpreter: the system's may be another one of the same name.
        libraries = [told.stdout.strip(), str(self._libraries), os.environ.get("LD_LIBRARY_PATH", "")]
        kept = {name: os.environ[name] for name in ("HOME", "LANG", "TMPDIR", "TZ") if name in os.environ}
        return {
            **kept,
            **({} if key is None else {"AUTOGEN_LIKE_API_KEY": key}),
            "PATH": f"{self._python.parent}{os.pathsep}{os.environ.get('PATH', os.defpath)}",
            "LD_LIBRARY_PATH": os.pathsep.join(filter(None, libraries)),
        }


def _answers(port: int) -> bool:
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=5)
    try:
        connection.request("GET", "/v2/health/ready")
        return connection.getresponse().status == http.client.OK
    except (OSError, http.client.HTTPException):
        return False
    finally:
        connection.close()
