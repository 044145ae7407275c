"""``autogen.code_utils``: finding and running code, by the names of before there were executors."""

from __future__ import annotations

import logging
import os
import pathlib
import re
import subprocess
import sys
import tempfile
from collections.abc import Mapping, Sequence
from typing import Any, NoReturn

from ..coding.blocks import MarkdownCodeExtractor, infer_language
from ..coding.executor import CodeResult
from ..coding.factory import create
from ..coding.virtual_env import create_virtual_env
from ..core.errors import ConfigError

logger = logging.getLogger(__name__)
SENTINEL = object()
DEFAULT_MODEL = "gpt-4"
FAST_MODEL = "gpt-3.5-turbo"
CODE_BLOCK_PATTERN = r"```[ \t]*(\w+)?[ \t]*\r?\n(.*?)\r?\n[ \t]*```"
UNKNOWN = "unknown"
TIMEOUT_MSG = "Timeout"
DEFAULT_TIMEOUT = 600
WIN32 = sys.platform == "win32"
PYTHON_VARIANTS = ("python", "Python", "py")
WORKING_DIR = str(pathlib.Path(tempfile.gettempdir(), "autogen_like"))
_TIMED_OUT = 124
_INLINE = re.compile(r"(?<!`)`([^`\n]+)`(?!`)")


class _NoDocker(ConfigError, RuntimeError):
    """Docker is wanted, and doesn't answer."""


class _NothingToRun(ConfigError, AssertionError):
    """There is neither code nor a file."""


def content_str(content: str | Sequence[Mapping[str, Any]] | None) -> str:
    """The text of a message's content; an image is "<image>".

    Raises:
        TypeError: If it is neither text nor a list of dicts.
        ConfigError: If a part is of another type.

    Example:
        >>> content_str([{"type": "text", "text": "see "}, {"type": "image_url", "image_url": {"url": "a.png"}}])
        'see <image>'
    """
    if content is None or isinstance(content, str):
        return content or ""
    if not isinstance(content, Sequence):
        raise TypeError(f"content must be None, a string or a list of parts, not {type(content).__name__}")
    shown = []
    for part in content:
        if not isinstance(part, Mapping):
            raise TypeError(f"a part of a message's content must be a dict, not {part!r}")
        kind = part.get("type")
        if kind not in ("text", "input_text", "image_url", "input_image"):
            raise ConfigError(f"Wrong content format: a part must be of type text or image_url, not {kind!r}")
        shown.append(str(part["text"]) if "text" in kind else "<image>")
    return "".join(shown)


def infer_lang(code: str) -> str:
    """The language of code: "python", "sh" or "unknown"."""
    return infer_language(code) or UNKNOWN


def extract_code(
    text: str | Sequence[Any], pattern: str = CODE_BLOCK_PATTERN, detect_single_line_code: bool = False
) -> list[tuple[str, str]]:
    """The code in a message: ``[(language, code)]``; the whole text as "unknown" where there is none.

    Args:
        text: The message's content.
        pattern: Another expression for blocks, whose groups are the language and the code.
        detect_single_line_code: Whether what stands between single backticks counts, too.

    Example:
        >>> extract_code("Run `ls` now", detect_single_line_code=True)
        [('', 'ls')]
    """
    text = content_str(text)
    if pattern != CODE_BLOCK_PATTERN:
        found = re.findall(pattern, text, flags=re.DOTALL)
        return found or [(UNKNOWN, text)]
    blocks = MarkdownCodeExtractor(unclosed=False).extract_code_blocks(text)
    if blocks:
        return [(block.language, block.code) for block in blocks]
    if detect_single_line_code:
        inline = [("", code.strip()) for code in _INLINE.findall(text)]
        if inline:
            return inline
    return [(UNKNOWN, text)]


# --- Docker


def is_docker_running() -> bool:
    """Whether a Docker engine answers."""
    from ..coding.docker_engine import connect
    from ..core.errors import ConfigError as Unavailable

    try:
        connect().close()
    except (Unavailable, OSError):
        return False
    return True


def in_docker_container() -> bool:
    """Whether this program runs in a container."""
    return pathlib.Path("/.dockerenv").exists()


def decide_use_docker(use_docker: bool | None) -> bool | None:
    """Whether to use Docker: as asked, or as ``AUTOGEN_USE_DOCKER`` says, or True.

    Raises:
        ConfigError: If the variable says neither yes nor no.
    """
    if use_docker is not None:
        return use_docker
    told = os.environ.get("AUTOGEN_USE_DOCKER", "true").strip().lower()
    meanings: dict[str, bool | None] = dict.fromkeys(("1", "true", "yes", "t"), True)
    meanings |= dict.fromkeys(("0", "false", "no", "f"), False) | {"none": None}
    if told not in meanings:
        raise ConfigError(f"AUTOGEN_USE_DOCKER must be 1, true, yes, 0, false, no or none, not {told!r}")
    return meanings[told]


