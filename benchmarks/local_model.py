"""Speed of a local model: load, prefill at 512 tokens, decode behind 512 tokens, memory; beside transformers.

Run: ``python benchmarks/local_model.py [NAME_OR_PATH] [--runs 5] [--dtype bfloat16]``
Each program runs in a process of its own, in turns, so that none gains from another's warm memory; the median counts.
"""

from __future__ import annotations

import argparse
import json
import os
import resource
import statistics
import subprocess
import sys
import time
import warnings
from importlib.util import find_spec

from rich.console import Console
from rich.table import Table

from autogen_like.core.errors import AutogenLikeError
from autogen_like.serving import library

PROMPT = list(range(1000, 1512))
DECODE = 64


def peak_megabytes() -> float:
    """Most memory that this process had so far."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / (1 << 10 if sys.platform == "linux" else 1 << 20)


def ours(path: str, dtype: str) -> dict[str, float]:
    """This project's engine."""
    from autogen_like.serving.engine import Engine, EngineConfig, GenerateRequest, Sampling

    begun = time.perf_counter()
    engine = Engine.load(library.resolve(path), EngineConfig(dtype=dtype))
    load = time.perf_counter() - begun
    endless = Sampling(logit_bias=dict.fromkeys(engine.tokenizer.ends, -1000.0))
    for _ in range(2):  # the first warms up
        engine.clear()
        *_, last = engine.generate(GenerateRequest(PROMPT, endless, max_tokens=DECODE))
        took = last.usage
    return {
        "load s": load,
        "prefill tok/s": len(PROMPT) / took.prefill_seconds,
        "decode tok/s": (DECODE - 1) / took.decode_seconds,
        "peak MB": peak_megabytes(),
    }


def transformers(path: str, dtype: str) -> dict[str, float]:
    """Transformers on the same file."""
    import torch
    from transformers import AutoModelForCausalLM

    warnings.simplefilter("ignore")
    file = library.resolve(path)
    named = getattr(torch, dtype)
    where = {"gguf_file": file.name} if file.is_file() else {}
    begun = time.perf_counter()
    model = AutoModelForCausalLM.from_pretrained(file.parent if where else file, dtype=named, **where).eval()
    load = time.perf_counter() - begun
    prompt = torch.tensor([PROMPT])
    with torch.inference_mode():
        for _ in range(2):
            begun = time.perf_counter()
            out = model(prompt, use_cache=True, logits_to_keep=1)
            prefill = time.perf_counter() - begun
            begun = time.perf_counter()
            for _ in range(DECODE - 1):
                token = out.logits[:, -1:].argmax(-1)
                out = model(token, past_key_values=out.past_key_values, use_cache=True)
            decode = time.perf_counter() - begun
    return {
        "load s": load,
        "prefill tok/s": len(PROMPT) / prefill,
        "decode tok/s": (DECODE - 1) / decode,
        "peak MB": peak_megabytes(),
    }


PROGRAMS = {"autogen_like": ours, "transformers": transformers}


def measured(program: str, arguments: argparse.Namespace, dtype: str) -> dict[str, float]:
    """One run, in a process of its own."""
    command = [sys.executable, __file__, arguments.model, "--dtype", dtype, "--only", program]
    answer = subprocess.run(command, check=True, capture_output=True, text=True)
    found: dict[str, float] = json.loads(answer.stdout.strip().splitlines()[-1])
    return found


def main() -> int:
    """Measures all in turns and prints the table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("model", nargs="?", default="smollm2-135m")
    parser.add_argument("--runs", type=int, default=3)
    parser.add_argument("--dtype", choices=["auto", "bfloat16", "float32"], default="auto")
    parser.add_argument("--only", choices=PROGRAMS, help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if arguments.only:
        print(json.dumps(PROGRAMS[arguments.only](arguments.model, arguments.dtype)))
        return 0
    try:
        library.resolve(arguments.model)
    except AutogenLikeError as error:
        print(error, file=sys.stderr)
        return 1
    dtypes = ["bfloat16", "float32"] if arguments.dtype == "auto" else [arguments.dtype]
    programs = [name for name in PROGRAMS if name == "autogen_like" or find_spec(name)]
    runs: dict[tuple[str, str], list[dict[str, float]]] = {}
    for _ in range(arguments.runs):
        for dtype in dtypes:
            for program in programs:
                runs.setdefault((program, dtype), []).append(measured(program, arguments, dtype))
    table = Table(title=f"{arguments.model}, {os.cpu_count()} cores, median of {arguments.runs} (least - most)")
    columns = list(next(iter(runs.values()))[0])
    for column in ("program", "dtype", *columns):
        table.add_column(column)
    for (program, dtype), results in runs.items():
        cells = []
        for column in columns:
            values = [result[column] for result in results]
            cells.append(f"{statistics.median(values):.1f} ({min(values):.1f} - {max(values):.1f})")
        table.add_row(program, dtype, *cells)
    Console(width=150).print(table)
    return 0


if __name__ == "__main__":
    sys.exit(main())
