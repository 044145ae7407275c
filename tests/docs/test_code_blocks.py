"""Every Python block of the README and the docs runs, offline and without a key; its assertions hold.

The blocks of one page run in order and share their names, as a reader would type them. A block that needs a key, a
network or a person says so in its first line, as ``python no-run``: it is compiled only.
"""

from __future__ import annotations

import ast
import asyncio
import inspect
import re
import socket
from dataclasses import dataclass
from pathlib import Path
from types import CodeType
from typing import Any

import pytest

ROOT = Path(__file__).parents[2]
PAGES = sorted([ROOT / "README.md", *(ROOT / "docs").rglob("*.md")])
FENCE = re.compile(
    r"^(?P<indent> *)```python(?P<info>[^\n`]*)\n(?P<code>.*?)^(?P=indent)```[ \t]*$", re.MULTILINE | re.DOTALL
)
KEYS = ("OPENAI_API_KEY", "OPENAI_BASE_URL", "OAI_CONFIG_LIST", "AZURE_OPENAI_API_KEY", "ANTHROPIC_API_KEY")


@dataclass(frozen=True, slots=True)
class Block:
    """A Python block: where it begins in its page, what it says, and whether it is to run."""

    line: int
    code: str
    runs: bool

    def compiled(self, page: str) -> CodeType:
        """The block's code, its line numbers those of the page; top-level ``await`` may be used, as in a notebook."""
        source = "\n" * self.line + self.code
        return compile(source, page, "exec", flags=ast.PyCF_ALLOW_TOP_LEVEL_AWAIT, dont_inherit=True)


def blocks_of(text: str) -> list[Block]:
    found = []
    for match in FENCE.finditer(text):
        indent = match["indent"]
        code = "".join(line.removeprefix(indent) for line in match["code"].splitlines(keepends=True))
        line = text.count("\n", 0, match.start()) + 1
        found.append(Block(line, code, runs="no-run" not in match["info"].split()))
    return found


def run_page(page: str, blocks: list[Block]) -> dict[str, Any]:
    """Runs the blocks in one namespace and, where they await, on one loop."""
    names: dict[str, Any] = {"__name__": "__docs__"}
    with asyncio.Runner() as runner:
        for block in blocks:
            code = block.compiled(page)
            if not block.runs:
                continue
            if code.co_flags & inspect.CO_COROUTINE:
                runner.run(eval(code, names))
            else:
                exec(code, names)
    return names


@pytest.fixture
def offline(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """No key, no network but this machine's own, and an empty working directory."""
    for key in KEYS:
        monkeypatch.delenv(key, raising=False)
    monkeypatch.chdir(tmp_path)
    resolve = socket.getaddrinfo

    def only_here(host: Any, *rest: Any, **options: Any) -> Any:
        if host not in (None, "", "localhost", "127.0.0.1", "::1", b"localhost", b"127.0.0.1"):
            raise OSError(f"a block of the docs asked for {host}: mark it `python no-run`, or let it run offline")
        return resolve(host, *rest, **options)

    monkeypatch.setattr(socket, "getaddrinfo", only_here)


@pytest.mark.usefixtures("offline")
@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.relative_to(ROOT).as_posix())
def test_the_blocks_of_a_page_run(page: Path) -> None:
    run_page(str(page), blocks_of(page.read_text()))


def test_blocks_share_names_and_may_await() -> None:
    text = "```python\nx = 1\n```\ntext\n```python\nimport asyncio\nawait asyncio.sleep(0)\ny = x + 1\n```\n"
    assert run_page("page", blocks_of(text))["y"] == 2


def test_a_block_that_is_not_to_run_is_compiled_only() -> None:
    text = "```python no-run\nraise SystemExit\n```\n"
    assert "x" not in run_page("page", blocks_of(text))
    with pytest.raises(SyntaxError):
        run_page("page", blocks_of("```python no-run\nthis is no Python\n```\n"))


def test_a_failing_block_names_its_page_and_line() -> None:
    blocks = blocks_of("# Title\n\n- a list\n\n  ```python\n  x = 1\n  assert x == 2\n  ```\n")
    with pytest.raises(AssertionError) as failure:
        run_page("page.md", blocks)
    assert [(str(entry.path), entry.lineno + 1) for entry in failure.traceback][-1] == ("page.md", 7)


@pytest.mark.usefixtures("offline")
def test_a_block_cannot_reach_the_network() -> None:
    with pytest.raises(OSError, match="asked for example"):
        socket.create_connection(("example.org", 80))
