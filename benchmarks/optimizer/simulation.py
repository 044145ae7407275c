"""A SIMULATION of training: no model, no code, only coins. What roll-back and acceptance rules are worth.

    python benchmarks/optimizer/simulation.py [--runs 400] [--plot folder] [--markdown]

Tasks are of ten kinds, each of which the agent solves half of the time. A good function makes it nine times in ten for
one kind, a harmful one (a share q of those proposed) one time in ten; as many again do nothing. A proposal is three
functions. Two questions are asked of the real `Trainer`, with function sets whose code does nothing:

1. The order of the paper's ablation (arXiv 2402.11359; 67.5, 63.8 and 60.0 % on number theory): the full method,
   without roll-back and early stop, and regenerating all functions at each step (with the roll-back). The order follows
   from how the simulation is made, and from q: it shows what the control flow does, not that those numbers are right.
2. What a rule keeps: the training loss of 20 tasks that it ends with, beside the loss that is expected on others.
"""

from __future__ import annotations

import argparse
import random
import statistics
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from autogen_like import (
    AcceptanceRule,
    Evaluation,
    FunctionSet,
    HoldOut,
    LearnedFunction,
    PairedTest,
    Strict,
    Ties,
    Trainer,
)
from autogen_like.optimizer.acceptance import Verdict
from autogen_like.optimizer.agent_optimizer import Proposal
from autogen_like.optimizer.asking import PromptTokens

KINDS = 10
START, GOOD, BAD = 0.5, 0.9, 0.1  # how often a task is solved: without a function for its kind, and with one
ACTIONS = 3  # functions of a proposal; twice as many where all are regenerated, in one reply
LUCK = 0.3  # of the runs are decided by it
TASKS, HELD, STEPS = 20, 40, 10


class Simulation:
    """One training: its skill, by the functions that there are.

    Args:
        seed: Decides all coins.
        q: How often a proposal does harm; as often again it does nothing.
        regenerate: Whether each proposal is all functions anew.
    """

    sandbox = None

    def __init__(self, seed: int, q: float, *, regenerate: bool = False) -> None:
        self.rng = random.Random(seed)
        self.q, self.regenerate = q, regenerate
        self.tokens = PromptTokens()
        self.effects: dict[str, tuple[int, float] | None] = {}
        self.difficulty = [self.rng.random() for _ in range(TASKS + HELD)]

    async def propose(self, best: Evaluation, failures: Sequence[Any] = (), reserved: Any = ()) -> Proposal:
        functions = FunctionSet() if self.regenerate else best.module
        for _ in range(2 * ACTIONS if self.regenerate else ACTIONS):
            functions = functions.add(self._function(self.skills(functions)))
        return Proposal(functions)

    def _function(self, skills: list[float]) -> LearnedFunction:
        name = f"f{len(self.effects):04}"  # so that sets have them in the order of writing
        luck, weak = self.rng.random(), [kind for kind in range(KINDS) if skills[kind] < GOOD]
        if luck < self.q:
            self.effects[name] = (self.rng.randrange(KINDS), BAD)
        elif luck < 2 * self.q or not weak:
            self.effects[name] = None
        else:
            self.effects[name] = (self.rng.choice(weak), GOOD)
        return LearnedFunction(name, "", {"properties": {}}, "")

    def skills(self, functions: FunctionSet) -> list[float]:
        """How often a task of each kind is solved; of two functions for a kind, the later counts."""
        skills = [START] * KINDS
        for effect in filter(None, (self.effects[name] for name in functions)):
            kind, skill = effect
            skills[kind] = skill
        return skills

    def skill(self, functions: FunctionSet) -> float:
        return statistics.mean(self.skills(functions))

    async def run(self, task: int, functions: FunctionSet) -> bool:
        # What decides is the task, or else, as with a sampled model, this run's luck.
        decides = self.rng.random() if self.rng.random() < LUCK else self.difficulty[task]
        return decides < self.skills(functions)[task % KINDS]


class Always:
    """No roll-back: whatever is proposed is kept."""

    needs_validation = False

    def judge(self, trial: Evaluation, best: Evaluation) -> Verdict:
        return Verdict(accepted=True, reason="kept")


def train(simulation: Simulation, rule: AcceptanceRule) -> tuple[float, float]:
    """The training loss that training ends with, and the loss on tasks that it never saw."""
    trainer = Trainer(
        simulation.run,
        simulation,
        lambda rollout: rollout.result,
        epochs=STEPS,
        patience=STEPS,
        accept=rule,
        concurrency=64,
    )
    validation = list(range(TASKS, TASKS + HELD)) if rule.needs_validation else None
    history = trainer.fit(list(range(TASKS)), validation, FunctionSet())
    return history.best_loss, 1 - simulation.skill(history.best)


