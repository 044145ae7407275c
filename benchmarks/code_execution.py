"""What running one line of Python costs: each executor beside the bare thing under it, in milliseconds of wall time.

    python benchmarks/code_execution.py [--rounds 30]

Contestants of a pair take turns, so that whatever else the machine does weighs on both. The target is a ratio of 1.5.
A Docker engine is started where none answers, and its image made (scripts/docker_engine.sh).
"""

from __future__ import annotations

import argparse
import contextlib
import statistics
import subprocess
import time
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

from jupyter_client.manager import start_new_kernel

from autogen_like import CodeBlock, DockerCommandLineCodeExecutor, JupyterCodeExecutor

CODE = "print(6 * 7)"
PRINTED = "42\n"
TARGET = 1.5
Contestant = Callable[[], str]
"""Runs `CODE` once; what it printed."""
Pair = tuple[str, Contestant, str, Contestant]
"""Our name and contestant, and those of the bare thing."""


@contextlib.contextmanager
def docker() -> Iterator[Pair]:
    """A warm executor, and the `docker exec` command on a container of the same image and limits."""
    script = Path(__file__).parent.parent / "scripts" / "docker_engine.sh"
    image = subprocess.run([script], check=True, capture_output=True, text=True).stdout.strip()
    blocks = [CodeBlock(CODE, "python")]
    with DockerCommandLineCodeExecutor(image) as bare, DockerCommandLineCodeExecutor(image) as executor:
        bare.execute_code_blocks(blocks)
        command = ["docker", "exec", "--user", "65534:65534", str(bare.container_id), "python3", "-c", CODE]
        yield (
            "DockerCommandLineCodeExecutor",
            lambda: executor.execute_code_blocks(blocks).output,
            "docker exec",
            lambda: subprocess.run(command, check=True, capture_output=True, text=True).stdout,
        )


@contextlib.contextmanager
def jupyter() -> Iterator[Pair]:
    """A warm executor with a kernel of this machine, and jupyter_client's own round trip to a kernel."""
    blocks = [CodeBlock(CODE, "python")]
    manager, client = start_new_kernel(kernel_name="python3")

    def bare() -> str:
        printed: list[str] = []
        client.execute_interactive(CODE, output_hook=lambda message: printed.append(message["content"].get("text", "")))
        return "".join(printed)

    try:
        with JupyterCodeExecutor() as executor:
            yield (
                "JupyterCodeExecutor",
                lambda: executor.execute_code_blocks(blocks).output,
                "jupyter_client",
                bare,
            )
    finally:
        client.stop_channels()
        manager.shutdown_kernel(now=True)


PAIRS: Sequence[Callable[[], contextlib.AbstractContextManager[Pair]]] = (docker, jupyter)


def timed(contestant: Contestant) -> float:
    """Milliseconds that one run takes."""
    began = time.perf_counter()
    printed = contestant()
    took = time.perf_counter() - began
    if printed != PRINTED:
        raise SystemExit(f"it printed {printed!r}, not {PRINTED!r}")
    return took * 1000


def race(pair: Pair, rounds: int) -> str:
    """Lets both run in turn; one line of the table."""
    ours, our_run, theirs, their_run = pair
    timed(our_run), timed(their_run)  # warm
    times = [(timed(our_run), timed(their_run)) for _ in range(rounds)]
    mine, bare = (statistics.median(column) for column in zip(*times, strict=True))
    verdict = "met" if mine <= TARGET * bare else "MISSED"
    return f"{ours:32}{mine:8.1f} ms   {theirs:24}{bare:8.1f} ms   ratio {mine / bare:5.2f}   target {TARGET} {verdict}"


def main() -> None:
    """Prints one line for each pair: medians, their ratio, and whether the target is met."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=30)
    rounds = parser.parse_args().rounds
    for made in PAIRS:
        with made() as pair:
            print(race(pair, rounds), flush=True)


if __name__ == "__main__":
    main()
