"""Two hundred real tools, made of functions of Python's standard library, for the samples of EcoAct.

Functions whose work grows without limit with what a model writes (factorials, shifts, padding) are left out.
"""

from __future__ import annotations

import base64
import builtins
import calendar
import cmath
import colorsys
import datetime as dt
import difflib
import hashlib
import html
import inspect
import ipaddress
import keyword
import math
import operator
import posixpath
import statistics
import string
import textwrap
import unicodedata
import urllib.parse
import zlib
from collections.abc import Callable, Mapping
from typing import Any

from autogen_like import FunctionTool

# Argument types of functions that are written in C and don't tell theirs; one letter a parameter.
_TYPES: Mapping[str, type] = {"f": float, "i": int, "s": str, "b": bool}
_LISTS: Mapping[str, Any] = {"F": list[float], "S": list[str], "I": list[int]}
_KINDS = {**_TYPES, **_LISTS}

MATH = {
    "f": "acos acosh asin asinh atan atanh cbrt ceil cos cosh degrees erf erfc exp exp2 expm1 fabs floor gamma "
    "isfinite isinf isnan lgamma log log10 log1p log2 radians sin sinh sqrt tan tanh trunc ulp",
    "ff": "atan2 copysign fmod nextafter pow remainder",
    "i": "isqrt",
    "ii": "gcd lcm",
    "fi": "ldexp",
    "F": "fsum prod",
    "FF": "dist",
}
STATISTICS = {
    "F": "fmean geometric_mean harmonic_mean mean median median_grouped median_high median_low mode pstdev pvariance "
    "stdev variance multimode",
    "FF": "correlation covariance linear_regression",
}
OPERATOR = {"ii": "add sub mul mod floordiv and_ or_ xor rshift", "ff": "truediv lt le gt ge", "i": "neg invert"}
STRING = {
    "s": "capitalize casefold isalnum isalpha isascii isdecimal isdigit isidentifier islower isnumeric isprintable "
    "isspace istitle isupper lower lstrip rstrip split splitlines strip swapcase title upper",
    "ss": "count endswith find partition removeprefix removesuffix rfind rpartition startswith",
    "sss": "replace",
}
DATE = {
    "s": "ctime isoformat isoweekday toordinal weekday timetuple isocalendar",
    "ss": "strftime",
}
CALENDAR = {"i": "isleap", "ii": "leapdays monthrange month", "iii": "weekday"}
UNICODE = {"s": "name category bidirectional combining decimal decomposition digit east_asian_width mirrored numeric"}
OTHERS: Mapping[Any, Mapping[str, str]] = {
    textwrap: {"s": "dedent", "si": "shorten wrap fill", "ss": "indent"},
    html: {"s": "escape unescape"},
    urllib.parse: {"s": "quote quote_plus unquote unquote_plus urlsplit", "ss": "urljoin"},
    colorsys: {"fff": "rgb_to_hls rgb_to_hsv rgb_to_yiq hls_to_rgb hsv_to_rgb yiq_to_rgb"},
    keyword: {"s": "iskeyword issoftkeyword"},
    difflib: {"sS": "get_close_matches"},
    string: {"s": "capwords"},
    cmath: {"ff": "rect"},
}
PATHS = {"s": "basename dirname normpath splitext isabs", "ss": "join relpath"}
CHECKSUMS = {"s": "crc32 adler32"}
_CONVERSIONS = "bin hex oct chr"
_ADDRESS = "is_private is_loopback is_multicast is_global is_reserved version reverse_pointer compressed exploded"


