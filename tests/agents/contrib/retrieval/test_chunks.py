"""Reading documents that a person named, and taking them apart."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from autogen_like import ConfigError
from autogen_like.agents.contrib.retrieval.chunks import (
    documents,
    extract_text_from_pdf,
    get_files_from_dir,
    is_url,
    parse_html_to_text,
    read_text,
    split_text_to_chunks,
)

words = lambda text: len(text.split())


def test_pieces_end_at_empty_lines_where_there_are_any():
    text = "a b\nc d\n\ne f\ng h"
    assert split_text_to_chunks(text, 6, count=words) == ["a b\nc d", "e f\ng h"]
    assert split_text_to_chunks(text, 6, must_break_at_empty_line=False, count=words) == ["a b\nc d\n\ne f", "g h"]


def test_pieces_may_repeat_lines_or_be_lines():
    assert split_text_to_chunks("a\nb\nc", 2, overlap=1, count=words) == ["a\nb", "b\nc"]
    assert split_text_to_chunks("a\n\nb", 9, "one_line", count=words) == ["a", "b"]


@given(st.text(alphabet="ab \n\t.", max_size=200), st.integers(1, 9), st.integers(0, 3), st.booleans())
def test_no_word_is_lost_and_no_piece_too_long(text, most, overlap, at_empty):
    pieces = split_text_to_chunks(text, most, "multi_lines", at_empty, overlap, count=words)
    assert all(words(piece) <= most for piece in pieces)
    if not overlap:
        assert "".join("".join(pieces).split()) == "".join(text.split())


@pytest.mark.parametrize(("options", "cure"), [({"chunk_mode": "x"}, "chunk_mode"), ({"max_tokens": 0}, "max_tokens")])
def test_settings_that_cannot_be_are_refused(options, cure):
    with pytest.raises(ConfigError, match=cure):
        split_text_to_chunks("a", **options)


def test_only_what_was_named_is_found(tmp_path):
    outside = tmp_path / "secret.txt"
    outside.write_text("secret")
    docs = tmp_path / "docs"
    (docs / "deep").mkdir(parents=True)
    for name in ("a.txt", "b.png", "deep/c.MD"):
        (docs / name).write_text(name)
    (docs / "link.txt").symlink_to(outside)
    assert get_files_from_dir(str(docs)) == [str(docs / "a.txt"), str(docs / "deep" / "c.MD")]
    assert get_files_from_dir([docs / "b.png", "https://example.org/x"], recursive=False)[1] == "https://example.org/x"
    assert get_files_from_dir(str(docs), ["txt"], recursive=False) == [str(docs / "a.txt")]
    with pytest.raises(ConfigError, match="docs_path"):
        get_files_from_dir(str(docs / "none"))


def test_markup_is_left_out(tmp_path):
    html = "<html><head><title>T</title></head><body><h1>Cats</h1><script>evil()</script>They<br>sleep.</body></html>"
    (tmp_path / "a.html").write_text(html)
    assert read_text(str(tmp_path / "a.html")) == "Cats\nThey\nsleep."
    assert "evil" not in parse_html_to_text(html)


def test_a_pdf_is_read_or_refused(tmp_path):
    import pypdf

    writer = pypdf.PdfWriter()
    writer.add_blank_page(100, 100)
    writer.write(tmp_path / "a.pdf")
    assert read_text(str(tmp_path / "a.pdf")).strip() == ""
    with pytest.raises(ConfigError, match="PDF"):
        extract_text_from_pdf(b"%PDF-1.7 nothing")


def test_an_address_in_a_private_network_is_not_read():
    with pytest.raises(ConfigError, match="private"):
        read_text("http://127.0.0.1:9/a.txt")
    assert [is_url(text) for text in ("http://a/b", "a.txt", "file:///a", "http:")] == [True, False, False, False]


def test_documents_are_the_same_when_they_are_read_again(tmp_path):
    (tmp_path / "a.txt").write_text("one\n\ntwo")
    sources = get_files_from_dir(str(tmp_path))
    first = list(documents(sources, str.splitlines))
    assert first == list(documents(sources, str.splitlines))
    assert first[0]["metadata"] == {"source": str(tmp_path / "a.txt"), "chunk": 0}
    assert len({doc["id"] for doc in first}) == 3


def test_what_is_too_large_is_refused(tmp_path, monkeypatch):
    from autogen_like.agents.contrib.retrieval import chunks

    monkeypatch.setattr(chunks, "LARGEST", 3)
    (tmp_path / "a.txt").write_text("long")
    with pytest.raises(ConfigError, match="larger"):
        read_text(str(tmp_path / "a.txt"))
