"""The application: every route of one model's server."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.middleware import Middleware
from starlette.requests import Request
from starlette.responses import JSONResponse, PlainTextResponse, Response
from starlette.routing import Route

from ..chat_model import ChatModel
from ..engine import AsyncEngine
from .errors import ApiError, on_api_error, on_crash, on_http_error
from .guard import Guard
from .kserve import ROUTES as KSERVE
from .openai_routes import ROUTES as OPENAI
from .openapi import openapi
from .service import Service
from .settings import ServerSettings
from .wire import ClientLeft, on_left


def create_app(engine: AsyncEngine[ChatModel], settings: ServerSettings) -> Starlette:
    """The application, for any ASGI server. It loads the engine's model when it starts, and closes it at the end.

    Args:
        engine: Runs the model.
        settings: What clients may ask. Who listens, and where, is up to the ASGI server: without a key the
            application answers only what is addressed to this machine.

    Raises:
        MissingExtra: If starlette is not installed.
    """
    service = Service(engine, settings)

    @asynccontextmanager
    async def lifespan(_: Starlette) -> AsyncIterator[None]:
        await service.load()
        yield
        service.stopping = True
        await asyncio.to_thread(engine.close)

    app = Starlette(
        routes=[
            Route("/health", health, methods=["GET"]),
            Route("/metrics", metrics, methods=["GET"]),
            Route("/openapi.json", schema, methods=["GET"]),
            *OPENAI,
            *KSERVE,
        ],
        middleware=[Middleware(Guard, settings=settings, metrics=service.metrics)],
        exception_handlers={
            ApiError: on_api_error,
            ClientLeft: on_left,
            HTTPException: on_http_error,
            Exception: on_crash,
        },
        lifespan=lifespan,
    )
    app.router.redirect_slashes = False
    app.state.service = service
    return app


async def health(request: Request) -> Response:
    """``GET /health``."""
    ready = request.app.state.service.ready
    return JSONResponse({"status": "ok" if ready else "unavailable"}, 200 if ready else 503)


async def metrics(request: Request) -> Response:
    """``GET /metrics``."""
    return PlainTextResponse(request.app.state.service.numbers(), media_type="text/plain; version=0.0.4")


async def schema(request: Request) -> Response:
    """``GET /openapi.json``."""
    return JSONResponse(openapi(request.app.state.service.settings))
