"""What goes to another process: pickled, and without secrets.

Whoever may read a cluster's memory, its object store or its logs reads what is pickled. So what holds a key doesn't
travel: it is refused, and the worker takes the key from its own environment. What is found is keys of known makes, the
values of this process's variables that are named like secrets, and what a configuration names so. It is a net, not a
wall: a secret that looks like a word passes.
"""

from __future__ import annotations

import io
import os
import pickletools
import re
from collections.abc import Iterator, Mapping
from typing import Any
from weakref import WeakKeyDictionary

from ..core.errors import ConfigError, MissingExtra
from ..models.config import LLMConfig, Settings
from ..observe.redaction import hide_secrets

try:
    from ray import cloudpickle
except ImportError:
    raise MissingExtra("another process to run in", "ray") from None

_SECRET = re.compile(
    r"api_?key|passw(?:or)?d|secret|(?<![a-z])token$|(?:auth|access|ad)_token|authorization|credential", re.IGNORECASE
)
_SHORTEST = 8  # characters of a secret: shorter ones are flags and words
_MARKS = frozenset({"MEMOIZE", "BINPUT", "LONG_BINPUT", "PUT", "FRAME"})
CURE = "leave it out and set it in the environment of the workers, where the factory reads it"


class _Pickler(cloudpickle.Pickler):
    """Refuses settings of models that hold a key, wherever they are inside."""

    def reducer_override(self, obj: Any) -> Any:
        """Called for each object that is neither a plain container nor a plain value."""
        if isinstance(obj, LLMConfig | Settings):
            for key in _secret_keys(obj):
                raise ConfigError(f"an llm_config holds {key!r}")
        if isinstance(obj, WeakKeyDictionary):  # what an agent remembers of the chats of this process
            return WeakKeyDictionary, ()
        return super().reducer_override(obj)  # type: ignore[no-untyped-call]


def dumps(value: Any, what: str) -> bytes:
    """A value as bytes, for another process.

    Args:
        value: Anything.
        what: What it is, for the error's message.

    Raises:
        ConfigError: If it can't be pickled, or holds a secret.
    """
    data = _pickled(value, what)
    for variable, secret in _environment():
        if secret.encode() in data:
            raise ConfigError(f"{what} must not hold the value of {variable}: {CURE}")
    return data


def dumps_code(value: Any, what: str) -> bytes:
    """The same for functions and agents: what is written in them is looked through, too.

    Args:
        value: A function or an agent.
        what: What it is, for the error's message.

    Raises:
        ConfigError: If it can't be pickled, or holds a secret.
    """
    data = dumps(value, what)
    before = ""
    for text in _texts(data):
        if hide_secrets(text) != text:
            raise ConfigError(f"{what} must not hold a key or a password: {CURE}")
        if _named_secret(before, text):
            raise ConfigError(f"{what} must not hold the value of {before!r}: {CURE}")
        before = text
    return data


def loads(data: bytes) -> Any:
    """The value that `dumps` gave."""
    return cloudpickle.loads(data)


def _pickled(value: Any, what: str) -> bytes:
    buffer = io.BytesIO()
    try:
        pickler: Any = _Pickler(buffer)  # type: ignore[no-untyped-call]
        pickler.dump(value)
    except ConfigError as error:
        raise ConfigError(f"{what} must not take a secret along: {error}; {CURE}") from None
    except Exception as error:  # noqa: BLE001 - whatever an object's own code raises
        why = f"{type(error).__name__}: {error}"
        raise ConfigError(
            f"{what} can't be taken to another process ({why}): open files, connections, locks, model clients and "
            "generators can't; make them there, in the factory"
        ) from None
    return buffer.getvalue()


def _environment() -> Iterator[tuple[str, str]]:
    """This process's variables that are named like secrets."""
    for variable, value in os.environ.items():
        if len(value) >= _SHORTEST and re.search(r"KEY|TOKEN|SECRET|PASSWORD|PASSWD|CREDENTIAL", variable.upper()):
            yield variable, value


def _secret_keys(settings: Any) -> Iterator[str]:
    """Where settings hold a secret, however deep."""
    if isinstance(settings, Mapping):
        for key, value in settings.items():
            if value and not isinstance(value, Mapping | list | tuple) and _SECRET.search(str(key)):
                yield str(key)
            yield from _secret_keys(value)
    elif isinstance(settings, list | tuple):
        for value in settings:
            yield from _secret_keys(value)


def _texts(data: bytes) -> Iterator[str]:
    """The texts in a pickle, in order; "" stands for whatever else is between them."""
    for operation, argument, _ in pickletools.genops(data):
        if operation.name not in _MARKS:
            yield argument if isinstance(argument, str) else ""


def _named_secret(name: str, value: str) -> bool:
    """Whether a text that follows another may be its secret; the names of a call's arguments follow one another too."""
    digits = any(letter.isdigit() for letter in value)
    return len(value) >= _SHORTEST and digits and len(name) < 64 and _SECRET.search(name) is not None
