"""A processor's speed beside llama.cpp and transformers on the same file: load, prefill, decode, and four at once.

Run: ``python benchmarks/serving/cpu.py [NAME_OR_PATH] [--runs 3] [--tokens 48] [--llama PYTHON] [--clock cpu|wall]``
``--llama`` is the interpreter of an environment of its own with llama-cpp-python, built from source (about 8 minutes):
``python -m venv llama && llama/bin/pip install llama-cpp-python --no-binary llama-cpp-python``. Without it, it is left
out; so is transformers where it is not installed. Programs take turns, each in a process of its own, and the median
counts; each run is told when it is done. Three runs of all take some three minutes on an idle machine, of which
transformers needs the most to load; ``--runs 1 --tokens 16`` is the shortest that says something, and
``--only ours llama`` leaves transformers out. ``OMP_NUM_THREADS`` is the number of threads of each program.
``--clock cpu`` divides by process CPU time and the number of threads: it is what a machine with other work can still
tell, and is kind to nobody, since waiting costs nothing in it.
"""

from __future__ import annotations

import argparse
import json
import os
import statistics
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

PROMPT = list(range(1000, 1512))
THREADS = int(os.environ.get("OMP_NUM_THREADS", os.cpu_count() or 1))


def clock(name: str) -> Callable[[], float]:
    """Seconds of a process as `name` counts them."""
    return time.perf_counter if name == "wall" else lambda: time.process_time() / THREADS


def ours(path: str, now: Callable[[], float], decode: int) -> dict[str, float]:
    """This project's engine."""
    begun = now()
    from autogen_like.serving.engine import Engine, EngineConfig, GenerateRequest, Sampling

    imported = now() - begun
    begun = now()
    engine = Engine.load(Path(path), EngineConfig())
    found = {"import s": imported, "load s": now() - begun}
    endless = Sampling(logit_bias=dict.fromkeys(engine.tokenizer.ends, -1000.0))
    for _ in range(2):  # the first warms up
        for count in (1, 4):
            engine.clear()
            requests = [GenerateRequest([*PROMPT[n:], *PROMPT[:n]], endless, max_tokens=decode) for n in range(count)]
            begun, tokens, replies = now(), 0, [engine.generate(request) for request in requests]
            while tokens < count:  # until each has its first
                tokens += sum(next(reply).token is not None for reply in replies)
            if count == 1:
                found["prefill tok/s"] = len(PROMPT) / (now() - begun)
            begun, left = now(), 0
            while replies:
                for reply in list(replies):
                    step = next(reply, None)
                    if step is None:
                        replies.remove(reply)
                    elif step.token is not None:
                        left += 1
            found["decode tok/s" if count == 1 else "four at once tok/s"] = left / (now() - begun)
    return found


def llama(path: str, now: Callable[[], float], decode: int) -> dict[str, float]:
    """llama.cpp by llama-cpp-python, which serves four requests one after the other."""
    begun = now()
    from llama_cpp import Llama

    imported = now() - begun
    begun = now()
    model = Llama(path, n_ctx=2048, n_threads=THREADS, n_threads_batch=THREADS, n_batch=512, verbose=False)
    found = {"import s": imported, "load s": now() - begun}
    for _ in range(2):
        model.reset()
        begun = now()
        model.eval(PROMPT)
        found["prefill tok/s"] = len(PROMPT) / (now() - begun)
        begun = now()
        for _ in range(decode - 1):
            model.eval([model.sample(temp=0.0)])
        found["decode tok/s"] = (decode - 1) / (now() - begun)
    found["four at once tok/s"] = found["decode tok/s"]
    return found


def transformers(path: str, now: Callable[[], float], decode: int) -> dict[str, float]:
    """Transformers in bfloat16 on the same file."""
    import warnings

    warnings.simplefilter("ignore")
    begun = now()
    import torch
    from transformers import AutoModelForCausalLM

    imported = now() - begun
    begun = now()
    file = Path(path)
    model = AutoModelForCausalLM.from_pretrained(file.parent, gguf_file=file.name, dtype=torch.bfloat16).eval()
    found = {"import s": imported, "load s": now() - begun}
    with torch.inference_mode():
        for count in (1, 1, 4):
            begun = now()
            out = model(torch.tensor([PROMPT] * count), use_cache=True, logits_to_keep=1)
            if count == 1:
                found["prefill tok/s"] = len(PROMPT) / (now() - begun)
            begun = now()
            for _ in range(decode - 1):
                out = model(out.logits[:, -1:].argmax(-1), past_key_values=out.past_key_values, use_cache=True)
            found["decode tok/s" if count == 1 else "four at once tok/s"] = count * (decode - 1) / (now() - begun)
    return found


PROGRAMS = {"ours": ours, "llama": llama, "transformers": transformers}


def measured(program: str, interpreter: str, path: str, kind: str, decode: int) -> dict[str, float]:
    """One run, in a process of its own."""
    command = [interpreter, __file__, path, "--one", program, "--clock", kind, "--tokens", str(decode)]
    begun = time.perf_counter()
    answer = subprocess.run(command, check=False, capture_output=True, text=True)
    if answer.returncode:
        raise SystemExit(f"{program} failed:\n{answer.stderr}")
    found: dict[str, float] = json.loads(answer.stdout.strip().splitlines()[-1])
    told = ", ".join(f"{name} {value:.1f}" for name, value in found.items())
    print(f"{program} ({time.perf_counter() - begun:.0f} s): {told}", file=sys.stderr)
    return found


def settings() -> argparse.Namespace:
    """What the command line says."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("model", nargs="?", default="smollm2-135m")
    parser.add_argument("--runs", type=int, default=3)
    parser.add_argument("--tokens", type=int, default=48, help="to generate, behind a prompt of 512")
    parser.add_argument("--llama", help="an interpreter that has llama-cpp-python")
    parser.add_argument("--clock", choices=["cpu", "wall"], default="cpu")
    parser.add_argument("--only", nargs="+", choices=PROGRAMS, default=list(PROGRAMS))
    parser.add_argument("--one", choices=PROGRAMS, help=argparse.SUPPRESS)
    return parser.parse_args()


def main() -> int:
    """Measures all in turns and prints a table."""
    asked = settings()
    if asked.one:
        print(json.dumps(PROGRAMS[asked.one](asked.model, clock(asked.clock), asked.tokens)))
        return 0
    from importlib.util import find_spec

    from autogen_like.serving import library

    path = str(library.resolve(asked.model))
    there = {"ours": sys.executable, "llama": asked.llama, "transformers": find_spec("transformers") and sys.executable}
    interpreters = {program: python for program, python in there.items() if python and program in asked.only}
    runs: dict[str, list[dict[str, float]]] = {}
    for _ in range(asked.runs):
        for program, interpreter in interpreters.items():
            runs.setdefault(program, []).append(measured(program, interpreter, path, asked.clock, asked.tokens))
    columns = list(next(iter(runs.values()))[0])
    print(f"{asked.model}, {THREADS} threads, {asked.clock} time, load {os.getloadavg()[0]:.1f}, median of "
          f"{asked.runs} (least - most)")  # fmt: skip
    print(" | ".join(["program", *columns]))
    for program, results in runs.items():
        cells = []
        for column in columns:
            values = [result[column] for result in results]
            cells.append(f"{statistics.median(values):.1f} ({min(values):.1f} - {max(values):.1f})")
        print(" | ".join([program, *cells]))
    return 0


if __name__ == "__main__":
    sys.exit(main())
