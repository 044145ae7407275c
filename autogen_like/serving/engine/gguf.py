"""Reads GGUF files: metadata, and where each tensor's bytes are. The file is mapped, not loaded.

Format: https://github.com/ggml-org/ggml/blob/master/docs/gguf.md, versions 2 and 3, little-endian.
"""

from __future__ import annotations

import mmap
import struct
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ...core.errors import ConfigError

MAGIC = b"GGUF"
_STRING, _ARRAY, _BOOL = 8, 9, 7
_SCALARS = {0: "B", 1: "b", 2: "H", 3: "h", 4: "I", 5: "i", 6: "f", 7: "?", 10: "Q", 11: "q", 12: "d"}

# Tensor types: id -> (name, values in a block, bytes of a block).
TYPES: dict[int, tuple[str, int, int]] = {
    0: ("F32", 1, 4),
    1: ("F16", 1, 2),
    2: ("Q4_0", 32, 18),
    3: ("Q4_1", 32, 20),
    6: ("Q5_0", 32, 22),
    8: ("Q8_0", 32, 34),
    12: ("Q4_K", 256, 144),
    13: ("Q5_K", 256, 176),
    14: ("Q6_K", 256, 210),
    30: ("BF16", 1, 2),
}
# Only to name what is refused.
_OTHER_TYPES = {
    7: "Q5_1", 9: "Q8_1", 10: "Q2_K", 11: "Q3_K", 15: "Q8_K", 16: "IQ2_XXS", 17: "IQ2_XS", 18: "IQ3_XXS", 19: "IQ1_S",
    20: "IQ4_NL", 21: "IQ3_S", 22: "IQ2_S", 23: "IQ4_XS", 24: "I8", 25: "I16", 26: "I32", 27: "I64", 28: "F64",
    29: "IQ1_M", 34: "TQ1_0", 35: "TQ2_0", 39: "MXFP4",
}  # fmt: skip


@dataclass(frozen=True, slots=True)
class GgufTensor:
    """Where a tensor is.

    Args:
        name: Its name in the file.
        shape: Its shape as torch counts it: rows first (the file has it the other way round).
        type: Name of its type: F32, Q4_1, ...
        offset: Of its first byte, from the start of the file.
        size: In bytes.
    """

    name: str
    shape: tuple[int, ...]
    type: str
    offset: int
    size: int


class GgufFile:
    """A GGUF file, mapped into memory.

    Args:
        path: The file.

    Attributes:
        metadata: Its key-value pairs.
        tensors: Its tensors by name.

    Raises:
        ConfigError: If it is no GGUF file, is cut, or holds a tensor type that is not supported.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self.metadata: dict[str, Any] = {}
        self.tensors: dict[str, GgufTensor] = {}
        with path.open("rb") as file:
            try:
                # Copy-on-write, so that torch may wrap it without a warning; nobody writes.
                self._map = mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_COPY)
            except ValueError:
                raise ConfigError(f"{path} is empty: fetch it again") from None
        try:
            self._parse()
        except (struct.error, IndexError, UnicodeDecodeError):
            raise ConfigError(f"{path} is cut or damaged: fetch it again") from None

    def data(self, tensor: GgufTensor) -> memoryview:
        """The bytes of a tensor; a view into the map."""
        return memoryview(self._map)[tensor.offset : tensor.offset + tensor.size]

    def _parse(self) -> None:
        if self._map[:4] != MAGIC:
            raise ConfigError(f"{self.path} is no GGUF file")
        version, tensor_count, pair_count = struct.unpack_from("<IQQ", self._map, 4)
        if version not in (2, 3):
            raise ConfigError(f"{self.path} is GGUF version {version}; 2 and 3 are supported")
        position = 24
        for _ in range(pair_count):
            key, position = self._string(position)
            (kind,) = struct.unpack_from("<I", self._map, position)
            self.metadata[key], position = self._value(kind, position + 4)
        found = []
        for _ in range(tensor_count):
            name, position = self._string(position)
            (dimensions,) = struct.unpack_from("<I", self._map, position)
            *shape, kind, offset = struct.unpack_from(f"<{dimensions}QIQ", self._map, position + 4)
            position += 16 + 8 * dimensions
            found.append((name, tuple(reversed(shape)), kind, offset))
        alignment = self.metadata.get("general.alignment", 32)
        start = -(-position // alignment) * alignment
        for name, dims, kind, offset in found:
            self.tensors[name] = self._tensor(name, dims, kind, start + offset)

    def _tensor(self, name: str, shape: tuple[int, ...], kind: int, offset: int) -> GgufTensor:
        if kind not in TYPES:
            raise ConfigError(
                f"{self.path.name}: tensor {name} is of type {_OTHER_TYPES.get(kind, kind)}, which is not supported; "
                f"take a file that uses only {', '.join(type_name for type_name, _, _ in TYPES.values())}"
            )
        type_name, values, size = TYPES[kind]
        count = 1
        for dimension in shape:
            count *= dimension
        tensor = GgufTensor(name, shape, type_name, offset, count // values * size)
        if tensor.offset + tensor.size > len(self._map):
            raise ConfigError(f"{self.path} is cut: tensor {name} ends behind its end; fetch it again")
        return tensor

    def _string(self, position: int) -> tuple[str, int]:
        (length,) = struct.unpack_from("<Q", self._map, position)
        end = position + 8 + length
        if end > len(self._map):
            raise IndexError
        return self._map[position + 8 : end].decode("utf-8"), end

    def _value(self, kind: int, position: int) -> tuple[Any, int]:
        if kind == _STRING:
            return self._string(position)
        if kind == _ARRAY:
            return self._array(position)
        scalar = struct.Struct("<" + _SCALARS[kind]) if kind in _SCALARS else None
        if scalar is None:
            raise IndexError
        return scalar.unpack_from(self._map, position)[0], position + scalar.size

    def _array(self, position: int) -> tuple[list[Any], int]:
        kind, count = struct.unpack_from("<IQ", self._map, position)
        position += 12
        if kind in _SCALARS:  # all at once: vocabularies are long
            scalars = struct.Struct(f"<{count}{_SCALARS[kind]}")
            return list(scalars.unpack_from(self._map, position)), position + scalars.size
        values: list[Any] = []
        if kind != _STRING:
            for _ in range(count):
                value, position = self._value(kind, position)
                values.append(value)
            return values, position
        buffer, length_of = self._map, struct.Struct("<Q").unpack_from
        for _ in range(count):
            end = position + 8 + length_of(buffer, position)[0]
            values.append(buffer[position + 8 : end].decode("utf-8"))
            position = end
        if position > len(buffer):
            raise IndexError
        return values, position
