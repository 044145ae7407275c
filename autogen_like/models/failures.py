"""What can go wrong at an endpoint, as `ModelError`: with which model, where, is it worth another try, and the cure."""

from __future__ import annotations

import email.utils
import json
import re
import sys
import time
from collections.abc import Callable, Iterable, Mapping
from contextlib import suppress
from dataclasses import dataclass
from typing import Any

from ..core.errors import ContextOverflow, ModelError
from .sse import read_json

_TRANSIENT = frozenset({408, 409, 425, 429})
# Told with a status that usually passes, but these don't.
_LASTING = frozenset({"insufficient_quota", "billing_hard_limit_reached", "invalid_api_key"})
# Told by Triton with a status that doesn't.
_PASSES = frozenset({"queue_full", "not_ready", "stopping", "unreachable"})
_PASSING = "; this may pass: raise 'max_retries' in llm_config, or name another model in its 'config_list'"
_NO_ENDPOINT = "is no chat-completions endpoint by its answer"
_CODE = re.compile(r"(.+) \[([a-z_]+)\]", re.DOTALL)
_BROKEN_OFF = frozenset({"ReadError", "RemoteProtocolError", "DecodingError"})
_CURES = {
    401: "; check api_key in llm_config, or the environment's OPENAI_API_KEY",
    403: "; the key has no right to this model",
    404: "; check 'model' and 'base_url' in llm_config",
    429: "; ask less often with 'api_rate_limit', or raise 'max_retries' in llm_config",
}


@dataclass(frozen=True, slots=True)
class Where:
    """Whom a request was for.

    Args:
        model: The model.
        host: The endpoint, as it may be shown.
        secrets: Gives texts to blot out of what is told: endpoints have been seen to repeat the key that they refuse.
    """

    model: str
    host: str
    secrets: Callable[[], Iterable[str]] = tuple

    def failed(
        self,
        what: str,
        *,
        transient: bool = False,
        status: int | None = None,
        retry_after: float | None = None,
        kind: type[ModelError] = ModelError,
    ) -> ModelError:
        """The error that says so; `what` goes on after the endpoint's name."""
        message = f"{self.model}: {self.host} {what}"
        for secret in self.secrets():
            if len(secret) >= 4:  # a shorter one is a placeholder, and would blot ordinary words
                message = message.replace(secret, "***")
        return kind(message, status=status, retry_after=retry_after, transient=transient)


def transport_errors() -> tuple[type[Exception], ...]:
    """What reading a stream may raise, by either generation of the HTTP package that the openai package can use."""
    import anyio
    import httpx2

    older = sys.modules.get("httpx")
    errors = (httpx2.RequestError, OSError, anyio.EndOfStream)
    return errors if older is None else (*errors, older.RequestError)


def model_error(error: Exception, where: Where) -> ModelError:
    """The `ModelError` for what the openai package raised, or what reading a stream did."""
    from openai import APIConnectionError, APIStatusError, APITimeoutError

    if isinstance(error, APIStatusError):
        return _from_status(error, where)
    if isinstance(error, APITimeoutError) or "Timeout" in type(error).__name__:
        return where.failed("timed out; raise 'timeout' in llm_config if the model needs longer", transient=True)
    if isinstance(error, APIConnectionError):
        cause = error.__cause__
        if cause is not None and type(cause).__name__ in _BROKEN_OFF:
            return model_error(cause, where)  # type: ignore[arg-type]
        detail = f" ({_named(cause)})" if cause is not None else ""
        return where.failed(
            f"could not be reached: no connection{detail}; check base_url and the network", transient=True
        )
    if isinstance(error, transport_errors()):
        return where.failed(f"broke the connection off ({_named(error)}){_PASSING}", transient=True)
    return where.failed(f"failed: {error}")


def _named(error: BaseException) -> str:
    return f"{type(error).__name__}: {error}" if str(error) else type(error).__name__


def _from_status(error: Any, where: Where) -> ModelError:
    body, status = error.body, int(error.status_code)
    told, code = body.get("message") if isinstance(body, Mapping) else None, error.code
    if isinstance(body, str):
        told, code = _in_words(body)
    wait = retry_after(error.response.headers)
    return _refused(str(told or error.message), where, status=status, code=code, retry_after=wait)


def _in_words(text: str) -> tuple[str, str | None]:
    """The message and the code in an error that is only a text, as KServe has it: a code is in brackets at its end."""
    if text.startswith("data:"):  # Triton, where a stream was asked for
        with suppress(ValueError, TypeError, KeyError):
            text = str(json.loads(text[5:])["error"])
    found = _CODE.fullmatch(text)
    return (found[1], found[2]) if found else (text, None)


