"""Runs code in a Jupyter kernel, which remembers what earlier code did."""

from __future__ import annotations

import asyncio
import contextlib
import weakref
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, Self

from ...core.errors import ConfigError, MissingExtra
from ...core.sync import run as run_sync
from ..blocks import CodeBlock, MarkdownCodeExtractor
from ..commandline import MAX_OUTPUT
from ..private_folder import PrivateFolder
from .connection import JupyterConnectable, JupyterConnectionInfo
from .loop import call, submit
from .output import IPythonCodeResult
from .session import Session

if TYPE_CHECKING:
    from .kernel import Kernel


class JupyterCodeExecutor:
    r"""Runs code blocks in one Jupyter kernel: what a block defines, later blocks know.

    Images and HTML that the code shows are saved as files; images are also shown to the model. Shell blocks run
    through IPython's cell magics. A local kernel is no sandbox: its code may do whatever the user may, though it sees
    a clean environment and ends with this program.

    Args:
        jupyter_server: The server whose kernel is used; a kernel of this machine by default, without any server.
        kernel_name: The kernel's name.
        timeout: Seconds that one block may take. Then it is interrupted, and the kernel keeps its variables; code
            that doesn't let itself be interrupted costs the kernel.
        output_dir: Where files are saved, and where a local kernel works; made if need be. A temporary folder by
            default, which goes away with the executor.
        env: Environment variables that a local kernel sees beside the harmless ones.
        max_output: Characters of output that are kept of one call.

    Raises:
        ConfigError: If there is no such kernel (it names those that are there), no server answers, or the time-out
            isn't positive.
        MissingExtra: If jupyter_client isn't installed.

    Example:
        >>> with JupyterCodeExecutor() as executor:
        ...     _ = executor.execute_code_blocks([CodeBlock("x = 6", "python")])
        ...     executor.execute_code_blocks([CodeBlock("x * 7", "python")]).output
        '42\n'
    """

    def __init__(
        self,
        jupyter_server: JupyterConnectable | JupyterConnectionInfo | None = None,
        kernel_name: str = "python3",
        timeout: float = 60,
        output_dir: str | Path | None = None,
        *,
        env: Mapping[str, str] | None = None,
        max_output: int = MAX_OUTPUT,
    ) -> None:
        if not timeout > 0:
            raise ConfigError(f"timeout must be a positive number of seconds, not {timeout!r}")
        if not max_output > 0:
            raise ConfigError(f"max_output must be a positive number of characters, not {max_output!r}")
        if jupyter_server is not None and env is not None:
            raise ConfigError("env is for local kernels: a server's kernels have the environment that the server gives")
        self._timeout = timeout
        self._server = jupyter_server  # kept: a server that is forgotten ends
        self._extractor = MarkdownCodeExtractor()
        temporary = output_dir is None
        self._output_dir = Path(output_dir) if output_dir is not None else self._own_folder()
        make = self._maker(kernel_name, env or {})
        self._session = Session(make, self._output_dir, temporary=temporary, timeout=timeout, max_output=max_output)
        # Not at exit: there, all sessions are closed side by side, and waited for.
        weakref.finalize(self, _dispose, self._session).atexit = False

    def _own_folder(self) -> Path:
        folder = PrivateFolder(self, "files-").path / "files"
        folder.mkdir()
        return folder

    def _maker(self, name: str, env: Mapping[str, str]) -> Callable[[], Kernel]:
        try:
            if self._server is None:
                from .local import LocalKernel, check_kernel

                check_kernel(name)
                return partial(LocalKernel, name, self._output_dir.absolute(), env)
            from .remote import RemoteKernel, check_server
        except ImportError as error:
            raise MissingExtra("running code in a Jupyter kernel", "jupyter") from error
        server = self._server
        info = server.connection_info if isinstance(server, JupyterConnectable) else server
        run_sync(call(check_server(info, name)))
        return partial(RemoteKernel, name, info)

    @property
    def timeout(self) -> float:
        """Seconds that one block may take."""
        return self._timeout

    @property
    def output_dir(self) -> Path:
        """Where files are saved."""
        return self._output_dir

    @property
    def code_extractor(self) -> MarkdownCodeExtractor:
        """What finds the blocks in a message."""
        return self._extractor

    async def execute(
        self, blocks: Sequence[CodeBlock], *, on_output: Callable[[str], None] | None = None
    ) -> IPythonCodeResult:
        """Runs blocks in order, up to the first that fails. Cancelling it interrupts the code that runs.

        Args:
            blocks: What to run. Calls that come while others run wait for them.
            on_output: Told each piece of output as it is printed.

        Returns:
            The exit code of the last block (124 where it took too long), all output, the files that were saved and
            the images to look at.

        Raises:
            ConfigError: If the kernel can't be started.
        """
        if on_output is None:
            return await call(self._session.execute(blocks, None))
        listener = _Listener(on_output)
        result = await call(self._session.execute(blocks, listener.tell))
        if listener.failure is not None:
            raise listener.failure
        return result

    def execute_code_blocks(self, code_blocks: Sequence[CodeBlock]) -> IPythonCodeResult:
        """Runs blocks in order, up to the first that fails; see `execute`."""
        return run_sync(self.execute(code_blocks))

    def restart(self) -> None:
        """Ends the kernel; the next code starts in a fresh one, which knows nothing."""
        submit(self._session.restart()).result()

    def stop(self) -> None:
        """Ends the kernel, and removes the temporary folder, if there is one."""
        submit(self._session.close()).result()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()


class EmbeddedIPythonCodeExecutor(JupyterCodeExecutor):
    """A `JupyterCodeExecutor` with a kernel of this machine, under AutoGen 0.2's name for it.

    Args:
        timeout: Seconds that one block may take.
        kernel_name: The kernel's name.
        output_dir: Where files are saved and the kernel works; a temporary folder by default.
    """

    def __init__(self, timeout: float = 60, kernel_name: str = "python3", output_dir: str | Path | None = None) -> None:
        super().__init__(None, kernel_name, timeout, output_dir)


class _Listener:
    """Carries output from the kernels' loop to the one of the call."""

    def __init__(self, on_output: Callable[[str], None]) -> None:
        self._loop = asyncio.get_running_loop()
        self._on_output = on_output
        self.failure: Exception | None = None

    def tell(self, text: str) -> None:
        with contextlib.suppress(RuntimeError):  # the loop was closed: nobody waits any more
            self._loop.call_soon_threadsafe(self._hear, text)

    def _hear(self, text: str) -> None:
        if self.failure is not None:
            return
        try:
            self._on_output(text)
        except Exception as error:  # noqa: BLE001 - raised where the call is awaited
            self.failure = error


def _dispose(session: Session) -> None:
    submit(session.close())
