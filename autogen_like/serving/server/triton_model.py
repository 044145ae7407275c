"""A model of NVIDIA's Triton server that asks a running `autogen-like serve`. Copied into Triton's model repository.

It runs in Triton's own environment, with numpy and the standard library: neither this package nor torch is there.
Inputs, options and errors are those of the server's KServe interface, which does all the work.
"""

from __future__ import annotations

import http.client
import json
import os
import select
import threading
from collections.abc import Iterator, Mapping, Sequence
from typing import Any
from urllib.parse import urlsplit

_INPUTS = ("text_input", "messages", "options")
_OUTPUTS = ("text_output", "finish_reason", "response")
_LOOK_SECONDS = 0.1


class Left(Exception):
    """The client wants no answer any more."""


class Refused(ValueError):
    """The server behind refuses.

    Args:
        text: What it says.
        status: Its HTTP status.
    """

    def __init__(self, text: str, status: int) -> None:
        super().__init__(text)
        self.status = status


class TritonPythonModel:
    """What Triton's Python backend looks for."""

    def initialize(self, args: Mapping[str, str]) -> None:
        """Reads the configuration."""
        config = json.loads(args["model_config"])
        parameters = {name: value["string_value"] for name, value in config["parameters"].items()}
        self._server = Server(
            parameters["address"], parameters["served"], os.environ.get("AUTOGEN_LIKE_API_KEY") or None
        )
        self._streams = bool(config.get("model_transaction_policy", {}).get("decoupled"))
        self._working: set[threading.Thread] = set()

    def execute(self, requests: Sequence[Any]) -> None:
        """Answers each request in a thread of its own: the engine behind does them side by side."""
        for request in requests:
            thread = threading.Thread(target=self._answer, args=(request, request.get_response_sender()), daemon=True)
            self._working.add(thread)
            thread.start()

    def finalize(self) -> None:
        """Waits for what is on its way."""
        for thread in list(self._working):
            thread.join()

    def _answer(self, request: Any, sender: Any) -> None:
        import triton_python_backend_utils as backend  # type: ignore[import-not-found]

        final = backend.TRITONSERVER_RESPONSE_COMPLETE_FINAL
        try:
            for outputs in self._outputs(request, sender, backend):
                tensors = [backend.Tensor(name, _array(texts)) for name, texts in outputs.items()]
                if self._streams:
                    sender.send(backend.InferenceResponse(tensors))
                else:
                    sender.send(backend.InferenceResponse(tensors), flags=final)
            if self._streams:
                sender.send(flags=final)
        except Left:
            told = backend.TritonError("cancelled", backend.TritonError.CANCELLED)
            sender.send(backend.InferenceResponse(error=told), flags=final)
        except (OSError, http.client.HTTPException, ValueError, KeyError) as error:
            where = "" if isinstance(error, ValueError) else "the server behind Triton: "
            code = "" if isinstance(error, ValueError) else " [unreachable]"
            told = backend.TritonError(f"{where}{error}{code}", getattr(backend.TritonError, kind(error)))
            sender.send(backend.InferenceResponse(error=told), flags=final)
        finally:
            self._working.discard(threading.current_thread())

    def _outputs(self, request: Any, sender: Any, backend: Any) -> Iterator[dict[str, list[str]]]:
        inputs = {}
        for name in _INPUTS:
            tensor = backend.get_input_tensor_by_name(request, name)
            if tensor is not None:
                inputs[name] = [item.decode() for item in tensor.as_numpy().reshape(-1).tolist()]
        parameters = json.loads(request.parameters() or "{}")
        if self._streams:
            yield from self._server.stream(inputs, parameters, sender.is_cancelled)
        else:
            yield self._server.infer(inputs, parameters, sender.is_cancelled)


def kind(error: Exception) -> str:
    """Triton's name for an error, which tells its clients whether another try can help.

    Example:
        >>> kind(Refused("too many requests", 429)), kind(Refused("no such option", 400)), kind(OSError("no route"))
        ('UNAVAILABLE', 'INVALID_ARG', 'UNAVAILABLE')
    """
    if not isinstance(error, Refused):
        return "INVALID_ARG" if isinstance(error, ValueError) else "UNAVAILABLE"
    if error.status in (408, 429, 503):
        return "UNAVAILABLE"
    if error.status == http.client.NOT_FOUND:
        return "NOT_FOUND"
    return "INTERNAL" if error.status >= http.client.INTERNAL_SERVER_ERROR else "INVALID_ARG"


class Server:
    """The server that does the work.

    Args:
        address: ``http://host:port``.
        model: What it calls its model.
        key: Its key, if it has one.
    """

    def __init__(self, address: str, model: str, key: str | None = None) -> None:
        self._host = urlsplit(address).netloc
        self._path = f"/v2/models/{model}"
        self._headers = {"Content-Type": "application/json"}
        if key is not None:
            self._headers["Authorization"] = f"Bearer {key}"

    def infer(self, inputs: Mapping[str, list[str]], parameters: Mapping[str, Any], left: Any) -> dict[str, list[str]]:
        """Whole replies, by output.

        Raises:
            Left: If ``left()`` says that nobody wants them any more.
            Refused: If the server does.
        """
        tensors = [
            {"name": name, "shape": [len(texts)], "datatype": "BYTES", "data": texts} for name, texts in inputs.items()
        ]
        connection = self._asked("infer", {"inputs": tensors, "parameters": parameters}, left)
        try:
            whole = json.load(_good(connection))
        finally:
            connection.close()
        return {output["name"]: output["data"] for output in whole["outputs"]}

    def stream(
        self, inputs: Mapping[str, list[str]], parameters: Mapping[str, Any], left: Any
    ) -> Iterator[dict[str, list[str]]]:
        """Pieces of one reply, by output.

        Raises:
            Left: If ``left()`` says that nobody wants them any more.
            Refused: If the server does.
            ValueError: If there is more than one prompt.
        """
        if any(len(texts) != 1 for texts in inputs.values()):
            raise ValueError("a stream takes one prompt: each input must have one element")
        body = {**{name: texts[0] for name, texts in inputs.items()}, "parameters": parameters}
        connection = self._asked("generate_stream", body, left)
        try:
            for line in _good(connection):
                if left():
                    raise Left
                if line.startswith(b"data: "):
                    piece = json.loads(line[6:])
                    if "error" in piece:
                        raise Refused(piece["error"], http.client.INTERNAL_SERVER_ERROR)
                    yield {name: [piece[name]] for name in _OUTPUTS}
        finally:
            connection.close()  # frees the request's blocks, if it wasn't at its end

    def _asked(self, action: str, body: Mapping[str, Any], left: Any) -> http.client.HTTPConnection:
        """A connection on which the answer has begun to come."""
        connection = http.client.HTTPConnection(self._host)
        try:
            connection.request("POST", f"{self._path}/{action}", json.dumps(body), self._headers)
            while not select.select([connection.sock], [], [], _LOOK_SECONDS)[0]:
                if left():
                    raise Left
        except BaseException:
            connection.close()
            raise
        return connection


def _good(connection: http.client.HTTPConnection) -> http.client.HTTPResponse:
    response = connection.getresponse()
    if response.status != http.client.OK:
        text = response.read().decode("utf-8", "replace")
        raise Refused(json.loads(text)["error"] if text.startswith("{") else text, response.status)
    return response


def _array(texts: Sequence[str]) -> Any:
    import numpy as np

    return np.array([text.encode() for text in texts], dtype=object)
