"""ReasoningAgent: thinks in a tree of steps before it answers, by beam search or Monte Carlo tree search.

After Yao et al., "Tree of Thoughts" (arXiv:2305.10601, section 3), and, for the tree search, Hao et al., "Reasoning
with Language Model is Planning with World Model" (arXiv:2305.14992, section 3.3).
"""

from __future__ import annotations

import asyncio
import math
from collections.abc import Coroutine, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from pydantic import BaseModel, Field

from ...core.conversation import Turn
from ...core.errors import ConfigError
from ...core.limits import is_count
from ...core.message import Message, content_text
from ...core.protocols import Reply
from ...core.run import current_run
from ..assistant import AssistantAgent
from .asking import ask, ask_for, model_of

METHODS = ("beam_search", "mcts")
_SYSTEM = "You solve tasks by careful reasoning, one step at a time."
_EXPAND = (
    "Here is a question, and the steps of a line of thought so far. Propose {count} different next steps, each a "
    "sentence or two that takes the thought further. Where nothing more is needed for an answer, say that it is done."
)
_GRADE = (
    "Here is a question, and a line of thought about it. Say how likely it is to lead to a right and complete answer, "
    "as a number from 0 (surely not) to 1 (surely)."
)
_ANSWER = (
    "Here is a question, and what was thought about it. Answer the question. Who reads it hasn't seen the thoughts."
)


class Steps(BaseModel):
    """How a line of thought may go on."""

    done: bool = Field(False, description="Whether nothing more is needed for an answer")
    steps: list[str] = Field(default_factory=list, description="Different next steps")


class Grade(BaseModel):
    """How good a line of thought is."""

    value: float = Field(ge=0, le=1)


@dataclass(eq=False, slots=True)
class Thought:
    """A step of a line of thought, and those that may follow it.

    Attributes:
        text: What is thought.
        parent: The step before; None for the question.
        children: The steps that may follow.
        grade: How good the line that ends here is, from 0 to 1; None where nobody has said.
        total: The sum of the grades that a tree search has handed up through it, and
        visits: how many there were.
        done: Whether the line needs no more steps.
    """

    text: str
    parent: Thought | None = None
    children: list[Thought] = field(default_factory=list)
    grade: float | None = None
    total: float = 0.0
    visits: int = 0
    done: bool = False

    def line(self) -> list[str]:
        """The steps up to this one."""
        thought: Thought | None = self
        steps: list[str] = []
        while thought is not None and thought.parent is not None:
            steps.append(thought.text)
            thought = thought.parent
        return steps[::-1]

    def __iter__(self) -> Iterator[Thought]:
        yield self
        for child in self.children:
            yield from child


