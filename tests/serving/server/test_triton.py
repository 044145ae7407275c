"""NVIDIA's own Triton server in front of a real one, over HTTP and gRPC; it is fetched from PyPI once."""

from __future__ import annotations

import json
import re
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import numpy as np
import pytest
import tritonclient.http as triton
from tritonclient.utils import InferenceServerException

from autogen_like.core.errors import ConfigError, ModelError
from autogen_like.serving.server.triton import STREAM, TritonServer, install, write_repository
from autogen_like.serving.server.triton_model import Left, Server

from .asking import HELLO, KEY, free_ports, get, nothing_held, numbers, post, until
from .test_limits import Held
from .test_serve_cli import Command

pytestmark = pytest.mark.xdist_group("triton")  # one server for all of them
GRPC = Path(__file__).with_name("grpc_client.py")


@pytest.fixture
def client(front: TritonServer) -> Iterator[Any]:
    client = triton.InferenceServerClient(f"127.0.0.1:{front.http_port}", concurrency=4)
    yield client
    client.close()


def texts(name: str, *values: str) -> Any:
    tensor = triton.InferInput(name, [len(values)], "BYTES")
    tensor.set_data_from_numpy(np.array(values, dtype=object))
    return tensor


def over_grpc(front: TritonServer, folder: Path, what: str, *arguments: str) -> Any:
    """What a gRPC client prints, in the environment that has one."""
    python = folder / "bin" / "python"
    command = [python, GRPC, str(front.grpc_port), what, *arguments]
    done = subprocess.run(command, check=False, capture_output=True, text=True, timeout=120)
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


@pytest.mark.slow
class TestOverHttp:
    def test_it_is_triton_and_has_both_models(self, client):
        assert client.get_server_metadata()["name"] == "triton"
        index = {model["name"]: model["state"] for model in client.get_model_repository_index()}
        assert index == {"tiny": "READY", f"tiny{STREAM}": "READY"}
        assert client.get_model_config(f"tiny{STREAM}")["model_transaction_policy"]["decoupled"]

    def test_its_answers_are_those_of_the_server_behind(self, client, behind):
        inputs = [texts("text_input", "abc", "xyz"), texts("options", '{"temperature": 0, "max_tokens": 6}')]
        got = client.infer("tiny", inputs, parameters={"seed": 3})
        address, headers = f"{behind.address}/v1/completions", {"Authorization": f"Bearer {KEY}"}
        body = {"model": "tiny", "prompt": ["abc", "xyz"], "temperature": 0, "max_tokens": 6}
        direct = post(address, json=body, headers=headers).json()
        assert [text.decode() for text in got.as_numpy("text_output")] == [one["text"] for one in direct["choices"]]
        usage = json.loads(got.as_numpy("response")[0])["usage"]
        assert usage["total_tokens"] == direct["usage"]["total_tokens"]

    def test_many_run_at_once(self, client, behind):
        wanted = [texts("text_input", "abc"), texts("options", '{"temperature": 0, "max_tokens": 30}')]
        waiting = [client.async_infer("tiny", wanted) for _ in range(4)]
        assert len({request.get_result().as_numpy("text_output")[0] for request in waiting}) == 1
        until(lambda: nothing_held(behind))

    def test_it_streams(self, front):
        body = {"messages": json.dumps(HELLO), "parameters": {"max_tokens": 5, "temperature": 0}}
        got = post(f"http://127.0.0.1:{front.http_port}/v2/models/tiny{STREAM}/generate_stream", json=body)
        pieces = [json.loads(line[6:]) for line in got.text.splitlines() if line.startswith("data: ")]
        assert len(pieces) > 2
        assert pieces[-1]["finish_reason"] == "length"

    @pytest.mark.parametrize(
        ("inputs", "match"),
        [
            ([texts("options", "{}")], "either text_input or messages"),
            ([texts("text_input", "a"), texts("options", '{"temperature": 9}')], "temperature"),
            ([texts("messages", "{")], "no JSON"),
        ],
    )
    def test_what_is_wrong_is_named(self, client, inputs, match):
        with pytest.raises(InferenceServerException, match=match):
            client.infer("tiny", inputs)


