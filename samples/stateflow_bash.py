"""A task on files is solved in a shell by a state machine: Solve, Verify, Error, End, as in StateFlow's paper.

python samples/stateflow_bash.py [--model NAME_OR_GGUF] [--oracle] [--task 0] [--image IMAGE] [--svg FILE]

Commands run in a container without a network, so a Docker engine must answer, and pip install 'autogen_like[docker]'.
With --oracle fixed words take the model's place, a mistake among them. The reward is made as InterCode's is, of three
parts: which files differ from what the right command leaves behind, what is in them, and what was printed.
"""

from __future__ import annotations

import argparse
import asyncio
import sys
from collections.abc import Callable
from difflib import SequenceMatcher
from math import erf
from pathlib import Path
from typing import Any

from _model import llm_config

from autogen_like import (
    AutogenLikeError,
    CodeBlock,
    DockerCommandLineCodeExecutor,
    FlowResult,
    ScriptedModel,
)
from autogen_like.stateflow import StateFlow, TransitionTaken, ask, failed, matches, run, says

BOX = """rm -rf box && mkdir -p box/logs box/docs && cd box
printf 'error: disk full\\ninfo: started\\nerror: no route\\n' > logs/monday.log
printf 'info: started\\ninfo: stopped\\n' > logs/tuesday.log
printf '# Plan\\nTODO: write the plan\\n' > docs/plan.md
printf 'Nothing to do here.\\n' > docs/notes.txt
"""
LIST = "cd box && find . -type f -exec sha256sum {} + | sort"
# The task, the right commands, and what the oracle says before them.
TASKS = (
    (
        "How many lines with the word error are there in all files under box/logs? Print the number alone.",
        "cat box/logs/*.log | grep -c error",
        "grep -c --all error box/logs",
    ),
    (
        "Move every file under box that mentions TODO into a new folder box/todo.",
        "mkdir box/todo && grep -rl TODO box --include='*.md' | xargs -I{} mv {} box/todo",
        "mv box/docs/*.todo box/todo",
    ),
    (
        "Write the names of all files under box, without their folders and sorted, to box/names.txt, one a line.",
        "find box -type f -printf '%f\\n' | sort > names.txt && mv names.txt box/",
        "find box -type f -names > names.txt",
    ),
)
TURNS = 10
TROUBLE = "command not found|syntax error|No such file|invalid option|missing argument|timed out|exec failed"

SYSTEM = "You do a task in a shell, with the files in the folder box. You see what your commands print."
FORM = "Reply with one command in a ```sh block."
SOLVE = f"Do the task. {FORM}"
ERROR = f"That failed. Read the error, look at the files if need be, and mend the command. {FORM}"
VERIFY = f"Is the task done, exactly as asked? If so, reply: submit. If not, go on. {FORM}"


def machine(model: Any, executor: Any, turns: int = TURNS) -> StateFlow:
    """The paper's machine for Bash.

    Args:
        model: The model.
        executor: Where its commands run.
        turns: How many commands may be run.
    """
    flow = StateFlow("bash", initial="solve", final={"end"}, model=model, system=SYSTEM, max_transitions=turns)
    flow.state("solve", ask(SOLVE), run(executor, name="shell"))
    flow.state("error", ask(ERROR), run(executor, name="shell"))
    flow.state("verify", ask(VERIFY))
    flow.state("again", run(executor, name="shell"))
    flow.transition("verify", "end", when=says("submit"))
    flow.transition("verify", "again")
    flow.transition("*", "error", when=failed)
    flow.transition("*", "error", when=matches(TROUBLE))
    flow.transition(["solve", "error", "again"], "verify")
    return flow


def shell(executor: Any, command: str) -> str:
    """What a command prints, where the task's commands run."""
    return str(executor.execute_code_blocks([CodeBlock(command, "sh")]).output)


def reward(files: tuple[str, str], printed: tuple[str, str]) -> float:
    """How well a task was done, after InterCode: a third each for which files there are, their contents, the output.

    Args:
        files: The files with their sums, as the model and as the right commands left them.
        printed: What both printed last.
    """
    mine, right = (dict(reversed(line.split(maxsplit=1)) for line in one.splitlines()) for one in files)
    stray = len(mine.keys() ^ right.keys())
    both = mine.keys() & right.keys()
    same = sum(mine[name] == right[name] for name in both) / len(both) if both else 1.0
    output = SequenceMatcher(None, *(one.strip() for one in printed), autojunk=False).ratio()
    return ((1 - erf(stray)) + same + output) / 3


async def main(model: Any, executor: Any, task: int, solved: Callable[[], Any]) -> FlowResult:
    """Does a task, and tells how.

    Args:
        model: The model.
        executor: Where commands run.
        task: Which task.
        solved: Makes another executor, in which the right commands run, to compare with.
    """
    question, gold, _ = TASKS[task]
    print(f"{question}\n")
    shell(executor, BOX)
    flow = machine(model, executor)
    going = flow.run(question)
    async for event in going:
        if isinstance(event, TransitionTaken):
            print(f"  {event.source} -> {event.target} ({event.reason})")
    result = await going
    print(flow.explain(result))
    if result.finished:
        said = next((message.text for message in reversed(result.messages) if message.speaker == "shell"), "")
        with solved() as other:
            shell(other, BOX)
            printed = (said.partition("output:")[2], shell(other, gold))
            print(f"Reward: {reward((shell(executor, LIST), shell(other, LIST)), printed):.2f}")
    else:
        print(f"Not submitted: {result.stop_reason}")
    return result


def oracle(task: int) -> ScriptedModel:
    """Fixed words for a task: a mistake, then the right commands."""
    _, gold, mistake = TASKS[task]
    return ScriptedModel([f"```sh\n{mistake}\n```", f"The options were wrong.\n```sh\n{gold}\n```", "submit"])


def start() -> None:
    """Reads the command line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--model", help="a model's name, or the path of a GGUF file; the embedded model by default")
    parser.add_argument("--oracle", action="store_true", help="let fixed words take the model's place")
    parser.add_argument("--task", type=int, choices=range(len(TASKS)), default=0)
    parser.add_argument("--image", default="python:3-slim", help="an image with a shell, grep and find")
    parser.add_argument("--svg", type=Path, help="where to draw the run (with Graphviz)")
    options = parser.parse_args()

    def container() -> DockerCommandLineCodeExecutor:
        return DockerCommandLineCodeExecutor(options.image, timeout=30)

    config = {**llm_config(options.model), "temperature": 0, "max_tokens": 80}
    model = oracle(options.task) if options.oracle else config
    with container() as executor:
        result = asyncio.run(main(model, executor, options.task, container))
        flow = machine(model, executor)
        if options.svg is not None:
            options.svg.write_text(flow.to_svg(result))
        else:
            print(flow.to_mermaid(result))


if __name__ == "__main__":
    try:
        start()
    except KeyboardInterrupt:
        print("\nInterrupted.")
    except AutogenLikeError as error:
        sys.exit(f"\n{error}")
