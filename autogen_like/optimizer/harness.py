"""Runs one call of one function, somewhere else: this file's text is sent to an executor, with a job at its end.

Nothing here imports the package, and the package doesn't call it. What the function prints is kept apart from what it
returns, which is written behind a mark that the caller made up for this call alone.
"""

import sys

if __name__ == "__main__" and "__file__" in globals():
    sys.path.pop(0)  # the folder of this script, where an earlier call may have left a json.py

import contextlib
import importlib.util
import io
import json
import linecache
import os
import shutil
import tempfile
import traceback
from typing import Any

LONGEST = 2_000  # characters of what it printed, and of an error


class _Printed(io.StringIO):
    """Keeps the beginning of what is printed."""

    def write(self, text: str) -> int:
        if self.tell() < LONGEST:
            super().write(text[: LONGEST - self.tell()])
        return len(text)


def _missing(modules: list[str]) -> str:
    """The first module that can't be imported, or that isn't from a folder of packages; empty where all are."""
    places = [place for place in os.environ.get("PYTHONPATH", "").split(os.pathsep) if place]
    for module in modules:
        try:
            spec = importlib.util.find_spec(module)
        except (ImportError, ValueError):
            spec = None
        if spec is None:
            return f"the module {module} isn't there"
        top = module.partition(".")[0]
        where = spec.origin or next(iter(spec.submodule_search_locations or []), "")
        if top not in sys.stdlib_module_names and not any(where.startswith(place) for place in places):
            return f"the module {module} is of no package that functions may have"
    return ""


def _error(error: BaseException) -> str:
    frames = [frame for frame in traceback.extract_tb(error.__traceback__) if frame.filename == "<function>"]
    where = f" (line {frames[-1].lineno}: {frames[-1].line})" if frames else ""
    return f"{type(error).__name__}: {error}{where}"[:LONGEST]


def _answer(job: dict[str, Any]) -> dict[str, Any]:
    missing = _missing(job["imports"])
    if missing:
        return {"error": missing, "type": "ModuleNotFoundError"}
    source = job["code"]
    linecache.cache["<function>"] = (len(source), None, source.splitlines(keepends=True), "<function>")
    printed = _Printed()
    try:
        with contextlib.redirect_stdout(printed), contextlib.redirect_stderr(printed):
            names: dict[str, Any] = {"__name__": "functions"}
            exec(compile(source, "<function>", "exec", dont_inherit=True), names)  # noqa: S102 - what it is here for
            value = names[job["name"]](**job["arguments"]) if job["arguments"] is not None else None
            text = value if isinstance(value, str) else json.dumps(value, ensure_ascii=False, default=str)
    except BaseException as error:  # noqa: BLE001 - whatever a function does is its answer
        return {"error": _error(error), "type": type(error).__name__, "printed": printed.getvalue()}
    longest = job["longest"]
    return {"value": text[:longest], "length": len(text), "printed": printed.getvalue()}


def run(job: dict[str, Any]) -> None:
    """Does a job in an empty folder of its own, and prints the answer behind its mark."""
    before, folder = os.getcwd(), tempfile.mkdtemp()  # noqa: PTH109 - pathlib would be one import more, each call
    os.chdir(folder)
    try:
        answer = _answer(job)
    finally:
        os.chdir(before)
        shutil.rmtree(folder, ignore_errors=True)
    sys.stdout.write(f"{job['mark']}{json.dumps(answer)}\n")
    sys.stdout.flush()