@pytest.mark.slow
class TestOverGrpc:
    def test_whole_replies(self, front, folder):
        said = over_grpc(front, folder, "infer", "abc")
        assert said["finish_reason"] == ["length"]
        assert json.loads(said["response"][0])["choices"][0]["text"] == said["text_output"][0]

    def test_streams(self, front, folder):
        pieces = over_grpc(front, folder, "stream", "abc")
        assert len(pieces) > 2
        said = over_grpc(front, folder, "infer", "abc")
        assert "".join(piece["text_output"][0] for piece in pieces) == said["text_output"][0]

    def test_errors(self, front, folder):
        assert "one element" in over_grpc(front, folder, "stream", "abc", "xyz")[0]["error"]

    def test_a_stream_that_is_cancelled_frees_its_blocks(self, front, folder, behind, monkeypatch):
        slow = Held(monkeypatch)
        slow.seconds = 0.05
        before = numbers(behind)["engine_cancelled_total"]
        assert over_grpc(front, folder, "cancel", "abc") == "cancelled"
        until(lambda: numbers(behind)["engine_cancelled_total"] == before + 1)
        until(lambda: nothing_held(behind))


@pytest.mark.slow
def test_the_command_starts_and_stops_both(folder, model_path):
    port, _ = free_ports(2, adjacent=True)
    arguments = ["--triton", "--triton-port", str(port), "--triton-folder", str(folder)]
    with Command(str(model_path), "--name", "smol", "--context", "512", *arguments) as command:
        command.wait_for(r"Triton answers at")
        body = {"text_input": "One two three", "parameters": {"max_tokens": 4, "temperature": 0}}
        got = post(f"http://127.0.0.1:{port}/v2/models/smol/generate", json=body, timeout=60)
        assert got.json()["text_output"]
        assert command.stop() == 0
    with pytest.raises(httpx.ConnectError):
        get(f"http://127.0.0.1:{port}/v2/health/live")


@pytest.mark.slow
def test_a_port_that_is_taken_ends_both(folder, model_path, front):
    arguments = ["--triton", "--triton-port", str(front.http_port), "--triton-folder", str(folder)]
    with Command(str(model_path), "--context", "512", *arguments) as command:
        assert command.process.wait(120) == 1
        assert "Triton ended" in command.output()


def test_without_its_environment_it_says_how_to_get_it(tmp_path):
    with pytest.raises(ConfigError, match="autogen-like triton install"):
        TritonServer(tmp_path, "http://127.0.0.1:1", "tiny", http_port=1, grpc_port=2)


def test_a_python_without_a_backend_is_named(tmp_path):
    (tmp_path / "lib" / "python3.99" / "site-packages" / "pytriton" / "tritonserver").mkdir(parents=True)
    with pytest.raises(ConfigError, match=r"Python 3\.99"):
        TritonServer(tmp_path, "http://127.0.0.1:1", "tiny", http_port=1, grpc_port=2)


@pytest.mark.slow
def test_an_installation_that_fails_is_an_error(tmp_path, monkeypatch):
    monkeypatch.setattr("autogen_like.serving.server.triton.PACKAGES", ["--no-index", "no-such-package-at-all"])
    with pytest.raises(ModelError, match="no-such-package-at-all"):
        install(tmp_path / "server")


def test_the_repository_is_for_any_triton(tmp_path):
    write_repository(tmp_path, address="http://host:1", served="tiny")
    assert sorted(path.name for path in tmp_path.iterdir()) == ["tiny", f"tiny{STREAM}"]
    text = (tmp_path / "tiny" / "config.pbtxt").read_text()
    assert 'string_value: "http://host:1"' in text
    code = (tmp_path / "tiny" / "1" / "model.py").read_text()
    assert not re.search(r"^\s*(from|import) (autogen_like|torch|\.)", code, flags=re.MULTILINE)


@pytest.mark.slow
def test_the_models_client_by_itself(tiny, monkeypatch):
    """In Triton's process nothing counts its lines."""
    server = Server(tiny.address, "tiny")
    inputs = {"text_input": ["abc"]}
    whole = server.infer(inputs, {"max_tokens": 8, "temperature": 0}, lambda: False)
    pieces = list(server.stream(inputs, {"max_tokens": 8, "temperature": 0}, lambda: False))
    assert "".join(piece["text_output"][0] for piece in pieces) == whole["text_output"][0]
    with pytest.raises(ValueError, match="temperature"):
        server.infer(inputs, {"temperature": 9}, lambda: False)
    with pytest.raises(ValueError, match="one element"):
        list(server.stream({"text_input": ["a", "b"]}, {}, lambda: False))
    Held(monkeypatch).seconds = 0.3
    with pytest.raises(Left):
        server.infer(inputs, {}, lambda: True)
    looks = iter([*[False] * 8, *[True] * 99])
    with pytest.raises(Left):
        list(server.stream(inputs, {"temperature": 0}, lambda: next(looks)))
    until(lambda: nothing_held(tiny))
