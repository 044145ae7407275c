"""From the openai package's exceptions to `ModelError`: is it worth another try, and when?"""

from __future__ import annotations

import email.utils
import time
from collections.abc import Iterable, Mapping

from openai import APIConnectionError, APIError, APIStatusError, APITimeoutError, OpenAIError

from ..core.errors import ContextOverflow, ModelError

_TRANSIENT = frozenset({408, 409, 425, 429})
# Told with a status that usually passes, but these don't.
_LASTING = frozenset({"insufficient_quota", "billing_hard_limit_reached", "invalid_api_key"})


def model_error(error: OpenAIError, model: str, secrets: Iterable[str] = ()) -> ModelError:
    """The `ModelError` that says what happened.

    Args:
        error: What the openai package raised.
        model: Whom the request was for.
        secrets: Texts to blot out of the message: endpoints have been seen to repeat the key that they refuse.
    """
    if isinstance(error, APIStatusError):
        return _from_status(error, model, secrets)
    if isinstance(error, APITimeoutError):
        message = f"{model}: the request timed out; raise 'timeout' in llm_config if the model needs longer"
        return ModelError(message, transient=True)
    if isinstance(error, APIConnectionError):
        cause = error.__cause__
        detail = f" ({type(cause).__name__}: {cause})" if cause is not None else ""
        message = f"{model}: no connection to the endpoint{detail}; check base_url and the network"
        return ModelError(_blot(message, secrets), transient=True)
    code = error.code or error.type if isinstance(error, APIError) else None
    lasting = code is None or code in _LASTING or "invalid" in code
    return ModelError(_blot(f"{model}: {error}", secrets), transient=not lasting)


def _from_status(error: APIStatusError, model: str, secrets: Iterable[str]) -> ModelError:
    status = error.status_code
    cure = _CURES.get(status, "")
    told = error.body.get("message") if isinstance(error.body, Mapping) else None
    message = _blot(f"{model}: the endpoint answered {status}: {told or error.message}{cure}", secrets)
    if error.code == "context_length_exceeded":
        return ContextOverflow(message, status=status)
    transient = (status in _TRANSIENT or status >= 500) and error.code not in _LASTING
    return ModelError(message, status=status, retry_after=retry_after(error.response.headers), transient=transient)


_CURES = {
    401: "; check api_key in llm_config, or the environment's OPENAI_API_KEY",
    403: "; the key has no right to this model",
    404: "; check 'model' and 'base_url' in llm_config",
}


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


def _blot(message: str, secrets: Iterable[str]) -> str:
    for secret in secrets:
        if len(secret) >= 4:  # a shorter one is a placeholder, and would blot ordinary words
            message = message.replace(secret, "***")
    return message
