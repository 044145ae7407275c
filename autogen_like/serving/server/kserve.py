"""KServe's open inference protocol (v2, REST), with Triton's extensions for binary tensors and for generating text.

A model has the inputs ``text_input`` (prompts) or ``messages`` (a conversation as JSON), and ``options`` (JSON: what
else OpenAI's request would hold). What is asked is understood, done and counted as OpenAI's form of the same.
"""

from __future__ import annotations

import json
from collections.abc import AsyncIterator, Mapping
from typing import Any

from pydantic import ValidationError
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from ..._version import __version__
from .errors import ApiError, from_validation
from .schema import ChatBody, CompletionBody, StreamOptions
from .service import Replies, Service
from .tensors import HEADER_LENGTH, read_infer, write_infer
from .wire import EventStream, dumps, parse_json, read_body, unless_left

INPUTS = ("text_input", "messages", "options")
OUTPUTS = ("text_output", "finish_reason", "response")
VERSION = "1"
_RESERVED = ("binary_data_output",)


def _service(request: Request) -> Service:
    """The service, if the path names its model.

    Raises:
        ApiError: If it names another.
    """
    service: Service = request.app.state.service
    model, version = request.path_params.get("model"), request.path_params.get("version", VERSION)
    if (model is not None and model != service.settings.name) or version != VERSION:
        raise ApiError(404, f"there is no such model here; there is {service.settings.name!r}, version {VERSION}")
    return service


async def server_metadata(_: Request) -> Response:
    """``GET /v2``."""
    extensions = ["binary_tensor_data", "generate", "model_configuration", "model_repository"]
    return JSONResponse({"name": "autogen_like", "version": __version__, "extensions": extensions})


async def live(_: Request) -> Response:
    """``GET /v2/health/live``."""
    return JSONResponse({"live": True})


async def ready(request: Request) -> Response:
    """``GET /v2/health/ready`` and ``GET /v2/models/{model}/ready``."""
    is_ready = _service(request).ready
    return JSONResponse({"ready": is_ready}, 200 if is_ready else 503)


async def model_metadata(request: Request) -> Response:
    """``GET /v2/models/{model}``."""
    name = _service(request).settings.name

    def tensors(names: tuple[str, ...]) -> list[dict[str, Any]]:
        return [{"name": one, "datatype": "BYTES", "shape": [-1]} for one in names]

    return JSONResponse(
        {
            "name": name,
            "versions": [VERSION],
            "platform": "autogen_like",
            "inputs": tensors(INPUTS),
            "outputs": tensors(OUTPUTS),
        }
    )


async def model_config(request: Request) -> Response:
    """``GET /v2/models/{model}/config``."""
    name = _service(request).settings.name
    inputs = [{"name": one, "data_type": "TYPE_STRING", "dims": [-1], "optional": True} for one in INPUTS]
    outputs = [{"name": one, "data_type": "TYPE_STRING", "dims": [-1]} for one in OUTPUTS]
    head = {"name": name, "platform": "autogen_like", "backend": "autogen_like", "max_batch_size": 0}
    return JSONResponse({**head, "input": inputs, "output": outputs})


async def repository_index(request: Request) -> Response:
    """``POST /v2/repository/index``."""
    service = _service(request)
    state = "READY" if service.ready else "UNAVAILABLE"
    return JSONResponse([{"name": service.settings.name, "version": VERSION, "state": state, "reason": ""}])


async def infer(request: Request) -> Response:
    """``POST /v2/models/{model}/infer``."""
    service = _service(request)
    raw = await read_body(request, service.settings)
    body, texts = read_infer(raw, request.headers.get(HEADER_LENGTH))
    scalars = {key: value for key, value in body.parameters.items() if key not in _RESERVED}
    asked = _body(service, {key: _single(key, found) for key, found in texts.items()}, scalars)
    whole = await unless_left(request, service.answer(service.ask(asked)))
    outputs = {
        "text_output": [_text(choice) for choice in whole["choices"]],
        "finish_reason": [choice["finish_reason"] for choice in whole["choices"]],
        "response": [dumps(whole)],
    }
    data, json_length = write_infer(_head(service), outputs, body)
    if json_length is None:
        return Response(data, media_type="application/json")
    return Response(data, media_type="application/octet-stream", headers={HEADER_LENGTH: str(json_length)})


def _single(name: str, texts: list[str]) -> Any:
    """Prompts may be several; of all else there is one."""
    if name == "text_input":
        return texts
    if len(texts) != 1:
        raise ApiError(400, f"the input {name[:64]!r} must have one element", param="inputs")
    return texts[0]


