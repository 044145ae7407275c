"""What running code prints: decoded as it comes, and limited."""

from __future__ import annotations

from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from autogen_like.coding.output import Output


def collected(pieces: list[bytes], limit: int = 1000) -> tuple[str, list[str]]:
    told: list[str] = []
    output = Output(limit, told.append)
    for piece in pieces:
        output.feed(piece)
    return output.finish(), told


@given(st.binary(max_size=60), st.lists(st.integers(0, 60), max_size=8), st.integers(1, 80))
def test_however_it_is_cut_the_text_is_the_same_and_the_pieces_join_to_it(data, cuts, limit):
    places = [0, *sorted(cuts), len(data)]
    text, told = collected([data[a:b] for a, b in pairwise(places)], limit)
    assert text == collected([data], limit)[0] == "".join(told)
    whole = data.decode("utf-8", "replace")
    if len(whole) <= limit:
        assert text == whole
    else:
        head, tail = whole[: limit - limit // 2], whole[len(whole) - limit // 2 :]
        assert text == f"{head}\n[... {len(whole) - limit} characters of output were dropped ...]\n{tail}"


def test_a_character_is_never_split():
    text, told = collected([bytes([byte]) for byte in "a€b😀".encode()])
    assert told == ["a", "€", "b", "😀"]
    assert text == "a€b😀"


def test_what_never_becomes_a_character_is_told_in_the_end():
    assert collected([b"a\xe2\x82"]) == ("a\ufffd", ["a", "\ufffd"])


def test_our_own_words_come_after_what_was_printed():
    output = Output(100)
    output.feed(b"a\xe2")
    output.say("ours")
    assert output.finish() == "a\ufffdours"


def test_much_output_takes_little_room():
    output = Output(1000)
    for _ in range(2000):
        output.feed(b"x" * 65_536)
    assert sum(map(len, output._tail)) <= 500 + 65_536
    assert output.finish() == "x" * 500 + "\n[... 131071000 characters of output were dropped ...]\n" + "x" * 500


def test_a_listener_that_fails_is_heard_of_in_the_end():
    def fail(text: str) -> None:
        told.append(text)
        raise RuntimeError("no screen")

    told: list[str] = []
    output = Output(100, fail)
    output.feed(b"one")
    output.feed(b"two")
    with pytest.raises(RuntimeError, match="no screen"):
        output.finish()
    assert told == ["one"]
