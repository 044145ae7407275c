"""Exports hold what was said, and nothing that anybody said does anything in them."""

from __future__ import annotations

import json
import re
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import markdown_it
import pytest
from hypothesis import given
from hypothesis import strategies as st

from autogen_like import AssistantAgent, FunctionTool, Message, ModelResponse, ScriptedModel, ToolCall, Usage

from autogen_like import export_html, export_markdown  # isort: skip
from autogen_like.core.message import File, Image, Text, ToolResult
from autogen_like.core.termination import StopReason
from autogen_like.core.usage import Tally
from autogen_like.store import Store
from autogen_like.store.export import _lines
from autogen_like.store.figures import arguments, duration, moment, money, pieces
from autogen_like.store.listing import RunInfo
from autogen_like.store.page import page
from autogen_like.store.report import Noted, Report, Spent, Spoken, Talk, Waiting

NOW = datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC)
PIXEL = "data:image/png;base64,iVBORw0KGgo="
ALLOWED = {
    "html", "head", "meta", "title", "style", "body", "h1", "h2", "dl", "dt", "dd", "div", "table", "thead", "tbody",
    "tfoot", "tr", "th", "td", "section", "article", "header", "span", "time", "a", "p", "pre", "code", "b", "br",
    "img", "details", "summary",
}  # fmt: skip
NASTY = [
    "<script>alert(1)</script>", "</pre></article><img src=x onerror=alert(1)>", "&lt;b&gt; &amp; &#60;",
    "\x1b[2J\x00\r",
    "![pixel](https://evil.example/x.png)", "[bank](https://evil.example)", "[a]: javascript:alert(1)\n[a] [b][a]",
    "[x\\](javascript:alert(1))", "```\n<script>\n", "~~~~\n```\n</code>", "`` ` <b> ``", "\u202eevil\u2066", "\ud800",
    "a\n\n# Conversation 7\n\n### 9. boss\n\n> ok", "    indented <b>", "<!-- ", "<https://evil.example>", "| a | b |",
    "\u2028</style>", "'\" onload=alert(1) x=\"", "<br\n>", "1. one\n   ```html\n   <i>\n   ```",
]  # fmt: skip


def told(message: Message, *more: Any, name: str = "ada", title: str = "A trip") -> Report:
    """A report of one message, in which a text stands wherever one can."""
    info = RunInfo(
        "run 1", title, {"customer": name}, NOW, NOW + timedelta(seconds=90), "ended", StopReason("error", name, name),
        (name,), 1, 1, 120, 0.5, {"run": name, "conversation": "c", "messages": 2}, None,
    )  # fmt: skip
    spoken = Spoken(1, message, NOW, 1.5, 120, 0.5, {"x": 0.25})
    talk = Talk("c", 1, (name,), 0, [Noted("resumed", NOW, ""), spoken, *more, Noted("ended", None, name)])
    tally = Tally.of([1, 100, 20, 0.5, 2.0])
    return Report(info, [talk], [Spent(name, name, tally)], tally, [Waiting("q", name, name)])


def everywhere(text: str) -> Report:
    message = Message(
        text, (Text(text), Image(text), File(text, text), File(text, file_id=text)),
        (ToolCall("x", text, text), ToolCall("y", "f", json.dumps({"a": text}))),
        (ToolResult("x", text, text, error=True), ToolResult("y", "", text, whole=text)), role=text,
    )  # fmt: skip
    return told(message, Talk("d", 2, (text,), 1, [Noted("answered", NOW, text)]), name=text, title=text)


SIGNS = st.text("`~<>[]()!#*_|&;:\\\n\r\t -+.a1\"'=/{}", max_size=60)
ANY = st.text() | SIGNS | st.lists(st.sampled_from(NASTY) | SIGNS).map("\n".join)


class Checker(HTMLParser):
    """Notes every tag, and that each is closed in turn."""

    def __init__(self) -> None:
        super().__init__(convert_charrefs=True)
        self.open: list[str] = []
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.texts: list[str] = []
        self.headings: list[str] = []  # outside of quotes

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))
        if tag in ("h1", "h2", "h3") and "blockquote" not in self.open:
            self.headings.append(tag)
        if tag not in ("meta", "br", "img"):
            self.open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        self.texts.append(data)

    def handle_comment(self, data: str) -> None:
        raise AssertionError(data)


