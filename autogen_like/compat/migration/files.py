"""Scripts, notebooks and folders of them."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ...core.errors import ConfigError
from .findings import Finding, differences
from .imports import rewritten

_SKIPPED = {"__pycache__", "node_modules", "site-packages", "venv", "env"}


@dataclass(frozen=True, slots=True)
class Report:
    """What was found in a file.

    Args:
        path: The file.
        findings: By line; the lines of a notebook are those of its cell.
        lines: The lines that the findings are about, as they were; by cell and line.
        error: Why it couldn't be read; it was left as it is then.
    """

    path: Path
    findings: tuple[tuple[int | None, Finding], ...] = ()
    lines: tuple[str, ...] = ()
    error: str = ""

    @property
    def changed(self) -> bool:
        """Whether its imports were (or are to be) rewritten."""
        return any(finding.kind == "rewritten" for _, finding in self.findings)


def migrate(path: str | Path, *, write: bool = True) -> list[Report]:
    """Rewrites the imports of a script, a notebook, or all of them in a folder, and tells what behaves differently.

    Args:
        path: The file or the folder. Hidden folders and virtual environments are left out.
        write: Whether files are changed; otherwise it is only told what would be.

    Returns:
        One report for each file that has to do with ``autogen``.

    Raises:
        ConfigError: If there is nothing at the path.
    """
    where = Path(path)
    if not where.exists():
        raise ConfigError(f"there is no {where}")
    files = [where] if where.is_file() else list(_sources(where))
    reports = [_notebook(one, write) if one.suffix == ".ipynb" else _script(one, write) for one in files]
    return [report for report in reports if report.findings or report.error]


def _sources(folder: Path) -> Iterator[Path]:
    for path in sorted(folder.iterdir()):
        if path.name.startswith(".") or path.is_symlink():
            continue
        if path.is_dir():
            if path.name not in _SKIPPED and not (path / "pyvenv.cfg").exists():
                yield from _sources(path)
        elif path.suffix in (".py", ".ipynb"):
            yield path


def _changed(source: str, *, told: bool) -> tuple[str, list[Finding]]:
    """A source rewritten, and its findings: none where nothing shows that it is about autogen."""
    new, findings = rewritten(source)
    if findings or told:
        findings += differences(source)
    return new, sorted(findings)


def _script(path: Path, write: bool) -> Report:
    try:
        text = path.read_bytes().decode("utf-8")
        new, findings = _changed(text, told=False)
    except (SyntaxError, UnicodeDecodeError, OSError) as error:
        return Report(path, error=f"left as it is: {error}")
    if write and new != text:
        path.write_bytes(new.encode("utf-8"))
    lines = text.split("\n")
    return Report(path, tuple((None, one) for one in findings), tuple(lines[one.line - 1].strip() for one in findings))


def _notebook(path: Path, write: bool) -> Report:
    try:
        text = path.read_text(encoding="utf-8")
        notebook = json.loads(text)
        found, lines = _cells(notebook)
    except (ValueError, KeyError, TypeError, AttributeError, SyntaxError, OSError) as error:
        return Report(path, error=f"left as it is: {error}")
    report = Report(path, tuple(found), tuple(lines))
    if write and report.changed:
        indent = 1 if text.startswith("{\n ") and not text.startswith("{\n  ") else 2 if "\n" in text.strip() else None
        end = "\n" if text.endswith("\n") else ""
        path.write_text(json.dumps(notebook, indent=indent, ensure_ascii=False) + end, encoding="utf-8")
    return report


def _cells(notebook: dict[str, Any]) -> tuple[list[tuple[int | None, Finding]], list[str]]:
    cells = [(number, cell) for number, cell in enumerate(notebook["cells"], 1) if cell["cell_type"] == "code"]
    sources = {number: "".join(cell["source"]) for number, cell in cells}
    told = any("autogen" in source for source in sources.values())
    found: list[tuple[int | None, Finding]] = []
    lines: list[str] = []
    for number, cell in cells:
        source = sources[number]
        new, findings = _changed(source, told=told)
        if new != source:
            cell["source"] = new.splitlines(keepends=True) if isinstance(cell["source"], list) else new
        found += [(number, one) for one in findings]
        lines += [source.split("\n")[one.line - 1].strip() for one in findings]
    return found, lines