def check_can_use_docker_or_throw(use_docker: bool | None) -> None:
    """Checks that Docker can be had, where it is asked for.

    Raises:
        ConfigError: If it can't; a RuntimeError, too.
    """
    if use_docker and not in_docker_container() and not is_docker_running():
        raise _NoDocker(
            "code is to be run in Docker, and no engine answers: start Docker, or run it on this machine, unprotected, "
            "with code_execution_config={'use_docker': False}"
        )


# --- running code


def execute_code(
    code: str | None = None,
    timeout: int | None = None,
    filename: str | None = None,
    work_dir: str | None = None,
    use_docker: Any = SENTINEL,
    lang: str | None = "python",
) -> tuple[int, str, str | None]:
    r"""Runs code, or a file in a folder.

    Args:
        code: The code.
        timeout: Seconds; 600 by default. The code, and what it started, is ended then.
        filename: The file to write it to, or to run where there is no code.
        work_dir: The folder; one of its own, which goes away, by default.
        use_docker: Whether, or in which image, it is run in Docker: True unless ``AUTOGEN_USE_DOCKER`` says otherwise.
        lang: Its language.

    Returns:
        The exit status, what was printed ("Timeout" where it took too long), and the image.

    Raises:
        ConfigError: If there is neither code nor a file; an AssertionError, too. Or if Docker is wanted, and not there.

    Example:
        >>> execute_code("print(6 * 7)", use_docker=False)
        (0, '42\n', None)
    """
    if code is None and filename is None:
        raise _NothingToRun("execute_code needs code, or the name of a file")
    if use_docker is SENTINEL or use_docker is None:
        use_docker = decide_use_docker(None)
    if use_docker is None:
        use_docker = is_docker_running()
    check_can_use_docker_or_throw(bool(use_docker))
    language = "python" if lang in PYTHON_VARIANTS or not lang else lang
    if filename is not None:
        filename = filename.split()[0].strip("()")
        folder = pathlib.Path(work_dir or WORKING_DIR)
        folder.mkdir(parents=True, exist_ok=True)
        if code is None:
            code = (folder / filename).read_text(encoding="utf-8")
        else:
            (folder / filename).write_text(code, encoding="utf-8")
    result = _run(code or "", language, timeout or DEFAULT_TIMEOUT, work_dir, use_docker)
    output = TIMEOUT_MSG if result.exit_code == _TIMED_OUT else result.output
    image = None if not use_docker else use_docker if isinstance(use_docker, str) else "python:3-slim"
    return result.exit_code, output, image


def _run(code: str, language: str, timeout: float, work_dir: str | None, use_docker: Any) -> CodeResult:
    from ..coding.blocks import CodeBlock

    settings: dict[str, Any] = {"use_docker": use_docker, "timeout": timeout}
    if work_dir is not None:
        settings["work_dir"] = work_dir
    executor: Any = create(settings)
    try:
        result: CodeResult = executor.execute_code_blocks([CodeBlock(code, language)])
        return result
    finally:
        stop = getattr(executor, "stop", None)
        if stop is not None:
            stop()


def get_powershell_command() -> str:
    """The program that runs PowerShell: "powershell" or "pwsh".

    Raises:
        FileNotFoundError: If there is none.
        PermissionError: If it may not be run.
    """
    for program in ("powershell", "pwsh"):
        try:
            done = subprocess.run([program, "$PSVersionTable.PSVersion.Major"], capture_output=True, check=False)  # noqa: S603
        except FileNotFoundError:
            continue
        if done.returncode == 0:
            return program
    raise FileNotFoundError("neither powershell nor pwsh is there")


# --- retired with openai 1.0


def _retired(*_: Any, **__: Any) -> NoReturn:
    raise ConfigError("this function is retired since openai 1.0: ask a model with OpenAIWrapper, or with an agent")


generate_code = improve_function = improve_code = generate_assertions = eval_function_completions = implement = _retired

__all__ = [
    "CODE_BLOCK_PATTERN",
    "DEFAULT_TIMEOUT",
    "PYTHON_VARIANTS",
    "TIMEOUT_MSG",
    "UNKNOWN",
    "WIN32",
    "WORKING_DIR",
    "check_can_use_docker_or_throw",
    "content_str",
    "create_virtual_env",
    "decide_use_docker",
    "execute_code",
    "extract_code",
    "get_powershell_command",
    "in_docker_container",
    "infer_lang",
    "is_docker_running",
]