def checked(html: str) -> Checker:
    checker = Checker()
    checker.feed(html)
    checker.close()
    assert checker.open == []
    names = {tag for tag, _ in checker.tags}
    assert names <= ALLOWED
    for tag, attributes in checker.tags:
        assert not any(name.startswith("on") or name == "style" for name in attributes)
        assert attributes.get("src", "data:image/").startswith("data:image/")
        assert attributes.get("href", "#").startswith("#")
        assert tag != "img" or set(attributes) == {"src", "alt"}
    ids = [attributes["id"] for _, attributes in checker.tags if "id" in attributes]
    assert len(ids) == len(set(ids))
    html.encode()
    assert not re.search(r"[\x00-\x08\x0b-\x1f\x7f\u202a-\u202e\u2066-\u2069]", html)
    return checker


def rendered(markdown: str) -> str:
    """As a reader of Markdown shows it that lets HTML through and asks no questions."""
    reader = markdown_it.MarkdownIt("commonmark", {"html": True}).enable("table")
    reader.validateLink = lambda _: True  # type: ignore[method-assign]
    return str(reader.render(markdown))


@pytest.mark.parametrize("text", NASTY)
def test_no_text_does_anything_in_a_page(text: str):
    checked(page(everywhere(text)))


@given(ANY)
def test_any_text_makes_a_sound_page(text: str):
    checker = checked(page(everywhere(text)))
    assert [attributes["id"] for tag, attributes in checker.tags if tag == "article"] == ["c1-1"]


@pytest.mark.parametrize("text", NASTY)
def test_no_text_does_anything_in_markdown(text: str):
    calm_markdown("\n".join(_lines(everywhere(text))))


@given(ANY)
def test_any_text_makes_calm_markdown(text: str):
    calm_markdown("\n".join(_lines(everywhere(text))))


def calm_markdown(markdown: str) -> None:
    html = rendered(markdown)
    checker = Checker()
    checker.feed(html.replace("<hr />", "").replace("<br />", ""))
    tags = {tag for tag, _ in checker.tags}
    assert not tags & {"a", "img", "script", "b", "i", "style", "iframe"}
    assert all(set(attributes) <= {"class", "start"} for _, attributes in checker.tags)
    assert checker.headings == ["h1", "h2", "h2", "h3", "h2"]


def test_a_page_forbids_scripts_and_the_network_and_allows_its_own_style():
    from base64 import b64encode
    from hashlib import sha256

    html = page(told(Message("ada", "Hi")))
    policy = re.search(r'Content-Security-Policy" content="([^"]*)"', html)
    style = re.search(r"<style>(.*?)</style>", html, re.DOTALL)
    assert policy is not None
    assert style is not None
    digest = b64encode(sha256(style[1].encode()).digest()).decode()
    assert policy[1].split("; ") == [
        "default-src 'none'", f"style-src 'sha256-{digest}'", "img-src data:", "base-uri 'none'", "form-action 'none'"
    ]  # fmt: skip
    assert "url(" not in style[1]
    assert "prefers-color-scheme: dark" in style[1]
    assert "@media print" in style[1]


def test_a_picture_is_shown_only_where_the_message_holds_it():
    shown = Message("ada", (Image(PIXEL),))
    assert f'<img src="{PIXEL}" alt="image, image/png, 12 characters">' in page(told(shown))
    for address in ("https://evil.example/x.png", "data:image/svg+xml;base64,PHN2Zz4=", 'data:image/png;base64,"x'):
        assert "<img" not in page(told(Message("ada", (Image(address),))))
    assert "image at https://evil.example/x.png" in page(told(Message("ada", (Image("https://evil.example/x.png"),))))


def test_a_long_result_is_folded_and_all_there():
    long = "\n".join(f"line {number}" for number in range(100))
    html = page(told(Message("ada", None, (), (ToolResult("x", "read", long),))))
    assert "<details><summary>the result: 100 lines, 789 characters</summary><pre dir=auto>line 0\n" in html
    assert "line 99</pre></details>" in html
    assert "<details>" not in page(told(Message("ada", None, (), (ToolResult("x", "read", "short"),))))


def test_a_page_says_who_used_what_and_each_message_has_an_anchor():
    checker = checked(page(told(Message("ada", "Hi"))))
    text = " ".join(" ".join(checker.texts).split())
    assert "ada ada 1 100 20 $0.5000 2.0 s" in text
    assert "all 1 100 20" in text
    assert "03:04:05 1.5 s 120 tokens $0.5000 #1" in text
    assert ("a", "#c1-1") in [(tag, attributes.get("href")) for tag, attributes in checker.tags]


def test_code_keeps_its_lines_and_its_language_in_both():
    said = told(Message("ada", "Look:\n```python\nif a < b:\n    pass\n```\nThat *is* all."))
    assert "<pre><code>if a &lt; b:\n    pass</code></pre>" in page(said)
    html = rendered("\n".join(_lines(said)))
    assert '<code class="language-python">if a &lt; b:\n    pass\n</code>' in html
    assert "That <em>is</em> all." in html


