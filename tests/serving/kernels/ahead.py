"""Compiles a launch for a GPU that isn't there, as Triton would, and reads what the assembler says."""

from __future__ import annotations

import re
import subprocess
import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
import triton
from triton.backends.compiler import GPUTarget
from triton.compiler import ASTSource

from autogen_like.serving.kernels.launch import Launch

_CUOBJDUMP = Path(triton.__file__).parent / "backends/nvidia/bin/cuobjdump"
_TYPES = {
    torch.float64: "fp64",
    torch.float32: "fp32",
    torch.float16: "fp16",
    torch.bfloat16: "bf16",
    torch.int64: "i64",
    torch.int32: "i32",
    torch.int8: "i8",
    torch.uint8: "u8",
}


@dataclass(frozen=True, slots=True)
class Compiled:
    """What a compiled kernel takes of the GPU.

    Args:
        registers: To a thread.
        stack: Bytes of memory to a thread: what didn't fit into registers.
        shared: Bytes of shared memory to a program.
        assembly: The PTX.
    """

    registers: int
    stack: int
    shared: int
    assembly: str


def compiled(launch: Launch, architecture: int) -> Compiled:
    """Compiles for ``sm_<architecture>``."""
    kernel = launch.kernel
    signature: dict[str, str] = {}
    constants: dict[str, Any] = dict(launch.constants)
    aligned: dict[tuple[int, ...], list[list[Any]]] = {}
    for index, name in enumerate(kernel.arg_names):
        value = launch.arguments.get(name)
        if name in launch.constants or value is None:
            signature[name] = "constexpr"
            constants.setdefault(name, None)
        elif isinstance(value, torch.Tensor):
            signature[name] = "*" + _TYPES[value.dtype]
            aligned[(index,)] = [["tt.divisibility", 16]]
        else:
            signature[name] = "i32" if isinstance(value, int) else "fp32"
            if isinstance(value, int) and value % 16 == 0:
                aligned[(index,)] = [["tt.divisibility", 16]]
    made = triton.compile(
        ASTSource(kernel, signature, constants, aligned),
        target=GPUTarget("cuda", architecture, 32),
        options={"num_warps": launch.warps, "num_stages": launch.stages, "enable_fp_fusion": True},
    )
    with tempfile.NamedTemporaryFile(suffix=".cubin") as file:
        file.write(made.asm["cubin"])
        file.flush()
        said = subprocess.run([_CUOBJDUMP, "-res-usage", file.name], capture_output=True, text=True, check=True).stdout
    usage = dict(re.findall(r"(REG|STACK|LOCAL):(\d+)", said))
    stack = int(usage["STACK"]) + int(usage["LOCAL"])
    return Compiled(int(usage["REG"]), stack, made.metadata.shared, made.asm["ptx"])
