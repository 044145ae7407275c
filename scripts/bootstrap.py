"""Makes .venv and installs the project into it: ``python3 scripts/bootstrap.py local,test``.

Needs nothing but Python: the standard library only, and only the pip inside .venv. Running it again is instant
until setup.cfg, pyproject.toml, the scripts or the Python change, or an extra is asked for that is not installed yet.
"""

from __future__ import annotations

import sys

if sys.version_info < (3, 11):  # noqa: UP036 - before anything that an older Python could stumble over
    sys.exit(
        "autogen_like needs Python 3.11 or newer; this is {}.{}. "
        "Where a newer one is installed: make PYTHON=python3.12".format(*sys.version_info[:2])
    )

import argparse
import hashlib
import json
import os
import shutil
import subprocess
from pathlib import Path

import torch_choice

ROOT = Path(__file__).resolve().parent.parent
VENV = ROOT / ".venv"
STAMP = VENV / "installed.json"
CONSTRAINTS = VENV / "constraints.txt"
INPUTS = ("setup.cfg", "pyproject.toml", "scripts/bootstrap.py", "scripts/torch_choice.py")
TORCH_EXTRAS = {"local", "test", "all"}  # the extras with a package that depends on torch


def venv_python() -> str:
    """The venv's interpreter."""
    return str(VENV / ("Scripts/python.exe" if os.name == "nt" else "bin/python"))


def say(text: str) -> None:
    """Tells the user what happens now."""
    print(f"bootstrap: {text}", flush=True)


def fail(text: str) -> None:
    """Ends with a message that names the cure."""
    sys.exit(f"bootstrap: {text}")


def key() -> str:
    """Changes whenever what is installed may be out of date."""
    digest = hashlib.sha256(sys.version.encode())
    for name in INPUTS:
        digest.update((ROOT / name).read_bytes())
    return digest.hexdigest()


def installed_extras(stamp: Path, current: str) -> set[str] | None:
    """The extras that were installed under this key; None where there is nothing, or it is out of date."""
    try:
        content = json.loads(stamp.read_text())
    except (OSError, ValueError):
        return None
    return set(content["extras"]) if content.get("key") == current else None


# --- the venv -------------------------------------------------------------------------------------------------------


def root_command() -> list[str] | None:
    """What goes before a command that needs root: nothing for root, sudo where it asks no password, None if neither."""
    if hasattr(os, "geteuid") and os.geteuid() == 0:
        return []
    sudo = shutil.which("sudo")
    if sudo and subprocess.run([sudo, "-n", "true"], capture_output=True).returncode == 0:
        return [sudo, "-n"]
    return None


def can_make_venv() -> bool:
    """Debian's Python comes without ensurepip: then `python3 -m venv` makes a venv that has no pip."""
    return subprocess.run([sys.executable, "-c", "import ensurepip, venv"], capture_output=True).returncode == 0


def install_venv_support() -> None:
    """Installs Debian's package of what `python3 -m venv` lacks, or ends with the command that would."""
    package = f"python{sys.version_info[0]}.{sys.version_info[1]}-venv"
    command = f"apt-get update && apt-get install -y {package}"
    before = root_command()
    if shutil.which("apt-get") is None:
        fail("this Python has no ensurepip: install your system's package of Python's venv module, then try again")
    if before is None:
        fail(f"this Python has no ensurepip. Install it and try again: sudo sh -c '{command}'")
    say(f"installing {package}")
    environment = {**os.environ, "DEBIAN_FRONTEND": "noninteractive"}
    for step in (["apt-get", "update", "-qq"], ["apt-get", "install", "-y", "-qq", "--no-install-recommends", package]):
        done = subprocess.run([*(before or []), *step], env=environment, stdout=subprocess.DEVNULL)
        if done.returncode:
            fail(f"{' '.join(step)} failed. Run it by hand and try again: {command}")


def ensure_venv() -> None:
    """Makes .venv where there is none that works."""
    works = (
        Path(venv_python()).exists()
        and not subprocess.run([venv_python(), "-m", "pip", "--version"], capture_output=True).returncode
    )
    if works:
        return
    if not can_make_venv():
        install_venv_support()
    say(f"making {VENV.name} with Python {sys.version.split()[0]}")
    if subprocess.run([sys.executable, "-m", "venv", "--clear", str(VENV)]).returncode:
        fail(f"{sys.executable} -m venv {VENV.name} failed: see above")


# --- packages -------------------------------------------------------------------------------------------------------


def pip(*arguments: str) -> None:
    """Runs the venv's pip; ends the bootstrap where it fails."""
    command = [venv_python(), "-m", "pip", "--disable-pip-version-check", *arguments]
    if subprocess.run(command, cwd=ROOT).returncode:
        fail(f"pip {' '.join(arguments)} failed: see above. Mend what it says and run the same command again")


def dry_run(requirement: str) -> torch_choice.Report | None:
    """Asks pip what installing a requirement would bring, without installing; None where it can't be installed."""
    command = [venv_python(), "-m", "pip", "--disable-pip-version-check", "install", "--dry-run", "--quiet"]
    answer = subprocess.run([*command, "--report", "-", requirement], capture_output=True, text=True, cwd=ROOT)
    if answer.returncode:
        return None
    try:
        report: torch_choice.Report = json.loads(answer.stdout)
    except ValueError:
        return None
    return report


def installed_version(package: str) -> str | None:
    """The version of a package in the venv, without importing it."""
    code = f"from importlib.metadata import version; print(version({package!r}))"
    answer = subprocess.run([venv_python(), "-c", code], capture_output=True, text=True)
    return answer.stdout.strip() if answer.returncode == 0 else None


def install_torch() -> None:
    """Installs torch before anything that depends on it, and writes the constraint that keeps it in place."""
    plan = torch_choice.choose(installed_version("torch"), dry_run, torch_choice.has_gpu())
    if plan is not None:
        say(f"installing {plan.requirement}: {plan.why}")
        pip("install", *(["--index-url", plan.index_url] if plan.index_url else []), plan.requirement)
    CONSTRAINTS.write_text(f"torch=={installed_version('torch')}\n")


def main() -> None:
    """Makes .venv hold the project with the extras that were asked for, beside those that it has."""
    parser = argparse.ArgumentParser(description="Makes .venv and installs autogen_like into it, editable.")
    parser.add_argument("extras", nargs="?", default="", help="extras of setup.cfg, with commas between: local,test")
    wanted = {extra for extra in parser.parse_args().extras.split(",") if extra}
    current = key()
    there = installed_extras(STAMP, current)
    if there is not None and wanted <= there and Path(venv_python()).exists():
        return
    ensure_venv()
    extras = wanted | (there or set())
    if extras & TORCH_EXTRAS:
        install_torch()
    constraint = ["--constraint", str(CONSTRAINTS)] if CONSTRAINTS.exists() else []
    target = f".[{','.join(sorted(extras))}]" if extras else "."
    say(f"installing autogen_like{target[1:]}; this may take some minutes the first time")
    pip("install", "-qq", *constraint, "--editable", target)
    STAMP.write_text(json.dumps({"key": current, "extras": sorted(extras)}) + "\n")


if __name__ == "__main__":
    main()