def test_the_whole_of_a_result_that_was_cut_is_exported():
    cut = told(Message("ada", None, (), (ToolResult("x", "read", "begin...", whole="begin and end"),)))
    assert "begin and end" in "\n".join(_lines(cut))
    assert "the whole result: 1 lines, 13 characters" in page(cut)


# --- of a store


@pytest.fixture
async def filled(tmp_path: Path) -> AsyncIterator[tuple[Store, str]]:
    def read(path: str) -> str:
        "Reads."
        return f"the text of {path}"

    call = ModelResponse(tool_calls=(ToolCall("x", "read", '{"path": "a.txt"}'),), usage=Usage(10, 5, cost=0.25))
    config = {"model": ScriptedModel([call, "It says: the text."]), "api_key": "sk-planted-in-config"}
    async with Store(f"sqlite:///{tmp_path}/chats.db") as store:
        system = "the prompt, with hunter2-planted in it"
        ada = AssistantAgent("ada", system, llm_config=config, tools=[FunctionTool(read)])
        await ada.run(message="What does a.txt say?", store=store, deps={"token": "planted-in-deps"})
        yield store, (await store.runs())[0].id


async def test_exports_hold_what_was_said_and_no_configuration(filled: tuple[Store, str]):
    store, run = filled
    lines = "\n".join([line async for line in store.export_lines(run)])
    for exported in (await export_markdown(store, run), await export_html(store, run), lines):
        for said in ("What does a.txt say?", "read", "a.txt", "the text of a.txt", "It says: the text."):
            assert said in exported
        assert "planted" not in exported


async def test_an_export_is_the_same_each_time_and_after_an_import(filled: tuple[Store, str], tmp_path: Path):
    store, run = filled
    first = await export_html(store, run)
    assert await export_html(store, run) == first
    async with Store(f"sqlite:///{tmp_path}/other.db") as other:
        assert await other.import_lines(store.export_lines(run)) == run
        assert await export_html(other, run) == first
        assert await export_markdown(other, run) == await export_markdown(store, run)


async def test_a_run_in_which_nothing_was_said_can_be_exported(tmp_path: Path):
    async with Store(f"sqlite:///{tmp_path}/chats.db") as store:
        async with await store.begin("r"):
            pass
        checked(await export_html(store, "r"))
        assert (await export_markdown(store, "r")).startswith("# r\n")


# --- figures


@given(ANY)
def test_no_line_of_a_text_is_lost_in_its_pieces(text: str):
    found = "\n".join(piece.text for piece in pieces(text))
    fences = re.compile(r"[ \t]*(`{3,}|~{3,}).*")
    for line in text.split("\n"):
        if line.strip() and not fences.fullmatch(line):
            assert line.strip() in found


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("~~~\n```\n~~~", [("```", True)]),
        ("````\n```\n````", [("```", True)]),
        ("- a\n  ```sh\n  ls\n    -l\n  ```", [("- a", False), ("ls\n  -l", True)]),
        ("```\nopen", [("open", True)]),
        ("``` a`b", [("``` a`b", False)]),
        ("```", [("", True)]),
        ("\n\n", []),
    ],
)
def test_fences_are_found_as_readers_of_markdown_find_them(text: str, expected: list[tuple[str, bool]]):
    assert [(piece.text, piece.code) for piece in pieces(text)] == expected


def test_a_long_line_that_is_no_fence_is_seen_through_at_once():
    line = "```" + "a" * 1_000_000 + "`"  # for ever, were it tried from each of its places
    assert [piece.code for piece in pieces(line)] == [False]


@pytest.mark.parametrize(
    "written", ["not JSON", '{"a": 1, "a": 2}', "[1.50]", "[1e999]", "[" * 100_000, '{"a": 12345678901234567890.5}']
)
def test_arguments_that_would_not_come_back_the_same_are_shown_as_they_were_written(written: str):
    assert arguments(ToolCall("c", "f", written)) == written


def test_arguments_are_shown_a_line_each():
    assert arguments(ToolCall("c", "f", '{"a":[1],"b":"é"}')) == '{\n  "a": [\n    1\n  ],\n  "b": "é"\n}'


def test_figures_are_short():
    assert [money(one) for one in (0, 1e-9, 0.5, 2)] == ["$0", "<$0.0001", "$0.5000", "$2.00"]
    assert [duration(one) for one in (-1, 0.5, 59, 3599, 86399, 86400)] == [
        "0 ms", "500 ms", "59.0 s", "59 min 59 s", "23 h 59 min", "1 d 0 h"
    ]  # fmt: skip
    assert moment(NOW) == "2026-01-02 03:04:05 UTC"
