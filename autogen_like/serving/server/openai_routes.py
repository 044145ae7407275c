"""OpenAI's interface: chat completions, completions, models."""

from __future__ import annotations

from collections.abc import AsyncIterator

from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from .errors import ApiError
from .schema import ChatBody, CompletionBody
from .service import Replies, Service
from .wire import EventStream, dumps, read_json, unless_left


async def chat_completions(request: Request) -> Response:
    """``POST /v1/chat/completions``."""
    service: Service = request.app.state.service
    return await _answered(request, service, await read_json(request, service.settings, ChatBody))


async def completions(request: Request) -> Response:
    """``POST /v1/completions``."""
    service: Service = request.app.state.service
    return await _answered(request, service, await read_json(request, service.settings, CompletionBody))


async def _answered(request: Request, service: Service, body: ChatBody | CompletionBody) -> Response:
    asked = service.ask(body)
    if not body.stream:
        return JSONResponse(await unless_left(request, service.answer(asked)))
    replies = await unless_left(request, service.begin(asked))
    return EventStream(_events(replies), close=replies.aclose, left=service.client_left)


async def _events(replies: Replies) -> AsyncIterator[str]:
    try:
        async for piece in replies.pieces():
            yield dumps(piece)
    except ApiError as error:  # the answer has begun, so it can't be another one any more
        yield dumps(error.body())
    else:
        yield "[DONE]"


def _model(service: Service) -> dict[str, object]:
    return {"id": service.settings.name, "object": "model", "created": service.started, "owned_by": "autogen_like"}


async def list_models(request: Request) -> Response:
    """``GET /v1/models``."""
    return JSONResponse({"object": "list", "data": [_model(request.app.state.service)]})


async def get_model(request: Request) -> Response:
    """``GET /v1/models/{model}``."""
    service: Service = request.app.state.service
    if request.path_params["model"] != service.settings.name:
        message = f"there is no such model here; there is {service.settings.name!r}"
        raise ApiError(404, message, param="model", code="model_not_found")
    return JSONResponse(_model(service))


ROUTES = [
    Route("/v1/chat/completions", chat_completions, methods=["POST"]),
    Route("/v1/completions", completions, methods=["POST"]),
    Route("/v1/models", list_models, methods=["GET"]),
    Route("/v1/models/{model:path}", get_model, methods=["GET"]),
]
