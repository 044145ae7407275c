"""``autogen.coding.utils``."""

from __future__ import annotations

import re

_NAMED = re.compile(r"^\s*(?:#|//|/\*|<!--)\s*filename:\s*(\S+)", re.IGNORECASE)


def silence_pip(code: str, lang: str) -> str:
    """Code whose ``pip install`` lines print no progress.

    Example:
        >>> silence_pip("pip install rich", "sh")
        'pip install -qqq rich'
    """
    shell = lang in ("bash", "shell", "sh", "pwsh", "powershell", "ps1")
    if not shell and lang != "python":
        return code
    start = r"^(\s*)" if shell else r"^(\s*!)"
    return re.sub(start + r"(pip3?\s+install)(?!.*\s-q)", r"\1\2 -qqq", code, flags=re.MULTILINE)


def get_file_name_from_content(code: str) -> str | None:
    """The file that code asks to be kept as: ``# filename: <name>`` in its first line; no other comment names one."""
    match = _NAMED.match(code.split("\n", 1)[0])
    return match[1] if match else None