def _described(name: str, function: Callable[..., Any], kinds: str, about: str) -> FunctionTool:
    """A tool with real types, whose description is the first paragraph of the function's own documentation."""
    text = " ".join((inspect.getdoc(function) or about).split("\n\n")[0].split())
    letters = list("abc"[: len(kinds)])
    named = dict(zip(letters, kinds, strict=True))

    def call(*args: Any, **kwargs: Any) -> str:
        given = [*args, *(kwargs[letter] for letter in letters if letter in kwargs)]
        return str(function(*given))

    parameters = [
        inspect.Parameter(letter, inspect.Parameter.POSITIONAL_OR_KEYWORD, annotation=_KINDS[kind])
        for letter, kind in named.items()
    ]
    call.__signature__ = inspect.Signature(parameters, return_annotation=str)  # type: ignore[attr-defined]
    call.__annotations__ = {letter: _KINDS[kind] for letter, kind in named.items()}
    return FunctionTool(call, name=name, description=text or about, inline=True)


def _of(
    owner: Any, prefix: str, table: Mapping[str, str], wrap: Callable[..., Any] | None = None
) -> list[FunctionTool]:
    made = []
    for kinds, names in table.items():
        for name in names.split():
            function = getattr(owner, name)
            used = wrap(name) if wrap is not None else function
            if wrap is not None:
                used.__doc__ = inspect.getdoc(function)
            made.append(_described(f"{prefix}_{name.strip('_')}", used, kinds, f"{prefix}.{name}"))
    return made


def _on_date(name: str) -> Callable[..., Any]:
    return lambda day, *more: getattr(dt.date.fromisoformat(day), name)(*more)


def _on_text(name: str) -> Callable[..., Any]:
    def method(text: str, *more: Any) -> Any:
        return getattr(text, name)(*more)

    return method


def _on_time(name: str) -> Callable[..., Any]:
    def read(moment: str) -> Any:
        found = getattr(dt.datetime.fromisoformat(moment), name)
        return found() if callable(found) else found

    return read


def _digest(name: str) -> Callable[..., Any]:
    return lambda text: hashlib.new(name, text.encode(), usedforsecurity=False).hexdigest()


def _encoded(name: str) -> Callable[..., Any]:
    return lambda text: getattr(base64, name)(text.encode()).decode()


def _on_address(name: str) -> Callable[..., Any]:
    return lambda text: getattr(ipaddress.ip_address(text), name)


def days_between(first: str, last: str) -> int:
    """Tells how many days lie between two dates such as 2024-02-28."""
    return (dt.date.fromisoformat(last) - dt.date.fromisoformat(first)).days


def standard_library() -> list[FunctionTool]:
    """The tools, more than 200."""
    return [
        *_of(math, "math", MATH),
        *_of(statistics, "statistics", STATISTICS),
        *_of(operator, "integer", OPERATOR),
        *_of(str, "text", STRING, _on_text),
        *_of(dt.date, "date", DATE, _on_date),
        *_of(calendar, "calendar", CALENDAR),
        *_of(unicodedata, "character", UNICODE),
        *(tool for owner, table in OTHERS.items() for tool in _of(owner, owner.__name__.rpartition(".")[2], table)),
        *_of(posixpath, "path", PATHS),
        *_of(zlib, "checksum", CHECKSUMS, lambda name: lambda text: getattr(zlib, name)(text.encode())),
        *_of(hashlib, "digest", {"s": "md5 sha1 sha224 sha256 sha384 sha512 blake2b blake2s"}, _digest),
        *_of(base64, "encode", {"s": "b16encode b32encode b64encode b85encode urlsafe_b64encode"}, _encoded),
        *_of(base64, "decode", {"s": "b16decode b32decode b64decode b85decode urlsafe_b64decode"}, _encoded),
        *_of(dt.datetime, "time", {"s": "hour minute second date time timestamp timetuple weekday"}, _on_time),
        *(_described(f"number_{name}", getattr(builtins, name), "i", name) for name in _CONVERSIONS.split()),
        *(_described(f"address_{name}", _on_address(name), "s", f"Tells an IP address's {name.replace('_', ' ')}.")
          for name in _ADDRESS.split()),
        FunctionTool(days_between, inline=True),
    ]  # fmt: skip
