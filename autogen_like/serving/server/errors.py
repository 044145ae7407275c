"""What clients are told when something is wrong: in OpenAI's form, and in KServe's where they speak that."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any, cast

from pydantic import ValidationError
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from ...core.errors import AutogenLikeError, ConfigError, ContextOverflow, ModelError
from ..engine import QueueFull

_TYPES = {401: "authentication_error", 403: "permission_error", 408: "timeout_error", 429: "rate_limit_error"}
_SHOWN = 64


class ApiError(AutogenLikeError):
    """A request that is refused.

    Args:
        status: The HTTP status.
        message: What is wrong, and what would be right.
        param: Which part of the request.
        code: A word for programs.
        headers: Further headers of the answer.
    """

    def __init__(
        self,
        status: int,
        message: str,
        *,
        param: str | None = None,
        code: str | None = None,
        headers: Mapping[str, str] | None = None,
    ) -> None:
        super().__init__(message)
        self.status = status
        self.param = param
        self.code = code
        self.headers = headers

    def body(self) -> dict[str, Any]:
        """The error in OpenAI's form."""
        kind = _TYPES.get(self.status, "invalid_request_error" if self.status < 500 else "server_error")
        return {"error": {"message": str(self), "type": kind, "param": self.param, "code": self.code}}

    def line(self) -> str:
        """The error in KServe's form, which has no place for a code: it goes behind the message."""
        return f"{self} [{self.code}]" if self.code else str(self)

    def response(self, path: str) -> Response:
        """The answer, in the form that clients of this path know."""
        body = {"error": self.line()} if path == "/v2" or path.startswith("/v2/") else self.body()
        return JSONResponse(body, self.status, headers=self.headers)


def from_validation(error: ValidationError, raw: bytes) -> ApiError:
    """What pydantic found, as an error that names the part of the request."""
    found = error.errors(include_url=False, include_input=False)[0]
    if found["type"] == "json_invalid":
        return ApiError(400, f"the body is no JSON: {found['ctx']['error']}", code="invalid_json")
    param = _param(found["loc"], raw, missing=found["type"] == "missing")
    return ApiError(400, f"{param}: {found['msg']}" if param else found["msg"], param=param, code=found["type"])


def _param(loc: tuple[int | str, ...], raw: bytes, *, missing: bool) -> str | None:
    """Where in the body that is: pydantic's place also names which of several forms it tried."""
    here: Any = json.loads(raw)
    path = ""
    for depth, step in enumerate(loc):
        if isinstance(step, int) and isinstance(here, list):
            path, here = f"{path}[{step}]", here[step]
        elif isinstance(here, dict) and (step in here or (missing and depth == len(loc) - 1)):
            name = str(step)[:_SHOWN]
            path, here = f"{path}.{name}" if path else name, here.get(step)
    return path or None


def from_engine(error: Exception, *, prompt: str, form: str | None, retry_after: int) -> ApiError:
    """What the engine refused.

    Args:
        error: Its error.
        prompt: The request's part that holds the prompt.
        form: The part that says what the reply must look like, if any does.
        retry_after: Seconds after which it is worth trying again.
    """
    if isinstance(error, QueueFull):
        headers = {"Retry-After": str(retry_after)}
        return ApiError(429, "too many requests wait already: try again later", code="queue_full", headers=headers)
    if isinstance(error, ContextOverflow):
        return ApiError(400, str(error), param=prompt, code="context_length_exceeded")
    if isinstance(error, ConfigError):
        constrained = "can't be constrained" in str(error)
        return ApiError(400, str(error), param=form if constrained else prompt, code="invalid_value")
    if isinstance(error, ModelError):
        return ApiError(500, str(error), code="model_error")
    raise error


async def on_api_error(request: Request, error: Exception) -> Response:
    """Answers what was refused."""
    return cast("ApiError", error).response(request.url.path)


async def on_http_error(request: Request, error: Exception) -> Response:
    """Answers for paths and methods that aren't there."""
    found = cast("HTTPException", error)
    told = ApiError(found.status_code, f"{request.method} {request.url.path}: {found.detail}", headers=found.headers)
    return told.response(request.url.path)


async def on_crash(request: Request, _: Exception) -> Response:
    """Answers for what nobody foresaw; the error itself goes to the log, not to the client."""
    return ApiError(500, "the server failed; its log says why").response(request.url.path)
