"""Reading GGUF files: the same metadata and values as the reference package reads."""

from __future__ import annotations

from pathlib import Path

import gguf
import numpy as np
import pytest
import torch

from autogen_like.core.errors import ConfigError
from autogen_like.serving.engine.dequant import dequantize
from autogen_like.serving.engine.gguf import TYPES, GgufFile, GgufTensor

# Where the half-precision scales are in a block, so that random ones are no infinities.
SCALES = {
    "F16": [0],
    "Q4_0": [0],
    "Q4_1": [0, 2],
    "Q5_0": [0],
    "Q8_0": [0],
    "Q4_K": [0, 2],
    "Q5_K": [0, 2],
    "Q6_K": [208],
}


def random_blocks(name: str, size: int, rng: np.random.Generator) -> np.ndarray:
    count = 96
    if name in ("F32", "BF16"):
        values = torch.from_numpy(rng.standard_normal(count).astype(np.float32))
        return (values if name == "F32" else values.bfloat16()).view(torch.uint8).numpy().reshape(count, size)
    raw = rng.integers(0, 256, (count, size), dtype=np.uint8)
    for place in SCALES[name]:
        raw[:, place : place + 2] = rng.standard_normal(count).astype(np.float16).view(np.uint8).reshape(count, 2)
    return raw


@pytest.mark.parametrize("kind", TYPES, ids=lambda kind: TYPES[kind][0])
@pytest.mark.parametrize("seed", range(3))
def test_each_type_unpacks_as_in_the_reference(kind: int, seed: int) -> None:
    name, _, size = TYPES[kind]
    raw = random_blocks(name, size, np.random.default_rng(seed))
    wanted = gguf.quants.dequantize(raw, gguf.GGMLQuantizationType(kind))
    info = GgufTensor("x", wanted.shape, name, 0, raw.size)
    found = dequantize(memoryview(bytearray(raw.tobytes())), info, torch.float32)
    assert np.array_equal(found.numpy(), wanted)


def test_the_block_sizes_are_the_references() -> None:
    for kind, (name, values, size) in TYPES.items():
        assert gguf.GGML_QUANT_SIZES[gguf.GGMLQuantizationType(kind)] == (values, size), name


@pytest.fixture
def writer(tmp_path: Path) -> gguf.GGUFWriter:
    return gguf.GGUFWriter(tmp_path / "x.gguf", "llama")


def written(writer: gguf.GGUFWriter, tmp_path: Path) -> Path:
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()
    return tmp_path / "x.gguf"


def test_all_kinds_of_metadata_are_read(writer: gguf.GGUFWriter, tmp_path: Path) -> None:
    writer.add_uint8("u8", 200)
    writer.add_int8("i8", -3)
    writer.add_uint16("u16", 60_000)
    writer.add_int16("i16", -5)
    writer.add_int32("i32", -7)
    writer.add_uint64("u64", 1 << 60)
    writer.add_int64("i64", -(1 << 60))
    writer.add_float32("f32", 0.5)
    writer.add_float64("f64", 0.1)
    writer.add_bool("yes", val=True)
    writer.add_string("text", "größer ✓")
    writer.add_array("texts", ["a", "", "ü"])
    writer.add_array("numbers", [1, 2, 3])
    writer.add_array("flags", [True, False])
    writer.add_array("nested", [[1, 2], [3]])
    writer.add_tensor("t", np.arange(12, dtype=np.float32).reshape(3, 4))
    file = GgufFile(written(writer, tmp_path))
    wanted = {
        "u8": 200, "i8": -3, "u16": 60_000, "i16": -5, "i32": -7, "u64": 1 << 60, "i64": -(1 << 60), "f32": 0.5,
        "f64": 0.1, "yes": True, "text": "größer ✓", "texts": ["a", "", "ü"], "numbers": [1, 2, 3],
        "flags": [True, False], "nested": [[1, 2], [3]],
    }  # fmt: skip
    assert {key: file.metadata[key] for key in wanted} == wanted
    tensor = file.tensors["t"]
    assert tensor.shape == (3, 4)
    assert dequantize(file.data(tensor), tensor, torch.float32).tolist() == [[0, 1, 2, 3], [4, 5, 6, 7], [8, 9, 10, 11]]


def test_the_embedded_model_is_read_as_the_reference_reads_it(model_path: Path) -> None:
    ours, reference = GgufFile(model_path), gguf.GGUFReader(model_path)
    assert set(ours.metadata) == {key for key in reference.fields if not key.startswith("GGUF.")}
    for key in (
        "general.architecture",
        "llama.rope.freq_base",
        "tokenizer.chat_template",
        "tokenizer.ggml.eos_token_id",
    ):
        assert ours.metadata[key] == reference.fields[key].contents()
    assert ours.metadata["tokenizer.ggml.merges"] == reference.fields["tokenizer.ggml.merges"].contents()
    by_name = {tensor.name: tensor for tensor in reference.tensors}
    assert set(ours.tensors) == set(by_name)
    for name, tensor in ours.tensors.items():
        assert (tensor.offset, tensor.size) == (by_name[name].data_offset, by_name[name].n_bytes)
    tensor = ours.tensors["blk.7.ffn_down.weight"]
    wanted = gguf.quants.dequantize(by_name[tensor.name].data, by_name[tensor.name].tensor_type)
    assert np.array_equal(dequantize(ours.data(tensor), tensor, torch.float32).numpy(), wanted)


def test_an_unsupported_tensor_type_is_refused_by_name(writer: gguf.GGUFWriter, tmp_path: Path) -> None:
    raw = np.zeros((1, 84), dtype=np.uint8)
    writer.add_tensor("blk.0.attn_q.weight", raw, raw_dtype=gguf.GGMLQuantizationType.Q2_K)
    with pytest.raises(ConfigError, match=r"blk.0.attn_q.weight is of type Q2_K"):
        GgufFile(written(writer, tmp_path))


def test_a_damaged_file_is_refused(writer: gguf.GGUFWriter, tmp_path: Path) -> None:
    writer.add_array("texts", ["some", "words"] * 100)
    writer.add_tensor("t", np.zeros(4096, dtype=np.float32))
    whole = written(writer, tmp_path).read_bytes()
    cut = tmp_path / "cut.gguf"
    for length in (10, 50, 200, 1500, len(whole) - 5000, len(whole) - 1):
        cut.write_bytes(whole[:length])
        with pytest.raises(ConfigError, match="cut"):
            GgufFile(cut)


@pytest.mark.parametrize(
    ("content", "message"),
    [(b"", "is empty"), (b"PK\3\4" + bytes(100), "no GGUF file"), (b"GGUF\1" + bytes(100), "version 1")],
)
def test_what_is_no_gguf_file_is_refused(tmp_path: Path, content: bytes, message: str) -> None:
    path = tmp_path / "x.gguf"
    path.write_bytes(content)
    with pytest.raises(ConfigError, match=message):
        GgufFile(path)