class ReasoningAgent(AssistantAgent):
    """An agent that explores several lines of thought before it answers, and answers from the best of them.

    Each step costs requests: a beam search asks once a line to go on and once a step to grade it, up to about
    ``max_depth * beam_size * (1 + beam_size)``; a tree search ``3`` or so a simulation. Limits of the run hold.

    Args:
        name: Unique within a conversation.
        llm_config: The model that thinks and answers.
        grader_llm_config: The model that grades; the same by default.
        max_depth: The most steps of a line.
        beam_size: How many steps are proposed at a time, and how many lines a beam search goes on with.
        answer_approach: "pool" answers from all the lines that are left, "best" from the best.
        reason_config: ``{"method": "beam_search"}`` or ``{"method": "mcts", "nsim": 3, "exploration_constant": 1.41}``;
            the other arguments may be here as well, and win.
        **kwargs: The other arguments of `AssistantAgent`.

    Attributes:
        root: The tree of the last answer.

    Raises:
        ConfigError: If there is no model, or a setting can't be right.

    Example:
        >>> from autogen_like import ScriptedModel
        >>> model = ScriptedModel(['{"steps": ["Add the tens."]}', '{"value": 0.9}', "It is 42."])
        >>> agent = ReasoningAgent("ada", model, max_depth=1, beam_size=1)
        >>> agent.generate_reply([{"role": "user", "content": "20 + 22?"}])
        'It is 42.'
    """

    def __init__(
        self,
        name: str,
        llm_config: Any,  # a dict, an LLMConfig or a ModelClient
        grader_llm_config: Any = None,  # the same
        max_depth: int = 4,
        beam_size: int = 3,
        answer_approach: str = "pool",
        reason_config: Mapping[str, Any] | None = None,
        **kwargs: Any,
    ) -> None:
        config: dict[str, Any] = {
            "max_depth": max_depth,
            "beam_size": beam_size,
            "answer_approach": answer_approach,
            "nsim": 3,
        }
        config.update(method="beam_search", exploration_constant=math.sqrt(2))
        unknown = sorted(set(reason_config or {}) - set(config))
        if unknown:
            raise ConfigError(f"reason_config has no setting {', '.join(unknown)}; it has {', '.join(config)}")
        config.update(reason_config or {})
        for key in ("max_depth", "beam_size", "nsim"):
            if not is_count(config[key]):
                raise ConfigError(f"{key} of {name} must be at least 1, not {config[key]!r}")
        if config["method"] not in METHODS or config["answer_approach"] not in ("pool", "best"):
            raise ConfigError(f"{name}: method must be one of {METHODS}, and answer_approach 'pool' or 'best'")
        kwargs.setdefault("system_message", _SYSTEM)
        super().__init__(name, llm_config=llm_config, **kwargs)
        self._thinker = model_of(self, None, name)
        self._grader = model_of(self, grader_llm_config, name)
        self.reason_config = config
        self.root: Thought | None = None
        self.backends[self.backends.index(self._last_word)] = _Thinking(self)

    async def think(self, question: str) -> list[Thought]:
        """The ends of the best lines of thought about a question, the best first; one for "best".

        Args:
            question: The question.
        """
        self.root = root = Thought(question)
        found = await (self._beam(root) if self.reason_config["method"] == "beam_search" else self._tree(root))
        return found[:1] if self.reason_config["answer_approach"] == "best" else found

    async def _beam(self, root: Thought) -> list[Thought]:
        """All lines go on at once; the best `beam_size` are kept at each step."""
        lines, most = [root], self.reason_config["beam_size"]
        for _ in range(self.reason_config["max_depth"]):
            await _all(self._expand(root.text, line) for line in lines if not line.done)
            new = [child for line in lines for child in line.children]
            if not new or _over_budget():
                break
            await _all(self._grade(root.text, child) for child in new)
            ended = [line for line in lines if not line.children]
            lines = sorted([*ended, *new], key=_by_grade)[:most]
        return sorted(lines, key=_by_grade)

    async def _tree(self, root: Thought) -> list[Thought]:
        """Simulations one after another, each down the most promising line (UCT), and grades handed up it."""
        config = self.reason_config
        for _ in range(config["nsim"]):
            if _over_budget():
                break
            line, depth = root, 0
            while line.children:
                line, depth = _promising(line, config["exploration_constant"]), depth + 1
            if depth < config["max_depth"] and not line.done:
                await self._expand(root.text, line)
                line = line.children[0] if line.children else line
            if line.grade is None:
                await self._grade(root.text, line)
            up: Thought | None = line
            while up is not None:
                up.visits += 1
                up.total += line.grade or 0.0
                up = up.parent
        ends = [one for one in root if one.visits and not any(child.visits for child in one.children)]
        return sorted(ends, key=_by_grade)

    async def _expand(self, question: str, line: Thought) -> None:
        count = self.reason_config["beam_size"]
        found = await ask_for(
            Steps, self._thinker, _shown(question, [line]), system=_EXPAND.format(count=count), name=self.name,
            usage=self.usage,
        )  # fmt: skip
        line.done = found.done
        steps = dict.fromkeys(step.strip() for step in found.steps if step.strip())
        line.children = [] if found.done else [Thought(step, line) for step in list(steps)[:count]]

    async def _grade(self, question: str, line: Thought) -> None:
        told = _shown(question, [line])
        grade = await ask_for(Grade, self._grader, told, system=_GRADE, name=self.name, usage=self.usage)
        line.grade = grade.value

    async def answer(self, question: str, lines: list[Thought]) -> str:
        """The answer that is made of lines of thought."""
        system = f"{self.system_message}\n\n{_ANSWER}"
        return await ask(self._thinker, _shown(question, lines), system=system, name=self.name, usage=self.usage)


class _Thinking:
    """Thinks about the last message, knowing those before it, and answers."""

    name = "reasoning"

    def __init__(self, agent: ReasoningAgent) -> None:
        self._agent = agent

    async def reply(self, turn: Turn) -> Reply:
        said = [content_text(one.get("content")) for one in turn.messages]
        if not any(said):
            return None
        *before, last = said
        question = last if not before else "Said before:\n" + "\n".join(before) + f"\n\nTo be answered now:\n{last}"
        over = turn.run.over_budget()
        lines = await self._agent.think(question) if over is None else []
        over = over or turn.run.over_budget()
        return over or Message(self._agent.name, await self._agent.answer(question, lines))


async def _all(jobs: Iterable[Coroutine[Any, Any, None]]) -> None:
    """All at once; when one fails or this is cancelled, the others are."""
    tasks = [asyncio.create_task(job) for job in jobs]
    try:
        await asyncio.gather(*tasks)
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)


def _over_budget() -> bool:
    run = current_run.get()
    return run is not None and run.over_budget() is not None


def _by_grade(line: Thought) -> float:
    return -(line.grade or 0.0)


def _promising(parent: Thought, constant: float) -> Thought:
    """The child to go on with: one that nobody has tried, or the best by its mean and how seldom it was tried."""

    def worth(child: Thought) -> float:
        if not child.visits:
            return math.inf
        return child.total / child.visits + constant * math.sqrt(math.log(parent.visits) / child.visits)

    return max(parent.children, key=worth)


def _shown(question: str, lines: list[Thought]) -> list[dict[str, str]]:
    thoughts = ["\n".join(f"{at}. {step}" for at, step in enumerate(line.line(), 1)) for line in lines]
    told = "\n\n".join(f"Thoughts:\n{thought}" for thought in thoughts if thought)
    return [{"role": "user", "content": f"Question: {question}\n\n{told}".strip()}]
