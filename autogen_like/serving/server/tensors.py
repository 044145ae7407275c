"""KServe's tensors, as far as a language model needs them: texts, in JSON or in the binary form of Triton's clients."""

from __future__ import annotations

import math
import struct
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field

from .errors import ApiError
from .wire import dumps, parse

HEADER_LENGTH = "Inference-Header-Content-Length"


class _Lenient(BaseModel):
    """The protocol has extensions, and clients that speak them to servers that don't."""

    model_config = ConfigDict(strict=True, extra="ignore", allow_inf_nan=False)


class InputTensor(_Lenient):
    """One input."""

    name: str
    shape: list[int]
    datatype: Literal["BYTES"]
    parameters: dict[str, Any] = Field(default_factory=dict)
    data: list[Any] | None = None


class OutputWish(_Lenient):
    """One output that is asked for."""

    name: str
    parameters: dict[str, Any] = Field(default_factory=dict)


class InferBody(_Lenient):
    """``POST /v2/models/{model}/infer``."""

    id: str | None = None
    inputs: list[InputTensor] = Field(min_length=1, max_length=8)
    outputs: list[OutputWish] | None = None
    parameters: dict[str, bool | int | float | str] = Field(default_factory=dict)


def read_infer(raw: bytes, header_length: str | None) -> tuple[InferBody, dict[str, list[str]]]:
    """A request and the texts in it.

    Args:
        raw: The body: JSON, and behind it binary inputs in their order.
        header_length: How much of it is JSON; None is all.

    Raises:
        ApiError: If it isn't what it must be.
    """
    end = len(raw)
    if header_length is not None:
        valid = header_length.isascii() and header_length.isdigit() and len(header_length) < 10
        if not valid or int(header_length) > len(raw):
            raise ApiError(400, f"{HEADER_LENGTH} must be the length of the JSON part", param=HEADER_LENGTH)
        end = int(header_length)
    body = parse(raw[:end], InferBody)
    texts: dict[str, list[str]] = {}
    for tensor in body.inputs:
        if tensor.name in texts:
            raise ApiError(400, f"the input {tensor.name[:64]!r} is there twice", param="inputs")
        size = tensor.parameters.get("binary_data_size")
        if size is None:
            texts[tensor.name] = list(_flat(tensor.name, tensor.data or []))
        else:
            if not isinstance(size, int) or size < 0 or end + size > len(raw):
                raise ApiError(400, f"the input {tensor.name[:64]!r} is longer than the body", param="inputs")
            texts[tensor.name] = list(_unpacked(tensor.name, raw[end : end + size]))
            end += size
        if any(side < 0 for side in tensor.shape) or math.prod(tensor.shape) != len(texts[tensor.name]):
            message = f"the input {tensor.name[:64]!r} has {len(texts[tensor.name])} elements, and another shape"
            raise ApiError(400, message, param="inputs")
    if end != len(raw):
        raise ApiError(400, "the body is longer than its inputs", param="inputs")
    return body, texts


def write_infer(
    head: Mapping[str, Any], outputs: Mapping[str, Sequence[str]], body: InferBody
) -> tuple[bytes, int | None]:
    """An answer, each output in the form that was asked for; and the length of its JSON part, where more follows.

    Raises:
        ApiError: If an output is asked for that isn't there.
    """
    everywhere = body.parameters.get("binary_data_output") is True
    wishes = body.outputs or [OutputWish(name=name) for name in outputs]
    told, packed = [], b""
    for wish in wishes:
        if wish.name not in outputs:
            raise ApiError(400, f"there is no output {wish.name[:64]!r}; there are {sorted(outputs)}", param="outputs")
        texts = outputs[wish.name]
        tensor: dict[str, Any] = {"name": wish.name, "datatype": "BYTES", "shape": [len(texts)]}
        if wish.parameters.get("binary_data", everywhere) is True:
            data = pack(texts)
            tensor["parameters"] = {"binary_data_size": len(data)}
            packed += data
        else:
            tensor["data"] = list(texts)
        told.append(tensor)
    text = dumps({**head, **({} if body.id is None else {"id": body.id}), "outputs": told}).encode()
    binary = any("parameters" in tensor for tensor in told)
    return text + packed, len(text) if binary else None


def pack(texts: Sequence[str]) -> bytes:
    r"""Texts in the binary form: each behind its length.

    Example:
        >>> pack(["Hi"])
        b'\x02\x00\x00\x00Hi'
    """
    encoded = [text.encode() for text in texts]
    return b"".join(struct.pack("<I", len(data)) + data for data in encoded)


def _unpacked(name: str, data: bytes) -> Iterator[str]:
    place = 0
    while place < len(data):
        end = place + 4
        length = struct.unpack_from("<I", data, place)[0] if end <= len(data) else len(data)
        if end + length > len(data):
            raise ApiError(400, f"the input {name[:64]!r} is cut", param="inputs")
        yield _text(name, data[end : end + length])
        place = end + length


def _text(name: str, data: bytes) -> str:
    try:
        return data.decode()
    except UnicodeDecodeError:
        raise ApiError(400, f"the input {name[:64]!r} is no UTF-8", param="inputs") from None


def _flat(name: str, data: Sequence[Any]) -> Iterator[str]:
    for item in data:
        if isinstance(item, list):
            yield from _flat(name, item)
        elif isinstance(item, str):
            yield item
        else:
            raise ApiError(400, f"the input {name[:64]!r} must be texts", param="inputs")