def ablation(runs: int, q: float) -> dict[str, list[float]]:
    """Success on unseen tasks, by method."""
    methods: dict[str, Callable[[int], float]] = {
        "full": lambda seed: 1 - train(Simulation(seed, q), Strict())[1],
        "no roll-back": lambda seed: 1 - train(Simulation(seed, q), Always())[1],
        "regenerate all": lambda seed: 1 - train(Simulation(seed, q, regenerate=True), Strict())[1],
    }
    return {name: [method(seed) for seed in range(runs)] for name, method in methods.items()}


def interval(values: Sequence[float]) -> float:
    """Half of the 95 % confidence interval of a mean."""
    return 1.96 * statistics.stdev(values) / len(values) ** 0.5


def table(rows: Sequence[Sequence[str]], *, markdown: bool) -> str:
    if markdown:
        rule = ["---"] * len(rows[0])
        return "\n".join(f"| {' | '.join(row)} |" for row in [rows[0], rule, *rows[1:]])
    widths = [max(len(row[place]) for row in rows) for place in range(len(rows[0]))]
    return "\n".join("  ".join(cell.ljust(w) for cell, w in zip(row, widths, strict=True)).rstrip() for row in rows)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--runs", type=int, default=400)
    parser.add_argument("--plot", type=Path, help="a folder for the pictures")
    parser.add_argument("--markdown", action="store_true")
    arguments = parser.parse_args()
    rates = (0.1, 0.2, 0.3, 0.35, 0.4)
    found = {q: ablation(arguments.runs, q) for q in rates}
    print(f"SIMULATED success on unseen tasks, {arguments.runs} trainings each (mean, 95 % interval)")
    rows = [["harmful rate q", *found[rates[0]]]]
    rows += [
        [f"{q:.2f}", *(f"{statistics.mean(v):.1%} +- {interval(v):.1%}" for v in found[q].values())] for q in rates
    ]
    print(table(rows, markdown=arguments.markdown), "\n")
    rules: dict[str, AcceptanceRule] = {
        "strict": Strict(),
        "ties": Ties(),
        "paired test, alpha 0.2": PairedTest(0.2),
        "paired test, alpha 0.05": PairedTest(),
        "hold-out of 40": HoldOut(),
    }
    ends = {
        name: [train(Simulation(seed, 0.3), rule) for seed in range(arguments.runs)] for name, rule in rules.items()
    }
    print("SIMULATED losses at the end, by acceptance rule, q = 0.3")
    rows = [["rule", "training loss", "loss on unseen tasks", "gap"]]
    for name, pairs in ends.items():
        seen, unseen = [pair[0] for pair in pairs], [pair[1] for pair in pairs]
        gap = [b - a for a, b in pairs]
        rows.append(
            [name, *(f"{statistics.mean(values):.3f} +- {interval(values):.3f}" for values in (seen, unseen, gap))]
        )
    print(table(rows, markdown=arguments.markdown))
    if arguments.plot:
        draw(arguments.plot, found, ends)


def draw(folder: Path, found: dict[float, dict[str, list[float]]], ends: dict[str, list[tuple[float, float]]]) -> None:
    from matplotlib.figure import Figure

    folder.mkdir(parents=True, exist_ok=True)
    figure = Figure(figsize=(6, 4), layout="constrained")
    axis = figure.subplots()
    for name in next(iter(found.values())):
        means = [statistics.mean(by[name]) for by in found.values()]
        axis.errorbar(
            list(found), means, [interval(by[name]) for by in found.values()], marker="o", capsize=3, label=name
        )
    axis.axhline(START, color="gray", linestyle=":", label="without training")
    axis.set(xlabel="how often a proposal does harm", ylabel="success on unseen tasks", title="Simulated ablation")
    axis.legend(frameon=False)
    figure.savefig(folder / "ablation.png", dpi=120)
    figure = Figure(figsize=(7, 4), layout="constrained")
    axis = figure.subplots()
    for place, (label, which) in enumerate((("20 training tasks", 0), ("unseen tasks", 1))):
        values = [[pair[which] for pair in pairs] for pairs in ends.values()]
        xs = [x + 0.38 * place for x in range(len(values))]
        axis.bar(xs, list(map(statistics.mean, values)), 0.36, yerr=list(map(interval, values)), capsize=3, label=label)
    axis.set_xticks([x + 0.19 for x in range(len(ends))], [name.replace(", ", "\n") for name in ends], fontsize="small")
    axis.set(ylabel="loss at the end", title="Simulated: what acceptance rules keep (q = 0.3)")
    axis.legend(frameon=False)
    figure.savefig(folder / "acceptance.png", dpi=120)


if __name__ == "__main__":
    main()
