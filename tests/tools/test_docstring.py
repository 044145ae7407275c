"""What is read in a docstring, in three styles; docstring_parser, which knows them all, is the yardstick."""

from __future__ import annotations

import keyword

import docstring_parser
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from autogen_like.tools.docstring import parse_docstring
from autogen_like.tools.schema import function_schema

GOOGLE = """Tells the weather.

More about it, for people.

Args:
    city: Where, with
        the country.
    days (int, optional): How many: up to 3.
    *rest: More.

Returns:
    text: The weather.
"""

NUMPY = """Tells the weather.

More about it, for people.

Parameters
----------
city : str
    Where, with
    the country.
days : int, optional
    How many: up to 3.
*rest
    More.

Returns
-------
text : str
    The weather.
"""

REST = """Tells the weather.

More about it, for people.

:param city: Where, with
    the country.
:type city: str
:param int days: How many: up to 3.
:keyword rest: More.
:returns: The weather.
:raises ValueError: Never.
"""


@pytest.mark.parametrize("text", [GOOGLE, NUMPY, REST])
def test_the_three_styles_say_the_same(text):
    told = {"city": "Where, with the country.", "days": "How many: up to 3.", "rest": "More."}
    assert parse_docstring(text) == ("Tells the weather.", told)
    indented = "\n".join(f"    {line}" for line in text.splitlines()).lstrip()
    assert parse_docstring(indented) == ("Tells the weather.", told)


@pytest.mark.parametrize(
    ("text", "summary", "described"),
    [
        (None, "", {}),
        ("One.\n\nTwo.", "One.", {}),
        ("One\ncontinued.\nArgs:\n    a: x", "One continued.", {"a": "x"}),
        ("F.\n\nArgs:\n    a (int, optional): x: y\n    *b: z\n\nRaises:\n    E: w", "F.", {"a": "x: y", "b": "z"}),
        ("F.\n\nArgs:\n    a:\n        below\nOutside: b", "F.", {"a": "below"}),
        ("F.\n\nArgs:\n    a: one\n\n    b: two", "F.", {"a": "one", "b": "two"}),
        ("F.\n\nArgs:\n    a (dict[str, tuple[int, ...]]): one", "F.", {"a": "one"}),
        ("F.\n\nParameters\n----------\na, b : int\n    Both.", "F.", {"a": "Both.", "b": "Both."}),
        ("F.\n\nParameters\n----------\na\n    One.\nThe end of it.\n    More.", "F.", {"a": "One."}),
        ("F.\nParameters\n==========\na\n    One.", "F.", {"a": "One."}),
        ("F.\n:param a: one\n:param b:\n    two\n\n    more", "F.", {"a": "one", "b": "two more"}),
        ("F.\n:param: one\n:param a b c: two\n:rtype: int", "F.", {"c": "two"}),
        ("F.\n:param a: one\n\nArgs:\n    a: other\n    b: two", "F.", {"a": "one", "b": "two"}),
        ("Note: this is text.\n\n:: no field\n:\n", "Note: this is text.", {}),
        ("Returns: is text too", "Returns: is text too", {}),
    ],
)
def test_docstrings(text, summary, described):
    assert parse_docstring(text) == (summary, described)


def test_a_functions_schema_is_told_in_any_style():
    def numpy(city: str) -> str: ...
    def rest(city: str) -> str: ...

    numpy.__doc__, rest.__doc__ = NUMPY, REST
    for function in (numpy, rest):
        schema = function_schema(function)["function"]
        assert schema["description"] == "Tells the weather."
        assert schema["parameters"]["properties"]["city"]["description"] == "Where, with the country."


PIECES = st.sampled_from(
    ["Args:", "Parameters", "-----", "===", ":param a:", ":param", "a: b", "a : int", "    ", "\t", "\n", ":", "x", "*"]
)


@settings(deadline=None)  # the machine may be busy
@given(st.text() | st.lists(PIECES | st.text(max_size=5)).map("".join) | st.lists(PIECES).map("\n".join))
def test_any_text_is_read_without_an_error(text):
    summary, described = parse_docstring(text)
    assert "\n" not in summary
    assert all(described.values())


NAMES = st.from_regex(r"[a-z][a-z_]{0,6}", fullmatch=True).filter(lambda name: not keyword.iskeyword(name))
SAID = st.from_regex(r"[A-Z][a-z]{0,8}( [a-z(),;]{1,8}){0,4}\.", fullmatch=True)


def written(style: str, described: dict[str, str]) -> str:
    lines = ["Does it.", ""]
    if style == "google":
        lines += ["Args:", *(f"    {name} (int): {text}" for name, text in described.items())]
    elif style == "numpy":
        lines += ["Parameters", "----------"]
        for name, text in described.items():
            lines += [f"{name} : int", f"    {text}"]
    else:
        lines += [f":param int {name}: {text}" for name, text in described.items()]
    return "\n".join(lines)


@settings(deadline=None)  # the machine may be busy
@given(st.sampled_from(["google", "numpy", "rest"]), st.dictionaries(NAMES, SAID, min_size=1, max_size=5))
def test_what_is_well_written_is_read_as_docstring_parser_reads_it(style, described):
    text = written(style, described)
    theirs = {param.arg_name: param.description for param in docstring_parser.parse(text).params}
    assert parse_docstring(text) == ("Does it.", described)
    assert theirs == described
