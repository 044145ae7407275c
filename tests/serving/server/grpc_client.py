"""A gRPC client of Triton, for the environment that has one: prints as JSON what it got."""

from __future__ import annotations

import json
import queue
import sys

import numpy as np
import tritonclient.grpc as triton


def inputs(prompts: list[str], tokens: int) -> list[triton.InferInput]:
    """What is asked."""
    found = []
    for name, values in (("text_input", prompts), ("options", [json.dumps({"temperature": 0, "max_tokens": tokens})])):
        tensor = triton.InferInput(name, [len(values)], "BYTES")
        tensor.set_data_from_numpy(np.array([value.encode() for value in values], dtype=object))
        found.append(tensor)
    return found


def shown(result: triton.InferResult) -> dict[str, list[str]]:
    """Its outputs."""
    names = [output.name for output in result.get_response().outputs]
    return {name: [text.decode() for text in result.as_numpy(name)] for name in names}


def main(port: str, what: str, *prompts: str) -> None:
    """Does it."""
    client = triton.InferenceServerClient(f"127.0.0.1:{port}")
    if what == "infer":
        print(json.dumps(shown(client.infer("tiny", inputs(list(prompts), 8)))))
        return
    got: queue.Queue = queue.Queue()
    client.start_stream(lambda result, error: got.put((result, error)))
    tokens = 500 if what == "cancel" else 8
    client.async_stream_infer("tiny_stream", inputs(list(prompts), tokens), enable_empty_final_response=True)
    pieces = []
    while True:
        result, error = got.get(timeout=60)
        if error is not None:
            pieces.append({"error": str(error)})
            break
        if result.get_response().parameters["triton_final_response"].bool_param:
            break
        pieces.append(shown(result))
        if what == "cancel" and len(pieces) == 3:
            client.stop_stream(cancel_requests=True)
            print(json.dumps("cancelled"))
            return
    client.stop_stream()
    print(json.dumps(pieces))


if __name__ == "__main__":
    main(*sys.argv[1:])