def told_error(body: Mapping[str, Any], where: Where) -> ModelError | None:
    """The error that an endpoint told inside an answer of status 200, or None where it told none.

    It came after the request was accepted, so it may pass unless it says otherwise.
    """
    told = body.get("error") or (body if body.get("object") == "error" else None)
    if not told:
        return None
    if not isinstance(told, Mapping):
        message, code = _in_words(str(told))
        return _refused(message, where, status=None, code=code, inside=True)
    code = told.get("code") or told.get("type")
    status = code if isinstance(code, int) else int(code) if isinstance(code, str) and code.isdecimal() else None
    message = str(told.get("message") or told)
    return _refused(message, where, status=status, code=str(code or ""), inside=True)


def _refused(
    message: str,
    where: Where,
    *,
    status: int | None,
    code: str | None,
    retry_after: float | None = None,
    inside: bool = False,
) -> ModelError:
    code = code or ""
    what = f"answered {status}: {message}" if status is not None and not inside else f"told an error: {message}"
    if code == "context_length_exceeded":
        return where.failed(what, status=status, kind=ContextOverflow)
    if status is not None:
        transient = status in _TRANSIENT or status >= 500
    else:
        transient = "invalid" not in code
    transient = transient or code in _PASSES
    if code in _LASTING:
        return where.failed(f"{what}; the account or its key must be mended", status=status, retry_after=retry_after)
    cure = _CURES.get(status or 0, _PASSING if transient else "")
    return where.failed(what + cure, status=status, retry_after=retry_after, transient=transient)


def read_completion(content: bytes, content_type: str, where: Where) -> Mapping[str, Any]:
    """The completion in the body of an answer.

    Raises:
        ModelError: If there is none: one that may pass where the endpoint is the right kind of thing.
    """
    if not content.strip():
        raise where.failed(f"sent an empty answer{_PASSING}", transient=True)
    try:
        body = read_json(content)
    except ValueError:
        if "json" in content_type:
            raise where.failed(f"sent what is no JSON{_PASSING}", transient=True) from None
        raise where.failed(f"{_NO_ENDPOINT} ({content_type or 'of no type'}); check base_url") from None
    error = told_error(body, where) if isinstance(body, Mapping) else None
    if error is not None:
        raise error
    if not isinstance(body, Mapping) or "choices" not in body:
        raise where.failed(f"{_NO_ENDPOINT} (there are no 'choices' in it); check base_url")
    if not body["choices"]:
        raise no_choice(where)
    return body


def read_chunk(data: bytes, where: Where) -> Mapping[str, Any]:
    """The chunk in an event of a stream.

    Raises:
        ModelError: If it is none, or tells an error.
    """
    try:
        chunk = read_json(data)
    except ValueError:
        raise where.failed(f"sent what is no JSON, in a stream{_PASSING}", transient=True) from None
    if not isinstance(chunk, Mapping):
        raise malformed(where)
    error = told_error(chunk, where) if "error" in chunk or "choices" not in chunk else None
    if error is not None:
        raise error
    return chunk


def malformed(where: Where) -> ModelError:
    """For JSON that is not what a chat completion is made of."""
    return where.failed(f"sent a reply that is not formed like a chat completion{_PASSING}", transient=True)


def no_choice(where: Where) -> ModelError:
    """For an answer without a reply in it."""
    return where.failed(f"answered without a reply ('choices' is empty){_PASSING}", transient=True)


def ended_early(where: Where, content_type: str, *, events: bool | None) -> ModelError:
    """For a stream that ended before the reply did; `events` is None where nothing came at all."""
    if events is None:
        return where.failed(f"sent an empty answer{_PASSING}", transient=True)
    if not events and "event-stream" not in content_type:
        return where.failed(f"{_NO_ENDPOINT} ({content_type or 'of no type'}); check base_url")
    return where.failed(f"ended the stream before the reply did{_PASSING}", transient=True)


def retry_after(headers: Mapping[str, str], now: float | None = None) -> float | None:
    """Seconds that an endpoint asks to wait: from ``retry-after-ms``, or ``retry-after`` in seconds or as a date."""
    milliseconds = _number(headers.get("retry-after-ms"))
    if milliseconds is not None:
        return milliseconds / 1000
    told = headers.get("retry-after")
    seconds = _number(told)
    if seconds is not None or told is None:
        return seconds
    try:
        moment = email.utils.parsedate_to_datetime(told).timestamp()
    except ValueError:
        return None
    return max(0.0, moment - (time.time() if now is None else now))


def _number(text: str | None) -> float | None:
    try:
        value = float(text or "")
    except ValueError:
        return None
    return value if 0 <= value < float("inf") else None