async def generate(request: Request) -> Response:
    """``POST /v2/models/{model}/generate``."""
    service = _service(request)
    asked = service.ask(await _generate_body(request, service))
    whole = await unless_left(request, service.answer(asked))
    choice = whole["choices"][0]
    outputs = {"text_output": _text(choice), "finish_reason": choice["finish_reason"], "response": dumps(whole)}
    return JSONResponse({**_head(service), **outputs})


async def generate_stream(request: Request) -> Response:
    """``POST /v2/models/{model}/generate_stream``."""
    service = _service(request)
    body = await _generate_body(request, service)
    streamed = {"stream": True, "stream_options": StreamOptions(include_usage=True)}
    replies = await unless_left(request, service.begin(service.ask(body.model_copy(update=streamed))))
    return EventStream(_events(replies, _head(service)), close=replies.aclose, left=service.client_left)


async def _events(replies: Replies, head: Mapping[str, Any]) -> AsyncIterator[str]:
    """The outputs of each piece; ``response`` is OpenAI's chunk, and the last one tells what the reply took."""
    last: dict[str, Any] = {}
    try:
        async for piece in replies.pieces():
            if not piece["choices"]:
                yield dumps({**head, **_outputs({**last, "usage": piece["usage"]})})
            elif piece["choices"][0]["finish_reason"]:
                last = piece
            else:
                yield dumps({**head, **_outputs(piece)})
    except ApiError as error:
        yield dumps({"error": error.line()})


def _outputs(piece: Mapping[str, Any]) -> dict[str, str]:
    choice = piece["choices"][0]
    text = choice["delta"].get("content") or "" if "delta" in choice else choice["text"]
    return {"text_output": text, "finish_reason": choice["finish_reason"] or "", "response": dumps(piece)}


async def _generate_body(request: Request, service: Service) -> ChatBody | CompletionBody:
    raw = parse_json(await read_body(request, service.settings))
    if not isinstance(raw, dict):
        raise ApiError(400, "the body must be a JSON object")
    scalars = raw.pop("parameters", None) or {}
    if not isinstance(scalars, dict):
        raise ApiError(400, "parameters: it must be an object", param="parameters")
    raw.pop("id", None)
    if not isinstance(raw.get("text_input", ""), str):
        raise ApiError(400, "text_input: it must be a text", param="text_input")
    return _body(service, raw, scalars)


def _body(service: Service, inputs: Mapping[str, Any], scalars: Mapping[str, Any]) -> ChatBody | CompletionBody:
    """What is asked, in OpenAI's form.

    Raises:
        ApiError: If it can't be.
    """
    unknown = sorted(set(inputs) - set(INPUTS))
    if unknown:
        raise ApiError(400, f"there is no input {unknown[0][:64]!r}; there are {list(INPUTS)}", param="inputs")
    options = _json("options", inputs.get("options", "{}"))
    if not isinstance(options, dict):
        raise ApiError(400, "options: it must be a JSON object", param="options")
    body = {**options, **scalars, "model": service.settings.name}
    for key in ("stream", "stream_options", "n"):
        if key in body:
            raise ApiError(400, f"{key}: this protocol has no place for it", param=key)
    if ("text_input" in inputs) == ("messages" in inputs):
        raise ApiError(400, "either text_input or messages must be given", param="inputs")
    form: type[ChatBody | CompletionBody] = CompletionBody
    if "messages" in inputs:
        form, body["messages"] = ChatBody, _json("messages", inputs["messages"])
    else:
        body["prompt"] = inputs["text_input"]
    try:
        raw = json.dumps(body).encode()
        return form.model_validate_json(raw)
    except ValidationError as error:
        raise from_validation(error, raw) from None


def _json(name: str, text: Any) -> Any:
    """JSON within a text; or what it stands for, as ``generate`` may say it."""
    if not isinstance(text, str):
        return text
    return parse_json(text.encode(), name)


def _head(service: Service) -> dict[str, str]:
    return {"model_name": service.settings.name, "model_version": VERSION}


def _text(choice: Mapping[str, Any]) -> str:
    text = choice["message"]["content"] if "message" in choice else choice["text"]
    return text or ""


_MODEL = "/v2/models/{model}"
ROUTES = [
    Route("/v2", server_metadata, methods=["GET"]),
    Route("/v2/health/live", live, methods=["GET"]),
    Route("/v2/health/ready", ready, methods=["GET"]),
    Route("/v2/repository/index", repository_index, methods=["POST"]),
    *(
        route
        for model in (_MODEL, f"{_MODEL}/versions/{{version}}")
        for route in (
            Route(model, model_metadata, methods=["GET"]),
            Route(f"{model}/ready", ready, methods=["GET"]),
            Route(f"{model}/config", model_config, methods=["GET"]),
            Route(f"{model}/infer", infer, methods=["POST"]),
            Route(f"{model}/generate", generate, methods=["POST"]),
            Route(f"{model}/generate_stream", generate_stream, methods=["POST"]),
        )
    ),
]
