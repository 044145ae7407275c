"""Finding code blocks in what a model wrote."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from autogen_like.coding.blocks import CodeBlock, MarkdownCodeExtractor, infer_language


def blocks(text, **options):
    return [(block.language, block.code) for block in MarkdownCodeExtractor(**options).extract_code_blocks(text)]


def test_blocks_come_in_order_with_their_languages():
    text = "First:\n```python\nprint(1)\n```\nthen\n```SH\nls\n```\n"
    assert blocks(text) == [("python", "print(1)"), ("sh", "ls")]


@pytest.mark.parametrize("text", [None, "", "no code", "inline ```code``` here", "``\nnot a fence\n``", "```\n\n```"])
def test_nothing_to_find(text):
    assert blocks(text) == []


def test_content_parts_are_read_too():
    assert blocks([{"type": "text", "text": "```python\n1\n```"}]) == [("python", "1")]


@pytest.mark.parametrize(
    ("text", "code"),
    [
        ("~~~python\na\n~~~", "a"),
        ("```python\r\na\r\nb\r\n```\r\n", "a\nb"),
        ("1. Do:\n   ```python\n   if a:\n       b\n   ```\n", "if a:\n    b"),
        ("```python\n    if a:\n        b\n```", "if a:\n    b"),
        ("  ```python\nif a:\n    b\n  ```", "if a:\n  b"),
        ("````python\nx = '''\n```\n'''\n````", "x = '''\n```\n'''"),
        ("```python\na\n`````", "a"),
        ("```python\n\n\na\n\n\n```", "a"),
        ("```python title='x.py'\na\n```", "a"),
        ("```{.python}\na\n```", "a"),
        ("```python\na = 1```\nand so on", "a = 1"),
    ],
)
def test_forms_of_fences(text, code):
    assert blocks(text) == [("python", code)]


def test_fence_inside_a_longer_fence_is_not_a_block_of_its_own():
    assert blocks("````markdown\n```python\nevil()\n```\n````") == [("markdown", "```python\nevil()\n```")]


def test_unclosed_block_goes_to_the_end_unless_that_is_not_wanted():
    text = "```sh\nls\n```\n```python\nprint(1)\nprint(2)"
    assert blocks(text) == [("sh", "ls"), ("python", "print(1)\nprint(2)")]
    assert blocks(text, unclosed=False) == [("sh", "ls")]


@pytest.mark.parametrize(
    ("code", "language"),
    [
        ("print('hi')", "python"),
        ("import os\nos.listdir()", "python"),
        ("x = 1", "python"),
        ("ls", "sh"),
        ("ls -la", "sh"),
        ("pip install rich", "sh"),
        ("# look\nls -l /tmp", "sh"),
        ("#!/bin/bash\necho hi", "bash"),
        ("#!/usr/bin/env python3\nls", "python"),
        ("python3 run.py", "sh"),
        ("date = 3", "python"),
        ("Dear all, what now?", ""),
        ("fn main() {}", ""),
        ("# only a comment", "python"),
    ],
)
def test_language_is_told_from_the_code(code, language):
    assert infer_language(code) == language
    assert blocks(f"```\n{code}\n```") == [(language, code)]


@given(st.text())
def test_any_text_is_taken_without_an_error(text):
    for block in MarkdownCodeExtractor().extract_code_blocks(text):
        assert block.code.strip()


@given(
    st.lists(
        st.tuples(
            st.sampled_from(["python", "sh", "c++"]), st.text(st.characters(exclude_characters="`\r"), min_size=1)
        ),
        max_size=4,
    )
)
def test_what_is_fenced_is_found_again(wanted):
    wanted = [(language, "x" + code + "x") for language, code in wanted]
    text = "\n".join(f"Some words.\n```{language}\n{code}\n```" for language, code in wanted)
    found = MarkdownCodeExtractor().extract_code_blocks(text)
    assert [block.language for block in found] == [language for language, _ in wanted]
    assert [block.code.split() for block in found] == [code.split() for _, code in wanted]


def test_blocks_compare_by_what_they_hold():
    assert CodeBlock(code="a", language="sh") == CodeBlock("a", "sh")
