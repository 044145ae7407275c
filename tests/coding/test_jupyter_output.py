"""What a kernel's messages become: text, files and parts. Code can send whatever it likes."""

from __future__ import annotations

import asyncio
import base64
import struct
import zlib
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from autogen_like import CodeBlock, Image, Text
from autogen_like.coding.jupyter import output as limits
from autogen_like.coding.jupyter.cell import Cell, source_of
from autogen_like.coding.jupyter.output import Gathered, plain
from autogen_like.coding.jupyter.remote import _message


def png() -> bytes:
    def chunk(kind: bytes, data: bytes) -> bytes:
        return struct.pack("!I", len(data)) + kind + data + struct.pack("!I", zlib.crc32(kind + data))

    head = chunk(b"IHDR", struct.pack("!2I5B", 1, 1, 8, 2, 0, 0, 0))
    return b"\x89PNG\r\n\x1a\n" + head + chunk(b"IDAT", zlib.compress(b"\0\xff\0\0")) + chunk(b"IEND", b"")


PNG = base64.b64encode(png()).decode()


def shown(folder: Path, *bundles: dict):
    gathered = Gathered(folder, 100_000)
    for bundle in bundles:
        gathered.show(bundle)
    return gathered.result(0)


def test_an_image_is_saved_and_is_a_part(tmp_path):
    result = shown(tmp_path, {"image/png": PNG + "\n", "text/plain": "<Figure size 640x480 with 1 Axes>"})
    assert result.parts == (Image(f"data:image/png;base64,{PNG}"),)
    assert Path(result.output_files[0]).read_bytes() == png()
    assert result.output == f"Image data saved to {result.output_files[0]}\n"


def test_images_come_in_the_order_shown_with_names_of_their_own(tmp_path):
    jpeg = base64.b64encode(b"\xff\xd8\xff\xe0").decode()
    result = shown(tmp_path, {"image/png": PNG}, {"image/jpeg": jpeg}, {"image/png": PNG})
    assert [Path(file).suffix for file in result.output_files] == [".png", ".jpg", ".png"]
    assert sorted(result.output_files) == result.output_files
    assert [part.url[:15] for part in result.parts] == ["data:image/png;", "data:image/jpeg", "data:image/png;"]


def test_a_table_is_said_as_text_and_saved_as_html(tmp_path):
    result = shown(tmp_path, {"text/html": "<table><tr><td>1</td></tr></table>", "text/plain": "   a\n0  1"})
    assert result.output == f"HTML data saved to {result.output_files[0]}\n   a\n0  1\n"
    assert Path(result.output_files[0]).read_text() == "<table><tr><td>1</td></tr></table>"
    assert result.parts == ()


def test_html_that_says_nothing_as_text_is_a_part(tmp_path):
    result = shown(tmp_path, {"text/html": "<b>hi</b>", "text/plain": "<IPython.core.display.HTML object>"})
    assert result.parts == (Text("\n<b>hi</b>\n"),)
    assert "object" not in result.output


def test_a_long_page_is_cut_for_the_model_and_saved_whole(tmp_path):
    result = shown(tmp_path, {"text/html": "x" * 12_345})
    assert result.parts == (Text("\n" + "x" * 10_000 + "\n[... 2345 more characters ...]\n"),)
    assert len(Path(result.output_files[0]).read_text()) == 12_345


def test_drawings_and_documents_are_saved(tmp_path):
    pdf = base64.b64encode(b"%PDF-1.4").decode()
    result = shown(tmp_path, {"image/svg+xml": "<svg/>"}, {"application/pdf": pdf})
    assert [Path(file).suffix for file in result.output_files] == [".svg", ".pdf"]
    assert result.parts == ()


@pytest.mark.parametrize(
    ("bundle", "said"),
    [
        ({"text/plain": "<IPython.core.display.Markdown object>", "text/markdown": "# hi"}, "# hi\n"),
        ({"text/plain": "<IPython.core.display.JSON object>", "application/json": {"a": [1]}}, '{"a": [1]}\n'),
        ({"text/plain": "<object object at 0x7f>"}, "<object object at 0x7f>\n"),
        ({"text/plain": ["two\n", "lines"]}, "two\nlines\n"),
        ({"application/x-unknown": "?"}, ""),
        ({}, ""),
    ],
)
def test_the_text_that_says_most_is_said(tmp_path, bundle, said):
    assert shown(tmp_path, bundle).output == said


@pytest.mark.parametrize(
    ("data", "reason"),
    [("no base64!", "its data is not base64"), (base64.b64encode(b"GIF89a").decode(), "its data is no image/png")],
)
def test_what_is_no_image_is_not_passed_on(tmp_path, data, reason):
    result = shown(tmp_path, {"image/png": data})
    assert (result.output, result.parts, result.output_files) == (f"Image not saved: {reason}\n", (), [])


