"""The command's own part: version, usage, and errors told in a line."""

from __future__ import annotations

import argparse
import subprocess
import sys

import pytest

from autogen_like import __version__, cli
from autogen_like.core.errors import ConfigError


def test_the_version_is_told_by_the_module_form_too() -> None:
    answer = subprocess.run(
        [sys.executable, "-m", "autogen_like", "--version"], check=False, capture_output=True, text=True
    )
    assert answer.stdout.strip() == f"autogen-like {__version__}"
    assert answer.returncode == 0


def test_no_command_is_wrong_usage(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as left:
        cli.main([])
    assert left.value.code == 2
    assert "usage: autogen-like" in capsys.readouterr().err


@pytest.mark.parametrize("command", ["pull", "list", "remove"])
def test_the_model_commands_are_there(command: str, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as left:
        cli.main(["models", command, "--help"])
    assert left.value.code == 0
    assert f"autogen-like models {command}" in capsys.readouterr().out


def parser_that(run: object) -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser()
    parser.set_defaults(run=run)
    return parser


def test_an_error_of_ours_is_one_line_on_stderr(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def run(_: argparse.Namespace) -> int:
        raise ConfigError("no model 'x': see `autogen-like models list`")

    monkeypatch.setattr(cli, "build_parser", lambda: parser_that(run))
    assert cli.main([]) == 1
    assert capsys.readouterr().err == "autogen-like: no model 'x': see `autogen-like models list`\n"


def test_an_interrupt_ends_with_130(monkeypatch: pytest.MonkeyPatch) -> None:
    def run(_: argparse.Namespace) -> int:
        raise KeyboardInterrupt

    monkeypatch.setattr(cli, "build_parser", lambda: parser_that(run))
    assert cli.main([]) == 130


@pytest.mark.parametrize(("returned", "status"), [(None, 0), (0, 0), (3, 3)])
def test_a_commands_status_is_the_exit_status(
    monkeypatch: pytest.MonkeyPatch, returned: int | None, status: int
) -> None:
    monkeypatch.setattr(cli, "build_parser", lambda: parser_that(lambda _: returned))
    assert cli.main([]) == status
