"""Errors that are of AutoGen 0.2's types, too, so that a script's ``except`` goes on catching them."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache
from typing import Any, TypeVar

from ..core.errors import ConfigError, ConversationError, ModelError

E = TypeVar("E", bound=Exception)


class MissingList(ConfigError, FileNotFoundError):
    """There is neither a variable nor a file with the list of models."""


@cache
def _both(ours: type[Exception], kind: type[Exception]) -> type[Exception]:
    def reduce(error: Exception) -> tuple[Any, ...]:  # a class made here can't be found by its name
        plain = ours.__new__(ours, *error.args)
        vars(plain).update(vars(error))
        return also, (plain, kind)

    return type(ours.__name__, (ours, kind), {"__reduce__": reduce, "__doc__": ours.__doc__})


def also(error: E, kind: type[Exception]) -> E:
    """The error, which ``except kind`` catches from now on; where Python can't do that, the error as it is.

    Example:
        >>> error = also(ConfigError("no model"), AssertionError)
        >>> isinstance(error, AssertionError), isinstance(error, ConfigError), str(error)
        (True, True, 'no model')
    """
    if not isinstance(error, kind):
        try:
            error.__class__ = _both(type(error), kind)  # type: ignore[assignment,arg-type]
        except TypeError:  # an OSError, say, has more in it than ours has room for
            pass
    return error


@contextmanager
def raised_as(kind: type[Exception]) -> Iterator[None]:
    """What is wrong with a setting is raised as an error of 0.2's type, too."""
    try:
        yield
    except ConfigError as error:
        also(error, kind)
        raise


@contextmanager
def cause_shown() -> Iterator[None]:
    """What ends a chat is raised as an error of the type of its cause, too, which 0.2 let through."""
    try:
        yield
    except ConversationError as error:
        if isinstance(error.__cause__, Exception):
            also(error, type(as_the_sdks(error.__cause__)))
        raise


_BY_STATUS = {
    400: "BadRequestError", 401: "AuthenticationError", 403: "PermissionDeniedError", 404: "NotFoundError",
    409: "ConflictError", 422: "UnprocessableEntityError", 429: "RateLimitError",
}  # fmt: skip


def as_the_sdks(error: Exception) -> Exception:
    """An endpoint's error as one of OpenAI's SDK, too, by its status; any other as it is.

    Example:
        >>> import openai
        >>> isinstance(as_the_sdks(ModelError("too many", status=429)), openai.RateLimitError)
        True
    """
    if not isinstance(error, ModelError):
        return error
    import openai

    if error.status is None:
        name = (
            "APITimeoutError" if "timed out" in str(error) else "APIConnectionError" if error.transient else "APIError"
        )
    else:
        name = "InternalServerError" if error.status >= 500 else _BY_STATUS.get(error.status, "APIStatusError")
    also(error, getattr(openai, name))
    known = {"message": str(error), "status_code": error.status, "code": None, "body": None, "request_id": None}
    vars(error).update({key: value for key, value in known.items() if key not in vars(error)})
    return error
