"""Models behind KServe's inference protocol (v2, REST): `autogen-like serve`, and NVIDIA Triton in front of it.

The tensors are those of that server: ``messages`` and ``options`` (JSON) in, ``response`` (OpenAI's completion as JSON)
out. So it is an OpenAI-compatible endpoint that is asked at another place and answers in an envelope.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any
from urllib.parse import quote

from pydantic_core import from_json

from .call import Call
from .failures import Where
from .openai import OpenAIClient
from .wire import to_json

_ABLE = {"choices": True, "json_schema": True, "images": False}
_LONGEST_KEY = 512
_STREAM = {"kserve": "", "triton": "_stream"}  # behind the name: Triton's models answer either whole or in pieces


class KServeClient(OpenAIClient):
    """A model of `autogen-like serve`, asked through KServe's routes or through Triton.

    Args:
        config: A configuration entry whose ``api_type`` is "kserve" or "triton", and whose ``base_url`` is the server's
            address; all else is as for `OpenAIClient`. The reply keeps to any form that is asked for, and nothing is
            rewritten for the model unless ``adapter`` says so: the server does.

    Raises:
        ConfigError: If something in the configuration cannot be.

    Example:
        >>> KServeClient({"model": "smollm2-135m", "api_type": "triton", "base_url": "http://127.0.0.1:8100"})
        KServeClient(model='smollm2-135m', host='127.0.0.1:8100')
    """

    def __init__(self, config: Mapping[str, Any]) -> None:
        address = config.get("base_url")
        if isinstance(address, str):
            config = {**config, "base_url": address.rstrip("/").removesuffix("/v2")}
        able = {**_ABLE, **(config.get("capabilities") or {})}
        super().__init__({"adapter": (), **config, "capabilities": able})

    def _asked(self, call: Call, *, stream: bool = False, usage: bool = False) -> tuple[str, bytes]:
        options = {key: value for key, value in call.rest.items() if key != "model"}
        prefix = call.request.prefix
        if prefix is not None:  # the server keeps what it computed of this agent's prompt longer than others'
            options.setdefault("prompt_cache_key", f"{prefix.conversation}/{prefix.agent}"[:_LONGEST_KEY])
        name = quote(self.model + (_STREAM[self._endpoint.api_type] if stream else ""), safe="")
        body = {"messages": call.messages().decode(), "options": to_json(options).decode()}
        return f"/v2/models/{name}/{'generate_stream' if stream else 'generate'}", json.dumps(body).encode()

    @staticmethod
    def _unwrap(data: bytes, where: Where) -> bytes:
        try:
            outputs = from_json(data)
        except ValueError:
            return data  # whoever reads it says what it is
        if not isinstance(outputs, dict) or outputs.get("error"):
            return data
        response = outputs.get("response")
        if not isinstance(response, str):
            raise where.failed(
                "has no output 'response', so its model is no conversation's: name a model of `autogen-like serve`"
            )
        return response.encode()