def test_an_image_too_large_for_a_model_is_saved_only(tmp_path, monkeypatch):
    monkeypatch.setattr(limits, "MAX_IMAGE", 10)
    result = shown(tmp_path, {"image/png": PNG})
    assert (len(result.output_files), result.parts) == (1, ())
    assert "not shown" in result.output


def test_files_too_large_or_too_many_are_not_saved(tmp_path, monkeypatch):
    monkeypatch.setattr(limits, "MAX_FILES", 2)
    monkeypatch.setattr(limits, "MAX_FILE", 100)
    page = {"text/html": "x", "text/plain": "x"}
    result = shown(tmp_path, {"text/html": "x" * 101}, {"text/html": "x" * 1000}, *[page] * 4)
    assert len(result.output_files) == 2
    assert result.output.count("HTML not saved: it is too large") == 2
    assert result.output.endswith("[... 2 more images and pages were dropped ...]\n")


def test_a_folder_that_cannot_be_written_is_told(tmp_path):
    (tmp_path / "file").touch()
    result = shown(tmp_path / "file" / "below", {"image/png": PNG})
    assert (result.output, result.parts) == ("Image not saved: Not a directory\n", ())


def test_terminal_codes_and_halves_of_characters_are_left_out():
    assert plain("\x1b[1;31mred\x1b[0m \x1b]8;;http://a\x07link\x1b]8;;\x07 \x1b(Bend\r\n") == "red link end\n"
    assert plain("\udc80") == "?"


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=10), inner, max_size=3),
    max_leaves=8,
)
KEYS = ["text", "data", "traceback", "ename", "evalue", "status", "payload", "execution_state", "source", "image/png"]
CONTENT = st.dictionaries(st.sampled_from(KEYS), JSON | st.sampled_from(["error", "idle", "ok", "SystemExit"])) | JSON
KINDS = [
    "stream",
    "display_data",
    "execute_result",
    "error",
    "execute_reply",
    "status",
    "comm_open",
    "update_display_data",
]


@settings(max_examples=200, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(messages=st.lists(st.tuples(st.sampled_from(KINDS), CONTENT, JSON), max_size=5))
def test_no_message_breaks_a_cell(tmp_path, messages):
    async def main():
        gathered = Gathered(tmp_path, 1000)
        cell = Cell(gathered, shell=False)
        for kind, content, parent in messages:
            cell.take({"header": {"msg_type": kind}, "parent_header": {"msg_id": cell.id}, "content": content})
            cell.take({"header": {"msg_type": kind}, "parent_header": parent, "content": content})
        result = gathered.result(cell.exit_code)
        assert result.output.encode("utf-8").decode("utf-8") == result.output

    asyncio.run(main())


@settings(deadline=None)
@given(frame=st.binary(max_size=100) | st.text(max_size=100))
def test_no_frame_breaks_the_reading(frame):
    message = _message(frame)
    assert message is None or isinstance(message["header"], dict)


def test_a_frame_with_attachments_is_read():
    body = b'{"header": {"msg_type": "status"}, "content": {}}'
    frame = struct.pack("!3I", 2, 12, 12 + len(body)) + body + b"attachment"
    assert _message(frame) == {"header": {"msg_type": "status"}, "content": {}}


async def test_an_error_told_only_in_the_reply_is_told(tmp_path):
    gathered = Gathered(tmp_path, 1000)
    cell = Cell(gathered, shell=False)
    parent = {"msg_id": cell.id}
    error = {"status": "error", "ename": "ValueError", "evalue": "x"}
    cell.take({"header": {"msg_type": "execute_reply"}, "parent_header": parent, "content": error})
    assert not cell.done.is_set()
    cell.take({"header": {"msg_type": "status"}, "parent_header": parent, "content": {"execution_state": "idle"}})
    assert cell.done.is_set()
    assert (cell.exit_code, gathered.result(1).output) == (1, "\nValueError: x\n")


async def test_a_cell_that_the_kernel_refused_has_failed(tmp_path):
    gathered = Gathered(tmp_path, 1000)
    cell = Cell(gathered, shell=False)
    reply = {
        "header": {"msg_type": "execute_reply"},
        "parent_header": {"msg_id": cell.id},
        "content": {"status": "aborted"},
    }
    cell.take(reply)
    assert (cell.exit_code, gathered.result(1).output) == (1, "The kernel did not run this.\n")


def test_blocks_of_the_kernels_own_language_are_sent_as_they_are():
    assert source_of(CodeBlock("1", "Py"), "python") == "1"
    assert source_of(CodeBlock("1", "R"), "r") == "1"
    assert source_of(CodeBlock("1", "python"), "r") is None
    assert source_of(CodeBlock("1", ""), "python") is None
