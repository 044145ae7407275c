"""``autogen-like serve`` as a process of its own."""

from __future__ import annotations

import os
import re
import signal
import subprocess
import sys
import tempfile
import threading
from types import TracebackType
from typing import Self

import openai
import pytest

from autogen_like import AssistantAgent
from autogen_like.cli import build_parser, main
from autogen_like.models.config import client_from

from .asking import get, post, until

KEY = "sk-for-the-command-line"


class Command:
    """A running ``autogen-like serve``."""

    def __init__(self, *arguments: str, **variables: str) -> None:
        self._out = tempfile.TemporaryFile("w+")  # noqa: SIM115 - closed with the command
        command = [sys.executable, "-m", "autogen_like", "serve", *arguments, "--port", "0"]
        environment = {**os.environ, "OMP_NUM_THREADS": "1", **variables}
        self.process = subprocess.Popen(command, stdout=self._out, stderr=subprocess.STDOUT, env=environment)

    def output(self) -> str:
        self._out.seek(0)
        return self._out.read()

    def wait_for(self, pattern: str) -> str:
        """Waits until it has written this; gives the first group, if there is one."""
        until(lambda: bool(re.search(pattern, self.output())) or self.process.poll() is not None, 180)
        found = re.search(pattern, self.output())
        assert found, self.output()
        return found[1] if found.groups() else found[0]

    def stop(self, number: int = signal.SIGTERM) -> int:
        self.process.send_signal(number)
        return self.process.wait(60)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        if self.process.poll() is None:
            self.stop()
        self._out.close()


@pytest.mark.slow
async def test_agents_and_openais_client_speak_to_it_and_it_stops_when_told(model_path):
    arguments = [str(model_path), "--name", "smol", "--context", "512", "--max-tokens", "200"]
    with Command(*arguments, AUTOGEN_LIKE_API_KEY=KEY) as command:
        base_url = command.wait_for(r"smol answers at (http://127\.0\.0\.1:\d+/v1), with the key")
        with pytest.raises(openai.AuthenticationError), openai.OpenAI(base_url=base_url, api_key="wrong-key") as other:
            other.models.list()
        config = {"model": "smol", "base_url": base_url, "api_key": KEY, "max_tokens": 8, "temperature": 0}
        asked = client_from(config)
        agent = AssistantAgent("agent", "You are brief.", llm_config=asked)
        said = await agent.a_generate_reply(messages=[{"role": "user", "content": "The capital of France?"}])
        await asked.aclose()
        assert said
        with openai.OpenAI(base_url=base_url, api_key=KEY) as client:
            messages = [
                {"role": "system", "content": "You are brief."}, {"role": "user", "content": "The capital of France?"}
            ]  # fmt: skip
            reply = client.chat.completions.create(model="smol", messages=messages, max_tokens=8, temperature=0)
        assert reply.choices[0].message.content == said
        assert command.stop() == 0
        assert KEY not in command.output()


@pytest.mark.slow
def test_ctrl_c_lets_a_reply_end(model_path):
    with Command(str(model_path), "--name", "smol", "--context", "512") as command:
        base_url = command.wait_for(r"answers at (\S+), without a key")
        got: list[int] = []

        def ask() -> None:
            body = {"model": "smol", "prompt": "One", "max_tokens": 100, "temperature": 0}
            got.append(post(f"{base_url}/completions", json=body, timeout=60).json()["usage"]["completion_tokens"])

        asking = threading.Thread(target=ask)
        asking.start()
        metrics = base_url.removesuffix("v1") + "metrics"
        until(lambda: "engine_running 1" in get(metrics).text or bool(got))
        assert command.stop(signal.SIGINT) == 0
        asking.join()
    assert got == [100]


@pytest.mark.parametrize(
    ("arguments", "match"),
    [
        (["no-such-model"], "models pull"),
        (["MODEL", "--host", "0.0.0.0"], "AUTOGEN_LIKE_API_KEY"),
        (["MODEL", "--api-key", "short"], "api_key"),
        (["MODEL", "--port", "99999"], "port"),
        (["MODEL", "--device", "cuda"], "NVIDIA"),
        (["MODEL", "--triton", "--triton-folder", "/nowhere"], "triton install"),
    ],
)
def test_what_cannot_be_is_told_in_a_line(arguments, match, model_path, capsys, monkeypatch):
    monkeypatch.delenv("AUTOGEN_LIKE_API_KEY", raising=False)
    words = [str(model_path) if word == "MODEL" else word for word in arguments]
    assert main(["serve", *words]) == 1
    assert match in capsys.readouterr().err


def test_the_key_of_the_command_line_comes_before_the_environments(model_path, monkeypatch):
    from autogen_like.serving.serve_cli import settings_of

    monkeypatch.setenv("AUTOGEN_LIKE_API_KEY", KEY)
    parser = build_parser()
    assert settings_of(parser.parse_args(["serve", "x"]), model_path).api_key == KEY
    given = settings_of(parser.parse_args(["serve", "x", "--api-key", "another-key"]), model_path)
    assert given.api_key == "another-key"
    assert given.name == model_path.stem


def test_triton_is_installed_where_the_command_says(tmp_path, monkeypatch, capsys):
    folders = []
    monkeypatch.setattr("autogen_like.serving.server.triton.install", lambda folder: folders.append(folder) or folder)
    assert main(["triton", "install", str(tmp_path / "here")]) == 0
    monkeypatch.setenv("AUTOGEN_LIKE_HOME", str(tmp_path))
    assert main(["triton", "install"]) == 0
    assert folders == [tmp_path / "here", tmp_path / "triton-server"]
    assert "triton-server" in capsys.readouterr().out.replace("\n", "")
