"""What StateFlow is compared with: ReAct, Plan & Solve and a plain loop, on the same environment, model and tool.

ReAct: Yao et al., arXiv 2210.03629, in InterCode's form (Yang et al., arXiv 2306.14898): one message that holds the
instruction, two solved trajectories and all that was done so far. Plan & Solve: Wang et al., arXiv 2305.04091; a plan
first, without examples, then its steps. The loop: a chat with one instruction.
"""

from __future__ import annotations

import re
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Any, Protocol

from autogen_like import ModelRequest
from autogen_like.stateflow.running import argument_of

SUBMIT = "submit"


class Environment(Protocol):
    """Where actions are done."""

    @property
    def over(self) -> bool:
        """Whether it has come to its end by itself, as a game does that is won."""
        ...

    async def act(self, action: str) -> str:
        """Does an action and gives the observation, an error's text where it failed."""
        ...


@dataclass(frozen=True)
class Guide:
    """What a model is told of a kind of environment.

    Args:
        place: What it acts on: "a MySQL database".
        action: What an action is: "one SQL statement".
        language: The language of its code blocks.
        hint: What an answer must be like.
        shots: Two solved trajectories, in ReAct's form.
    """

    place: str
    action: str
    language: str
    hint: str
    shots: str


async def said(model: Any, text: str, system: str | None = None) -> str:
    """What a model answers to one message."""
    request = ModelRequest([{"role": "user", "content": text}], system)
    return (await model.complete(request)).content or ""


async def react(model: Any, environment: Environment, task: str, guide: Guide, turns: int) -> bool:
    """Thought, action, observation, with two trajectories before them; whether it came to an end."""
    prompt = (
        f"Solve a task by acting on {guide.place}. Take turns of Thought, Action and Observation. A thought says what "
        f"you make of the last observation and what to do next. An action is one of two:\n(1) execute[...], which runs "
        f"{guide.action}.\n(2) submit, which ends the task with the last observation as the answer.\n{guide.hint}\n"
        f"Here are two examples.\n\n{guide.shots}\nQuestion: {task}\n"
    )
    for number in range(1, turns + 1):
        thought, action = parted(await said(model, prompt))
        prompt += f"Thought {number}: {thought}\nAction {number}:"
        if action is None:
            action = parted(f"Action: {await said(model, prompt)}")[1] or ""
        prompt += f" {action}\n"
        if action.lower().startswith(SUBMIT):
            return True
        prompt += f"Observation {number}: {await environment.act(inside(action))}\n"
        if environment.over:
            return True
    return False


def parted(reply: str) -> tuple[str, str | None]:
    """A reply's thought, and its action where it has one; what a model makes up of observations is left out."""
    parts = re.split(r"^Action[ \d]*:", reply.split("\nObservation", 1)[0], maxsplit=1, flags=re.MULTILINE)
    thought = re.sub(r"^Thought[ \d]*:", "", parts[0].strip()).strip()
    return thought, parts[1].split("\nThought", 1)[0].strip() if len(parts) > 1 else None


def inside(action: str) -> str:
    """What is in execute[...]; the whole where it isn't written so."""
    found = re.fullmatch(r"execute\[(.*)\]", action, re.DOTALL | re.IGNORECASE)
    return (found[1] if found else action).strip()


async def plan_and_solve(model: Any, environment: Environment, task: str, guide: Guide, turns: int) -> bool:
    """A plan first, then one step after another; whether it came to an end."""
    about = f"You solve tasks by acting on {guide.place}. {guide.hint}"
    plan = await said(model, f"Task: {task}\n\nUnderstand the task, and write a short plan in numbered steps.", about)
    form = (
        f"Reply with {guide.action} in a ```{guide.language} block, or with: submit, if the last observation answers."
    )
    done = ""
    for number in range(1, turns + 1):
        reply = await said(model, f"Task: {task}\n\nPlan:\n{plan}\n{done}\nNow do the next step. {form}", about)
        if SUBMIT in reply.lower() and "```" not in reply:
            return True
        action = argument_of(reply)
        done += f"\nStep {number}: {action}\nObservation {number}: {await environment.act(action)}\n"
        if environment.over:
            return True
    return False


async def loop(model: Any, environment: Environment, task: str, guide: Guide, turns: int) -> bool:
    """A chat with one instruction; whether it came to an end."""
    system = (
        f"You solve tasks by acting on {guide.place}. {guide.hint} Reply with {guide.action} in a ```{guide.language} "
        "block, and you are told what comes of it; or with: submit, if the last observation answers."
    )
    messages = [{"role": "user", "content": task}]
    for _ in range(turns):
        reply = (await model.complete(ModelRequest(messages, system))).content or ""
        if SUBMIT in reply.lower() and "```" not in reply:
            return True
        observation = await environment.act(argument_of(reply))
        if environment.over:
            return True
        messages += [{"role": "assistant", "content": reply}, {"role": "user", "content": observation}]
    return False


Method = Callable[[Any, Environment, str, Guide, int], Awaitable[bool]]
BASELINES: dict[str, Method] = {"react": react, "plan": plan_and_solve, "loop": loop}
