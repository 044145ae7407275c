"""What is committed can be built anywhere: no machine's path, no registry's host, no key; one version everywhere."""

from __future__ import annotations

import configparser
import json
import re
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

import autogen_like

ROOT = Path(__file__).parents[2]

# Spelled in parts, so that this file does not match itself.
FORBIDDEN = {
    "a path of one machine": r"(?<![\w.])/(?:home|Users|work|root)/\w+|/opt/(?:pypi|wheels)",
    "a registry's host": r"pypi\.org|pythonhosted\.org|registry\.npmjs|" + r"deb\.debian" + r"\.org|proxy\.golang",
    "a key": r"sk-[A-Za-z0-9]{20,}|ghp_[A-Za-z0-9]{20,}|AKIA[0-9A-Z]{16}|-----BEGIN [A-Z ]*PRIVATE" + " KEY-----",
}
SELF = Path(__file__).relative_to(ROOT).as_posix()


def committed() -> list[str]:
    listing = subprocess.run(["git", "ls-files"], cwd=ROOT, check=False, capture_output=True, text=True)
    if listing.returncode:
        pytest.skip("not a git checkout: nothing is committed here")
    return listing.stdout.splitlines()


@pytest.mark.parametrize("what", FORBIDDEN)
def test_no_committed_file_holds(what: str) -> None:
    pattern = re.compile(FORBIDDEN[what])
    found = []
    for name in committed():
        path = ROOT / name
        if name == SELF or not path.is_file() or path.stat().st_size > 1_000_000:
            continue
        try:
            text = path.read_text(encoding="utf-8")
        except UnicodeDecodeError:
            continue
        found += [f"{name}: {match.group()}" for match in pattern.finditer(text)]
    assert found == []


def test_the_changelog_begins_with_the_version() -> None:
    versions = re.findall(r"^## \[(\d[^\]]*)\]", (ROOT / "CHANGELOG.md").read_text(), re.MULTILINE)
    assert versions[0] == autogen_like.__version__


def test_all_brings_every_extra_for_users_but_a_gigabyte_for_gpus_and_none_for_developers() -> None:
    config = configparser.ConfigParser()
    config.read(ROOT / "setup.cfg")
    extras = dict(config["options.extras_require"])
    whole = re.search(r"autogen_like\[(.*)\]", extras.pop("all"))
    assert whole is not None
    assert set(whole.group(1).split(",")) == set(extras) - {"gpu", "test", "lint", "docs"}


def test_the_wheel_holds_the_package_its_types_and_the_command(tmp_path: Path) -> None:
    source = tmp_path / "source"  # a copy, so that the build leaves nothing behind in the tree
    for name in committed():
        if name.startswith("autogen_like/") or "/" not in name:
            target = source / name
            target.parent.mkdir(parents=True, exist_ok=True)
            if (ROOT / name).is_file():
                target.write_bytes((ROOT / name).read_bytes())
    build = [sys.executable, "-m", "build", "--wheel", "--no-isolation", "--outdir", str(tmp_path), str(source)]
    done = subprocess.run(build, check=False, capture_output=True, text=True)
    assert done.returncode == 0, done.stdout + done.stderr
    [wheel] = tmp_path.glob("*.whl")
    with zipfile.ZipFile(wheel) as archive:
        names = set(archive.namelist())
        scripts = archive.read(f"autogen_like-{autogen_like.__version__}.dist-info/entry_points.txt").decode()
    assert {"autogen_like/py.typed", "autogen_like/core/message.py"} <= names
    assert not [name for name in names if name.startswith(("tests/", "scripts/"))]
    assert "autogen-like = autogen_like.cli:main" in scripts


def test_every_marker_of_the_system_packages_is_registered(pytestconfig: pytest.Config) -> None:
    table = (ROOT / "scripts" / "system_packages.txt").read_text().splitlines()
    markers = {line.split()[0] for line in table if line and not line.startswith("#")}
    registered = {line.split(":")[0] for line in pytestconfig.getini("markers")}
    assert markers <= registered


def test_the_coverage_gate_counts_branches_only(tmp_path: Path) -> None:
    report = tmp_path / "coverage.json"
    script = str(ROOT / "scripts" / "branch_coverage.py")

    def gate(covered: int) -> subprocess.CompletedProcess[str]:
        report.write_text(
            json.dumps({"totals": {"covered_branches": covered, "num_branches": 200, "percent_covered": 99}})
        )
        return subprocess.run([sys.executable, script, str(report), "90"], check=False, capture_output=True, text=True)

    assert gate(180).returncode == 0
    assert gate(179).returncode == 1
    assert "89.5 % of branches are taken, 90 % are asked for" in gate(179).stderr
