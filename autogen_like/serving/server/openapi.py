"""The server's own description, in OpenAPI 3.1."""

from __future__ import annotations

from typing import Any

from pydantic.json_schema import models_json_schema

from ..._version import __version__
from .kserve import INPUTS, OUTPUTS
from .schema import ChatBody, CompletionBody
from .settings import ServerSettings
from .tensors import InferBody

_REF = "#/components/schemas/{model}"
_TEXT = {"type": "string"}
_EVENT = {"type": "object", "properties": {"data": _TEXT}, "required": ["data"]}  # one of a stream
_ERROR = {
    "type": "object",
    "properties": {
        "error": {
            "type": "object",
            "properties": {
                "message": _TEXT,
                "type": _TEXT,
                "param": {"type": ["string", "null"]},
                "code": {"type": ["string", "null"]},
            },
            "required": ["message", "type", "param", "code"],
        }
    },
    "required": ["error"],
}
_KSERVE_ERROR = {"type": "object", "properties": {"error": _TEXT}, "required": ["error"]}
_ANSWER = {
    "type": "object",
    "properties": {
        "id": _TEXT,
        "object": _TEXT,
        "created": {"type": "integer"},
        "model": _TEXT,
        "choices": {"type": "array", "items": {"type": "object"}},
        "usage": {"type": "object"},
    },
    "required": ["id", "object", "created", "model", "choices", "usage"],
}
_GENERATE = {
    "type": "object",
    "properties": {
        "text_input": _TEXT,
        "messages": {"anyOf": [_TEXT, {"type": "array", "items": {"type": "object"}}]},
        "options": {"anyOf": [_TEXT, {"type": "object"}]},
        "parameters": {"type": "object"},
        "id": _TEXT,
    },
    "additionalProperties": False,
}
_GENERATED = {
    "type": "object",
    "properties": dict.fromkeys(("model_name", "model_version", *OUTPUTS), _TEXT),
    "required": ["model_name", "model_version", *OUTPUTS],
}
_REFUSALS = {
    "400": "The request is wrong",
    "401": "The key is missing or wrong",
    "403": "Not from here",
    "404": "There is no such model",
    "408": "The request took too long to come",
    "413": "The request is too long",
    "415": "The request is in another form",
    "429": "Too many wait already; Retry-After says when to come again",
    "500": "The server failed",
    "503": "The server starts or stops",
}


def openapi(settings: ServerSettings) -> dict[str, Any]:
    """The description of a server with these settings."""
    bodies = (ChatBody, CompletionBody, InferBody)
    refs, schemas = models_json_schema([(body, "validation") for body in bodies], ref_template=_REF)
    chat, completion, infer = (refs[body, "validation"] for body in bodies)
    secured = settings.api_key is not None
    open_: dict[str, Any] = {"security": []} if secured else {}
    model = f"/v2/models/{settings.name}"
    paths: dict[str, dict[str, Any]] = {
        "/health": {"get": {**_operation("Whether requests are answered", _object()), **open_}},
        "/metrics": {"get": _operation("Numbers, for Prometheus", _TEXT, "text/plain")},
        "/openapi.json": {"get": _operation("This description", _object())},
        "/v1/models": {"get": _operation("The model", _object("object", "data"))},
        f"/v1/models/{settings.name}": {"get": _operation("The model", _object("id", "object"))},
        "/v1/chat/completions": {"post": _streaming("The next message of a conversation", chat)},
        "/v1/completions": {"post": _streaming("How texts go on", completion)},
        "/v2": {"get": _operation("The server", _object("name", "version", "extensions"), error=_KSERVE_ERROR)},
        "/v2/health/live": {"get": {**_operation("Whether it runs", _object(), error=_KSERVE_ERROR), **open_}},
        "/v2/health/ready": {"get": {**_operation("Whether it answers", _object(), error=_KSERVE_ERROR), **open_}},
        "/v2/repository/index": {"post": _operation("Its models", {"type": "array"}, error=_KSERVE_ERROR)},
        model: {"get": _operation("The model's inputs and outputs", _object("name", "inputs"), error=_KSERVE_ERROR)},
        f"{model}/ready": {"get": _operation("Whether it answers", _object(), error=_KSERVE_ERROR)},
        f"{model}/config": {"get": _operation("Its configuration", _object("name", "input"), error=_KSERVE_ERROR)},
        f"{model}/infer": {"post": _infer(infer)},
        f"{model}/generate": {
            "post": {**_operation("How a text goes on", _GENERATED, error=_KSERVE_ERROR), **_takes(_GENERATE)}
        },
        f"{model}/generate_stream": {
            "post": {
                **_operation("The same in pieces", _EVENT, "text/event-stream", error=_KSERVE_ERROR),
                **_takes(_GENERATE),
            }
        },
    }
    components: dict[str, Any] = {"schemas": schemas["$defs"]}
    whole: dict[str, Any] = {
        "openapi": "3.1.0",
        "info": {"title": f"autogen_like: {settings.name}", "version": __version__},
        "paths": paths,
        "components": components,
    }
    if secured:
        components["securitySchemes"] = {"key": {"type": "http", "scheme": "bearer"}}
        whole["security"] = [{"key": []}]
    return whole


def _object(*required: str) -> dict[str, Any]:
    return {"type": "object", "required": list(required)} if required else {"type": "object"}


def _takes(schema: dict[str, Any], media: str = "application/json") -> dict[str, Any]:
    return {"requestBody": {"required": True, "content": {media: {"schema": schema}}}}


def _operation(
    about: str, schema: dict[str, Any], media: str = "application/json", *, error: dict[str, Any] = _ERROR
) -> dict[str, Any]:
    refusals = {
        status: {"description": text, "content": {"application/json": {"schema": error}}}
        for status, text in _REFUSALS.items()
    }
    if about.startswith("Whether"):  # not an error, but the other answer
        refusals["503"] = {"description": "It doesn't", "content": {"application/json": {"schema": _object()}}}
    answer = {"description": about, "content": {media: {"schema": schema}}}
    return {"summary": about, "responses": {"200": answer, **refusals}}


def _streaming(about: str, body: dict[str, Any]) -> dict[str, Any]:
    operation = _operation(about, _ANSWER)
    operation["responses"]["200"]["content"]["text/event-stream"] = {"schema": _EVENT}
    return {**operation, **_takes(body)}


def _infer(body: dict[str, Any]) -> dict[str, Any]:
    about = f"Replies: inputs {', '.join(INPUTS)}, outputs {', '.join(OUTPUTS)}"
    operation = _operation(about, _object("model_name", "outputs"), error=_KSERVE_ERROR)
    operation["responses"]["200"]["content"]["application/octet-stream"] = {"schema": {}}
    return {**operation, **_takes(body)}
